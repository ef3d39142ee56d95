"""Searching a space with Optuna: from a spec to a confirmed winner.

`beginning` opens the study, `execution` carries out the trials, `race` finds the winner among the
best of them and has it confirmed, `outcome` holds the results and `words` describes them. Only
`study` depends on Optuna.
"""
