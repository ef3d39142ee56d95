"""A tracker that neither blocks the sweep loop nor loses records while its store is unavailable.

Writing a run of 1,500 epochs takes about a second, with its database, pictures and model files. In
that time the loop could not serve the workers. A tracking server may restart, a network may fail, a
database may be locked for a minute: training does not stop for that. Calls therefore wait in a
queue. A thread passes them to the tracker or, while the store does not answer, writes them to a
journal. The journal is replayed when the store answers again, at the latest when the next sweep
starts. What the store refuses for good goes into a second journal, which is not replayed.
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
from signs_sweep.domain.formats import count
from signs_sweep.errors import DeletedError, DeniedError, RefusedError, StoreError
from signs_sweep.protocols import Findings, RunIndex, SweepRecord, Tracker
from signs_sweep.tracking.dataset import DatasetInfo
from signs_sweep.tracking.journal import HOW_TO_REPEAT, Call, Journal, name_of, replay, run_of

_MOST_WAITING = 16
"""How many ended runs, each about a megabyte with its model, may wait to be written.

Only runs of a few epochs, which train faster than they are recorded, reach this limit. The loop
then waits for the store instead of filling the memory.
"""

_EPOCHS_AN_END = 250
"""How many epochs take as long to write as the end of a run, about.

A tiny network trains 13,000 epochs a second on two cores; SQLite takes about 4,000.
"""

_ROOM = _MOST_WAITING * _EPOCHS_AN_END

_RETRY_SECONDS = 15.0
"""Pause after a failure of the store: a failing call may take as long."""

_AGAIN_SECONDS = 300.0
"""How long the store is away when a second message says so; for the next, twice as long."""

_SELDOM = 20
"""How many times longer that pause is while the store refuses the user."""

_PATIENCE_SECONDS = 20.0
"""How long `close` waits for a store that does not answer: a server restarts faster."""

_PAUSE_SECONDS = 1.0
"""Between two attempts of `close`."""

_SECONDS = 3.0
"""How long the writer may continue after an interruption."""

_LEAST_SECONDS = 1.0
"""How long the writer may always continue after `close`: the end of a record takes 0.2 s."""

_LAST_SECONDS = 0.5
"""How long the current call may then take, so that a database need not roll it back."""

_POLL_SECONDS = 0.1
"""Between two checks for an interruption."""

_MOST_REPORTED = 5
"""Refusals with a message of their own: a store may refuse every run for the same reason."""


@dataclass(eq=False)
class _Begun:
    """The calls for a run that has not ended: its record may be incomplete."""

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

        A run of a million epochs has 30,000 events, which take ten times as long to write.
        """
        epochs: list[Call] = [("record", (self.curves.joined(),))] if self.curves.epochs else []
        return [*self.calls, *epochs, *self.end]


