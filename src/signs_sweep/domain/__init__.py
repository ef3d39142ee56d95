"""The data types passed between layers: frozen, plain, without side effects.

Everything above imports from here, nothing here imports from above.
"""

from signs_sweep.domain.curves import CURVE_METRICS, Curve, Curves
from signs_sweep.domain.diagnosis import Condition, Diagnosis
from signs_sweep.domain.event import (
    Checkpoint,
    Event,
    Failed,
    Finished,
    News,
    Notice,
    Progress,
    Proposed,
    Retried,
    Started,
    Stopped,
    Waiting,
)
from signs_sweep.domain.hyperparameter import Component, Hyperparameter, as_text
from signs_sweep.domain.metrics import METRICS, SCORES, Measure, is_higher_better
from signs_sweep.domain.model import (
    DEFAULT_HIDDEN,
    HIDDEN,
    NETWORK,
    OF_ARGUMENTS,
    Argument,
    Built,
    Dense,
    Model,
    frozen,
    is_argument,
)
from signs_sweep.domain.parameters import (
    MOST_REPLICATES,
    PAIR_NAMES,
    PARAMETER_NAMES,
    PARAMETERS,
    SEED_NAMES,
    VARIED_NAMES,
    Parameters,
    Seeds,
)
from signs_sweep.domain.predictions import Answers, Predictions
from signs_sweep.domain.result import History, Result, State, values_at
from signs_sweep.domain.row import Row
from signs_sweep.domain.run import (
    GIVEN,
    TRAINING_VERSION,
    Run,
    Setting,
    Validation,
    trajectory_of,
)
from signs_sweep.domain.stopping import Course, EarlyStopping, Unusable, are_comparable
from signs_sweep.domain.trial import Purpose, Trial, TrialEnd, TrialState, best_of, ranked
from signs_sweep.domain.verdict import ComparedMetric, Growth, Judgement, VerdictRule

__all__ = [
    "CURVE_METRICS",
    "DEFAULT_HIDDEN",
    "GIVEN",
    "HIDDEN",
    "METRICS",
    "MOST_REPLICATES",
    "NETWORK",
    "OF_ARGUMENTS",
    "PAIR_NAMES",
    "PARAMETERS",
    "PARAMETER_NAMES",
    "SCORES",
    "SEED_NAMES",
    "TRAINING_VERSION",
    "VARIED_NAMES",
    "Answers",
    "Argument",
    "Built",
    "Checkpoint",
    "ComparedMetric",
    "Component",
    "Condition",
    "Course",
    "Curve",
    "Curves",
    "Dense",
    "Diagnosis",
    "EarlyStopping",
    "Event",
    "Failed",
    "Finished",
    "Growth",
    "History",
    "Hyperparameter",
    "Judgement",
    "Measure",
    "Model",
    "News",
    "Notice",
    "Parameters",
    "Predictions",
    "Progress",
    "Proposed",
    "Purpose",
    "Result",
    "Retried",
    "Row",
    "Run",
    "Seeds",
    "Setting",
    "Started",
    "State",
    "Stopped",
    "Trial",
    "TrialEnd",
    "TrialState",
    "Unusable",
    "Validation",
    "VerdictRule",
    "Waiting",
    "are_comparable",
    "as_text",
    "best_of",
    "frozen",
    "is_argument",
    "is_higher_better",
    "ranked",
    "trajectory_of",
    "values_at",
]
