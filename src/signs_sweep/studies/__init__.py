"""Studies: searches with Optuna, and what they found. Optuna is imported by what is called."""

from signs_sweep.studies.importances import importances, in_words
from signs_sweep.studies.methods import missing_package
from signs_sweep.studies.pictures import draw_study
from signs_sweep.studies.scheduler import StudyScheduler, Told, count_done, proposed
from signs_sweep.studies.space import distributions, values_of
from signs_sweep.studies.storage import (
    FAILED,
    default_storage,
    open_study,
    quiet_optuna,
    recover,
    resolve_storage,
    shown_storage,
    storage_errors,
)

__all__ = [
    "FAILED",
    "StudyScheduler",
    "Told",
    "count_done",
    "default_storage",
    "distributions",
    "draw_study",
    "importances",
    "in_words",
    "missing_package",
    "open_study",
    "proposed",
    "quiet_optuna",
    "recover",
    "resolve_storage",
    "shown_storage",
    "storage_errors",
    "values_of",
]
