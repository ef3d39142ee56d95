"""Claims as locks on files, which the system frees when a process ends."""

from pathlib import Path
from typing import TYPE_CHECKING

from signs_sweep.errors import StoreError

if TYPE_CHECKING:
    from filelock import BaseFileLock


class FileClaims:
    """Implements `Claims` in a folder, for the sweeps of one machine.

    The system's lock on the file decides, between threads as between processes.
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
        # Another thread may release it.
        path = self._folder / f"{trajectory}.lock"
        lock = FileLock(path, blocking=False, thread_local=False)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            return False
        except OSError as error:
            raise StoreError(
                f"cannot write to {self._folder}: {error.strerror}. Checkpoints go there; name "
                "another store with --tracking-uri or MLFLOW_TRACKING_URI."
            ) from error
        self._held[trajectory] = lock
        return True

    def release(self, trajectory: str) -> None:
        """See `Claims.release`."""
        self._held.pop(trajectory).release()

    def retire(self, name: str) -> None:
        """Give back a right that nobody waits for, if it is held; nothing is left of it."""
        lock = self._held.pop(name, None)
        if lock is not None:
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()


class NoClaims:
    """Implements `Claims` for a sweep that is alone."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    def take(self, trajectory: str) -> bool:
        """See `Claims.take`."""
        is_free = trajectory not in self._held
        self._held.add(trajectory)
        return is_free

    def release(self, trajectory: str) -> None:
        """See `Claims.release`."""
        self._held.remove(trajectory)
