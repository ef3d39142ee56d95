"""The agent of a node: relays runs to its workers, and their events back.

An agent is an actor of Ray, but does not import it: the bridge makes it one.
"""

import fcntl
import os
import pickle
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import accumulate
from multiprocessing import Pipe
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from signs_sweep.domain import Event, Failed, Finished, Progress, Started, Stopped
from signs_sweep.errors import SignsSweepError
from signs_sweep.executors.cluster.messages import Assignment, Report, Stop
from signs_sweep.executors.devices import find_gpus

if TYPE_CHECKING:
    from signs_sweep.executors.cluster.crew import Crew

_LONGEST_POLL = 5.0
"""Seconds after which a poll without a report returns: it shows that the agent is alive."""

_POLL_SECONDS = 1.0

_MOST_WAITING = 64 * 2**20
"""Bytes of reports that wait for the bridge, beyond which workers have to wait."""

_MOST_AT_ONCE = 8 * 2**20
"""Bytes of reports beyond which a poll returns no further report."""

_FOLDER = "signs-sweep-node-"

_NOT_SENT = "Files that a model's function opens are not sent to the nodes, only modules."


class Agent:
    """Has the workers of a node.

    `poll` is called from one thread, the other methods from another.
    """

    def __init__(self, crew: bytes, indexes: Sequence[int], name: str, *, uses_gpus: bool) -> None:
        """Create the workers' folder; no worker is started.

        Args:
            crew: a pickled `Crew`.
            indexes: of its workers among those of all nodes.
            name: of its node, for people.
            uses_gpus: whether the workers train on GPUs.
        """
        _remove_leftovers()
        self._folder, self._lock = _make_folder()
        self._indexes = indexes
        self._name = name
        self._wake, wake = Pipe()
        made: Crew = pickle.loads(crew)  # noqa: S301  # from our orchestrator
        gpus = find_gpus(os.environ) if uses_gpus else ()
        self._executor = made.start(len(indexes), gpus, self._folder, wake)
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._attempts: dict[str, int] = {}
        self._trained: set[tuple[str, int]] = set()
        self._stopped: set[tuple[str, int]] = set()
        self._reports: list[Report] = []
        self._reported = 0
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def unpack(self, paths: Sequence[Path], *contents: bytes) -> Collection[str]:
        """Write files into the workers' folder; return the kinds of their processors.

        Args:
            paths: of the files, relative to the folder.
            contents: of the files.
        """
        try:
            for path, content in zip(paths, contents, strict=True):
                file = self._folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        except OSError:  # The disk may be full: leave nothing on it.
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self._executor.kinds

    def assign(self, assignment: Assignment) -> None:
        """Start a run; an attempt that is already known is left out."""
        self._do(partial(self._assign, assignment))

    def stop(self, stop: Stop) -> None:
        """Stop an attempt, also if its assignment is still to come."""
        self._do(partial(self._stop, stop))

    def poll(self, confirmed: int) -> tuple[list[Report], Collection[str]]:
        """Return the reports after the last confirmed one; wait some seconds for the first.

        Raises:
            Exception: the agent cannot continue.
        """
        with self._changed:
            self._reports = [report for report in self._reports if report.number > confirmed]
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._reports or self._error, _LONGEST_POLL)
            if self._error is not None and not self._reports:
                raise self._error
            sizes = accumulate(len(report.event) for report in self._reports)
            amount = sum(1 for size in sizes if size < _MOST_AT_ONCE)
            return self._reports[: max(1, amount)], self._executor.kinds

    def close(self) -> None:
        """End all workers and remove their folder."""
        self._is_closed = True
        self._do(lambda: None)
        self._thread.join()
        self._executor.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)

    def _do(self, command: Callable[[], None]) -> None:
        with self._changed:
            self._commands.put(command)
            self._changed.notify_all()
        self._wake.send(None)

    def _serve(self) -> None:
        """Carry out commands and collect events: the executor is used by this thread alone."""
        try:
            while not self._is_closed:
                with suppress(Empty):
                    while True:
                        self._commands.get_nowait()()
                if self._has_room():
                    for event in self._executor.events(_POLL_SECONDS):
                        self._report(event)
        except Exception as error:  # noqa: BLE001  # raised by `poll`
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _has_room(self) -> bool:
        """Whether more reports may be kept; wait for that until the next command."""

        def is_full() -> bool:
            return sum(len(report.event) for report in self._reports) > _MOST_WAITING

        with self._changed:
            self._changed.wait_for(
                lambda: not is_full() or not self._commands.empty(), _POLL_SECONDS
            )
            return not is_full()

    def _assign(self, assignment: Assignment) -> None:
        run_id = assignment.run_id
        if self._attempts.get(run_id, 0) >= assignment.attempt:
            return
        self._attempts[run_id] = assignment.attempt
        task = pickle.loads(assignment.task)  # noqa: S301  # from our orchestrator
        try:
            self._executor.submit(
                task.run, task.checkpoint, is_tested=task.is_tested, kind=task.kind
            )
        except SignsSweepError as error:  # No process can be started.
            self._report(Failed(run_id, time.time(), str(error), is_crash=True))
            return
        if (run_id, assignment.attempt) in self._stopped:
            self._executor.stop(run_id)

    def _stop(self, stop: Stop) -> None:
        self._stopped.add((stop.run_id, stop.attempt))
        if self._attempts.get(stop.run_id) == stop.attempt:
            self._executor.stop(stop.run_id)

    def _report(self, event: Event) -> None:
        if isinstance(event, Started):
            event = replace(event, worker=self._indexes[event.worker], node=self._name)
        failure, is_error = "", False
        if isinstance(event, Failed) and event.chance is None:
            is_error = not event.is_crash
            if event.is_crash or event.traceback is not None:
                failure = event.message
            message = f"on {self._name}: {event.message}"
            if "FileNotFoundError" in (event.traceback or ""):
                message = f"{message.rstrip('.')}. {_NOT_SENT}"
            event = replace(event, message=message)
        is_end = isinstance(event, Finished | Failed | Stopped)
        content, attempt = pickle.dumps(event), self._attempts[event.run_id]
        if isinstance(event, Finished) or (isinstance(event, Progress) and not event.is_replay):
            self._trained.add((event.run_id, attempt))
        has_trained = (event.run_id, attempt) in self._trained
        with self._changed:
            self._reported += 1
            report = Report(
                *(event.run_id, attempt, content, is_end),
                number=self._reported,
                has_trained=has_trained,
                failure=failure,
                is_error=is_error,
            )
            self._reports.append(report)
            self._changed.notify_all()


def _make_folder() -> tuple[Path, int]:
    """Return a new folder, and the descriptor of its lock, which is held while this process lives.

    The lock tells it apart from the folders of agents that were killed.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
        with suppress(FileNotFoundError):  # Another agent took it for a leftover.
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_leftovers() -> None:
    """Remove the folders of agents that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        try:
            lock = os.open(folder, os.O_RDONLY)
        except OSError:  # It belongs to another user, or has been removed.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
