"""What every tracker promises."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.protocols import SweepRecord, Tracker
from signs_sweep.records import (
    Dense,
    Failed,
    Finished,
    Parameters,
    Progress,
    Run,
    Started,
    State,
    Stopped,
    Trial,
)
from signs_sweep.trackers import (
    BackgroundTracker,
    DatasetInfo,
    Journal,
    MemoryTracker,
    MlflowTracker,
    SpoolingTracker,
)

RUN = Run(Parameters(epochs=4, l2=0.01, global_seed=3), Dense((5,)), 0.0, "abcd")
TRIAL = Trial(1, "m3", (RUN,))
SWEEP = SweepRecord("toy", "Why.", "name: toy\n", "1 run\n", "toy data", ("l2",))
DATASET = DatasetInfo("toy", ("a", "b"), np.zeros((1, 4, 4, 3), np.float32), drawn=False)
FINAL = {
    "final_train_loss": 0.25,
    "final_train_accuracy": 0.75,
    "test_loss": 0.5,
    "test_accuracy": 0.625,
}


def started() -> Started:
    return Started(RUN.run_id, 0, 1_700_000_000.0, {"keras": "3.0", "python": "3.11"})


def progress(first: int, count: int) -> Progress:
    epochs = np.arange(first, first + count)
    metrics = {"loss": 1 / epochs, "accuracy": epochs / 10}
    return Progress(RUN.run_id, first, metrics, 1_700_000_000_000 + epochs * 1000)


def finished() -> Finished:
    return Finished(
        RUN.run_id, 1_700_000_010.0, 8.5, FINAL, np.array([[3, 1], [2, 4]]), b"a keras file"
    )


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables, made once: that takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    MlflowTracker(f"sqlite:///{folder}/mlflow.db", {}).find()
    return folder / "mlflow.db"


@pytest.fixture(
    params=[
        "memory",
        "background memory",
        "spooling memory",
        pytest.param("mlflow", marks=pytest.mark.slow),
        pytest.param("background mlflow", marks=pytest.mark.slow),
    ]
)
def make_tracker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Tracker]]:
    """Make trackers on one and the same store."""
    memory = MemoryTracker()
    if "mlflow" in request.param:
        shutil.copy(request.getfixturevalue("empty_store"), tmp_path / "mlflow.db")

    def make() -> Tracker:
        inner: Tracker = memory
        if "mlflow" in request.param:
            inner = MlflowTracker(f"sqlite:///{tmp_path}/mlflow.db", {RUN.data: DATASET})
        if "spooling" in request.param:
            journal = Journal(tmp_path / "spool" / "one.jsonl")
            return SpoolingTracker(inner, journal, {RUN.data: DATASET}, pytest.fail)
        return BackgroundTracker(inner) if "background" in request.param else inner

    return make


def begin(tracker: Tracker) -> None:
    tracker.open([SWEEP])
    tracker.start("toy", TRIAL, RUN)
    tracker.record(started())


def test_an_empty_store_knows_no_run(make_tracker) -> None:
    assert make_tracker().find() == {}
    assert make_tracker().find([RUN.run_id]) == {}


def test_a_finished_run_is_found_with_its_numbers(make_tracker) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.record(progress(1, 3))
    tracker.record(progress(4, 1))
    tracker.record(finished())
    tracker.close(State.FINISHED, {"toy": "a,b\n1,2\n"})
    result = make_tracker().find()[RUN.run_id]
    assert result.state is State.FINISHED
    assert result.epochs == 4
    assert result.seconds == 8.5
    assert result.metrics == {"loss": 0.25, "accuracy": 0.4, **FINAL}
    assert result.location


def test_unknown_runs_are_left_out(make_tracker) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.close(State.FINISHED, {})
    assert set(make_tracker().find([RUN.run_id, "other"])) == {RUN.run_id}
    assert make_tracker().find(["other"]) == {}


def test_recording_an_event_twice_changes_nothing(make_tracker) -> None:
    tracker = make_tracker()
    begin(tracker)
    for event in (progress(1, 4), progress(1, 4), progress(3, 2), finished(), finished()):
        tracker.record(event)
    tracker.close(State.FINISHED, {})
    result = make_tracker().find()[RUN.run_id]
    assert (result.epochs, result.state) == (4, State.FINISHED)
    assert result.metrics["loss"] == 0.25


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (Failed(RUN.run_id, 1_700_000_009.0, "it diverged", "a trace"), State.FAILED),
        (Stopped(RUN.run_id, 1_700_000_009.0), State.KILLED),
    ],
)
def test_the_event_that_ends_a_run_decides_its_state(make_tracker, event, state) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.record(progress(1, 2))
    tracker.record(event)
    tracker.close(State.FAILED, {})
    result = make_tracker().find()[RUN.run_id]
    assert result.state is state
    assert result.epochs == 2
    assert result.metrics["loss"] == 0.5
    assert result.message == ("it diverged" if state is State.FAILED else None)


def test_what_has_not_ended_is_killed_by_close(make_tracker) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.record(progress(1, 1))
    tracker.close(State.KILLED, {})
    assert make_tracker().find()[RUN.run_id].state is State.KILLED


def test_a_finished_record_wins_over_a_later_one_that_is_not(make_tracker) -> None:
    first = make_tracker()
    begin(first)
    first.record(progress(1, 4))
    first.record(finished())
    first.close(State.FINISHED, {})
    second = make_tracker()
    begin(second)
    second.record(progress(1, 1))
    second.close(State.KILLED, {})
    result = make_tracker().find()[RUN.run_id]
    assert (result.state, result.epochs) == (State.FINISHED, 4)


def test_an_unfinished_record_is_continued_and_holds_every_epoch_once(make_tracker) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.record(progress(1, 3))
    tracker.record(Failed(RUN.run_id, 1_700_000_009.0, "its process died"))
    tracker.close(State.FAILED, {})
    location = make_tracker().find()[RUN.run_id].location

    again = make_tracker()
    again.open([SWEEP])
    again.start("toy", TRIAL, RUN, location)
    assert again.find()[RUN.run_id].state is State.RUNNING
    again.record(started())
    again.record(replace(progress(1, 2), is_replay=True))
    again.record(progress(3, 2))
    again.record(finished())
    again.close(State.FINISHED, {})

    result = make_tracker().find()[RUN.run_id]
    assert result.location == location
    assert result.state is State.FINISHED
    assert result.message is None
    assert result.epochs == 4
    assert result.metrics["loss"] == 0.25
    assert result.metrics["test_accuracy"] == FINAL["test_accuracy"]
