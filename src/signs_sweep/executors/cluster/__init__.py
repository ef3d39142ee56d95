"""Worker processes on the nodes of a Ray cluster.

The orchestrator does not import Ray. It starts the *bridge*, a process that does, and that ends if
Ray's head does. The bridge keeps an *agent*, an actor of Ray, on every node; an agent has the
node's worker processes, which are those of a `LocalExecutor`.

    RayExecutor --pipe-- bridge --Ray-- agent --pipes-- workers

Every message about a run has its `run_id` and its attempt, which counts its submissions. What
belongs to an earlier attempt is dropped, so that messages may be late or repeated.
"""

from signs_sweep.executors.cluster.crew import Crew, travelling
from signs_sweep.executors.cluster.executor import RayExecutor
from signs_sweep.executors.cluster.messages import Setup
from signs_sweep.executors.cluster.parcel import Parcel

__all__ = ["Crew", "Parcel", "RayExecutor", "Setup", "travelling"]
