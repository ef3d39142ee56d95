"""A run that a sweep on another machine has begun."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2 as codes

from events import finished, progress
from fakes import MemoryTracker
from signs_sweep.domain import Dense, Parameters, Result, Run, State, Stopped
from signs_sweep.errors import DeletedError
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, MlflowIndex, MlflowTracker
from signs_sweep.tracking.journal import replay
from signs_sweep.tracking.mlflow.client import insert
from trials import make_trial

RUN = Run(Parameters(epochs=30), Dense((5,)), 0.0, "abcd")
HERE = SweepRecord("toy", "", "name: toy\n", "", "toy", "one", "here:/a")
THERE = replace(HERE, sweep_id="two", origin="there:/b")
DATASET = DatasetInfo("toy", ("a", "b"), np.zeros((1, 4, 4, 3), np.uint8), drawn=True)


def begin(uri: str, sweep: SweepRecord) -> MlflowTracker:
    tracker = MlflowTracker(uri, {"abcd": DATASET}, lambda *_: False)
    tracker.open([sweep])
    known = MlflowIndex(uri).find().get(RUN.run_id)
    trial = replace(make_trial(RUN), experiment=sweep.experiment)
    tracker.start(trial, RUN, known and known.location)
    return tracker


@pytest.mark.slow
def test_a_run_that_is_taken_over_has_one_record_with_each_epoch_once(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    index = MlflowIndex(uri)
    former = begin(uri, HERE)
    former.record(progress(RUN, 1, 10))
    former.record(Stopped(RUN.run_id, 1.0))
    again = begin(uri, HERE)
    first = index.find()[RUN.run_id]
    assert first.begun_by == "here:/a"
    again.record(progress(RUN, 11, 12))
    latter = begin(uri, THERE)
    with pytest.raises(DeletedError):
        again.record(finished(RUN))
    latter.record(progress(RUN, 1, 30))
    latter.record(finished(RUN))
    (record,) = index.records()
    assert record.location != first.location
    assert (record.result.state, record.result.begun_by) == (State.FINISHED, "there:/b")
    curve = index.curves([record.location])[record.location]["loss"]
    assert curve.epochs.tolist() == list(range(1, 31))
    begin(uri, HERE)
    assert [each.location for each in index.records()] == [record.location], "it had finished"


@pytest.mark.slow
def test_a_finished_run_that_is_only_tested_elsewhere_is_recorded_by_who_tests_it(
    tmp_path: Path,
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    former = begin(uri, HERE)
    former.record(progress(RUN, 1, 30))
    former.record(finished(RUN))
    begin(uri, replace(THERE, experiment="other"))
    (result,) = MlflowIndex(uri).find().values()
    assert (result.state, result.begun_by) == (State.RUNNING, "there:/b")


@pytest.mark.slow
def test_a_run_whose_earlier_record_was_removed_gets_a_new_one(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([HERE])
    tracker.start(make_trial(RUN), RUN, "0" * 32)
    tracker.record(finished(RUN))
    (result,) = MlflowIndex(uri).find().values()
    assert result.state is State.FINISHED


@pytest.mark.slow
def test_a_search_that_continues_elsewhere_is_alive_there(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for claims in ("somewhere", ""):  # The second time, the claim was not free yet.
        for sweep in (HERE, replace(THERE, sweep_id=HERE.sweep_id, claims=claims)):
            MlflowTracker(uri, {"abcd": DATASET}).open([sweep])
        assert MlflowIndex(uri).running() == [(HERE.sweep_id, THERE.origin, claims)]


@pytest.mark.slow
def test_a_search_that_was_taken_over_does_not_end_the_record_of_the_other(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    former, latter = MlflowTracker(uri, {}), MlflowTracker(uri, {})
    former.open([HERE])
    latter.open([replace(THERE, sweep_id=HERE.sweep_id)])
    former.close(State.FAILED, {"toy": "a table"})
    late = MlflowTracker(uri, {}, is_late=True)  # With the journal that it may have left.
    late.open([HERE])
    late.close(State.FAILED, {})
    assert MlflowIndex(uri).running() == [(HERE.sweep_id, THERE.origin, "")]
    latter.close(State.FINISHED, {})
    assert MlflowIndex(uri).running() == []


@pytest.mark.slow
def test_a_record_that_the_user_may_not_delete_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    begin(uri, HERE)
    tracker, messages = MlflowTracker(uri, {"abcd": DATASET}), list[str]()
    tracker.warn = messages.append

    def refuse(_: str) -> None:
        raise MlflowException("Permission denied", codes.PERMISSION_DENIED)

    tracker.open([THERE])
    tracker._takeover._delete("0" * 32)
    assert not messages, "what is gone needs no permission"
    monkeypatch.setattr(tracker._client, "delete_run", refuse)
    for _ in range(2):
        record = tracker._client.get_run(MlflowIndex(uri).find()[RUN.run_id].location)
        assert not tracker._takeover.may_continue(record, THERE.origin)
    (message,) = messages
    assert "cannot be deleted, so its run has two records: " in message
    assert "Permission denied" in message


def test_what_another_machine_has_just_inserted_is_no_refusal() -> None:
    errors = [MlflowException("UNIQUE constraint failed", codes.BAD_REQUEST)]
    insert(lambda: errors and raise_(errors.pop()))
    errors = [MlflowException("no such run", codes.RESOURCE_DOES_NOT_EXIST)]
    with pytest.raises(MlflowException):
        insert(lambda: errors and raise_(errors.pop()))


def raise_(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("state", [State.RUNNING, State.KILLED])
def test_a_journal_does_not_take_a_run_back_while_a_sweep_elsewhere_trains_it(
    state: State,
) -> None:
    class Index(MemoryTracker):
        def find(self, run_ids: object = None) -> dict[str, Result]:
            return {RUN.run_id: Result(RUN.run_id, state, begun_by="there:/b")}

    tracker = Index()
    tracker.open([HERE])
    calls = [
        ("open", ((HERE,), {"abcd": DATASET})),
        ("start", (make_trial(RUN), RUN, None)),
        ("record", (finished(RUN),)),
    ]
    lost = replay(calls, tracker, tracker).reasons
    is_left = state is State.RUNNING
    assert (list(lost), len(tracker.started)) == ([RUN.run_id] * is_left, 1 - is_left)


def test_a_journal_leaves_out_what_is_finished_elsewhere_while_it_is_replayed() -> None:
    other = replace(RUN, parameters=Parameters(epochs=40))

    class Index(MemoryTracker):
        def find(self, run_ids: object = None) -> dict[str, Result]:
            return {other.run_id: Result(other.run_id, State.FINISHED)} if self.started else {}

    tracker = Index()
    tracker.open([HERE])
    calls = [("start", (make_trial(run), run, None)) for run in (RUN, other)]
    assert not replay([("open", ((HERE,), {})), *calls], tracker, tracker).reasons
    assert len(tracker.started) == 1
