"""What happens while the store does not answer, and afterwards."""

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from events import FINAL, finished, progress, started
from fakes import MemoryTracker
from servers import wait_for
from signs_sweep.domain import (
    Dense,
    Event,
    Parameters,
    Progress,
    Result,
    Run,
    State,
    Trial,
    TrialEnd,
)
from signs_sweep.errors import StoreError
from signs_sweep.protocols import Findings, SweepRecord
from signs_sweep.tracking import (
    DatasetInfo,
    Journal,
    Outbox,
    finish_journal,
)
from trials import ended, searched

SWEEP = SweepRecord("toy", "", "name: toy\n", "", "toy", "one", "here")
RUNS = [Run(Parameters(epochs=3, l2=l2), Dense((4,)), 0.0, "data") for l2 in (0.0, 0.1)]
TRIALS = [searched(number, run, l2=run.parameters.l2) for number, run in enumerate(RUNS, 1)]
SEARCH = replace(SWEEP, is_search=True)
ENDS = [ended(trial) for trial in TRIALS]
END = ENDS[0]
FINDINGS = Findings(
    "It *did* help.", {"a.png": b"\xffpng"}, choices={"l2": 0.0}, metrics={"best_value": 0.5}
)
DATASET = DatasetInfo("toy", ("a", "b"), np.zeros((1, 2, 2, 3), np.uint8), drawn=True)


class Flaky(MemoryTracker):
    """Raises errors while it is away, but writes some calls before that."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.attempts = 0
        self.calls: list[tuple[str, set[str]]] = []
        """The ended trials, in order, each with its runs that had ended by then."""

    def _check(self) -> None:
        self.attempts += 1
        if self.is_away:
            raise StoreError("the store does not answer.")

    def find(self, run_ids: Collection[str] | None = None) -> Mapping[str, Result]:
        self._check()
        return super().find(run_ids)

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        self._check()
        super().open(sweeps)

    def start(self, trial: Trial, run: Run, continues: str | None = None) -> None:
        self._check()
        super().start(trial, run, continues)

    def record(self, event: Event) -> None:
        if self.is_away and isinstance(event, Progress):
            super().record(event)  # Written, but the response is lost.
        self._check()
        super().record(event)

    def end_trial(self, end: TrialEnd) -> None:
        if self.is_away:
            super().end_trial(end)  # As above.
        self._check()
        run_ids = {run_id for run_id in end.trial.run_ids if self._ended(run_id)}
        self.calls.append((end.trial.title, run_ids))
        super().end_trial(end)

    def _ended(self, run_id: str) -> bool:
        return MemoryTracker.find(self)[run_id].state.has_ended

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        self._check()
        super().close(state, tables, findings)


class Settled:
    """An outbox whose caller waits until each call is in the store or in the journal."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.outbox, name)
        if name not in ("open", "start", "record", "end_trial"):
            return method

        def call(*arguments: Any) -> None:
            method(*arguments)
            done = threading.Event()
            self.outbox.then(done.set)
            while not done.wait(0.01):
                self.outbox.then(lambda: None)  # Raises the error of the writer.

        return call


class Story:
    """A sweep of two runs, recorded through an outbox."""

    def __init__(self, folder: Path, *, retry_seconds: float = 0.0, is_shared: bool = False):
        self.store = Flaky()
        self.journal = Journal(folder / "spool" / "one.jsonl")
        self.messages: list[str] = []
        outbox = Outbox(
            *(self.store, self.store, self.journal, {"data": DATASET}, self.messages.append),
            is_shared=lambda: is_shared,
            retry_seconds=retry_seconds,
            patience_seconds=0,
        )
        self.tracker = Settled(outbox)
        self.tracker.open([SWEEP])

    def start(self, number: int) -> None:
        run = RUNS[number]
        self.tracker.start(TRIALS[number], run)
        self.tracker.record(started(run))

    def epochs(self, number: int, *epochs: int) -> None:
        for epoch in epochs:
            self.tracker.record(progress(RUNS[number], epoch))

    def finish(self, number: int) -> None:
        self.tracker.record(finished(RUNS[number]))

    def trial(self, number: int) -> None:
        """Train the run of a trial and end the trial."""
        self.start(number)
        self.epochs(number, 1, 2, 3)
        self.finish(number)
        self.tracker.end_trial(ENDS[number])


def check_everything_is_there(store: MemoryTracker) -> None:
    found = store.find()
    assert set(found) == {run.run_id for run in RUNS}
    for result in found.values():
        assert result.state is State.FINISHED
        assert result.metrics["test_accuracy"] == FINAL["test_accuracy"]
        assert result.history is not None
        assert result.history["loss"].tolist() == [1, 1 / 2, 1 / 3]
    assert len(store._records) == 2, "each run has one record"


