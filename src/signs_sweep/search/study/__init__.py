"""Studies: searches with Optuna, and what they found. Optuna is imported by what is called."""

from signs_sweep.search.study.importances import importances, in_words
from signs_sweep.search.study.methods import missing_package
from signs_sweep.search.study.own import LeftOut, OwnTrials
from signs_sweep.search.study.pictures import Drawing, draw_study
from signs_sweep.search.study.scheduler import StudyScheduler, aggregate, count_done, ends_of
from signs_sweep.search.study.space import distributions, grid_size, values_of
from signs_sweep.search.study.storage import (
    FAILED,
    identity_of,
    open_study,
    quiet_optuna,
    recover,
    storage_errors,
)

__all__ = [
    "FAILED",
    "Drawing",
    "LeftOut",
    "OwnTrials",
    "StudyScheduler",
    "aggregate",
    "count_done",
    "distributions",
    "draw_study",
    "ends_of",
    "grid_size",
    "identity_of",
    "importances",
    "in_words",
    "missing_package",
    "open_study",
    "quiet_optuna",
    "recover",
    "storage_errors",
    "values_of",
]
