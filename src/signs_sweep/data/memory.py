"""How much memory there is, as far as the system tells."""

import os
from pathlib import Path

_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where Linux keeps what a container may use, in both versions of its control groups."""


def available_memory() -> int | None:
    """Return how many bytes can be had without swapping; None where the system does not tell."""
    known = [limit for limit in (_system(), *map(_limit, _CONTAINER_LIMITS)) if limit is not None]
    return min(known, default=None)


def _system() -> int | None:
    try:
        # Counts what the system keeps in memory of files and would give up, which sysconf does not.
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows; a name that this system lacks.
        return None


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # No such control groups, or no limit: `max`.
        return None
