"""Searching a space with Optuna: from a spec to a winner that was confirmed.

`beginning` opens the study, `execution` carries out the trials and the confirmation, `outcome`
holds what came of it and `words` says it. `study` is the part that knows Optuna.
"""
