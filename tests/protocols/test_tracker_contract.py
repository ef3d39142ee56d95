"""What every tracker promises."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from events import FINAL, failed, finished, progress, started, stopped
from fakes import MemoryTracker
from signs_sweep.domain import (
    Condition,
    Dense,
    Diagnosis,
    Failed,
    Parameters,
    Run,
    State,
    TrialEnd,
    TrialState,
)
from signs_sweep.protocols import Findings, RunIndex, SweepRecord, Tracker
from signs_sweep.tracking import (
    DatasetInfo,
    Journal,
    MlflowIndex,
    MlflowTracker,
    Outbox,
    outbox,
)
from signs_sweep.tracking.mlflow.client import connect
from trials import ended, make_trial, searched

RUN = Run(Parameters(epochs=4, l2=0.01, global_seed=3), Dense((5,)), 0.0, "abcd")
TRIAL = make_trial(RUN, label="m3")
SWEEP = SweepRecord("toy", "Why.", "name: toy\n", "1 run\n", "toy data")
SEARCH = replace(SWEEP, sweep_id="one", is_search=True)
OTHER = replace(RUN, parameters=replace(RUN.parameters, global_seed=4))
REPLICATED = searched(1, RUN, OTHER, l2=0.01)
END = TrialEnd(REPLICATED, TrialState.COMPLETE, 0.75, {RUN.run_id: 0.5, OTHER.run_id: 1.0})
FINDINGS = Findings(
    "**l2** mattered.",
    {"history.png": b"\x00picture"},
    choices={"l2": 0.01},
    metrics={"best_value": 0.75},
)
DATASET = DatasetInfo("toy", ("a", "b"), np.zeros((1, 4, 4, 3), np.uint8), drawn=False)
FINISHED = replace(
    finished(RUN),
    guessing_since=2,
    diagnosis=Diagnosis(Condition.COLLAPSED, since=2, gap=1 / 3),
)
DIVERGED = replace(failed(RUN, "it diverged"), chance=1 / 3)


@pytest.fixture(
    params=[
        "memory",
        "outbox memory",
        pytest.param("mlflow", marks=pytest.mark.slow),
        pytest.param("outbox mlflow", marks=pytest.mark.slow),
    ]
)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the outbox write everything, however busy the machine is."""
    monkeypatch.setattr(outbox, "_SECONDS", 600)


@pytest.fixture
def memory() -> MemoryTracker:
    return MemoryTracker()


@pytest.fixture
def make_tracker(
    request: pytest.FixtureRequest, kind: str, memory: MemoryTracker, tmp_path: Path
) -> Callable[[], Tracker]:
    """Make trackers on one and the same store."""
    if "mlflow" in kind:
        shutil.copy(request.getfixturevalue("empty_store"), tmp_path / "mlflow.db")

    def make() -> Tracker:
        inner: Tracker = memory
        if "mlflow" in kind:
            inner = MlflowTracker(f"sqlite:///{tmp_path}/mlflow.db", {RUN.data: DATASET})
        if "outbox" not in kind:
            return inner
        journal = Journal(tmp_path / "spool" / "one.jsonl")
        return Outbox(inner, memory, journal, {RUN.data: DATASET}, pytest.fail)

    return make


@pytest.fixture
def make_index(kind: str, memory: MemoryTracker, tmp_path: Path) -> Callable[[], RunIndex]:
    """Make indexes of that store."""
    return lambda: MlflowIndex(f"sqlite:///{tmp_path}/mlflow.db") if "mlflow" in kind else memory


@pytest.fixture
def search(kind: str, memory: MemoryTracker, tmp_path: Path) -> "RecordedSearch":
    """What the store has of the search."""
    if "mlflow" in kind:
        return RecordedSearch(*from_mlflow(f"sqlite:///{tmp_path}/mlflow.db"))
    return RecordedSearch(lambda: memory.trial_ends, lambda: memory.findings.get("toy"))


@dataclass(frozen=True)
class RecordedSearch:
    ends: Callable[[], Sequence[TrialEnd]]
    findings: Callable[[], Findings | None]


