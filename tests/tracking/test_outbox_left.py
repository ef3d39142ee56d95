"""The unwritten records of an interrupted sweep."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from events import failed, finished, progress, started, stopped
from fakes import MemoryTracker
from signs_sweep.domain import (
    Dense,
    Failed,
    Finished,
    Parameters,
    Progress,
    Run,
    State,
    Stopped,
    TrialState,
)
from signs_sweep.errors import StoreError
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import (
    DatasetInfo,
    Journal,
    Outbox,
    finish_journal,
    outbox,
)
from trials import ended, make_trial, searched

EPOCHS = 50
RUNS = [Run(Parameters(epochs=EPOCHS, l2=l2), Dense((4,)), 0.0, "data") for l2 in (0.0, 0.1, 0.2)]
DATASET = DatasetInfo("toy", ("a", "b"), np.zeros((1, 2, 2, 3), np.uint8), drawn=True)
SWEEP = SweepRecord("toy", "", "name: toy\n", "", "toy", "one", "here", is_search=True)
TRIALS = [searched(number, run) for number, run in enumerate(RUNS)]
ENDS = [ended(trial, TrialState.FAILED, None) for trial in TRIALS]
LAST = {0: finished, 1: failed, 2: stopped}


class Hanging(MemoryTracker):
    """Hangs in a call until `may_continue` is set, before or after processing it."""

    def __init__(self, moment: Callable[[str, Any], bool], *, is_done: bool = False) -> None:
        super().__init__()
        self.moment = moment
        self.is_done = is_done
        self.hangs = threading.Event()
        self.may_continue = threading.Event()
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        if name not in ("open", "start", "record", "end_trial", "close"):
            return method

        def call(*arguments: Any) -> None:
            self.calls.append(name)
            is_now = self.moment(name, arguments[-1])
            if is_now and self.is_done:
                method(*arguments)
            if is_now:
                self.moment = lambda *_: False
                self.hangs.set()
                self.may_continue.wait()
            if not is_now or not self.is_done:
                method(*arguments)

        return call


MOMENTS: dict[str, Callable[[str, Any], bool]] = {
    "open": lambda name, _: name == "open",
    "start": lambda name, _: name == "start",
    "epoch": lambda _, last: isinstance(last, Progress) and last.first_epoch == 7,
    "finish": lambda _, last: isinstance(last, Finished),
    "fail": lambda _, last: isinstance(last, Failed),
    "stop": lambda _, last: isinstance(last, Stopped),
    "trial": lambda name, last: name == "end_trial" and last == ENDS[1],
    "close": lambda name, _: name == "close",
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SECONDS", "_LEAST_SECONDS", "_LAST_SECONDS", "_POLL_SECONDS"):
        monkeypatch.setattr(outbox, name, 0.02)


def in_time(job: Callable[[], None]) -> None:
    """Do a job that must not wait for the tracker; the limit only ends a test that fails."""
    thread = threading.Thread(target=job, daemon=True)
    thread.start()
    thread.join(600)
    assert not thread.is_alive(), "it waits for the tracker"


def make(store: MemoryTracker, folder: Path) -> tuple[Outbox, Journal]:
    journal = Journal(folder / "one.jsonl")
    return Outbox(store, store, journal, {"data": DATASET}, pytest.fail), journal


def sweep(tracker: Outbox) -> Iterator[str]:
    """Record three runs, each with its trial, and yield the run_id of each afterwards."""
    tracker.open([SWEEP])
    for number, run in enumerate(RUNS):
        tracker.start(TRIALS[number], run)
        tracker.record(started(run))
        for epoch in range(1, EPOCHS + 1):
            tracker.record(progress(run, epoch))
        tracker.record(LAST[number](run.run_id))
        tracker.end_trial(ENDS[number])
        yield run.run_id


def check_everything_is_there_once(store: MemoryTracker) -> None:
    found = store.find()
    states = [found[run.run_id].state for run in RUNS]
    assert states == [State.FINISHED, State.FAILED, State.KILLED]
    for result in found.values():
        assert result.history is not None
        assert result.history["loss"].tolist() == [1 / epoch for epoch in range(1, EPOCHS + 1)]
    assert len(store._records) == 3, "each run has one record"
    assert sorted(end.trial.number for end in store.trial_ends) == [0, 1, 2]
    assert store.closed[-1] is State.KILLED
    assert store.tables == {"toy": "table"}


@pytest.mark.parametrize("is_done", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_store_that_hangs_is_left_and_the_next_command_writes_each_record_once(
    tmp_path: Path, moment: str, is_done: bool
) -> None:
    store = Hanging(MOMENTS[moment], is_done=is_done)
    tracker, journal = make(store, tmp_path)
    released: list[str] = []
    if moment == "open":
        tracker.hurry()  # Otherwise nothing is trained before the store is open.
    for run_id in sweep(tracker):
        tracker.then(lambda run_id=run_id: released.append(run_id))
    if moment != "close":
        store.hangs.wait(600)
    in_time(lambda: tracker.close(State.KILLED, {"toy": "table"}))
    assert str(journal.path) in tracker.unwritten
    assert released == [run.run_id for run in RUNS], "calls in the journal count as written"
    done = list(store.calls)
    store.may_continue.set()
    tracker._writer.join(600)
    assert store.calls == done, "the thread ends after its current call"
    assert journal.path.exists()
    finish_journal(journal, lambda _: store, store)
    check_everything_is_there_once(store)
    assert not journal.path.exists()


def test_close_waits_for_calls_that_are_written_soon_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_LEAST_SECONDS", 600)
    store = MemoryTracker()
    tracker, journal = make(store, tmp_path)
    list(sweep(tracker))
    tracker.hurry()
    tracker.close(State.KILLED, {"toy": "table"})
    check_everything_is_there_once(store)
    assert tracker.unwritten is None
    assert not journal.path.exists()


def test_an_interruption_while_the_end_is_written_does_not_wait_either(tmp_path: Path) -> None:
    store = Hanging(MOMENTS["close"])
    tracker, journal = make(store, tmp_path)
    list(sweep(tracker))
    closing = threading.Thread(target=tracker.close, args=(State.FINISHED, {}), daemon=True)
    closing.start()
    store.hangs.wait(600)
    assert closing.is_alive()
    tracker.hurry()
    closing.join(600)
    assert not closing.is_alive()
    assert tracker.unwritten is not None
    assert journal.read()[-1] == ("close", (State.FINISHED, {}, None))
    store.may_continue.set()
    tracker._writer.join(600)


def test_an_interruption_ends_the_wait_for_room(tmp_path: Path) -> None:
    store = Hanging(MOMENTS["start"])
    tracker, journal = make(store, tmp_path)
    tracker.open([SWEEP])
    run = RUNS[0]
    many = outbox._ROOM // 2 + 1
    given: list[int] = []

    def give() -> None:
        tracker.start(make_trial(run, number=1), run)
        for first in range(1, 4 * many, many):
            tracker.record(progress(run, first, many))
            given.append(first)

    giving = threading.Thread(target=give, daemon=True)
    giving.start()
    store.hangs.wait(600)
    while not given:
        giving.join(0.01)
    giving.join(0.2)
    assert len(given) == 1, "epochs wait where the store is slower than the training"
    tracker.hurry()
    giving.join(600)
    assert len(given) == 4
    in_time(lambda: tracker.close(State.KILLED, {}))
    assert [name for name, _ in journal.read()] == ["open", "start", *["record"] * 4, "close"]
    store.may_continue.set()
    tracker._writer.join(600)


def test_a_store_that_answers_too_late_does_not_remove_the_journal(tmp_path: Path) -> None:
    """The store fails, answers again, and hangs while the journal is replayed."""
    store = Hanging(lambda name, _: name == "start" and store.calls.count("start") == 3)
    real = store.record
    is_away = True

    def record(event: Any) -> None:
        if is_away and isinstance(event, Progress):
            raise StoreError("it is away")
        real(event)

    store.__dict__["record"] = record
    journal = Journal(tmp_path / "one.jsonl")
    tracker = Outbox(store, store, journal, {"data": DATASET}, lambda _: None, retry_seconds=0)
    list(sweep(tracker))
    store.hangs.wait(600)
    in_time(lambda: tracker.close(State.KILLED, {"toy": "table"}))
    is_away = False
    store.may_continue.set()
    tracker._writer.join(600)
    finish_journal(journal, lambda _: store, store)
    check_everything_is_there_once(store)


@pytest.mark.parametrize("is_away", [False, True])
def test_a_call_that_was_taken_from_the_queue_and_not_processed_is_kept(
    tmp_path: Path, *, is_away: bool
) -> None:
    """An interruption may come between taking a call and doing it."""
    store = MemoryTracker()
    tracker, journal = make(store, tmp_path)
    tracker._sweeps = (SWEEP,)
    tracker._waiting += [
        ("start", (TRIALS[0], RUNS[0], None)),
        ("record", (failed(RUNS[0]),)),
        ("end_trial", (ENDS[0],)),
    ]
    tracker._take()
    if is_away:
        tracker._keep()
    tracker._take()
    tracker._writer = threading.Thread(target=lambda: None)  # It gets no further.
    tracker._writer.start()
    tracker._leave()
    names = [name for name, _ in journal.read()]
    assert names == ["open", "start", "record", "end_trial"]
    finish_journal(journal, lambda _: store, store)
    assert store.find()[RUNS[0].run_id].state is State.FAILED
    assert store.trial_ends == [ENDS[0]]
