"""A tracker that keeps on disk what its store cannot take now.

A tracking server restarts, a network drops, a database is locked for a minute: none of that is a
reason to stop training. What cannot be written goes to a journal, and from there to the store when
it answers again, at the end of the sweep, or at the start of the next one.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

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
from signs_sweep.tracking.journal import Call, Journal

_RETRY_SECONDS = 15.0
"""How long to leave a store alone that did not answer: asking may take as long again."""

_PATIENCE_SECONDS = 20.0
"""How long to wait for the store at the end, when only that is left: a server restarts in less."""

_PAUSE_SECONDS = 1.0
"""Between two questions then."""


class SpoolingTracker:
    """Wraps a tracker; after `open` its failures are kept in a journal instead of being raised.

    Attributes:
        unwritten: what could not be written by the end, in words, or None.
    """

    def __init__(
        self,
        inner: Tracker,
        index: RunIndex,
        journal: Journal,
        datasets: Mapping[str, DatasetInfo],
        tell: Callable[[str], None],
        *,
        is_forced: bool = False,
        retry_seconds: float = _RETRY_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """Wrap a tracker; the journal is not touched while all goes well.

        Args:
            inner: the tracker to wrap; nobody else may call it any more.
            index: finds runs in the same store.
            journal: where to keep what it cannot write.
            datasets: what the runs are trained on, by fingerprint, to be kept with them.
            tell: hears when the store goes away and when it is back; called from the thread that
                calls the tracker.
            is_forced: whether finished records of the same runs do not count.
            retry_seconds: how long to leave the store alone after a failure.
            patience_seconds: how long to wait for it at the end, unless that is an interruption.
        """
        self._inner = inner
        self._index = index
        self._journal = journal
        self._datasets = datasets
        self._tell = tell
        self._is_forced = is_forced
        self._retry_seconds = retry_seconds
        self._patience_seconds = patience_seconds
        self._sweeps: tuple[SweepRecord, ...] = ()
        self._underway: dict[str, list[Call]] = {}
        self._is_away = False
        self._next_try = 0.0
        self._journal_lock = Lock()
        self._is_left = False
        self.unwritten: str | None = None

    @property
    def is_away(self) -> bool:
        """Whether the store did not answer of late."""
        return self._is_away

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """See `Tracker.open`. A store that cannot be written now is an error."""
        self._inner.open(sweeps)
        self._sweeps = tuple(sweeps)

    def start(self, trial: Trial, run: Run, continues: str | None = None) -> None:
        """See `Tracker.start`."""
        self._underway[run.run_id] = []
        self._do_for_run(run.run_id, ("start", (trial, run, continues)))

    def record(self, event: Event) -> None:
        """See `Tracker.record`."""
        if event.run_id not in self._underway:  # It has ended.
            return
        self._do_for_run(event.run_id, ("record", (event,)))
        if isinstance(event, Finished | Failed | Stopped):
            del self._underway[event.run_id]

    def then(self, job: Callable[[], None]) -> None:
        """See `Tracker.then`. What is in the journal counts as written."""
        job()

    def end_trial(self, end: TrialEnd) -> None:
        """See `Tracker.end_trial`."""
        call = ("end_trial", (end,))
        self._do(call, keep=[call])

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        """See `Tracker.close`. Never fails; what could not be written is told of in `unwritten`."""
        self._wait_for_store(0 if state is State.KILLED else self._patience_seconds)
        try:
            if not self._is_away:
                self._inner.close(state, tables, findings)
                return
        except StoreError as error:
            self._go_away(error)
        self._append(("close", (state, tables, findings)))
        self._say_what_waits()

    def keep(self, calls: Sequence[Call]) -> None:
        """Keep calls in the journal, with all of the runs under way, and write nothing more.

        For a caller that cannot wait: the first of the calls, or `close`, may be under way in
        another thread. Whether that is done does not matter, since doing it again changes nothing;
        afterwards that thread leaves the journal alone.

        Raises:
            StoreError: the journal cannot be written.
        """
        with self._journal_lock:
            self._is_left = True
            underway = dict(self._underway)
            is_begun = any(calls[:1] == of_run[-1:] for of_run in underway.values())
            known = set(underway)
            rest = []
            for name, arguments in calls[1:] if is_begun and not self._is_away else calls:
                if name == "open":
                    self._sweeps = tuple(arguments[0])
                    continue
                if name == "start":
                    known.add(arguments[1].run_id)
                if name != "record" or arguments[0].run_id in known:  # Else it has just ended.
                    rest.append((name, arguments))
            if not self._is_away:
                rest = [("open", (self._sweeps, self._datasets)), *_joined(underway), *rest]
            self._journal.append(*rest)
        self._say_what_waits()

    def _say_what_waits(self) -> None:
        self.unwritten = (
            "the tracking store has not taken everything yet. The rest is kept in "
            f"{self._journal.path}; the next `run` or `search` writes it."
        )

    def _append(self, *calls: Call) -> None:
        """Add to the journal, unless it was left as it is."""
        with self._journal_lock:
            if not self._is_left:
                self._journal.append(*calls)

    def _wait_for_store(self, seconds: float) -> None:
        """Ask the store once, and again until so much time has passed."""
        end = time.monotonic() + seconds
        while self._is_away and not self._is_left:
            self._try_again()
            if not self._is_away or time.monotonic() >= end:
                return
            time.sleep(_PAUSE_SECONDS)

    def _do_for_run(self, run_id: str, call: Call) -> None:
        """Do a call, which belongs to a run under way, or keep it in the journal."""
        self._underway[run_id].append(call)
        self._do(call, keep=[])

    def _do(self, call: Call, keep: Sequence[Call]) -> None:
        """Do a call, or keep it in the journal.

        Args:
            call: what to do.
            keep: what to keep if it fails, besides the runs under way.
        """
        if not self._is_away:
            try:
                _apply(self._inner, call)
            except StoreError as error:
                self._go_away(error, keep)
            return
        self._append(call)
        if time.monotonic() >= self._next_try:
            self._try_again()

    def _go_away(self, error: StoreError, keep: Sequence[Call] = ()) -> None:
        """Begin a journal, with all of the runs under way: their records may be incomplete."""
        with self._journal_lock:
            if self._is_left:
                return
            begun = _joined(self._underway)
            self._journal.append(("open", (self._sweeps, self._datasets)), *begun, *keep)
            self._is_away = True
        self._next_try = time.monotonic() + self._retry_seconds
        self._tell(
            f"{error} Training goes on, and what it brings is kept in {self._journal.path} until "
            "the store answers again."
        )

    def _try_again(self) -> None:
        """Write what waits, if the store takes it."""
        try:
            replay(self._journal.read(), self._inner, None if self._is_forced else self._index)
        except StoreError:
            self._next_try = time.monotonic() + self._retry_seconds
            return
        with self._journal_lock:
            if self._is_left:
                return
            self._journal.remove()
            self._is_away = False
        self._tell("the tracking store answers again; what waited for it is written")


def _joined(underway: Mapping[str, Sequence[Call]]) -> list[Call]:
    """Return the calls of some runs, with the epochs of each run in one event.

    A run of a million epochs has 30,000 events, which take ten times as long to be written.
    """
    joined: list[Call] = []
    for calls in underway.values():
        curves = Curves()
        others, ends = [], []
        for call in calls:
            match call[1][0]:
                case Progress() as event:
                    curves.add(event)
                case Finished() | Failed() | Stopped():
                    ends.append(call)
                case _:
                    others.append(call)
        epochs: list[Call] = [("record", (curves.joined(),))] if curves.epochs else []
        joined += [*others, *epochs, *ends]
    return joined


def replay(calls: Sequence[Call], tracker: Tracker, index: RunIndex | None) -> None:
    """Do what a journal holds of runs and trials, in an open tracker.

    What is recorded already stays. Trials end after all of the runs, in the order of the journal.

    Args:
        calls: those of the journal.
        tracker: open.
        index: finds runs in the same store; None where their earlier records do not count.

    Raises:
        StoreError: the store cannot be written; all of it may be done again.
    """
    of_runs: dict[str, list[Call]] = {}
    for name, arguments in calls:
        if name == "start":
            of_runs[arguments[1].run_id] = [(name, arguments)]
        elif name == "record" and arguments[0].run_id in of_runs:
            of_runs[arguments[0].run_id].append((name, arguments))
    found = {} if index is None else index.find(list(of_runs))
    for run_id, (start, *events) in of_runs.items():
        known = found.get(run_id)
        if known is not None and known.state.is_finished:
            continue
        trial, run, continues = start[1]
        tracker.start(trial, run, known.location if known else continues)
        curves = Curves()
        for name, (event,) in events:
            # A call may be in the journal twice: what was under way when the store went away.
            new = curves.add(event) if isinstance(event, Progress) else event
            if new is not None:
                _apply(tracker, (name, (new,)))
    for name, arguments in calls:
        if name == "end_trial":
            _apply(tracker, (name, arguments))


def finish_journal(journal: Journal, make_tracker: Callable[..., Tracker], index: RunIndex) -> None:
    """Write what an earlier sweep could not, and remove its journal.

    Args:
        journal: nobody may be writing it.
        make_tracker: makes the tracker of the store, for datasets by fingerprint.
        index: finds runs in the same store.

    Raises:
        StoreError: the store cannot be written, or the journal cannot be read.
    """
    calls = journal.read()
    if not calls:  # Its first line was not written to its end: nothing was kept yet.
        journal.remove()
        return
    sweeps, datasets = calls[0][1]
    tracker = make_tracker(datasets)
    tracker.open(sweeps)
    replay(calls, tracker, index)
    ends = [arguments for name, arguments in calls if name == "close"]
    tracker.close(*(ends[-1] if ends else (State.KILLED, {})))
    journal.remove()


def _apply(tracker: Tracker, call: Call) -> None:
    name, arguments = call
    getattr(tracker, name)(*arguments)
