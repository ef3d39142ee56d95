"""The nouns that travel between the layers: frozen, plain, and without any effect.

Everything above imports from here, nothing here imports from above.
"""

from signs_sweep.domain.event import (
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
from signs_sweep.domain.model import Argument, Built, Dense, Model
from signs_sweep.domain.parameters import (
    PARAMETER_NAMES,
    PARAMETERS,
    SEED_NAMES,
    VARIED_NAMES,
    Hyperparameter,
    Parameters,
    Seeds,
)
from signs_sweep.domain.result import History, Result, State
from signs_sweep.domain.run import TRAINING_VERSION, Run, trajectory_of
from signs_sweep.domain.trial import Trial

__all__ = [
    "PARAMETERS",
    "PARAMETER_NAMES",
    "SEED_NAMES",
    "TRAINING_VERSION",
    "VARIED_NAMES",
    "Argument",
    "Built",
    "Checkpoint",
    "Dense",
    "Event",
    "Failed",
    "Finished",
    "History",
    "Hyperparameter",
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
    "Seeds",
    "Started",
    "State",
    "Stopped",
    "Trial",
    "Waiting",
    "trajectory_of",
]