def from_mlflow(uri: str) -> tuple[Callable[[], list[TrialEnd]], Callable[[], Findings]]:
    """Read back what was given to the tracker."""

    def runs(condition: str) -> Sequence[Any]:
        client = connect(uri)
        experiment = client.get_experiment_by_name("toy").experiment_id
        return client.search_runs([experiment], condition, order_by=["attributes.start_time ASC"])

    known = {run.run_id: run for run in (RUN, OTHER)}
    by_seeds = {str(run.parameters.seeds): run_id for run_id, run in known.items()}

    def ends() -> list[TrialEnd]:
        return [
            TrialEnd(
                searched(
                    int(run.data.tags["signs_sweep.trial"]),
                    *(known[one] for one in run.data.tags["signs_sweep.run_ids"].split(",")),
                    **{name: float(value) for name, value in run.data.params.items()},
                ),
                TrialState(run.data.tags["signs_sweep.state"]),
                run.data.metrics.get("value"),
                {
                    by_seeds[name.removeprefix("value/seeds ").replace(" ", ", ")]: value
                    for name, value in run.data.metrics.items()
                    if "/" in name
                },
            )
            for run in runs("tags.`signs_sweep.kind` = 'trial'")
            if "signs_sweep.state" in run.data.tags
        ]

    def findings() -> Findings:
        (run,) = runs("tags.`signs_sweep.sweep` = 'one'")
        client, location, prefix = connect(uri), run.info.run_id, "signs_sweep.best."
        best = {
            name.removeprefix(prefix): float(value)
            for name, value in run.data.tags.items()
            if name.startswith(prefix)
        }
        names = {one.path for one in client.list_artifacts(location)} - {"spec.yaml", "plan.txt"}
        files = {
            name: Path(client.download_artifacts(location, name)).read_bytes() for name in names
        }
        note = run.data.tags["mlflow.note.content"].removeprefix("Why.\n\n")
        return Findings(note, files, choices=best, metrics=run.data.metrics)

    return ends, findings


def begin(tracker: Tracker) -> None:
    tracker.open([SWEEP])
    tracker.start(TRIAL, RUN)
    tracker.record(started(RUN))


def test_an_empty_store_knows_no_run(make_index) -> None:
    assert make_index().find() == {}
    assert make_index().find([RUN.run_id]) == {}


def test_a_finished_run_is_found_with_its_numbers(make_tracker, make_index) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.record(progress(RUN, 1, 3))
    tracker.record(progress(RUN, 4, 1))
    tracker.record(FINISHED)
    tracker.close(State.FINISHED, {"toy": "a,b\n1,2\n"})
    result = make_index().find()[RUN.run_id]
    assert result.state is State.FINISHED
    assert result.epochs == 4
    assert result.seconds == 8.5
    assert result.metrics == {"loss": 0.25, "accuracy": 0.4, **FINAL}
    assert result.guessing_since == 2
    assert result.diagnosis == FINISHED.diagnosis
    assert result.location


def test_unknown_runs_are_left_out(make_tracker, make_index) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.close(State.FINISHED, {})
    assert set(make_index().find([RUN.run_id, "other"])) == {RUN.run_id}
    assert make_index().find(["other"]) == {}


def test_recording_an_end_twice_changes_nothing(make_tracker, make_index) -> None:
    tracker = make_tracker()
    begin(tracker)
    for event in (progress(RUN, 1, 4), FINISHED, FINISHED):
        tracker.record(event)
    tracker.close(State.FINISHED, {})
    result = make_index().find()[RUN.run_id]
    assert (result.epochs, result.state) == (4, State.FINISHED)
    assert result.metrics["loss"] == 0.25


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (Failed(RUN.run_id, 1_700_000_009.0, "it broke", "a trace"), State.FAILED),
        (DIVERGED, State.FAILED),
        (stopped(RUN), State.KILLED),
    ],
)
def test_the_event_that_ends_a_run_decides_its_state(
    make_tracker, make_index, event, state
) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.record(progress(RUN, 1, 2))
    tracker.record(event)
    tracker.close(State.FAILED, {})
    result = make_index().find()[RUN.run_id]
    assert result.state is state
    assert result.epochs == 2
    assert result.metrics["loss"] == 0.5
    assert result.message == getattr(event, "message", None)
    assert result.chance == getattr(event, "chance", None)


def test_what_has_not_ended_is_killed_by_close(make_tracker, make_index) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.record(progress(RUN, 1, 1))
    tracker.close(State.KILLED, {})
    assert make_index().find()[RUN.run_id].state is State.KILLED


@pytest.mark.parametrize(
    ("earlier", "later", "kept"),
    [
        (FINISHED, stopped(RUN), FINISHED),
        (FINISHED, DIVERGED, FINISHED),
        (DIVERGED, stopped(RUN), DIVERGED),
        (DIVERGED, FINISHED, FINISHED),
        (failed(RUN), stopped(RUN), stopped(RUN)),
    ],
)
def test_of_several_records_a_finished_one_counts_then_a_diverged_one_then_the_latest(
    make_tracker, make_index, earlier, later, kept
) -> None:
    for count, end in enumerate((earlier, later), start=1):
        tracker = make_tracker()
        begin(tracker)
        tracker.record(progress(RUN, 1, count))
        tracker.record(end)
        tracker.close(State.FAILED, {})
    result = make_index().find()[RUN.run_id]
    assert result.epochs == (1 if kept is earlier else 2)
    assert (result.state.is_finished, result.has_diverged) == (kept is FINISHED, kept is DIVERGED)


