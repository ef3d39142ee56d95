"""The available memory, as reported by the operating system."""

import os
from pathlib import Path

_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Files with the memory limit of a container, in both versions of Linux control groups."""


def available_memory() -> int | None:
    """Return how many bytes can be allocated without swapping, or None if that is unknown."""
    limits = [limit for limit in (_system(), *map(_limit, _CONTAINER_LIMITS)) if limit is not None]
    return min(limits, default=None)


def _system() -> int | None:
    try:
        # Includes the file cache that the system can release, unlike sysconf.
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows, or a name that the system lacks.
        return None


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # No such control groups, or no limit: `max`.
        return None
