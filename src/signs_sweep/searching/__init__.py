"""Searching a space with Optuna: from a spec to a confirmed winner.

`beginning` opens the study, `execution` carries out the trials and the confirmation, `outcome`
holds the results and `words` describes them. Only `study` depends on Optuna.
"""
