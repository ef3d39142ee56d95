"""What a project keeps on disk and where: databases, checkpoints, claims."""

from signs_sweep.project.checkpoints import FileCheckpoints
from signs_sweep.project.claims import FileClaims, NoClaims
from signs_sweep.project.memory import MemoryCheckpoints

__all__ = ["FileCheckpoints", "FileClaims", "MemoryCheckpoints", "NoClaims"]
