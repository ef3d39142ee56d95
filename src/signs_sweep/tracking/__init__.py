"""Where sweeps are recorded: adapters behind `signs_sweep.protocols.Tracker` and `RunIndex`.

`MlflowTracker` and `MlflowIndex` are the real ones; `MemoryTracker` is both, the fake for tests.
`Outbox` wraps a tracker so that the sweep loop never waits for it, and nothing is lost when its
store is away. Importing this package imports neither MLflow nor matplotlib; the first use of an
`MlflowTracker` does.
"""

from signs_sweep.tracking.dataset import DatasetInfo
from signs_sweep.tracking.journal import Journal, finish_journal
from signs_sweep.tracking.memory import MemoryTracker
from signs_sweep.tracking.mlflow import MlflowIndex, MlflowTracker
from signs_sweep.tracking.outbox import Outbox

__all__ = [
    "DatasetInfo",
    "Journal",
    "MemoryTracker",
    "MlflowIndex",
    "MlflowTracker",
    "Outbox",
    "finish_journal",
]