def test_a_store_that_is_never_away_leaves_no_file(tmp_path: Path) -> None:
    story = Story(tmp_path)
    for number in (0, 1):
        story.start(number)
        story.epochs(number, 1, 2, 3)
        story.finish(number)
    story.tracker.close(State.FINISHED, {"toy": "table"})
    check_everything_is_there(story.store)
    assert story.messages == []
    assert story.tracker.unwritten is None
    assert list(tmp_path.iterdir()) == []


def test_the_journal_is_saved_without_a_further_call(tmp_path: Path) -> None:
    story = Story(tmp_path, retry_seconds=0.05)
    story.start(0)
    story.store.is_away = True
    story.finish(0)
    assert story.tracker.outbox.is_away
    story.store.is_away = False
    wait_for(lambda: not story.tracker.outbox.is_away, 60)
    assert story.store.find()[RUNS[0].run_id].state is State.FINISHED
    story.tracker.close(State.FINISHED, {})


@pytest.mark.parametrize("moment", ["start", "epoch", "finish", "close"])
def test_the_journal_is_saved_when_the_store_answers_again(tmp_path: Path, moment: str) -> None:
    story = Story(tmp_path)
    away = lambda what: setattr(story.store, "is_away", moment == what)  # noqa: E731
    story.start(0)
    story.epochs(0, 1)
    away("start")
    story.start(1)
    story.store.is_away = False
    story.epochs(1, 1)
    away("epoch")
    story.epochs(0, 2)
    story.epochs(1, 2)
    assert story.journal.path.exists() == (moment == "epoch")
    story.store.is_away = False
    story.epochs(0, 3)
    away("finish")
    story.finish(0)
    story.store.is_away = False
    story.epochs(1, 3)
    story.finish(1)
    away("close")
    if moment != "close":
        story.tracker.close(State.FINISHED, {"toy": "table"})
        assert story.tracker.unwritten is None
        assert not story.journal.path.exists()
        assert [words[:30] for words in story.messages] == [
            "the store does not answer. Tra",
            "the tracking store answers aga",
        ]
        assert story.store.closed == [State.FINISHED]
        assert story.store.tables == {"toy": "table"}
    else:
        story.tracker.close(State.FINISHED, {"toy": "table"})
        assert str(story.journal.path) in story.tracker.unwritten
        story.store.is_away = False
        finish_journal(story.journal, lambda _: story.store, story.store)
        assert story.store.closed == [State.FINISHED]
    check_everything_is_there(story.store)


