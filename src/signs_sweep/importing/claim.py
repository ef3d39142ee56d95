"""The folder that an import writes to: claimed by one import at a time.

To publish a dataset, the files of the old one are moved to `.importing/leaving`, which is then
renamed to `.importing/left`; then the new files are moved into the folder. In both steps, the
training set shows how far they are: it leaves first and arrives last. So the files of two datasets
are never complete together, and what a killed import did not finish can be undone.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from signs_sweep.data import TEST_FILE, TRAIN_FILE, VALIDATION_FILE
from signs_sweep.errors import DataError, UsageError

SOURCE_FILE = "source_signs.txt"
"""The file of a dataset that has the licence of the pictures and how to cite them."""

_FILES = (TRAIN_FILE, TEST_FILE, VALIDATION_FILE, SOURCE_FILE)
_SCRATCH, _LOCK = ".importing", ".importing.lock"
_LEAVING, _LEFT = "leaving", "left"


@dataclass(frozen=True)
class Target:
    """Where an import writes.

    Attributes:
        folder: the folder of the dataset.
        scratch: a folder on the same disk for files that are removed in the end.
    """

    folder: Path
    scratch: Path

    def publish(self, written: Path) -> None:
        """Move the files of a dataset from a folder to the target, in place of those there.

        If this fails or is killed, the old files are restored by the end of `claimed`, or by the
        next import.

        Raises:
            OSError: the files cannot be moved.
        """
        leaving = self.scratch / _LEAVING
        leaving.mkdir()
        _move(_FILES, self.folder, leaving)
        leaving.rename(self.scratch / _LEFT)
        _move(reversed(_FILES), written, self.folder)


def _move(names: Iterable[str], source: Path, goal: Path) -> None:
    for name in names:
        with suppress(FileNotFoundError):  # Not every dataset has all files.
            (source / name).replace(goal / name)


def _clean(folder: Path) -> None:
    """Undo what an import did not finish, and remove its scratch folder."""
    scratch = folder / _SCRATCH
    leaving, left = scratch / _LEAVING, scratch / _LEFT
    if scratch.is_symlink():
        raise OSError(f"{scratch} is a link")
    if left.exists() and not (folder / TRAIN_FILE).exists():
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)  # They are new: the old files are in `left`.
        left.rename(leaving)
    if leaving.exists():
        _move(reversed(_FILES), leaving, folder)
    if scratch.exists():
        shutil.rmtree(scratch)


@contextmanager
def claimed(folder: Path, *, overwrites: bool = False) -> Iterator[Target]:
    """Claim a folder for an import until the context ends, and clean up what a killed import left.

    Args:
        folder: folder of the dataset; it is created if necessary.
        overwrites: whether a dataset in it is replaced.

    Raises:
        UsageError: the folder has a dataset, or another import writes to it.
        DataError: the folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    lock, is_new = FileLock(folder / _LOCK, blocking=False), not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UsageError(
            f"another import writes to {folder}. Wait until it has ended, or name another folder."
        ) from error
    except OSError as error:
        raise _not_writable(folder, error) from error
    try:
        try:
            _clean(folder)
            found = [name for name in _FILES[:3] if (folder / name).exists()]
            if found and not overwrites:
                raise UsageError(
                    f"{folder} has a dataset already ({', '.join(found)}). Name another folder, or "
                    "replace it with --overwrite."
                )
            (folder / _SCRATCH).mkdir()
        except OSError as error:
            raise _not_writable(folder, error) from error
        try:
            yield Target(folder, folder / _SCRATCH)
        finally:
            with suppress(OSError):  # The next import tries it again.
                _clean(folder)
    finally:
        (folder / _LOCK).unlink(missing_ok=True)
        lock.release()
        if is_new:
            with suppress(OSError):  # It has the dataset now.
                folder.rmdir()


def _not_writable(folder: Path, error: OSError) -> DataError:
    return DataError(f"cannot write to {folder}: {error.strerror or error}. Name another folder.")
