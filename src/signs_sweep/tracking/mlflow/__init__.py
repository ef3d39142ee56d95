"""Recording in MLflow. The library is imported when a store is first used.

`tracker` and `index` implement the protocols. `recorder` writes what happens to one run, `model`
makes the folder of its model, `search` writes the trials of a search and what came of it, `found`
turns what the store answers into results, `file` reads a SQLite file, `client` opens the store.
"""

from signs_sweep.tracking.mlflow.index import MlflowIndex
from signs_sweep.tracking.mlflow.tracker import MlflowTracker

__all__ = ["MlflowIndex", "MlflowTracker"]
