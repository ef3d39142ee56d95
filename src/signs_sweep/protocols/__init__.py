"""The interfaces between the sweep loop and the adapters.

The loop depends on these and on no implementation. Each has a contract test in
`tests/protocols/` that every implementation passes.
"""

from signs_sweep.protocols.checkpoints import CheckpointStore
from signs_sweep.protocols.claims import Claims, RemoteClaims
from signs_sweep.protocols.executor import Executor
from signs_sweep.protocols.index import RunIndex
from signs_sweep.protocols.scheduler import Scheduler
from signs_sweep.protocols.tracker import Findings, SweepRecord, Tracker

__all__ = [
    "CheckpointStore",
    "Claims",
    "Executor",
    "Findings",
    "RemoteClaims",
    "RunIndex",
    "Scheduler",
    "SweepRecord",
    "Tracker",
]
