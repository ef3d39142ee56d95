"""Writing a file such that it is there as a whole and durably, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path: Path, *, has_rivals: bool = False) -> Iterator[Path]:
    """Give the path of a new file that takes the place of `path` when the block ends.

    The content is forced to the disk before the file is renamed, and the name afterwards. Where
    the block or the disk fails, the new file is removed: a full disk needs the space.

    Args:
        path: the file to write, in a folder that exists.
        has_rivals: whether several processes may write it at the same time. Each then has a new
            file of its own. Otherwise that is `NAME.part`, and the next writer overwrites what a
            killed one left.

    Raises:
        OSError: the file cannot be written; `path` is as it was.
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
