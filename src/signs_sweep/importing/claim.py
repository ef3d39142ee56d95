"""The folder that an import writes to: claimed by one import at a time."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from signs_sweep.data import TEST_FILE, TRAIN_FILE, VALIDATION_FILE
from signs_sweep.errors import DataError, UsageError

_SCRATCH, _LOCK = ".importing", ".importing.lock"


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

        The training set goes first and comes last: where it is, the dataset is complete.
        """
        (self.folder / TRAIN_FILE).unlink(missing_ok=True)
        for name in (VALIDATION_FILE, TEST_FILE, TRAIN_FILE):
            (self.folder / name).unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # Only some datasets have a validation set.
                (written / name).replace(self.folder / name)


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
    scratch = folder / _SCRATCH
    try:
        if (folder / TRAIN_FILE).exists() and not overwrites:
            raise UsageError(
                f"{folder} has a dataset already. Name another folder, or replace it with "
                "--overwrite."
            )
        try:
            if scratch.exists():
                shutil.rmtree(scratch)
            scratch.mkdir()
        except OSError as error:
            raise _not_writable(folder, error) from error
        yield Target(folder, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        (folder / _LOCK).unlink(missing_ok=True)
        lock.release()
        if is_new:
            with suppress(OSError):  # It has the dataset now.
                folder.rmdir()


def _not_writable(folder: Path, error: OSError) -> DataError:
    return DataError(f"cannot write to {folder}: {error.strerror}. Name another folder.")
