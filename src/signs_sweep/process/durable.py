"""Writing a file atomically and durably."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path: Path, *, has_rivals: bool = False) -> Iterator[Path]:
    """Yield the path of a new file, which replaces `path` when the block ends.

    The content is synced to the disk before the file is renamed, and the folder afterwards. If the
    block or the disk fails, the new file is removed: a full disk needs the space.

    Args:
        path: the file to write, in an existing folder.
        has_rivals: whether several processes may write the file at the same time. Each then writes
            a new file with a unique name. Otherwise the new file is `NAME.part`, and the next
            writer overwrites the file that a killed process left.

    Raises:
        OSError: the file cannot be written; `path` is unchanged.
    """
    name = f".{path.name}.{uuid4().hex}" if has_rivals else f"{path.name}.part"
    aside = path.with_name(name)
    try:
        yield aside
        _sync(aside, os.O_RDWR)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
    _sync(path.parent, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
