"""Where sweeps are recorded: adapters behind `signs_sweep.protocols.Tracker` and `RunIndex`.

`MlflowTracker` and `MlflowIndex` are the real ones; `MemoryTracker` is both, the fake for tests.
`SpoolingTracker` wraps another tracker so that nothing is lost when its store is away,
`BackgroundTracker` so that the sweep loop never waits for it. Importing this package imports
neither MLflow nor matplotlib; the first use of an `MlflowTracker` does.
"""

from signs_sweep.tracking.background import BackgroundTracker
from signs_sweep.tracking.dataset import DatasetInfo
from signs_sweep.tracking.journal import Journal
from signs_sweep.tracking.memory import MemoryTracker
from signs_sweep.tracking.mlflow import MlflowIndex, MlflowTracker
from signs_sweep.tracking.spooling import SpoolingTracker, finish_journal

__all__ = [
    "BackgroundTracker",
    "DatasetInfo",
    "Journal",
    "MemoryTracker",
    "MlflowIndex",
    "MlflowTracker",
    "SpoolingTracker",
    "finish_journal",
]
