"""A tracker that lets another one work in its own thread.

The sweep loop must not wait for databases, pictures and model files: writing a run of 1,500 epochs
takes about a second, in which the workers would go unheard. There is one writer thread, because
MLflow's pool of connections is made for few, and because a tracker has one caller at a time.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Condition, Thread

from signs_sweep.domain import (
    Event,
    Failed,
    Finished,
    Progress,
    Run,
    State,
    Stopped,
    Trial,
    TrialEnd,
)
from signs_sweep.errors import StoreError
from signs_sweep.protocols import Findings, SweepRecord, Tracker
from signs_sweep.tracking.journal import Call

_MOST_WAITING = 16
"""Ended runs (about a megabyte each, with the model) that may wait to be written.

Only runs that take less time than their records ever get there: a few epochs. The loop then goes on
at the pace of the store, instead of filling the memory.
"""

_EPOCHS_AN_END = 250
"""Epochs that take about as long to write as the end of a run.

A tiny network trains 13,000 epochs a second on two cores; SQLite takes about 4,000.
"""

_ROOM = _MOST_WAITING * _EPOCHS_AN_END

_SECONDS = 3.0
"""How long the writer may go on after an interruption."""

_LEAST_SECONDS = 1.0
"""How long it may go on in any case once `close` is called: the end of a record takes 0.2 s."""

_LAST_SECONDS = 0.5
"""How long the call that was under way then may take to end: a database need not undo it."""

_POLL_SECONDS = 0.1
"""Between two looks at the clock: an interruption may have come."""


class BackgroundTracker:
    """Wraps a tracker; calls return at once, except `close`.

    What goes wrong in the writer is raised by the next call and by every later one, `close`
    included; after it nothing more is written.

    Attributes:
        is_closing: whether `close` was called.
    """

    def __init__(
        self, inner: Tracker, keep: Callable[[Sequence[Call]], None] | None = None
    ) -> None:
        """Wrap a tracker; its thread starts with the first call.

        Args:
            inner: the tracker to wrap; nobody else may call it any more.
            keep: takes the calls that are not written some seconds after an interruption, the first
                of which may be under way in the writer; called by `close`. None to write them all.
        """
        self._inner = inner
        self._keep = keep
        self._changed = Condition()
        self._waiting: deque[Call] = deque()
        self._under_way: Call | None = None
        self._load = 0
        self._failure: Exception | None = None
        self._deadline = float("inf")
        self._is_given_up = False
        self.is_closing = False
        # A daemon: a call to a server that hangs must not keep the process alive.
        self._writer = Thread(target=self._write, name="tracker", daemon=True)

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """See `Tracker.open`."""
        self._later("open", sweeps)

    def start(self, trial: Trial, run: Run, continues: str | None = None) -> None:
        """See `Tracker.start`."""
        self._later("start", trial, run, continues)

    def record(self, event: Event) -> None:
        """See `Tracker.record`. Waits where more is on its way than the store can take soon."""
        self._later("record", event)

    def then(self, job: Callable[[], None]) -> None:
        """See `Tracker.then`. Not done if something went wrong before."""
        self._later("then", job)

    def end_trial(self, end: TrialEnd) -> None:
        """See `Tracker.end_trial`."""
        self._later("end_trial", end)

    def hurry(self) -> None:
        """Wait for no room any more, and let `close` end within seconds; again, at once.

        May be called from a signal handler.
        """
        self._deadline = time.monotonic() + (_SECONDS if self._is_patient else 0)

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        """See `Tracker.close`.

        Waits until everything is written; the thread has ended then. After an interruption, told by
        `hurry` or by the state KILLED, it waits for some seconds: what is not written by then is
        kept for the next command, and the thread ends with the call that is under way.
        """
        self.is_closing = True
        if state is State.KILLED and self._is_patient:
            self.hurry()
        self._put(("close", (state, tables, findings)))
        earliest = time.monotonic() + _LEAST_SECONDS
        while self._writer.is_alive():
            self._writer.join(_POLL_SECONDS)
            if self._keep is not None and time.monotonic() > max(self._deadline, earliest):
                self._give_up(self._keep)
                break
        self._raise_failure()

    def _give_up(self, keep: Callable[[Sequence[Call]], None]) -> None:
        """Let the writer begin nothing more, and keep what it has not written."""
        with self._changed:
            self._is_given_up = True
            waiting = list(self._waiting)
            under_way = [] if self._under_way is None else [self._under_way]
            self._waiting.clear()
            self._changed.notify_all()
        if self._failure is None:
            keep([call for call in (*under_way, *waiting) if call[0] != "then"])
            for name, arguments in waiting:
                if name == "then":
                    arguments[0]()
        self._writer.join(_LAST_SECONDS)

    def _later(self, name: str, *arguments: object) -> None:
        self._raise_failure()
        self._put((name, arguments))

    def _put(self, call: Call) -> None:
        """Queue a call, once there is room for it."""
        load = _load(call)
        with self._changed:
            if self._writer.ident is None:
                self._writer.start()
            while load and self._load > _ROOM - min(load, _ROOM) and self._is_patient:
                self._changed.wait(_POLL_SECONDS)
            self._load += load
            self._waiting.append(call)
            self._changed.notify_all()

    @property
    def _is_patient(self) -> bool:
        return self._deadline == float("inf")

    def _write(self) -> None:
        """Do one call after the other, until the last; after a failure, none; keep that."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_given_up)
                if self._is_given_up:
                    return
                call = self._under_way = self._waiting.popleft()
            name, arguments = call
            try:
                if self._failure is None:
                    getattr(self._inner, name)(*arguments)
            except Exception as error:  # noqa: BLE001 - handed to the caller, whatever it is
                self._failure = error
            with self._changed:
                self._under_way = None
                self._load -= _load(call)
                self._changed.notify_all()
            if name == "close":
                return

    def _raise_failure(self) -> None:
        """Raise what went wrong: a StoreError as one, a bug as itself, with its traceback."""
        if isinstance(self._failure, StoreError):
            raise StoreError(str(self._failure)) from self._failure
        if self._failure is not None:
            raise self._failure


def _load(call: Call) -> int:
    """Return how long a call takes to be written, in epochs; 0 for what may always wait."""
    name, arguments = call
    if name != "record":
        return 0
    (event,) = arguments
    if isinstance(event, Progress):
        return len(event.times)
    return _EPOCHS_AN_END if isinstance(event, Finished | Failed | Stopped) else 0
