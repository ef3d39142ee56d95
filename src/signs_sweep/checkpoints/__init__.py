"""Where checkpoints are kept: adapters behind `signs_sweep.protocols.CheckpointStore`."""

from signs_sweep.checkpoints.files import FileCheckpoints
from signs_sweep.checkpoints.memory import MemoryCheckpoints

__all__ = ["FileCheckpoints", "MemoryCheckpoints"]
