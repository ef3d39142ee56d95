"""Where checkpoints are kept, and who may train what.

Adapters behind `CheckpointStore` and `Claims` in `signs_sweep.protocols`.
"""

from signs_sweep.checkpoints.claims import FileClaims, NoClaims
from signs_sweep.checkpoints.files import FileCheckpoints
from signs_sweep.checkpoints.memory import MemoryCheckpoints

__all__ = ["FileCheckpoints", "FileClaims", "MemoryCheckpoints", "NoClaims"]
