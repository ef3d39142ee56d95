"""The tracker that passes its calls to another tracker in a separate thread."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from events import progress, started, stopped
from fakes import MemoryTracker
from signs_sweep.domain import (
    Dense,
    Event,
    Parameters,
    Progress,
    Run,
    State,
)
from signs_sweep.errors import StoreError
from signs_sweep.protocols import Findings, SweepRecord
from signs_sweep.tracking import Journal, Outbox, outbox
from signs_sweep.tracking.outbox import _MOST_WAITING
from trials import make_trial

RUN = Run(Parameters(epochs=3), Dense((4,)), 0.0, "data")
TRIAL = make_trial(RUN, number=1)
SWEEP = SweepRecord("toy", "", "", "", "toy")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_SECONDS", 600)


def make(inner: MemoryTracker) -> Outbox:
    """Make an outbox that needs no journal."""
    return Outbox(inner, inner, Journal(Path("/dev/null/journal")), {}, pytest.fail)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class SlowTracker(MemoryTracker):
    """Writes nothing before `may_write` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = threading.Event()

    def record(self, event: Event) -> None:
        self.may_write.wait(600)
        super().record(event)


class BrokenTracker(MemoryTracker):
    """Fails to write the epochs of a run."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.calls: list[str] = []

    def record(self, event: Event) -> None:
        self.calls.append(type(event).__name__)
        if isinstance(event, Progress):
            raise self.error

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        self.calls.append("close")
        super().close(state, tables, findings)


def begin(tracker: Outbox, sweeps: Sequence[SweepRecord] = (SWEEP,)) -> None:
    tracker.open(sweeps)
    tracker.start(TRIAL, RUN)
    tracker.record(started(RUN))


def test_nothing_is_trained_before_the_store_is_open_unless_interrupted() -> None:
    inner, may_open = MemoryTracker(), threading.Event()

    def refuse(_: object) -> None:
        may_open.wait(600)
        raise StoreError("not you")

    inner.open = refuse
    tracker, errors = make(inner), []

    def train() -> None:
        try:
            begin(tracker)
        except StoreError as error:
            errors.append(str(error))

    for is_interrupted in (False, True):
        may_open.clear()
        tracker = make(inner)
        training = threading.Thread(target=train, daemon=True)
        training.start()
        training.join(0.3)
        assert training.is_alive()
        (tracker.hurry if is_interrupted else may_open.set)()
        training.join(600)
        assert errors == ["not you"], "an interruption ends the wait, not the sweep"
    may_open.set()


def test_calls_return_before_anything_is_written_and_close_waits() -> None:
    inner = SlowTracker()
    tracker = make(inner)
    begin(tracker)
    for number in (1, 2, 3):
        tracker.record(progress(RUN, number))
    known = inner.find().get(RUN.run_id)
    assert known is None or known.epochs == 0
    inner.may_write.set()
    tracker.close(State.KILLED, {})
    assert inner.find()[RUN.run_id].epochs == 3
    assert not tracker._writer.is_alive()


def test_a_job_is_done_when_all_calls_before_it_are_written() -> None:
    inner = SlowTracker()
    tracker = make(inner)
    begin(tracker)
    tracker.record(progress(RUN, 1))
    epochs: list[int] = []
    tracker.then(lambda: epochs.append(inner.find()[RUN.run_id].epochs))
    assert epochs == []
    inner.may_write.set()
    tracker.close(State.KILLED, {})
    assert epochs == [1]


def test_a_limited_number_of_ended_runs_may_wait() -> None:
    inner = SlowTracker()
    tracker = make(inner)
    tracker.open([SWEEP])
    given = []

    def give() -> None:
        for number in range(2 * _MOST_WAITING):
            run = Run(Parameters(epochs=3, init_seed=number), Dense((4,)), 0.0, "data")
            tracker.start(make_trial(run, number=number), run)
            for _ in range(20):  # These calls need no room.
                tracker.record(started(run))
            tracker.record(stopped(run))
            given.append(number)

    thread = threading.Thread(target=give, daemon=True)
    thread.start()
    wait_until(lambda: len(given) == _MOST_WAITING)
    thread.join(0.2)
    assert len(given) == _MOST_WAITING
    inner.may_write.set()
    thread.join(600)
    tracker.close(State.KILLED, {})
    assert len(inner.find()) == 2 * _MOST_WAITING


def check_that_it_is_raised(tracker: Outbox, error: Exception) -> None:
    wait_until(lambda: tracker._failure is not None)
    with pytest.raises(type(error), match=str(error)):
        tracker.record(progress(RUN, 2))
    with pytest.raises(type(error), match=str(error)):
        tracker.then(lambda: pytest.fail("the calls before it are not written"))
    with pytest.raises(type(error), match=str(error)):
        tracker.close(State.FAILED, {})


def test_a_bug_is_raised_by_the_next_calls_and_nothing_more_is_written() -> None:
    inner = BrokenTracker(RuntimeError("a bug"))
    tracker = make(inner)
    begin(tracker)
    tracker.record(progress(RUN, 1))
    check_that_it_is_raised(tracker, inner.error)
    assert inner.calls == ["Started", "Progress"]


def test_a_journal_that_cannot_be_written_either_is_raised_by_the_next_calls() -> None:
    inner = BrokenTracker(StoreError("the disk is full"))
    tracker = make(inner)
    begin(tracker)
    tracker.record(progress(RUN, 1))
    words = "cannot write to the tracking store, nor save its records in /dev/null/journal"
    check_that_it_is_raised(tracker, StoreError(words))
    assert inner.calls == ["Started", "Progress"]
