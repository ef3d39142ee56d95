"""Files of a project: their paths, databases, checkpoints and claims."""

from signs_sweep.project.checkpoints import FileCheckpoints
from signs_sweep.project.claims import FileClaims, SharedClaims, StudyClaim, claim_study
from signs_sweep.project.postgres import PostgresClaims

__all__ = [
    "FileCheckpoints",
    "FileClaims",
    "PostgresClaims",
    "SharedClaims",
    "StudyClaim",
    "claim_study",
]