def test_the_next_sweep_saves_the_journal_with_its_data(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.start(0)
    story.epochs(0, 1)
    story.store.is_away = True
    story.epochs(0, 2, 3)
    story.finish(0)
    story.start(1)
    story.epochs(1, 1, 2, 3)
    story.finish(1)
    story.tracker.close(State.FINISHED, {"toy": "table"})
    assert story.tracker.unwritten is not None
    story.store.is_away = False
    given = {}

    def make_tracker(datasets: Mapping[str, DatasetInfo]) -> Flaky:
        given.update(datasets)
        return story.store

    finish_journal(story.journal, make_tracker, story.store)
    check_everything_is_there(story.store)
    assert given["data"].drawn
    assert given["data"].classes == ("a", "b")
    assert given["data"].example.dtype == np.uint8
    assert story.store.tables == {"toy": "table"}
    assert not story.journal.path.exists()


def test_a_sweep_that_was_killed_meanwhile_leaves_its_runs_killed_not_running(
    tmp_path: Path,
) -> None:
    story = Story(tmp_path, retry_seconds=1000)  # Killed: it does not come back.
    story.start(0)
    story.store.is_away = True
    story.epochs(0, 1, 2)
    whole = story.journal.path.read_bytes()
    story.journal.path.write_bytes(whole + whole[-40:].rstrip(b"\n"))  # Killed while it wrote.
    story.store.is_away = False
    finish_journal(story.journal, lambda _: story.store, story.store)
    result = story.store.find()[RUNS[0].run_id]
    assert (result.state, result.epochs) == (State.KILLED, 2)
    assert story.store.closed == [State.KILLED]


def test_a_run_that_another_sweep_finished_meanwhile_is_left_alone(tmp_path: Path) -> None:
    story = Story(tmp_path, retry_seconds=1000)
    story.start(0)
    story.store.is_away = True
    story.epochs(0, 1)
    story.store.is_away = False
    MemoryTracker.record(story.store, progress(RUNS[0], 2))
    MemoryTracker.record(story.store, finished(RUNS[0]))
    starts = len(story.store.started)
    story.tracker.close(State.FINISHED, {})
    assert len(story.store.started) == starts
    assert story.store.find()[RUNS[0].run_id].state is State.FINISHED


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_store_that_stays_away_is_reported_again(
    is_shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path, is_shared=is_shared)
    story.start(0)
    story.store.is_away = True
    story.epochs(0, 1, 2)
    assert len(story.messages) == 1
    monkeypatch.setattr(story.tracker.outbox, "_since", time.monotonic() - 300)
    monkeypatch.setattr(story.tracker.outbox, "_tell_at", 0.0)
    story.epochs(0, 3)
    message = story.messages[-1]
    assert message.startswith("the store does not answer. This has lasted for 5 minutes. ")
    assert ("Runs that other machines train are waited for" in message) is is_shared
    assert "Ctrl-C ends this sweep; its records are kept" in message


def test_the_store_is_left_alone_for_a_while_after_a_failure(tmp_path: Path) -> None:
    story = Story(tmp_path, retry_seconds=1000)
    story.start(0)
    story.store.is_away = True
    story.epochs(0, 1)
    before = story.store.attempts
    story.epochs(0, 2, 3)
    assert story.store.attempts == before
    assert story.tracker.is_away


def test_a_store_that_cannot_be_written_at_the_start_is_an_error(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.store.is_away = True
    with pytest.raises(StoreError, match="does not answer"):
        story.tracker.open([SWEEP])
    assert list(tmp_path.iterdir()) == []


def test_neither_the_store_nor_the_disk_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    story = Story(tmp_path)
    story.start(0)
    story.store.is_away = True
    with pytest.raises(StoreError, match=r"cannot write .*, nor save .* in .*one\.jsonl"):
        story.epochs(0, 1)


def check_the_ends_are_there(store: Flaky) -> None:
    check_everything_is_there(store)
    assert store.trial_ends == ENDS
    # Each was recorded once, after its runs.
    assert store.calls == [(end.trial.title, set(end.trial.run_ids)) for end in ENDS]


def search(folder: Path) -> Story:
    story = Story(folder, retry_seconds=1000)
    story.tracker.open([SEARCH])
    return story


def test_trials_that_end_while_the_store_is_away_are_written_after_their_runs(
    tmp_path: Path,
) -> None:
    story = search(tmp_path)
    story.start(0)
    story.store.is_away = True
    story.epochs(0, 1, 2, 3)
    story.finish(0)
    story.tracker.end_trial(ENDS[0])
    story.trial(1)
    assert story.store.trial_ends == []
    story.store.is_away = False
    story.tracker.close(State.FINISHED, {}, {"toy": FINDINGS})
    check_the_ends_are_there(story.store)
    assert story.store.findings == {"toy": FINDINGS}
    assert story.tracker.unwritten is None
    assert not story.journal.path.exists()


def test_the_end_of_a_trial_may_be_the_first_failing_call(tmp_path: Path) -> None:
    story = search(tmp_path)
    story.start(0)
    story.epochs(0, 1, 2, 3)
    story.finish(0)
    story.store.is_away = True
    story.tracker.end_trial(ENDS[0])
    story.store.is_away = False
    story.trial(1)
    story.tracker.close(State.FINISHED, {}, {"toy": FINDINGS})
    check_the_ends_are_there(story.store)
    assert [words[:30] for words in story.messages] == [
        "the store does not answer. Tra",
        "the tracking store answers aga",
    ]


def test_a_trial_that_ended_before_the_store_went_away_is_not_recorded_again(
    tmp_path: Path,
) -> None:
    story = search(tmp_path)
    story.trial(0)
    story.start(1)
    story.store.is_away = True
    story.epochs(1, 1, 2, 3)
    story.finish(1)
    story.tracker.end_trial(ENDS[1])
    assert [name for name, _ in story.journal.read()].count("end_trial") == 1
    story.store.is_away = False
    story.tracker.close(State.FINISHED, {})
    check_the_ends_are_there(story.store)


def test_the_next_sweep_saves_the_ends_of_trials_and_the_findings(tmp_path: Path) -> None:
    story = search(tmp_path)
    story.trial(0)
    story.start(1)
    story.store.is_away = True
    story.epochs(1, 1, 2, 3)
    story.finish(1)
    story.tracker.end_trial(ENDS[1])
    story.tracker.close(State.KILLED, {}, {"toy": FINDINGS})
    assert story.tracker.unwritten is not None
    story.store.is_away = False
    finish_journal(story.journal, lambda _: story.store, story.store)
    check_the_ends_are_there(story.store)
    assert story.store.sweeps == {"toy": SEARCH}
    assert story.store.findings == {"toy": FINDINGS}
    assert story.store.closed == [State.KILLED]


def test_findings_wait_when_only_close_cannot_be_written(tmp_path: Path) -> None:
    story = search(tmp_path)
    story.trial(0)
    story.trial(1)
    story.store.is_away = True
    story.tracker.close(State.FINISHED, {}, {"toy": FINDINGS})
    story.store.is_away = False
    finish_journal(story.journal, lambda _: story.store, story.store)
    check_the_ends_are_there(story.store)
    assert story.store.findings == {"toy": FINDINGS}
