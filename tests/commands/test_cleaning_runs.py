"""`clean` of runs, on a recorded store with a sweep, a search and its study."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from events import finished, progress, started
from signs_sweep.cli.app import app
from signs_sweep.cli.cleaning import clean_runs
from signs_sweep.commands.cleaning import RunCleaner
from signs_sweep.commands.options import SeedOptions
from signs_sweep.commands.store import Store
from signs_sweep.domain import Checkpoint, Predictions, Run, State
from signs_sweep.errors import StoreError, UnknownExperimentError, UsageError
from signs_sweep.planning.preparation import prepare
from signs_sweep.project import FileClaims
from signs_sweep.protocols import SweepRecord
from signs_sweep.searching.study.storage import identity_of, open_study, size_of_study
from signs_sweep.tracking import DatasetInfo, MlflowTracker
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import connect
from trials import ended, make_trial, searched

pytestmark = pytest.mark.slow

SPEC = """\
name: plain
data: drawn
model: {hidden: [4]}
base: {epochs: 5}
grid: {l2: [0, 0.01]}
seeds: 2
"""
DAY = 86400


@dataclass(frozen=True)
class Recorded:
    """A store.

    Attributes:
        folder: its folder, in which `plain.yaml` plans `plain`.
        plain: the runs of a sweep, one of them recorded in the experiment `before`.
        found: the runs of a search.
        longer: a run of `before` on the trajectory of the first run.
    """

    folder: Path
    plain: list[Run]
    found: list[Run]
    longer: Run

    @property
    def store(self) -> Store:
        return Store(None)

    def clean(self, *targets: str, age: float | None = None) -> None:
        clean_runs(self.store, targets, SeedOptions(), age=age, is_agreed=True)

    def choose(self, *targets: str, age: float | None = None):
        return RunCleaner(self.store, targets, SeedOptions(), age).choose()

    @property
    def kept(self) -> set[str]:
        return set(self.store.index.find())

    def has_checkpoint(self, run: Run) -> bool:
        return self.store.checkpoints.latest_epoch(run) == run.parameters.epochs

    def has_study(self) -> bool:
        (record,) = (each for each in self._parents("found") if not each.parent)
        return size_of_study(self.store.paths.studies, "found", record.sweep_id) is not None

    def _parents(self, experiment: str):
        records = RunCleaner(self.store, (), SeedOptions(), None).remover.records()
        return [each for each in records if each.experiment == experiment and not each.run_id]


def record(store: Store, name: str, *runs: Run, search: str = "") -> None:
    """Record runs that finish, and the ends of their trajectories; for a search, as its trials."""
    dataset = DatasetInfo("toy", ("a", "b"), np.zeros((1, 4, 4, 3), np.uint8), drawn=False)
    tracker = MlflowTracker(store.uri, {run.data: dataset for run in runs})
    sweep_id = search or f"sweep of {name}"
    tracker.open(
        [SweepRecord(name, "", "", "", "", sweep_id, store.origin, is_search=bool(search))]
    )
    predictions = Predictions(np.array([0]), np.array([1]), np.array([[0.1, 0.9]], np.float32))
    for number, run in enumerate(runs):
        make = searched if search else make_trial
        trial = replace(make(number, run) if search else make(run), experiment=name)
        tracker.start(trial, run)
        for event in (started(run), progress(run, count=5), finished(run)):
            tracker.record(
                replace(event, predictions={"test": predictions})
                if hasattr(event, "predictions")
                else event
            )
        tracker.end_trial(ended(trial))
        content = Checkpoint(run.run_id, run.parameters.epochs, b"state", is_end=True)
        store.checkpoints.keep(run, content)
    tracker.close(State.FINISHED, {})


@pytest.fixture(scope="module")
def kept_store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("cleaned")
    (folder / "mlruns").mkdir()
    shutil.copy(empty_store, folder / "mlruns")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        (folder / "plain.yaml").write_text(SPEC, encoding="utf-8")
        plain = list(prepare([folder / "plain.yaml"]).plan.runs.values())
        values = plain[0].parameters
        longer = replace(plain[0], parameters=replace(values, epochs=9))
        found = [replace(plain[0], parameters=replace(values, l2=l2)) for l2 in (0.1, 0.2)]
        store = Store(None)
        record(store, "before", plain[0], longer)
        record(store, "plain", *plain[1:])
        study = open_study(store.paths.studies, "found", {}, {}, maximize=True, metric="m")
        record(store, "found", *found, search=identity_of(study))
        client = connect(store.uri)
        number = client.get_experiment_by_name("plain").experiment_id
        client.set_experiment_tag(number, f"{tags.TESTED}data", "3")
        shutil.copytree(folder / "mlruns", folder / "backup")
        yield Recorded(folder, plain, found, longer)


@pytest.fixture
def recorded(kept_store: Recorded, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(kept_store.folder)
    restore(kept_store)
    return kept_store


def restore(recorded: Recorded) -> None:
    """Restore the store; MLflow keeps its database open."""
    backup, current = recorded.folder / "backup", recorded.folder / "mlruns"
    for name in ("artifacts", "checkpoints"):
        shutil.rmtree(current / name)
        shutil.copytree(backup / name, current / name)
    for name in ("mlflow.db", "optuna.db"):
        with (
            closing(sqlite3.connect(backup / name)) as before,
            closing(sqlite3.connect(current / name)) as now,
        ):
            before.backup(now)


def ids(*runs: Run) -> set[str]:
    return {run.run_id for run in runs}


def test_an_experiment_is_removed_with_all_that_belongs_to_its_runs(
    recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.clean("plain")
    shown = capsys.readouterr().out
    assert shown.splitlines()[1].split() == ["plain", "3", "3", "finished", "1"]
    assert "3 runs and 1 record of sweeps and trials" in shown
    assert recorded.kept == ids(recorded.plain[0], recorded.longer, *recorded.found)
    assert recorded.store.index.list_runs("plain") == []
    assert list((recorded.folder / "mlruns" / "artifacts" / "plain").iterdir()) == []
    assert list(map(recorded.has_checkpoint, recorded.plain)) == [True, False, False, False]
    assert recorded.store.index.tested("data") == 3, "what the test set was used for is history"
    with closing(sqlite3.connect(recorded.folder / "mlruns" / "mlflow.db")) as database:
        (left,) = database.execute("SELECT count(*) FROM runs").fetchone()
    assert left == 8, "four runs, two trials, a sweep and a search: no hidden record is left"
    recorded.clean("plain")
    assert capsys.readouterr().out == "nothing to remove\n"


def test_a_spec_means_the_runs_of_its_plan_wherever_they_are_recorded(recorded: Recorded) -> None:
    recorded.clean("plain.yaml")
    assert recorded.kept == ids(recorded.longer, *recorded.found)
    assert recorded.store.checkpoints.trajectories() == sorted(
        {run.trajectory_id for run in (recorded.longer, *recorded.found)}
    ), "a run with more epochs needs the checkpoints of its trajectory"


def test_a_search_is_removed_as_a_whole_with_its_study(
    recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = recorded.store.paths.studies
    text = SPEC.replace("plain", "other").replace("[0, 0.01]", "[0.1]")
    (recorded.folder / "other.yaml").write_text(text, encoding="utf-8")
    recorded.clean("other.yaml")
    shown = " ".join(capsys.readouterr().out.split())
    assert "kept: 1 run of the search 'found', which can only be removed as a whole" in shown
    assert "signs-sweep clean found" in shown
    assert recorded.has_study()
    assert ids(*recorded.found) <= recorded.kept

    (study,) = recorded.choose("found").studies
    assert (study.name, study.storage, study.trials) == ("found", storage, 0)
    recorded.clean("found")
    assert "the study of the search 'found' in " in " ".join(capsys.readouterr().out.split())
    assert recorded.kept == ids(*recorded.plain, recorded.longer)
    open_study(storage, "found", {"is": "new"}, {}, maximize=True, metric="m")


def test_an_age_selects_the_runs_that_ended_before(recorded: Recorded) -> None:
    now = time.time() * 1000
    with closing(sqlite3.connect(recorded.folder / "mlruns" / "mlflow.db")) as database, database:
        run = recorded.plain[1].run_id
        database.execute("UPDATE runs SET end_time = ?", (now,))
        database.execute(
            "UPDATE runs SET end_time = ? WHERE run_uuid IN "
            "(SELECT run_uuid FROM tags WHERE value IN (?, ?))",
            (now - 2000 * DAY, run, recorded.found[0].run_id),
        )
    removal = recorded.choose(age=DAY)
    assert [record.run_id for record in removal.records] == [run]
    assert removal.of_searches == {"found": 1}
    assert not recorded.choose("before", age=DAY).records
    recorded.clean(age=DAY)
    assert ids(*recorded.plain) - recorded.kept == {run}


def test_what_a_sweep_may_be_training_is_kept(recorded: Recorded) -> None:
    store, run = recorded.store, recorded.plain[1]
    claims = FileClaims(store.paths.claims)
    assert claims.take(run.trajectory_id)
    claims.take("sweep of before")
    for record in RunCleaner(store, (), SeedOptions(), None).remover.records():
        if record.sweep_id == "sweep of before":
            connect(store.uri).update_run(record.location, status="RUNNING")
    removal = recorded.choose("plain", "before")
    assert removal.under_way == 3
    assert {record.run_id for record in removal.runs} == ids(*recorded.plain[2:])
    assert not [record for record in removal.records if record.sweep_id], "sweeps keep their runs"
    recorded.clean("plain", "before")
    assert recorded.kept >= ids(*recorded.plain[:2], recorded.longer)
    assert recorded.has_checkpoint(run)
    claims.release(run.trajectory_id)
    claims.retire("sweep of before")
    recorded.clean("plain", "before")
    assert recorded.kept == ids(*recorded.found)


def test_a_sweep_that_begins_before_the_answer_keeps_its_runs(recorded: Recorded) -> None:
    cleaner = RunCleaner(recorded.store, ["plain"], SeedOptions(), None)
    agreed = cleaner.choose()
    claims = FileClaims(recorded.store.paths.claims)
    assert claims.take(recorded.plain[1].trajectory_id)
    cleaner.remove(agreed)
    claims.release(recorded.plain[1].trajectory_id)
    assert recorded.kept & ids(*recorded.plain[1:]) == ids(recorded.plain[1])
    assert len(recorded.choose("plain").records) == 2, "it keeps its sweep"

    folder, claim = recorded.store.paths.study_claim(recorded.store.paths.studies, "found")
    search = FileClaims(folder)
    assert search.take(claim)
    with pytest.raises(UsageError, match="another process is running the search 'found'"):
        recorded.clean("found")
    search.release(claim)
    assert ids(*recorded.found) <= recorded.kept


def test_runs_deleted_in_mlflow_are_included_and_restored_runs_are_found(
    recorded: Recorded,
) -> None:
    client, run = connect(recorded.store.uri), recorded.plain[1]
    location = recorded.store.index.find()[run.run_id].location
    client.delete_run(location)
    assert run.run_id not in recorded.kept
    client.restore_run(location)
    assert run.run_id in recorded.kept
    number = client.get_experiment_by_name("plain").experiment_id
    client.delete_experiment(number)
    assert recorded.kept == ids(recorded.plain[0], recorded.longer, *recorded.found)
    recorded.clean("plain")
    client.restore_experiment(number)
    assert recorded.store.index.list_runs("plain") == []


def test_after_a_crash_nothing_is_half_and_the_same_command_finishes(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    budget = 0

    def crash(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def called(*arguments: object, **named: object) -> object:
            nonlocal budget
            if not budget:
                raise KeyboardInterrupt
            budget -= 1
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, called)

    for owner, name in (
        ("signs_sweep.commands.cleaning", "remove_study"),
        (Path, "unlink"),
        (MlflowClient, "delete_run"),
        (LocalArtifactRepository, "delete_artifacts"),
        (SqlAlchemyStore, "_hard_delete_run"),
    ):
        crash(__import__(owner, fromlist=["_"]) if isinstance(owner, str) else owner, name)
    steps = 0
    while True:
        budget = steps
        try:
            recorded.clean("found")
            break
        except KeyboardInterrupt:
            pass
        found = recorded.store.index.find([run.run_id for run in recorded.found])
        locations = [result.location for result in found.values()]
        assert len(recorded.store.index.predictions(locations)) == len(found), steps
        budget = 1000
        recorded.clean("found")
        assert recorded.kept == ids(*recorded.plain, recorded.longer)
        assert not any(map(recorded.has_checkpoint, recorded.found))
        assert not list((recorded.folder / "mlruns" / "artifacts" / "found").iterdir())
        restore(recorded)
        steps += 3
    assert steps > 15, "study, checkpoints, five records, and those and their artifacts for good"


def test_in_a_copy_of_a_store_the_artifacts_of_the_original_are_kept(
    recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    shutil.copytree(recorded.folder / "backup", tmp_path / "mlruns")
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "mlruns" / "artifacts" / "plain"
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as database, database:
        rows = "SELECT run_uuid FROM tags WHERE value = ?"
        for run, uri in zip(
            recorded.plain[1:3],
            (f"{own.as_uri()}/../../../outside", (tmp_path / "mlruns" / "artifacts").as_uri()),
            strict=True,
        ):
            change = f"UPDATE runs SET artifact_uri = ? WHERE run_uuid IN ({rows})"
            database.execute(change, (uri, run.run_id))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("content", encoding="utf-8")
    files = [
        *(recorded.folder / "mlruns").rglob("*"),
        *own.iterdir(),
        tmp_path / "outside" / "file",
    ]
    clean_runs(Store(None), ["plain"], SeedOptions(), age=None, is_agreed=True)
    shown = " ".join(capsys.readouterr().out.split())
    assert "with 0 bytes of artifacts" in shown
    assert "Artifacts that are not beside this store are kept, as in file:///" in shown
    assert "If the store is a copy, they belong to the original." in shown
    assert Store(None).index.list_runs("plain") == []
    assert [file for file in files if not file.exists()] == []


def test_wrong_arguments_and_a_missing_store_are_errors(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownExperimentError, match="did you mean 'plain'"):
        recorded.choose("plian")
    for arguments, words in (
        (["plain", "--all"], "--all is for checkpoints"),
        (
            ["--older-than", "old"],
            "--older-than old: expected a time such as 90s",
        ),
    ):
        wrong = CliRunner().invoke(app, ["clean", *arguments])
        assert isinstance(wrong.exception, UsageError)
        assert str(wrong.exception).startswith(words)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="nothing has been run here yet"):
        recorded.choose("plain")
