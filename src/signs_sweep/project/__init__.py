"""Files of a project: their paths, databases, checkpoints and claims."""

from signs_sweep.project.checkpoints import FileCheckpoints
from signs_sweep.project.claims import FileClaims

__all__ = ["FileCheckpoints", "FileClaims"]
