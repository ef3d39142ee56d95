"""Compiled programs, kept on disk from one process to the next.

XLA takes a second and more for a network, and every worker of every command would begin with that.
TensorFlow keeps what it has compiled, if it is told a folder. An entry is used again for exactly
the same program; what else its code depends on is in the name of the folder. Losing the folder at
any time costs that second, and nothing else.
"""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

_FLAG = "tf_xla_persistent_cache_directory"

_MOST_ENTRIES = 200
"""Programs that are kept, of about a megabyte each: those that were compiled last."""

_LEAST_ROOM = 2**28
"""Bytes that must be free on the disk: TensorFlow fails where it cannot write an entry."""


def with_cache(environment: Mapping[str, str], *depends_on: str) -> dict[str, str]:
    """Return the environment variables of a process that keeps what it compiles.

    Nothing is added where the user has chosen a folder, or where it cannot be written.

    Args:
        environment: of the process.
        depends_on: what compiled code depends on beside the program.
    """
    result = dict(environment)
    flags = result.get("TF_XLA_FLAGS", "")
    if _FLAG not in flags:
        folder = _folder(result) / sha256(repr(depends_on).encode()).hexdigest()[:16]
        # The flags are cut at blanks, and quotes do not help.
        if folder.is_absolute() and not re.search(r"[\s'\"]", str(folder)) and _is_usable(folder):
            flags += f" --{_FLAG}={folder} --tf_xla_persistent_cache_device_types=CPU"
            result["TF_XLA_FLAGS"] = flags.strip()
    return result


def forget() -> bool:
    """Remove what is kept, if anything: it may be damaged. Return whether there was anything."""
    flags = os.environ.get("TF_XLA_FLAGS", "").split()
    folders = [flag.partition("=")[2] for flag in flags if flag.startswith(f"--{_FLAG}=")]
    entries = [entry for folder in folders if folder for entry in _entries(Path(folder))]
    for entry in entries:
        entry.unlink(missing_ok=True)
    return bool(entries)


def _folder(environment: Mapping[str, str]) -> Path:
    caches = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", ""), ".cache")
    return Path(caches, "signs-sweep", "compiled")


def _is_usable(folder: Path) -> bool:
    """Make the folder, and room in it; return whether it can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in _entries(folder)[:-_MOST_ENTRIES]:
            old.unlink(missing_ok=True)
        return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _LEAST_ROOM
    except OSError:
        return False


def _entries(folder: Path) -> list[Path]:
    """Return the entries of a folder, those that were written last at the end."""
    found = []
    with suppress(OSError):
        for entry in folder.glob("xla_compile_cache*"):
            with suppress(OSError):  # Another process may remove it just now.
                found.append((entry.stat().st_mtime, entry))
    return [entry for _, entry in sorted(found)]