def test_an_unfinished_record_is_continued_and_holds_every_epoch_once(
    make_tracker, make_index
) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.record(progress(RUN, 1, 3))
    tracker.record(DIVERGED)
    tracker.close(State.FAILED, {})
    location = make_index().find()[RUN.run_id].location

    again = make_tracker()
    again.open([SWEEP])
    again.start(TRIAL, RUN, location)
    is_written = Event()
    again.then(is_written.set)
    assert is_written.wait(600)
    assert make_index().find()[RUN.run_id].state is State.RUNNING
    again.record(started(RUN))
    again.record(replace(progress(RUN, 1, 2), is_replay=True))
    again.record(progress(RUN, 3, 2))
    again.record(FINISHED)
    again.close(State.FINISHED, {})

    result = make_index().find()[RUN.run_id]
    assert result.location == location
    assert result.state is State.FINISHED
    assert result.message is None
    assert result.chance is None
    assert result.epochs == 4
    assert result.metrics["loss"] == 0.25
    assert result.metrics["test_accuracy"] == FINAL["test_accuracy"]


def search_once(tracker: Tracker, end: TrialEnd, findings: Findings) -> None:
    """Search with one trial, of which one replicate is trained and the other was known."""
    tracker.open([SEARCH])
    tracker.start(REPLICATED, RUN)
    tracker.record(started(RUN))
    tracker.record(progress(RUN, 1, 4))
    tracker.record(FINISHED)
    tracker.end_trial(end)
    tracker.close(State.FINISHED, {}, {"toy": findings})


def test_how_a_trial_ended_and_what_was_found_are_kept(make_tracker, search) -> None:
    search_once(make_tracker(), END, FINDINGS)
    assert search.ends() == [END]
    assert search.findings() == FINDINGS


def test_a_trial_is_no_run(make_tracker, make_index) -> None:
    search_once(make_tracker(), END, FINDINGS)
    assert set(make_index().find()) == {RUN.run_id}
    result = make_index().find()[RUN.run_id]
    assert (result.state, result.epochs) == (State.FINISHED, 4)
    assert result.metrics == {"loss": 0.25, "accuracy": 0.4, **FINAL}


@pytest.mark.parametrize(
    ("state", "value"),
    [
        (TrialState.PRUNED, 0.5),
        (TrialState.PRUNED, None),
        (TrialState.FAILED, None),
        (TrialState.STOPPED, None),
    ],
)
def test_a_trial_may_end_without_success(make_tracker, search, state, value) -> None:
    end = replace(END, state=state, value=value, values={})
    search_once(make_tracker(), end, FINDINGS)
    assert search.ends() == [end]


def test_a_trial_whose_runs_are_all_known_needs_no_start(make_tracker, make_index, search) -> None:
    tracker = make_tracker()
    tracker.open([SEARCH])
    tracker.end_trial(END)
    tracker.close(State.FINISHED, {})
    assert search.ends() == [END]
    assert make_index().find() == {}


def test_a_sweep_keeps_no_records_of_trials(make_tracker, search) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.record(FINISHED)
    tracker.end_trial(ended(TRIAL))
    tracker.close(State.FINISHED, {})
    assert search.ends() == []


def test_trials_of_an_experiment_that_needs_no_training_are_not_recorded(
    make_tracker, search
) -> None:
    tracker = make_tracker()
    begin(tracker)
    tracker.end_trial(ended(make_trial(OTHER, experiment="cached")))
    tracker.record(FINISHED)
    tracker.close(State.FINISHED, {})
    assert search.ends() == []


def test_what_is_to_follow_a_record_is_done_once_that_is_written(make_tracker, make_index) -> None:
    tracker, found = make_tracker(), []
    begin(tracker)
    tracker.record(FINISHED)
    tracker.then(lambda: found.append(make_index().find()[RUN.run_id].state))
    tracker.then(lambda: found.append(None))
    tracker.close(State.FINISHED, {})
    assert found == [State.FINISHED, None]


def test_an_end_told_twice_is_kept_once(make_tracker, search) -> None:
    tracker = make_tracker()
    tracker.open([SEARCH])
    tracker.end_trial(END)
    tracker.end_trial(END)
    tracker.close(State.KILLED, {})
    again = make_tracker()
    again.open([SEARCH])
    again.end_trial(END)
    again.close(State.FINISHED, {})
    assert search.ends() == [END]


def test_a_search_that_goes_on_keeps_its_trials_and_what_it_finds_last(
    make_tracker, search
) -> None:
    search_once(make_tracker(), END, FINDINGS)
    second = replace(ended(searched(2, OTHER, l2=0.03), value=0.875), values={})
    better = Findings(
        "Better.", FINDINGS.files, choices={"keep_prob": 0.5}, metrics={"best_value": 0.875}
    )
    tracker = make_tracker()
    tracker.open([SEARCH])
    tracker.start(second.trial, OTHER)
    tracker.record(finished(OTHER))
    tracker.end_trial(second)
    tracker.close(State.FINISHED, {}, {"toy": better})
    assert search.ends() == [END, second]
    assert search.findings() == better
