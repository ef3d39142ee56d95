"""The claims of a machine, as file locks, and those of several machines.

The operating system releases a lock when its process ends.
"""

import platform
import time
from hashlib import sha256
from pathlib import Path
from random import uniform
from typing import TYPE_CHECKING

from signs_sweep.errors import RefusedError, StoreError
from signs_sweep.protocols import RemoteClaims

if TYPE_CHECKING:
    from collections.abc import Callable

    from filelock import BaseFileLock

_AGAIN_SECONDS = 0.5, 1.5
"""How long not to ask again for a claim that another machine holds, at least and at most."""


class FileClaims:
    """Implements `Claims` in a folder, for the sweeps of a machine.

    The lock on the file decides between processes and between threads. The sweep loop and the
    writer thread of the tracker both take and release claims.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, BaseFileLock] = {}

    def scope(self) -> str:
        """Return what identifies the folder, which exists, until the machine is started again.

        Two machines may have the same name, and the same path for their folders.
        """
        boot, folder = Path("/proc/sys/kernel/random/boot_id"), self._folder.stat()
        started = boot.read_text() if boot.exists() else ""
        parts = platform.node(), started, folder.st_dev, folder.st_ino
        return sha256(repr(parts).encode()).hexdigest()[:16]

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


class SharedClaims:
    """Implements `Claims` for sweeps on several machines that share a store.

    A claim is taken on this machine first, then between the machines. Training does not stop when
    the other machines cannot be reached any more: until they can, claims are of this machine alone.

    Attributes:
        local: the claims of this machine.
        remote: those between machines, or None if no other machine can use the store.
        warn: called with a message when the other machines cannot be reached.
    """

    def __init__(self, local: FileClaims, remote: RemoteClaims | None) -> None:
        self.local = local
        self.remote = remote
        self.warn: Callable[[str], None] = lambda _: None
        self._shared: set[str] = set()
        """Names that are claimed between the machines."""
        self._not_before: dict[str, float] = {}
        """When to ask again, by name, after a claim was held on another machine."""
        self._is_reached = False
        self._is_away = False
        self._is_refused = False

    def take(self, name: str) -> bool:
        """See `Claims.take`.

        Raises:
            StoreError: the folder cannot be written, or the claims between machines could never be
                reached.
        """
        if time.monotonic() < self._not_before.get(name, 0) or not self.local.take(name):
            return False
        try:
            is_free = self._take_remote(name)
        except BaseException:
            self.local.release(name)
            raise
        if not is_free:
            self.local.release(name)
            self._not_before[name] = time.monotonic() + uniform(*_AGAIN_SECONDS)  # noqa: S311 - not for secrets
        return is_free

    def _take_remote(self, name: str) -> bool:
        if self.remote is None or self._is_refused:
            return True
        try:
            is_free = self.remote.take(name)
        except RefusedError as error:
            self._is_refused = True
            self.warn(
                f"{str(error).rstrip('.')}. Sweeps on other machines therefore do not see which "
                "runs are trained here: a run may be trained twice."
            )
            return True
        except StoreError as error:
            if not self._is_reached:
                raise
            if not self._is_away:
                self._is_away = True
                self.warn(
                    f"{str(error).rstrip('.')}. Training continues; until it answers again, a run "
                    "that another machine trains may be trained here as well."
                )
            return True
        self._is_reached, self._is_away = True, False
        if is_free:
            self._shared.add(name)
        return is_free

    def release(self, name: str) -> None:
        """See `Claims.release`."""
        self._release_remote(name)
        self.local.release(name)

    def retire(self, name: str) -> None:
        """Release a claim, if it is held, and remove its file."""
        self._release_remote(name)
        self.local.retire(name)

    def _release_remote(self, name: str) -> None:
        if name in self._shared and self.remote is not None:
            self._shared.discard(name)
            self.remote.release(name)

    def close(self) -> None:
        """End the connection to the claims between machines."""
        if self.remote is not None:
            self.remote.close()
