"""The tracking store: implementations of `signs_sweep.protocols.Tracker` and `RunIndex`.

`MlflowTracker` writes to MLflow; `MlflowIndex` looks up runs there, `MlflowRemover` removes them.
`Outbox` wraps a tracker: the sweep loop does not wait for the store, and no record is lost while
the store does not answer.
Importing this package imports neither MLflow nor matplotlib; an `MlflowTracker` imports them when
it is first used. `TagClaims` keeps claims on a tracking server.
"""

from signs_sweep.tracking.dataset import DatasetInfo
from signs_sweep.tracking.journal import HOW_TO_REPEAT, Journal, finish_journal
from signs_sweep.tracking.mlflow import (
    MlflowIndex,
    MlflowRemover,
    MlflowTracker,
    StoredRecord,
    SweepInfo,
    TagClaims,
    TrialInfo,
)
from signs_sweep.tracking.mlflow.model import StoredModel
from signs_sweep.tracking.outbox import Outbox

__all__ = [
    "HOW_TO_REPEAT",
    "DatasetInfo",
    "Journal",
    "MlflowIndex",
    "MlflowRemover",
    "MlflowTracker",
    "Outbox",
    "StoredModel",
    "StoredRecord",
    "SweepInfo",
    "TagClaims",
    "TrialInfo",
    "finish_journal",
]
