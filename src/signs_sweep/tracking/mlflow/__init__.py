"""Recording in MLflow, which is imported when a store is first used.

`tracker` and `index` implement the protocols, `claims` keeps claims on a server, `removal` removes
records. `recorder` writes the record of a run, `takeover` keeps it the only one although machines
share the store, `model` writes the folder of its model, `search` the trials and findings of a
search, `view` the page of an experiment. `predictions` is the artifact of a run's predictions.
`found` turns records into results, `kept` into sweeps and trials; `tables` reads a database and
`rest` a server, both without MLflow. `client` opens the store, `http` speeds up its connections,
`answers` states what its errors mean.
"""

from signs_sweep.tracking.mlflow.claims import TagClaims
from signs_sweep.tracking.mlflow.index import MlflowIndex
from signs_sweep.tracking.mlflow.kept import SweepInfo, TrialInfo
from signs_sweep.tracking.mlflow.removal import MlflowRemover, StoredRecord
from signs_sweep.tracking.mlflow.tracker import MlflowTracker

__all__ = [
    "MlflowIndex",
    "MlflowRemover",
    "MlflowTracker",
    "StoredRecord",
    "SweepInfo",
    "TagClaims",
    "TrialInfo",
]
