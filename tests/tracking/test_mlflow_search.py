"""How a search looks in MLflow: the search, its trials below it, their runs below them."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from events import finished, stopped
from signs_sweep.domain import Dense, Parameters, Purpose, Run, State, Trial, TrialEnd, TrialState
from signs_sweep.protocols import Findings, SweepRecord
from signs_sweep.tracking import DatasetInfo, MlflowIndex, MlflowTracker
from signs_sweep.tracking.journal import replay
from signs_sweep.tracking.mlflow.client import connect
from signs_sweep.tracking.mlflow.found import ask_for_records
from signs_sweep.tracking.mlflow.tables import Tables
from trials import make_trial, searched

pytestmark = pytest.mark.slow

RUNS = [
    Run(Parameters(epochs=3, l2=0.01, global_seed=seed), Dense((5,)), 0.0, "abcd")
    for seed in (3, 4)
]
TRIAL = searched(1, *RUNS, l2=0.01)
IDS = tuple(run.run_id for run in RUNS)
SWEEP = SweepRecord("toy", "Why.", "name: toy\n", "", "toy data", "one", "here")
SEARCH = replace(SWEEP, is_search=True)
DATASET = DatasetInfo("toy", ("a", "b"), np.full((1, 4, 4, 3), 51, np.uint8), drawn=True)
END = TrialEnd(TRIAL, TrialState.COMPLETE, 0.75, dict(zip(IDS, (0.5, 1.0), strict=True)))
FINDINGS = Findings(
    "**l2** mattered.", {"a.png": b"1"}, choices={"l2": 0.01}, metrics={"best_value": 0.75}
)


class Store:
    """A store and its content, by the names that MLflow shows."""

    def __init__(self, file: Path) -> None:
        self.uri = f"sqlite:///{file}"

    def tracker(self, sweep: SweepRecord = SEARCH) -> MlflowTracker:
        tracker = MlflowTracker(self.uri, {"abcd": DATASET}, lambda *_: True)
        tracker.open([sweep])
        return tracker

    def named(self, name: str):
        (run,) = self._search(f"attributes.run_name = '{name}'")
        return run

    def children(self, name: str) -> list[str]:
        """Return the names of the records below a record."""
        location = self.named(name).info.run_id
        found = self._search(f"tags.mlflow.parentRunId = '{location}'")
        return sorted(run.info.run_name for run in found)

    def history(self, name: str, metric: str) -> list[tuple[int, float]]:
        points = connect(self.uri).get_metric_history(self.named(name).info.run_id, metric)
        return [(point.step, point.value) for point in points]

    def artifacts(self, name: str) -> set[str]:
        found = connect(self.uri).list_artifacts(self.named(name).info.run_id)
        return {item.path for item in found}

    def _search(self, condition: str):
        client = connect(self.uri)
        experiment = client.get_experiment_by_name("toy")
        return client.search_runs([experiment.experiment_id], condition)


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Store:
    return Store(shutil.copy(empty_store, tmp_path / "mlflow.db"))


def train(tracker: MlflowTracker, *runs: Run, trial: Trial = TRIAL) -> None:
    for run in runs:
        tracker.start(trial, run)
        tracker.record(finished(run))


RUN_NAMES = ["trial 1 seeds 3, 0", "trial 1 seeds 4, 0"]


def test_the_search_is_the_parent_of_trials_and_they_are_the_parents_of_replicates(store) -> None:
    tracker = store.tracker()
    train(tracker, *RUNS)
    assert store.named("trial 1").info.status == "RUNNING"
    tracker.end_trial(END)
    tracker.close(State.FINISHED, {"toy": "table"})
    assert store.children("search toy") == ["trial 1"]
    assert store.children("trial 1") == RUN_NAMES


def test_a_sweep_has_its_runs_right_below_it(store) -> None:
    tracker = store.tracker(SWEEP)
    train(tracker, *RUNS)
    tracker.close(State.FINISHED, {})
    (parent,) = store._search("tags.`signs_sweep.sweep` = 'one'")
    assert parent.info.run_name.startswith("sweep ")
    assert store.children(parent.info.run_name) == RUN_NAMES


def test_a_trial_has_its_number_value_state_and_each_replicate(store) -> None:
    tracker = store.tracker()
    train(tracker, *RUNS)
    tracker.end_trial(END)
    tracker.close(State.FINISHED, {})
    trial = store.named("trial 1")
    tags = trial.data.tags
    assert trial.info.status == "FINISHED"
    assert trial.data.params == {"l2": "0.01"}
    assert trial.data.metrics == {"value": 0.75, "value/seeds 3 0": 0.5, "value/seeds 4 0": 1.0}
    assert tags["signs_sweep.kind"] == "trial"
    assert tags["signs_sweep.trial"] == "1"
    assert tags["signs_sweep.label"] == "trial 1"
    assert tags["signs_sweep.state"] == "COMPLETE"
    assert tags["signs_sweep.run_ids"] == ",".join(IDS)
    assert "signs_sweep.run_id" not in tags
    assert "| 3, 0 | 0.5 |" in tags["mlflow.note.content"]


def test_a_trial_of_a_single_run_shows_its_value_once(store) -> None:
    tracker = store.tracker()
    end = replace(END, trial=searched(1, RUNS[0]), values={IDS[0]: 0.75})
    tracker.end_trial(end)
    tracker.close(State.FINISHED, {})
    assert store.named("trial 1").data.metrics == {"value": 0.75}


@pytest.mark.parametrize(
    ("state", "status", "note"),
    [
        (TrialState.PRUNED, "KILLED", "Pruned"),
        (TrialState.FAILED, "FAILED", "Failed"),
        (TrialState.STOPPED, "KILLED", "Stopped"),
    ],
)
def test_a_trial_without_success_has_a_note(
    store, state: TrialState, status: str, note: str
) -> None:
    tracker = store.tracker()
    tracker.end_trial(replace(END, state=state, value=None, values={}))
    tracker.close(State.FINISHED, {})
    trial = store.named("trial 1")
    assert trial.info.status == status
    assert trial.data.tags["signs_sweep.state"] == state.value
    assert trial.data.tags["mlflow.note.content"].startswith(note)
    assert trial.data.metrics == {}


PRUNED = replace(
    END, state=TrialState.PRUNED, value=None, values={}, why="worse than others at epoch 1"
)


def test_the_note_of_an_audited_trial_has_the_reason(store) -> None:
    tracker = store.tracker()
    train(tracker, *RUNS)
    tracker.end_trial(replace(END, audited="worse than others at epoch 1"))
    tracker.close(State.FINISHED, {})
    note = store.named("trial 1").data.tags["mlflow.note.content"]
    assert note.startswith("Audited: it would have been pruned as worse than others at epoch 1.")


@pytest.mark.parametrize("other", ["toy", "elsewhere"])
def test_the_unfinished_runs_of_a_pruned_trial_are_pruned_until_they_resume(
    store, other: str
) -> None:
    begun = MlflowTracker(store.uri, {"abcd": DATASET})
    begun.open([replace(SWEEP, experiment=other, sweep_id="zero")])
    begun.start(replace(TRIAL, experiment=other), RUNS[1])
    begun.close(State.KILLED, {})
    tracker = store.tracker()
    train(tracker, RUNS[0])
    location = MlflowIndex(store.uri).find()[RUNS[1].run_id].location
    tracker.start(TRIAL, RUNS[1], location)
    tracker.record(stopped(RUNS[1]))
    tracker.end_trial(PRUNED)
    tracker.close(State.FINISHED, {})
    client = connect(store.uri)
    assert client.get_run(location).data.tags["signs_sweep.pruned"] == PRUNED.why
    finished_run = client.get_run(MlflowIndex(store.uri).find()[RUNS[0].run_id].location)
    assert "signs_sweep.pruned" not in finished_run.data.tags
    note = store.named("trial 1").data.tags["mlflow.note.content"]
    assert note == "Pruned: worse than others at epoch 1."
    store.tracker().start(searched(2, *RUNS), RUNS[1], location)
    assert "signs_sweep.pruned" not in client.get_run(location).data.tags


def test_a_trial_ends_as_pruned_although_a_sweep_elsewhere_has_replaced_a_record(store) -> None:
    tracker = store.tracker()
    tracker.start(TRIAL, RUNS[1])
    tracker.record(stopped(RUNS[1]))
    connect(store.uri).delete_run(MlflowIndex(store.uri).find()[RUNS[1].run_id].location)
    tracker.end_trial(PRUNED)
    assert store.named("trial 1").data.tags["signs_sweep.state"] == "PRUNED"


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.COMPLETE])
def test_no_run_of_a_trial_with_a_different_state_is_pruned(store, state: TrialState) -> None:
    tracker = store.tracker()
    tracker.start(TRIAL, RUNS[0])
    tracker.record(stopped(RUNS[0]))
    tracker.end_trial(replace(END, state=state, why="it broke"))
    location = MlflowIndex(store.uri).find()[RUNS[0].run_id].location
    assert "signs_sweep.pruned" not in connect(store.uri).get_run(location).data.tags


def test_a_trial_whose_runs_are_all_known_has_a_record_without_children(store) -> None:
    tracker = store.tracker()
    tracker.end_trial(END)
    tracker.close(State.FINISHED, {})
    assert store.children("search toy") == ["trial 1"]
    assert store.children("trial 1") == []
    assert store.named("trial 1").info.status == "FINISHED"


def test_an_end_that_is_recorded_twice_changes_nothing(store) -> None:
    tracker = store.tracker()
    tracker.end_trial(END)
    once = store.named("trial 1").to_dictionary()
    tracker.end_trial(END)
    again = store.tracker()
    again.end_trial(replace(END, value=0.25, trial=searched(1, *RUNS, l2=0.02)))
    again.close(State.FINISHED, {})
    assert store.named("trial 1").to_dictionary() == once
    assert store.history("trial 1", "value") == [(0, 0.75)]


def test_an_end_that_was_written_in_part_is_completed(store) -> None:
    tracker = store.tracker()
    tracker.end_trial(END)
    trial = store.named("trial 1").info.run_id
    connect(store.uri).delete_tag(trial, "signs_sweep.state")  # What is written last.
    connect(store.uri).update_run(trial, status="RUNNING")
    again = store.tracker()
    again.end_trial(END)
    again.close(State.KILLED, {})
    assert store.named("trial 1").info.status == "FINISHED"
    assert store.named("trial 1").data.tags["signs_sweep.state"] == "COMPLETE"
    assert store.history("trial 1", "value") == [(0, 0.75)]


def test_a_trial_whose_end_never_came_is_killed_by_close(store) -> None:
    tracker = store.tracker()
    tracker.start(TRIAL, RUNS[0])
    tracker.close(State.KILLED, {})
    assert store.named("trial 1").info.status == "KILLED"
    assert "signs_sweep.state" not in store.named("trial 1").data.tags


def test_a_search_that_is_opened_again_continues_its_trials(store) -> None:
    first = store.tracker()
    train(first, RUNS[0])
    first.start(TRIAL, RUNS[1])
    first.close(State.KILLED, {})
    second = store.tracker()
    location = MlflowIndex(store.uri).find()[RUNS[1].run_id].location
    second.start(TRIAL, RUNS[1], location)
    assert store.named("trial 1").info.status == "RUNNING"
    second.record(finished(RUNS[1]))
    second.end_trial(END)
    second.close(State.FINISHED, {})
    assert store.named("search toy").info.status == "FINISHED"
    assert store.children("search toy") == ["trial 1"]
    assert store.children("trial 1") == RUN_NAMES
    assert store.named("trial 1").info.status == "FINISHED"


def test_a_trial_of_a_process_that_died_is_killed_by_close(store) -> None:
    store.tracker().start(TRIAL, RUNS[0])
    store.tracker().close(State.FINISHED, {})
    assert store.named("trial 1").info.status == "KILLED"


def test_a_search_that_was_killed_is_ended_with_its_trials_by_the_next_sweep(store) -> None:
    store.tracker().start(TRIAL, RUNS[0])
    store.tracker(replace(SWEEP, sweep_id="two")).close(State.FINISHED, {})
    assert store.named("search toy").info.status == "KILLED"
    assert store.named("trial 1").info.status == "KILLED"


def test_an_ended_trial_is_running_again_when_one_of_its_runs_starts(store) -> None:
    tracker = store.tracker()
    tracker.start(TRIAL, RUNS[0])
    tracker.end_trial(replace(END, state=TrialState.FAILED, value=1.0, values={}))
    again = store.tracker()
    train(again, RUNS[1])
    trial = store.named("trial 1")
    assert trial.info.status == "RUNNING"
    assert not {"signs_sweep.state", "mlflow.note.content"} & set(trial.data.tags)
    again.end_trial(END)
    again.close(State.FINISHED, {})
    assert store.named("trial 1").info.status == "FINISHED"
    assert store.named("trial 1").data.metrics["value"] == 0.75


def test_an_unfinished_run_of_a_sweep_moves_below_the_trial_that_continues_it(store) -> None:
    sweep = store.tracker(replace(SWEEP, sweep_id="zero"))
    sweep.start(TRIAL, RUNS[0])
    sweep.close(State.KILLED, {})
    tracker = store.tracker()
    tracker.start(TRIAL, RUNS[0], MlflowIndex(store.uri).find()[RUNS[0].run_id].location)
    assert store.children("trial 1") == RUN_NAMES[:1]


def test_the_findings_are_in_the_record_of_the_search(store) -> None:
    tracker = store.tracker()
    tracker.end_trial(END)
    tracker.close(State.FINISHED, {"toy": "table"}, {"toy": FINDINGS})
    search = store.named("search toy")
    assert search.info.status == "FINISHED"
    assert search.data.tags["signs_sweep.best.l2"] == "0.01"
    assert search.data.tags["mlflow.note.content"] == "Why.\n\n**l2** mattered."
    assert search.data.metrics == {"best_value": 0.75}
    assert store.artifacts("search toy") == {"spec.yaml", "plan.txt", "table.csv", "a.png"}


def test_later_findings_replace_earlier_ones_and_leave_a_history(store) -> None:
    first = store.tracker()
    first.end_trial(END)
    first.close(State.FINISHED, {}, {"toy": FINDINGS})
    second = store.tracker()
    second.end_trial(replace(END, trial=searched(2, *RUNS), value=0.875))
    better = Findings(
        "Better.", {"b.png": b"2"}, choices={"keep_prob": 0.5}, metrics={"best_value": 0.875}
    )
    second.close(State.FINISHED, {}, {"toy": better})
    tags = store.named("search toy").data.tags
    best = {name: value for name, value in tags.items() if name.startswith("signs_sweep.best.")}
    assert best == {"signs_sweep.best.keep_prob": "0.5"}
    assert tags["mlflow.note.content"] == "Why.\n\nBetter."
    assert store.history("search toy", "best_value") == [(1, 0.75), (2, 0.875)]
    assert store.artifacts("search toy") >= {"a.png", "b.png"}


def test_the_same_findings_recorded_twice_leave_a_single_point(store) -> None:
    for _ in range(2):
        tracker = store.tracker()
        tracker.end_trial(END)
        tracker.close(State.FINISHED, {}, {"toy": FINDINGS})
    assert store.history("search toy", "best_value") == [(1, 0.75)]


def test_the_index_has_the_searches_and_their_trials_as_mlflow_has_them(store, tmp_path) -> None:
    sweep = store.tracker(replace(SWEEP, sweep_id="zero"))
    train(sweep, *RUNS)
    sweep.close(State.FAILED, {})
    raced = replace(TRIAL, key="race", purpose=Purpose.RACE, baselines=IDS, label="trial 1, fresh")
    tracker = store.tracker()
    tracker.end_trial(END)
    tracker.end_trial(replace(END, trial=raced, value=0.5))
    tracker.start(searched(2, *RUNS), RUNS[0], MlflowIndex(store.uri).find()[IDS[0]].location)
    running = store.named("trial 2").info.run_id
    index = MlflowIndex(store.uri)
    assert [trial.state for trial in index.trials("toy")] == [TrialState.COMPLETE] * 2 + [None]
    tracker.close(State.FINISHED, {}, {"toy": FINDINGS})

    first, race, stopped_trial = index.trials("toy")
    assert (first.number, first.purpose, first.value) == (1, Purpose.SEARCH, 0.75)
    assert (first.choices, first.run_ids, first.baselines) == ({"l2": "0.01"}, IDS, ())
    assert (race.purpose, race.label, race.baselines) == (Purpose.RACE, "trial 1, fresh", IDS)
    assert (stopped_trial.location, stopped_trial.state) == (running, TrialState.STOPPED)
    other, search = index.sweeps("toy")
    assert [other.is_search, other.state, other.note] == [False, State.FAILED, "Why."]
    assert [search.is_search, search.state, search.best] == [True, State.FINISHED, {"l2": "0.01"}]
    assert (search.note, search.outcome) == ("Why.\n\n**l2** mattered.", "**l2** mattered.")
    assert search.metrics == {"best_value": 0.75}
    assert search.ended >= search.began >= other.ended
    assert {trial.search for trial in index.trials("toy")} == {search.location}
    assert index.spec(search.location) == "name: toy\n"
    for mark in ("signs_sweep.sweep", "signs_sweep.kind"):
        asked = ask_for_records(connect(store.uri), store.uri, "toy", mark=mark)
        assert Tables(store.uri).records("toy", mark=mark) == asked != []


def test_trials_of_earlier_versions_are_told_apart_as_far_as_possible(store) -> None:
    confirming = make_trial(*RUNS, number=0, label="b", purpose=Purpose.CONFIRMATION)
    confirming = replace(confirming, baselines=IDS)
    ends = [replace(END, trial=trial) for trial in (TRIAL, confirming)]
    tracker = store.tracker()
    for end in ends:
        tracker.end_trial(end)
        location = store.named(end.trial.title).info.run_id
        connect(store.uri).delete_tag(location, "signs_sweep.purpose")
    tracker.close(State.FINISHED, {})
    index = MlflowIndex(store.uri)
    assert [trial.purpose for trial in index.trials("toy")] == [Purpose.SEARCH, None]
    again = store.tracker()
    again.end_trial(ends[1])
    assert [trial.purpose for trial in index.trials("toy")] == [
        Purpose.SEARCH,
        Purpose.CONFIRMATION,
    ]


def test_neither_find_nor_the_list_of_runs_has_trials(store) -> None:
    tracker = store.tracker()
    train(tracker, RUNS[0])
    tracker.end_trial(END)
    tracker.close(State.FINISHED, {}, {"toy": FINDINGS})
    assert set(MlflowIndex(store.uri).find()) == {RUNS[0].run_id}
    assert [item.result.run_id for item in MlflowIndex(store.uri).list_runs("toy")] == [
        RUNS[0].run_id
    ]


def test_a_title_may_hold_any_character(store) -> None:
    title = 'it\'s `50%` "done"'
    for _ in range(2):
        tracker = store.tracker()
        tracker.start(replace(TRIAL, title=title), RUNS[0])
        tracker.close(State.KILLED, {})
    assert store.children("search toy") == [title]


def test_a_trial_that_an_earlier_version_recorded_only_by_its_label_is_continued(store) -> None:
    tracker = store.tracker()
    tracker.start(TRIAL, RUNS[0])
    tracker.close(State.KILLED, {})
    connect(store.uri).delete_tag(store.named("trial 1").info.run_id, "signs_sweep.trial_key")
    again = store.tracker()
    again.end_trial(END)
    again.close(State.FINISHED, {})
    assert store.children("search toy") == ["trial 1"]
    assert store.named("trial 1").data.tags["signs_sweep.state"] == "COMPLETE"


def test_a_confirmation_that_an_earlier_version_recorded_is_continued(store) -> None:
    old = replace(TRIAL, key="9", title="trial 1, fresh seeds", label="trial 1, fresh seeds")
    tracker = store.tracker()
    tracker.start(old, RUNS[0])
    tracker.close(State.KILLED, {})
    location = store.named(old.title).info.run_id
    connect(store.uri).delete_tag(location, "signs_sweep.trial_key")
    new = make_trial(
        *RUNS,
        title="confirmation of trial 1",
        label="trial 1, fresh seeds",
        purpose=Purpose.CONFIRMATION,
    )
    again = store.tracker()
    again.end_trial(TrialEnd(new, TrialState.COMPLETE, 0.75))
    again.close(State.FINISHED, {})
    assert store.children("search toy") == [old.title]
    assert store.named(old.title).data.tags["signs_sweep.state"] == "COMPLETE"


def test_a_journal_that_is_replayed_twice_leaves_each_trial_once(store) -> None:
    calls = [
        ("open", ((SEARCH,), {"abcd": DATASET})),
        ("start", (TRIAL, RUNS[0], None)),
        ("record", (finished(RUNS[0]),)),
        ("end_trial", (END,)),
        ("start", (searched(2, *RUNS), RUNS[1], None)),
    ]
    for _ in range(2):
        replay(calls, store.tracker(), MlflowIndex(store.uri))
    assert store.children("search toy") == ["trial 1", "trial 2"]
    assert store.children("trial 1") == RUN_NAMES[:1]
    assert store.children("trial 2") == ["trial 2 seeds 4, 0"]
    assert [store.named(f"trial {n}").info.status for n in (1, 2)] == ["FINISHED", "RUNNING"]
