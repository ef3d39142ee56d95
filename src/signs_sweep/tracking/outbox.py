"""A tracker whose calls return at once and are not lost, whatever becomes of its store.

The sweep loop must not wait for databases, pictures and model files: writing a run of 1,500 epochs
takes about a second, in which the workers would go unheard. And a tracking server restarts, a
network drops, a database is locked for a minute: none of that is a reason to stop training. So
calls wait in a queue, from which one thread hands them to the tracker, or, while the store does not
answer, to a journal on the disk. From there they go to the store when it answers again, at the end
of the sweep, or at the start of the next one.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread
from typing import Any

from signs_sweep.domain import (
    Curves,
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
from signs_sweep.protocols import Findings, RunIndex, SweepRecord, Tracker
from signs_sweep.tracking.dataset import DatasetInfo
from signs_sweep.tracking.journal import Call, Journal, replay

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

_RETRY_SECONDS = 15.0
"""How long to leave a store alone that did not answer: asking may take as long again."""

_PATIENCE_SECONDS = 20.0
"""How long to wait for the store at the end, when only that is left: a server restarts in less."""

_PAUSE_SECONDS = 1.0
"""Between two attempts then."""

_SECONDS = 3.0
"""How long the writer may go on after an interruption."""

_LEAST_SECONDS = 1.0
"""How long it may go on in any case once `close` is called: the end of a record takes 0.2 s."""

_LAST_SECONDS = 0.5
"""How long the current call may then take to end: a database need not undo it."""

_POLL_SECONDS = 0.1
"""Between two looks at the clock: an interruption may have come."""


@dataclass(eq=False)
class _Begun:
    """What was handed to the tracker of a run that has not ended: its record may be incomplete."""

    calls: list[Call]
    curves: Curves = field(default_factory=Curves)
    end: list[Call] = field(default_factory=list)

    def add(self, call: Call, event: Event) -> None:
        if isinstance(event, Progress):
            self.curves.add(event)
        else:
            (self.end if _is_end(event) else self.calls).append(call)

    def all(self) -> list[Call]:
        """Return the calls, with all epochs in one event.

        A run of a million epochs has 30,000 events, which take ten times as long to be written.
        """
        epochs: list[Call] = [("record", (self.curves.joined(),))] if self.curves.epochs else []
        return [*self.calls, *epochs, *self.end]


class Outbox:
    """Implements `Tracker` on top of another tracker, which it calls in a thread of its own.

    Calls return at once, except `close`. After `open` a store that fails is no error: what it does
    not take is kept in the journal. Anything else that goes wrong, `open` and the journal included,
    is raised by the next call and by every later one; after it nothing more is written.

    It has one caller at a time, and `hurry` may come from a signal handler. The writer alone calls
    the tracker. Calls move from the queue to the tracker or the journal under `_moving`, so that
    `close`, when it cannot wait for the writer any longer, finds each of them in one place.

    Attributes:
        is_closing: whether `close` was called.
    """

    def __init__(
        self,
        tracker: Tracker,
        index: RunIndex | None,
        journal: Journal,
        datasets: Mapping[str, DatasetInfo],
        tell: Callable[[str], None],
        *,
        retry_seconds: float = _RETRY_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """Wrap a tracker; the thread starts with the first call, and the journal with a failure.

        Args:
            tracker: writes to the store; nobody else may call it any more.
            index: finds runs in the same store; None where their earlier records do not count.
            journal: where to keep what cannot be written.
            datasets: what the runs are trained on, by fingerprint, to be kept with them.
            tell: gets a message when the store goes away and when it is back, in the writer.
            retry_seconds: how long to leave the store alone after a failure.
            patience_seconds: how long to wait for it at the end, unless that is an interruption.
        """
        self._tracker = tracker
        self._index = index
        self._journal = journal
        self._datasets = datasets
        self._tell = tell
        self._retry_seconds = retry_seconds
        self._patience_seconds = patience_seconds
        self._sweeps: tuple[SweepRecord, ...] = ()
        self._changed = Condition()
        self._waiting: deque[Call] = deque()
        self._load = 0
        self._moving = Lock()
        self._current: Call | None = None
        """What the writer has taken from the queue, until it is in the store or the journal."""
        self._begun: dict[str, _Begun] = {}
        self._is_away = False
        self._is_left = False
        self._next_try = 0.0
        self._failure: Exception | None = None
        self._deadline = float("inf")
        self.is_closing = False
        # A daemon: a call to a server that hangs must not keep the process alive.
        self._writer = Thread(target=self._write, name="tracker", daemon=True)

    @property
    def is_away(self) -> bool:
        """Whether the store has not taken everything: there is a journal."""
        return self._is_away

    @property
    def unwritten(self) -> str | None:
        """What the store has not taken by the end, in words, or None."""
        if not self._is_away:
            return None
        return (
            "the tracking store has not taken everything yet. The rest is kept in "
            f"{self._journal.path}; the next `run` or `search` writes it."
        )

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """See `Tracker.open`. A store that cannot be written now is an error."""
        self._sweeps = tuple(sweeps)
        self._later("open", sweeps)

    def start(self, trial: Trial, run: Run, continues: str | None = None) -> None:
        """See `Tracker.start`."""
        self._later("start", trial, run, continues)

    def record(self, event: Event) -> None:
        """See `Tracker.record`. Waits where more is on its way than the store can take soon."""
        self._later("record", event)

    def then(self, job: Callable[[], None]) -> None:
        """See `Tracker.then`. What is in the journal counts as written."""
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

        Waits until everything is in the store or the journal; the thread has ended then. After an
        interruption, which `hurry` or the state KILLED means, it waits for some seconds: the rest
        goes to the journal, and the thread ends with its current call.
        """
        self.is_closing = True
        if state is State.KILLED and self._is_patient:
            self.hurry()
        self._put(("close", (state, tables, findings)))
        earliest = time.monotonic() + _LEAST_SECONDS
        while self._writer.is_alive():
            self._writer.join(_POLL_SECONDS)
            if time.monotonic() > max(self._deadline, earliest):
                self._leave()
                break
        self._raise_failure()

    def _leave(self) -> None:
        """Keep what is not written, and let the writer begin nothing more."""
        with self._moving:
            self._is_left = True
            waiting = list(self._waiting)
            self._waiting.clear()
            if self._failure is None:
                self._keep(waiting)
                for name, arguments in waiting:
                    if name == "then":
                        arguments[0]()
        with self._changed:
            self._changed.notify_all()
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

    def _raise_failure(self) -> None:
        """Raise what went wrong: a StoreError as one, a bug as itself, with its traceback."""
        if isinstance(self._failure, StoreError):
            raise StoreError(str(self._failure)) from self._failure
        if self._failure is not None:
            raise self._failure

    # From here on in the writer, except `_keep`.

    def _write(self) -> None:
        """Do one call after the other, until the last; none after a failure."""
        while (call := self._take()) is not None:
            try:
                if self._failure is None:
                    self._do(*call)
            except Exception as error:  # noqa: BLE001 - handed to the caller, whatever it is
                self._failure = error
            self._finish(call)
            if call[0] == "close":
                return

    def _take(self) -> Call | None:
        """Take the next call from the queue, once there is one; None after `_leave`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_left)
        with self._moving:
            if self._is_left:
                return None
            name, arguments = self._current = self._waiting.popleft()
            if name == "start":
                self._begun[arguments[1].run_id] = _Begun([self._current])
            elif name == "record" and arguments[0].run_id in self._begun:
                self._begun[arguments[0].run_id].add(self._current, arguments[0])
            return self._current

    def _finish(self, call: Call) -> None:
        """Forget a call that is in the store or the journal, and with its end a run."""
        name, arguments = call
        with self._moving:
            self._current = None
            if name == "record" and _is_end(arguments[0]):
                self._begun.pop(arguments[0].run_id, None)
        with self._changed:
            self._load -= _load(call)
            self._changed.notify_all()

    def _do(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Hand a call to the tracker, or keep it while the store is away."""
        if name == "then":
            arguments[0]()
            return
        if name == "close":
            self._wait_for_store(0 if arguments[0] is State.KILLED else self._patience_seconds)
        failure = None
        if not self._is_away:
            try:
                getattr(self._tracker, name)(*arguments)
            except StoreError as error:
                if name == "open":
                    raise
                failure = error
            else:
                return
        with self._moving:
            if self._is_left:
                return
            self._keep()
        if failure is not None:
            self._next_try = time.monotonic() + self._retry_seconds
            self._tell(
                f"{failure} Training goes on, and what it brings is kept in {self._journal.path} "
                "until the store answers again."
            )
        elif name != "close" and time.monotonic() >= self._next_try:
            self._try_again()

    def _wait_for_store(self, seconds: float) -> None:
        """Try once, and again until so much time has passed."""
        end = time.monotonic() + seconds
        while self._is_away and not self._is_left:
            self._try_again()
            if not self._is_away or time.monotonic() >= end:
                return
            time.sleep(_PAUSE_SECONDS)

    def _try_again(self) -> None:
        """Write what is in the journal, if the store takes it."""
        try:
            replay(self._journal.read(), self._tracker, self._index)
        except StoreError:
            self._next_try = time.monotonic() + self._retry_seconds
            return
        with self._moving:
            if self._is_left:
                return
            self._journal.remove()
            self._is_away = False
        self._tell("the tracking store answers again; what waited for it is written")

    def _keep(self, waiting: Sequence[Call] = ()) -> None:
        """Append the current call and those that wait to the journal; the caller holds `_moving`.

        A new journal begins with all of the runs under way. The tracker may have done some of it:
        doing it again changes nothing.
        """
        calls = [] if self._current is None else [self._current]
        if not self._is_away:
            begun = [call for run in self._begun.values() for call in run.all()]
            calls = [*begun, *(call for call in calls if call[0] not in ("start", "record"))]
        kept = [call for call in (*calls, *waiting) if call[0] not in ("open", "then")]
        if not self._is_away:
            kept.insert(0, ("open", (self._sweeps, self._datasets)))
        self._is_away = True
        self._journal.append(*kept)
        self._current = None


def _is_end(event: Event) -> bool:
    return isinstance(event, Finished | Failed | Stopped)


def _load(call: Call) -> int:
    """Return how long a call takes to be written, in epochs; 0 for what may always wait."""
    name, arguments = call
    if name != "record":
        return 0
    (event,) = arguments
    if isinstance(event, Progress):
        return len(event.times)
    return _EPOCHS_AN_END if _is_end(event) else 0
