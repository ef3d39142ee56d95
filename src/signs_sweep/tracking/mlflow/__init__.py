"""Recording in MLflow. The library is imported when a store is first used.

`tracker` implements the protocol, `recorder` writes what happens to one run, `model` makes the
folder of its model, `search` writes the trials of a search and what came of it, `found` turns what
the store answers into results, `client` opens the store.
"""

from signs_sweep.tracking.mlflow.tracker import MlflowTracker

__all__ = ["MlflowTracker"]
