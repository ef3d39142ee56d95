"""What `clean` does: list the checkpoints that are no longer needed, ask, and remove them."""

import sys
from contextlib import suppress
from pathlib import Path

from rich.filesize import decimal

from signs_sweep.commands.store import Store
from signs_sweep.domain.formats import count
from signs_sweep.errors import StoreError


def clean_store(store: Store, *, ends: bool, is_agreed: bool) -> None:
    """Remove checkpoints, except those of trajectories that a sweep is training.

    Args:
        store: the store of the checkpoints.
        ends: whether to remove the ends of finished runs as well.
        is_agreed: whether to remove them without asking.

    Raises:
        StoreError: a file cannot be removed.
    """
    checkpoints, claims = store.checkpoints, store.claims
    free = [trajectory for trajectory in checkpoints.trajectories() if claims.take(trajectory)]
    try:
        outdated = store.outdated() if free else set()
        files = [
            file
            for trajectory in free
            for file in checkpoints.unneeded(
                trajectory, ends=ends, is_outdated=trajectory in outdated
            )
        ]
        if not files:
            print("nothing to remove")
            return
        for file in files:
            print(f"  {decimal(file.stat().st_size):>9}  {file}")
        print(f"{count(len(files), 'file')}, {decimal(sum(file.stat().st_size for file in files))}")
        if old := sum(file.parent.name in outdated for file in files):
            print(f"{old:,} of an older training version, from which no run resumes")
        if is_agreed or _is_confirmed():
            _remove(files)
            print("removed")
    finally:
        for trajectory in free:
            claims.release(trajectory)


def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        print("nothing was removed: use --yes to remove them", file=sys.stderr)
        return False
    return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")


def _remove(files: list[Path]) -> None:
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {file}: {error.strerror}") from error
    for folder in {file.parent for file in files}:
        with suppress(OSError):  # It has other files.
            folder.rmdir()
