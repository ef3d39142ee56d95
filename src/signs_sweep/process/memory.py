"""The memory that processes of this machine, or of this container, can still allocate."""

import os
from pathlib import Path

_CONTAINER_LIMITS = {
    Path("/sys/fs/cgroup/memory.max"): "anon",
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"): "total_rss",
}
"""Files with the memory limit of a container, in both versions of Linux control groups, and the
entry of `memory.stat` beside them with the memory in use that cannot be released.
"""


def available_memory() -> int | None:
    """Return how many bytes can be allocated without swapping, or None if that is unknown."""
    limits = [_system(), *(_left(file, used) for file, used in _CONTAINER_LIMITS.items())]
    return min((limit for limit in limits if limit is not None), default=None)


def gigabytes(amount: int) -> str:
    """Return an amount of memory for a message, such as `1.2 GB`."""
    return f"{amount / 1e9:,.1f} GB"


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


def _left(file: Path, used: str) -> int | None:
    try:
        limit = int(file.read_text(encoding="ascii"))
        lines = file.with_name("memory.stat").read_text(encoding="ascii").splitlines()
        entries = dict(line.split() for line in lines)
        return max(limit - int(entries.get(used, 0)), 0)
    except (OSError, ValueError):  # No such control groups, or no limit: `max`.
        return None
