"""Where sweeps are recorded: adapters behind `signs_sweep.protocols.Tracker`.

`MlflowTracker` is the real one, `MemoryTracker` the fake for tests. `SpoolingTracker` wraps another
one so that nothing is lost when its store is away, `BackgroundTracker` so that the sweep loop never
waits for it. Importing this package imports neither MLflow
nor matplotlib; the first use of an `MlflowTracker` does.
"""

from signs_sweep.trackers.background import BackgroundTracker
from signs_sweep.trackers.dataset import DatasetInfo
from signs_sweep.trackers.journal import Journal
from signs_sweep.trackers.memory import MemoryTracker
from signs_sweep.trackers.mlflow import MlflowTracker
from signs_sweep.trackers.server import serve
from signs_sweep.trackers.spooling import SpoolingTracker, finish_journal
from signs_sweep.trackers.store import (
    default_artifact_root,
    default_checkpoint_folder,
    resolve_uri,
    store_exists,
)

__all__ = [
    "BackgroundTracker",
    "DatasetInfo",
    "Journal",
    "MemoryTracker",
    "MlflowTracker",
    "SpoolingTracker",
    "default_artifact_root",
    "default_checkpoint_folder",
    "finish_journal",
    "resolve_uri",
    "serve",
    "store_exists",
]
