"""Optuna studies and their results. Optuna is imported only by the functions that use it.

`open_study` opens a study in its database, `OwnTrials` selects the trials that belong to a search,
`StudyScheduler` proposes more, `importances` and `draw_search` show their results. Everything else
is in the module on its subject: `space`, `storage`, `methods`, `scheduler`.
"""

from signs_sweep.searching.study.importances import importances
from signs_sweep.searching.study.own import OwnTrials
from signs_sweep.searching.study.page import draw_search
from signs_sweep.searching.study.scheduler import StudyScheduler
from signs_sweep.searching.study.storage import open_study

__all__ = ["OwnTrials", "StudyScheduler", "draw_search", "importances", "open_study"]
