"""What real stores of MLflow refuse, and where their artifacts would be written."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import numpy as np
import pytest

from events import finished, progress, started
from servers import Postgres
from signs_sweep.cli.notes import warn_of_leftovers
from signs_sweep.commands.doctor import examine
from signs_sweep.commands.store import Store
from signs_sweep.domain import Dense, Parameters, Run, State
from signs_sweep.errors import DeletedError, DeniedError, RefusedError, StoreError, StoreWarning
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, Journal, MlflowIndex, MlflowTracker, Outbox
from signs_sweep.tracking.mlflow.client import connect, experiment_for, record_errors, store_errors
from stub_server import MLFLOW, Stub
from trials import make_trial

pytestmark = pytest.mark.slow

RUNS = [Run(Parameters(epochs=3, l2=l2), Dense((4,)), 0.0, "data") for l2 in (0.0, 0.1, 0.2)]
DATASET = DatasetInfo("toy", ("a", "b"), np.zeros((1, 2, 2, 3), np.uint8), drawn=True)
SWEEP = SweepRecord("toy", "", "name: toy\n", "", "toy", "one", "here")


@pytest.fixture
def uri(tmp_path: Path, empty_store: Path) -> str:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


def test_a_deleted_run_and_a_value_that_is_too_long_do_not_stop_the_others(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")
    index, messages = MlflowIndex(uri), []
    outbox = Outbox(
        MlflowTracker(uri, {"data": DATASET}),
        *(index, Journal(tmp_path / "one.jsonl"), {"data": DATASET}, messages.append),
    )
    outbox.open([SWEEP])
    for number, run in enumerate(RUNS):
        outbox.start(make_trial(run, number=number, title=f"run {number}"), run)
        outbox.record(started(run))
        outbox.record(progress(run, 1))
    long = replace(started(RUNS[1]), environment={"platform": "x" * 9000})
    outbox.record(long)
    client = connect(uri)
    outbox.then(lambda: client.delete_run(index.find([RUNS[0].run_id])[RUNS[0].run_id].location))
    for run in RUNS:
        outbox.record(progress(run, 2, 2))
        outbox.record(finished(run))
    outbox.close(State.FINISHED, {})
    states = {run_id: result.state for run_id, result in index.find().items()}
    assert states == {RUNS[1].run_id: State.KILLED, RUNS[2].run_id: State.FINISHED}
    assert f"refuses the records of {RUNS[1].run_id}. " in outbox.unwritten
    assert len(messages) == 2
    assert f"{RUNS[0].run_id}: its record in {tmp_path}/mlflow.db was deleted" in messages[0]
    assert RUNS[1].run_id in messages[1]
    experiment = client.get_experiment_by_name("toy").experiment_id
    (sweep,) = [
        record
        for record in client.search_runs([experiment])
        if "mlflow.parentRunId" not in record.data.tags
    ]
    assert sweep.info.status == "FINISHED"


def test_what_a_database_refuses_and_when_it_is_away(uri: str, tmp_path: Path) -> None:
    client = connect(uri)
    run = client.create_run("0").info.run_id
    client.log_param(run, "rate", "1")
    with pytest.raises(RefusedError) as refused, record_errors(client, uri, run):
        client.log_param(run, "rate", "2")
    assert type(refused.value) is RefusedError
    with pytest.raises(DeletedError), record_errors(client, uri, uuid4().hex):
        client.set_tag(uuid4().hex, "name", "value")  # As after `mlflow gc`.
    client.delete_run(run)
    with pytest.raises(DeletedError), record_errors(client, uri, run):
        client.set_tag(run, "name", "value")
    (tmp_path / "mlflow.db").write_bytes(b"")
    with pytest.raises(StoreError) as away, store_errors(uri):
        client.get_run(run)
    assert type(away.value) is StoreError


def test_an_experiment_whose_artifacts_are_on_another_machine_is_refused(
    uri: str, tmp_path: Path
) -> None:
    """As with a server that keeps its artifacts in a folder of its own."""
    client = connect(uri)
    server = "http://localhost:5000"
    folder = tmp_path / "of the server" / "1"
    old = client.create_experiment("old", artifact_location=folder.as_uri())
    with pytest.raises(RefusedError, match=r"of the server/1, which does not exist") as caught:
        experiment_for(client, server, "old")
    folder.mkdir(parents=True)
    assert experiment_for(client, server, "old") == old
    folder.rmdir()
    # The folder above it exists, and the first artifact creates it.
    assert experiment_for(client, server, "old") == old
    client.create_run(old)
    with pytest.raises(RefusedError, match="Mount the folder"):
        experiment_for(client, server, "old")
    assert "--serve-artifacts" in str(caught.value)


def test_an_experiment_has_its_folder_before_another_machine_can_see_it(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = postgres.database("folders")
    MlflowTracker(uri, {}).open([])
    client = connect(uri)
    create = client.create_experiment

    def create_slowly(name: str, artifact_location: str, **more: Any) -> str:
        new = create(name, artifact_location=artifact_location, **more)
        monkeypatch.chdir(machine)
        assert experiment_for(client, uri, name) == new, "it looks like one of another machine"
        monkeypatch.chdir(tmp_path)
        return new

    (machine := tmp_path / "another machine").mkdir()
    monkeypatch.setattr(client, "create_experiment", create_slowly)
    experiment_for(client, uri, "new")


def test_doctor_finds_that_a_server_does_not_serve_artifacts() -> None:
    default = {"experiment_id": "0", "name": "Default", "lifecycle_stage": "active"}
    for location, number in (("mlflow-artifacts:/0", 0), ("/no/such/folder/mlruns/0", 1)):
        answer = json.dumps({"experiments": [default | {"artifact_location": location}]})
        with Stub(answers=MLFLOW | {"/api": (200, answer)}).serving() as stub:
            found = list(examine(f"http://127.0.0.1:{stub.port}"))
        wrong = [check.found for check in found if check.name == "artifacts"]
        assert len(wrong) == number
    assert "start that with --serve-artifacts" in wrong[0]


def test_a_new_experiment_that_is_refused_leaves_its_name_free(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(uri)
    create = client.create_experiment
    elsewhere = (tmp_path / "no" / "folder").as_uri()
    monkeypatch.setattr(
        client,
        "create_experiment",
        lambda name, **more: create(name, **more | {"artifact_location": elsewhere}),
    )
    with pytest.raises(RefusedError, match="keeps its artifacts in"):
        experiment_for(client, "http://localhost:5000", "new")
    monkeypatch.setattr(client, "create_experiment", create)
    assert client.get_experiment_by_name("new") is None
    experiment_for(client, uri, "new")


def test_a_leftover_that_is_refused_does_not_stop_the_next_command(
    uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    MlflowTracker(uri, {"data": DATASET}).open([SWEEP])
    client = connect(uri)
    client.delete_experiment(client.get_experiment_by_name("toy").experiment_id)
    store = Store(uri)
    journal = store.journal("one")
    journal.append(("open", ((SWEEP,), {"data": DATASET})), ("close", (State.FINISHED, {})))
    with monkeypatch.context() as patch:
        patch.setattr(MlflowTracker, "open", deny)
        with pytest.warns(StoreWarning, match=r"not you. They are kept in .*one\.jsonl\."):
            assert store.write_leftovers() == 0
    assert store.waiting() == 1, "the next command tries again"
    with pytest.warns(StoreWarning, match=r"'toy' was deleted .*one\.jsonl\.refused\. When"):
        assert store.write_leftovers() == 0
    assert store.waiting() == 0
    assert len(journal.refused.read()) == 2
    warn_of_leftovers(store)
    warned = " ".join(capsys.readouterr().err.split())
    assert f"{journal.refused.path}. When the reason is gone, remove `.refused`" in warned
    (check,) = [check for check in examine(uri) if check.name == "records"]
    assert check.found.endswith(f"{journal.refused.path}")
    assert "delete it" in check.advice


def deny(*_: object) -> None:
    raise DeniedError("not you.")


def test_postgres(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    uri = postgres.database("refusals")
    MlflowTracker(uri, {}).open([SWEEP])
    client = connect(uri)
    client.create_experiment("elsewhere", artifact_location="/no/folder/elsewhere")
    with pytest.raises(RefusedError, match="keeps its artifacts in /no/folder/elsewhere"):
        MlflowTracker(uri, {}).open([replace(SWEEP, experiment="elsewhere")])
    client.create_experiment("served", artifact_location="mlflow-artifacts:/7")
    with pytest.raises(RefusedError, match=r"'served' of .* was recorded through an MLflow"):
        MlflowTracker(uri, {}).open([replace(SWEEP, experiment="served")])
    (check,) = [check for check in examine(uri) if check.name == "artifacts"]
    assert check.found.endswith("The same with 1 other experiment.")
    monkeypatch.chdir("/")
    with pytest.raises(DeniedError, match="password authentication failed"):
        connect(uri.replace(quote(postgres.PASSWORD, safe=""), "wrong-password"))
    with pytest.raises(StoreError) as away:
        connect(uri.replace(str(postgres.port), "1"))
    assert type(away.value) is StoreError
