"""Claims as file locks, which the operating system releases when a process ends."""

from pathlib import Path
from typing import TYPE_CHECKING

from signs_sweep.errors import StoreError

if TYPE_CHECKING:
    from filelock import BaseFileLock


class FileClaims:
    """Implements `Claims` in a folder, for the sweeps of a machine.

    The lock on the file decides between processes and between threads. The sweep loop and the
    writer thread of the tracker both take and release claims.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, BaseFileLock] = {}

    def take(self, trajectory: str) -> bool:
        """See `Claims.take`.

        Raises:
            StoreError: the folder cannot be written.
        """
        from filelock import FileLock, Timeout

        if trajectory in self._held:
            return False
        path = self._folder / f"{trajectory}.lock"
        # Not thread-local: another thread may release the claim.
        lock = FileLock(path, blocking=False, thread_local=False)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            return False
        except OSError as error:
            raise StoreError(
                f"cannot write to {self._folder}: {error.strerror}. Checkpoints belong there; name "
                "a different store with --tracking-uri or MLFLOW_TRACKING_URI."
            ) from error
        self._held[trajectory] = lock
        return True

    def release(self, trajectory: str) -> None:
        """See `Claims.release`."""
        self._held.pop(trajectory).release()

    def retire(self, name: str) -> None:
        """Release a claim, if it is held, and remove its file."""
        lock = self._held.pop(name, None)
        if lock is not None:
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()
