"""The claims of a machine, as file locks, and those of several machines.

The operating system releases a lock when its process ends.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import uniform
from threading import Lock
from typing import TYPE_CHECKING

from signs_sweep.errors import RefusedError, StoreError
from signs_sweep.project.databases import is_postgres, shown
from signs_sweep.project.paths import ProjectPaths
from signs_sweep.project.postgres import PostgresClaims
from signs_sweep.protocols import RemoteClaims

if TYPE_CHECKING:
    from filelock import BaseFileLock

_AGAIN_SECONDS = 0.5, 1.5
"""How long not to ask again for a claim that another machine holds, at least and at most."""

_ASKED_A_SECOND = 20
"""How many of many such claims to ask for."""

_PATIENCE_SECONDS = 20.0
"""How long no claim is given while the other machines are unreachable: servers restart faster."""

_MOST_KEPT = 100
"""Claims that are kept for results which are not in the store: no server holds any number."""


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
    the other machines cannot be reached any more: soon, claims are of this machine alone, until the
    others can be reached again.

    Attributes:
        local: the claims of this machine.
        remote: those between machines, or None if no other machine can use the store.
        warn: called with a message when claims are of this machine alone; None if that is an error.
        is_behind: whether results are missing in the store, so that other machines would train
            their runs again: the latest claims that are released are kept between the machines
            meanwhile.
    """

    def __init__(self, local: FileClaims, remote: RemoteClaims | None) -> None:
        self.local = local
        self.remote = remote
        self.warn: Callable[[str], None] | None = None
        self.is_behind: Callable[[], bool] = lambda: False
        self._lock = Lock()
        """Held while claims between the machines change."""
        self._shared: set[str] = set()
        """Names that are claimed between the machines."""
        self._alone: set[str] = set()
        """Names that are claimed on this machine alone: the others could not be reached."""
        self._kept: dict[str, None] = {}
        """Names that are released on this machine only, in order."""
        self._not_before: dict[str, float] = {}
        """When to ask again, by name, after a claim was not free on another machine."""
        self._is_reached = False
        self._away_since: float | None = None
        self._has_warned = False
        self._is_refused = False

    def take(self, name: str) -> bool:
        """See `Claims.take`.

        Raises:
            StoreError: the folder cannot be written; or the claims between machines cannot be
                reached, and could never be, or `warn` is None.
        """
        if time.monotonic() < self._not_before.get(name, 0) or not self.local.take(name):
            return False
        is_free = False
        try:
            with self._lock:
                is_free = self._take_remote(name)
        finally:
            if not is_free:
                self.local.release(name)
        self._not_before.pop(name, None)
        if not is_free:
            pause = uniform(*_AGAIN_SECONDS) * max(1, len(self._not_before) / _ASKED_A_SECOND)  # noqa: S311 - not for secrets
            self._not_before[name] = time.monotonic() + pause
        return is_free

    def _take_remote(self, name: str) -> bool:
        self._release_kept()
        if self.remote is None or self._is_refused or name in self._kept:
            self._kept.pop(name, None)
            return True
        try:
            for other in [*self._alone]:
                if self.remote.take(other):
                    self._shared.add(other)
                self._alone.discard(other)
            is_free = self.remote.take(name)
        except RefusedError as error:
            if self.warn is None:
                raise
            self._is_refused = True
            self.warn(
                f"{error.sentence} Sweeps on other machines therefore do not see which "
                "runs are trained here: a run may be trained twice."
            )
            return True
        except StoreError as error:
            if not self._is_reached or self.warn is None:
                raise
            return self._take_alone(name, error)
        self._is_reached, self._away_since, self._has_warned = True, None, False
        if is_free:
            self._shared.add(name)
        return is_free

    def _take_alone(self, name: str, error: StoreError) -> bool:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        if now < self._away_since + _PATIENCE_SECONDS:
            return False
        if self.warn is not None and not self._has_warned:
            self._has_warned = True
            self.warn(
                f"{error.sentence} Training continues; until it answers again, a run "
                "that another machine trains may be trained here as well."
            )
        self._alone.add(name)
        return True

    def release(self, name: str) -> None:
        """See `Claims.release`."""
        with self._lock:
            self._alone.discard(name)
            if name in self._shared:
                self._kept[name] = None
            self._release_kept()
        self.local.release(name)

    def retire(self, name: str) -> None:
        """Release a claim, if it is held, and remove its file."""
        with self._lock:
            self._alone.discard(name)
            self._release_remote(name)
        self.local.retire(name)

    def _release_kept(self) -> None:
        if kept := [*self._kept]:
            self._release_remote(*(kept[:-_MOST_KEPT] if self.is_behind() else kept))

    def _release_remote(self, *names: str) -> None:
        for name in self._shared.intersection(names):
            self._shared.discard(name)
            self._kept.pop(name, None)
            if self.remote is not None:
                self.remote.release(name)

    def is_shared(self) -> bool:
        """Whether claims are seen by other machines, by the latest that was asked for."""
        return self.remote is not None and not self._is_refused and self._away_since is None

    def place_of(self, name: str) -> str:
        """Return where machines see a claim that is held here; empty if they do not see it."""
        return self.remote.place if self.remote is not None and name in self._shared else ""

    def hurry(self) -> None:
        """Do not wait for other machines any longer. A signal handler may call it."""
        if self.remote is not None:
            self.remote.is_hurried = True

    def close(self) -> None:
        """End the connection to the claims between machines, which releases those."""
        if self.remote is not None:
            self.remote.close()


@dataclass(frozen=True)
class StudyClaim:
    """The right to change a study.

    Attributes:
        release: gives it up.
        is_lost: returns whether another process has taken it: a server ends the claims of a machine
            that it does not reach.
    """

    release: Callable[[], None]
    is_lost: Callable[[], bool] = lambda: False


def claim_study(paths: ProjectPaths, storage: str, study: str) -> StudyClaim | None:
    """Claim a study for this process.

    In PostgreSQL this excludes the processes of all machines, otherwise those of this machine.

    Args:
        paths: the paths of the project.
        storage: URL of the study's database, as `resolve` returns it.
        study: its name.

    Returns:
        The claim; None if another process holds it.

    Raises:
        StoreError: the database cannot be reached, or its folder cannot be written.
    """
    title = "the study's database"
    if is_postgres(storage):
        claims, claim = PostgresClaims(storage, title), f"study {study}"
        if claims.take(claim):
            return StudyClaim(claims.close, partial(claims.has_lost, claim))
        claims.close()
        return None
    folder, name = paths.study_claim(storage, study)
    files = FileClaims(folder)
    try:
        is_claimed = files.take(name)
    except StoreError as error:
        raise StoreError(
            f"{title} {shown(storage)} cannot be created: {error.__cause__}"
        ) from error
    return StudyClaim(partial(files.retire, name)) if is_claimed else None
