"""The nouns that travel between the layers: frozen, plain, and without any effect.

Everything above imports from here, nothing here imports from above.
"""

from signs_sweep.records.event import (
    Checkpoint,
    Event,
    Failed,
    Finished,
    Judged,
    News,
    Notice,
    Progress,
    Proposed,
    Retried,
    Started,
    Stopped,
    Waiting,
)
from signs_sweep.records.model import Argument, Built, Dense, Model
from signs_sweep.records.parameters import PARAMETER_NAMES, SEED_NAMES, Parameters
from signs_sweep.records.result import History, Result, State
from signs_sweep.records.run import TRAINING_VERSION, Run, trajectory_of
from signs_sweep.records.trial import Trial

__all__ = [
    "PARAMETER_NAMES",
    "SEED_NAMES",
    "TRAINING_VERSION",
    "Argument",
    "Built",
    "Checkpoint",
    "Dense",
    "Event",
    "Failed",
    "Finished",
    "History",
    "Judged",
    "Model",
    "News",
    "Notice",
    "Parameters",
    "Progress",
    "Proposed",
    "Result",
    "Retried",
    "Run",
    "Started",
    "State",
    "Stopped",
    "Trial",
    "Waiting",
    "trajectory_of",
]