class Outbox:
    """Implements `Tracker` on top of another tracker, which only its writer thread calls.

    Calls do not wait for the store, except `close`, and `record` while too much is waiting or the
    store is being opened: nothing is trained for a store that refuses the user. After `open`, a
    failure of the store is not an error: calls that it does not accept are kept in the journal. Any
    other error, in `open`, in the journal or a bug, is raised by the next call and by every later
    call except `hurry`; nothing is written after it.

    A refusal (RefusedError) of a call for a run or a trial is no failure of the store: all calls
    for that run, earlier and later, are kept in `journal.refused`, and those for other runs are
    written. If the record of the run was deleted (DeletedError), its later calls are dropped. A
    store that refuses the user (DeniedError) counts as away, but is not asked as often.

    It has one caller at a time; a signal handler may call `hurry`. A call is in the queue, then in
    `_current`, until it is in the store or the journal. It moves under `_moving`, so that `close`
    finds each call in one of these places when it stops waiting for the writer.

    Attributes:
        is_away: whether there is a journal: the store has not accepted every call.
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
        is_shared: Callable[[], bool] = lambda: False,
        retry_seconds: float = _RETRY_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """Wrap a tracker; the writer thread starts with the first call.

        Args:
            tracker: writes to the store; it must have no other caller from now on.
            index: finds runs in the same store; None to ignore their earlier records.
            journal: where to keep calls that the store does not accept; created when needed.
            datasets: what the runs are trained on, by fingerprint; kept in the journal.
            tell: called by the writer thread with a message when the store fails or answers again.
            is_shared: whether claims now keep other machines from training the same runs.
            retry_seconds: pause after a failure of the store.
            patience_seconds: how long `close` waits for the store, except after an interruption.
        """
        self._tracker = tracker
        self._index = index
        self._journal = journal
        self._datasets = datasets
        self._tell = tell
        self._is_shared = is_shared
        self._retry_seconds = retry_seconds
        self._patience_seconds = patience_seconds
        self._sweeps: tuple[SweepRecord, ...] = ()
        self._changed = Condition()
        self._waiting: deque[Call] = deque()
        self._load = 0
        self._moving = Lock()
        self._current: Call | None = None
        """The call that the writer has taken from the queue, until it is stored."""
        self._begun: dict[str, _Begun] = {}
        self._refused: dict[str, RefusedError] = {}
        """By run_id or a name, what the store refuses; its calls are in `journal.refused`."""
        self._dropped: set[str] = set()
        """Runs whose record was deleted."""
        self._is_opening = False
        self._is_left = False
        self._is_denied = False
        self._next_try = self._since = self._tell_at = 0.0
        self._failure: Exception | None = None
        self._deadline = float("inf")
        self.is_away = False
        self.is_closing = False
        # A daemon, so that a call to a server that hangs does not keep the process alive.
        self._writer = Thread(target=self._write, name="tracker", daemon=True)

    @property
    def unwritten(self) -> str | None:
        """A sentence about the records that are not in the store yet, or None."""
        sentences = []
        if self.is_away:
            sentences.append(
                "the tracking store has not accepted all records yet. The rest is kept in "
                f"{self._journal.path}; the next `run` or `search` writes it."
            )
        if self._refused:
            names = ", ".join([*self._refused][:_MOST_REPORTED])
            more = f" and {len(self._refused) - _MOST_REPORTED:,} more" * (
                len(self._refused) > _MOST_REPORTED
            )
            sentences.append(
                f"the tracking store refuses the records of {names}{more}. They are kept in "
                f"{self._journal.refused.path}. {HOW_TO_REPEAT}"
            )
        return " ".join(sentences) or None

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """See `Tracker.open`. A store that cannot be written here is an error."""
        self._sweeps, self._is_opening = tuple(sweeps), True
        self._later("open", sweeps)

    def start(self, trial: Trial, run: Run, continues: str | None = None) -> None:
        """See `Tracker.start`."""
        self._later("start", trial, run, continues)

    def record(self, event: Event) -> None:
        """See `Tracker.record`. Waits for the end of `open`, and while the queue is full."""
        with self._changed:
            while self._is_opening and self._is_patient:
                self._changed.wait(_POLL_SECONDS)
        self._later("record", event)

    def then(self, job: Callable[[], None]) -> None:
        """See `Tracker.then`. Calls in the journal count as written."""
        self._later("then", job)

    def end_trial(self, end: TrialEnd) -> None:
        """See `Tracker.end_trial`."""
        self._later("end_trial", end)

    def hurry(self) -> None:
        """Do not wait for a full queue, and limit `close` to some seconds; a second call, to none.

        A signal handler may call it.
        """
        self._deadline = time.monotonic() + (_SECONDS if self._is_patient else 0)

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        """See `Tracker.close`.

        Waits until the writer has ended, with every call in the store or the journal. After an
        interruption (`hurry`, or the state KILLED) it waits for some seconds only: the remaining
        calls go to the journal, and the writer ends after its current call.
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
        """Keep all calls that are not written; the writer begins no other call."""
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
        """Queue a call as soon as there is room for it."""
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
        """Raise the error of the writer: a new StoreError, or a bug with its own traceback."""
        if isinstance(self._failure, StoreError):
            raise StoreError(str(self._failure)) from self._failure
        if self._failure is not None:
            raise self._failure

    # The writer calls the following methods; `_leave` calls `_keep` too.

    def _write(self) -> None:
        """Process the calls in order until the last; after a failure, only remove them."""
        while (call := self._take()) is not None:
            try:
                if self._failure is None:
                    self._do(*call)
            except Exception as error:  # noqa: BLE001 - raised in the caller's thread
                self._failure = error
            self._finish(call)
            if call[0] == "close":
                return

    def _take(self) -> Call | None:
        """Wait for the next call and take it from the queue; return None after `_leave`."""
        while not self._is_due():
            try:
                self._try_again()
            except Exception as error:  # noqa: BLE001 - raised in the caller's thread
                self._failure = error
        with self._moving:
            if self._is_left:
                return None
            name, arguments = self._current = self._waiting.popleft()
            if name == "start":
                self._begun[arguments[1].run_id] = _Begun([self._current])
            elif name == "record" and arguments[0].run_id in self._begun:
                self._begun[arguments[0].run_id].add(self._current, arguments[0])
            return self._current

    def _is_due(self) -> bool:
        """Wait for the next call; return False if it is time to try the store again.

        No call may come before that: the sweep may wait for one whose own calls are kept as well.
        """
        is_kept = self.is_away and self._failure is None
        with self._changed:
            pause = max(0.0, self._next_try - time.monotonic()) if is_kept else None
            return bool(self._changed.wait_for(lambda: self._waiting or self._is_left, pause))

    def _finish(self, call: Call) -> None:
        """Forget a call that is in the store or the journal, and a run after its end."""
        name, arguments = call
        with self._moving:
            self._current = None
            if name == "record" and _is_end(arguments[0]):
                self._begun.pop(arguments[0].run_id, None)
        with self._changed:
            self._is_opening = self._is_opening and name != "open"
            self._load -= _load(call)
            self._changed.notify_all()

    def _do(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Pass a call to the tracker, or keep it while the store is away."""
        if name == "then":
            arguments[0]()
            return
        call = (name, arguments)
        if name == "close":
            is_hopeless = arguments[0] is State.KILLED or self._is_denied
            self._wait_for_store(0 if is_hopeless else self._patience_seconds)
            with self._moving:
                if self._refused and not self._is_left:
                    self._set_aside([call])
        if self.is_away or self._is_lost(call):
            self._store_later()
            if self.is_away and name != "close" and time.monotonic() >= self._next_try:
                self._try_again()
            return
        try:
            getattr(self._tracker, name)(*arguments)
        except StoreError as error:
            if name == "open":
                raise
            if isinstance(error, RefusedError) and not isinstance(error, DeniedError):
                self._refuse(call, error)
            elif self._store_later():
                self._postpone(error, is_new=True)

    def _store_later(self) -> bool:
        """Keep the current call in a journal, unless `close` has done it; return whether."""
        with self._moving:
            if not self._is_left:
                self._keep()
            return not self._is_left

    def _refuse(self, call: Call, failure: RefusedError) -> None:
        """Set the calls for a run aside, or another call, and continue without them."""
        reasons = {name_of(call): failure}
        with self._moving:
            if self._is_left:
                return
            self._current = None
            begun = self._begun.get(run_of(call))
            is_deleted = isinstance(failure, DeletedError)
            self._set_aside([] if is_deleted else begun.all() if begun else [call])
            self._remember(reasons)
        self._tell_of(reasons)

    def _is_lost(self, call: Call) -> bool:
        run_id = run_of(call)
        return run_id in self._refused or run_id in self._dropped

    def _remember(self, reasons: Mapping[str, RefusedError]) -> None:
        """Remember what the store refuses; the caller holds `_moving`."""
        for name, reason in reasons.items():
            if isinstance(reason, DeletedError):
                self._dropped.add(name)
            else:
                self._refused[name] = reason

    def _tell_of(self, reasons: Mapping[str, RefusedError]) -> None:
        for name, error in reasons.items():
            if isinstance(error, DeletedError):
                self._tell(
                    f"{name}: {error}, as by another sweep that takes the run over. Nothing more "
                    "is recorded for it here."
                )
            elif list(self._refused).index(name) < _MOST_REPORTED:
                self._tell(
                    f"{name}: {error.sentence} Its records are kept in "
                    f"{self._journal.refused.path}; all others are written."
                )

    def _postpone(self, error: StoreError, *, is_new: bool = False) -> None:
        """Leave the store alone for a while, and tell why if that is new."""
        is_denied = isinstance(error, DeniedError)
        now = time.monotonic()
        if is_new:
            self._since, self._tell_at = now, now + _AGAIN_SECONDS
        if is_new or (is_denied and not self._is_denied):
            until = "put right" if is_denied else "over"
            self._tell(
                f"{error.sentence} Training continues; its records are kept in "
                f"{self._journal.path} until that is {until}."
            )
        elif now >= self._tell_at:
            away = now - self._since
            waits = "Runs that other machines train are waited for until it is over. "
            self._tell_at = now + away
            self._tell(
                f"{error.sentence} This has lasted for {count(round(away / 60), 'minute')}. "
                f"{waits if self._is_shared() else ''}Ctrl-C ends this sweep; its records are "
                "kept, and the next `run` or `search` writes them."
            )
        self._is_denied = is_denied
        self._next_try = now + self._retry_seconds * (_SELDOM if is_denied else 1)

    def _wait_for_store(self, seconds: float) -> None:
        """Try at least once to replay the journal, and repeat for so many seconds."""
        end = time.monotonic() + seconds
        while self.is_away and not self._is_left:
            self._try_again()
            if not self.is_away or time.monotonic() >= end:
                return
            time.sleep(_PAUSE_SECONDS)

    def _try_again(self) -> None:
        """Replay the journal, and remove it if the store accepts all of it."""
        try:
            refusals = replay(self._journal.read(), self._tracker, self._index)
        except StoreError as error:
            self._postpone(error)
            return
        with self._moving:
            if self._is_left:
                return
            self._remember(refusals.reasons)
            self._set_aside(refusals.calls)
            self._journal.remove()
            self.is_away = self._is_denied = False
        self._tell_of(refusals.reasons)
        self._tell("the tracking store answers again; the waiting records are saved")

    def _keep(self, waiting: Sequence[Call] = ()) -> None:
        """Append the current and the waiting calls to the journal; the caller holds `_moving`.

        A new journal starts with all calls for the runs under way. The tracker may have processed
        some of them: repeating them changes nothing.
        """
        current = [] if self._current is None else [self._current]
        calls = [call for call in (*current, *waiting) if call[0] not in ("open", "then")]
        self._current = None
        self._set_aside([call for call in calls if run_of(call) in self._refused])
        calls = [call for call in calls if not self._is_lost(call)]
        if not calls:
            return
        if not self.is_away:
            begun = [
                call
                for run in self._begun.values()
                if not self._is_lost(run.calls[0])
                for call in run.all()
            ]
            if current and current[0] is calls[0] and calls[0][0] in ("start", "record"):
                del calls[0]  # It is in `begun`.
            calls = [self._opening, *begun, *calls]
        self.is_away = True
        self._journal.append(*calls)

    def _set_aside(self, calls: Sequence[Call]) -> None:
        """Append calls to the journal of what is refused; the caller holds `_moving`."""
        if calls:
            aside = self._journal.refused
            aside.append(*([] if aside.path.exists() else [self._opening]), *calls)

    @property
    def _opening(self) -> Call:
        return "open", (self._sweeps, self._datasets)


def _is_end(event: Event) -> bool:
    return isinstance(event, Finished | Failed | Stopped)


def _load(call: Call) -> int:
    """Return how long a call takes to write, in epochs; 0 for a call that never waits for room."""
    name, arguments = call
    if name != "record":
        return 0
    (event,) = arguments
    if isinstance(event, Progress):
        return len(event.times)
    return _EPOCHS_AN_END if _is_end(event) else 0
