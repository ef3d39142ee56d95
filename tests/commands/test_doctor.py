"""What `signs-sweep doctor` finds, and that it changes nothing."""

import json
import os
import re
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signs_sweep.cli.app import app
from signs_sweep.commands import doctor
from signs_sweep.commands.doctor import Check, Status, examine
from signs_sweep.commands.store import Store
from signs_sweep.data import Dataset, write_dataset
from signs_sweep.executors.cluster import joining
from signs_sweep.project import FileClaims
from signs_sweep.protocols import SweepRecord

NAMES = ("SIGNS_DATA", "MLFLOW_TRACKING_URI", "XLA_FLAGS", "CUDA_VISIBLE_DEVICES")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Store:
    (tmp_path / "mlruns").mkdir()
    shutil.copy(empty_store, tmp_path / "mlruns" / "mlflow.db")
    return Store(None)


def found(name: str, **arguments) -> Check:
    """The first check with a name that is not right, else the first with the name."""
    checks = [check for check in examine(**arguments) if check.name == name]
    return next((check for check in checks if check.status is not Status.OK), checks[0])


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_is_right_and_stays_empty(tmp_path: Path) -> None:
    checks = list(examine())
    assert [check for check in checks if check.status is Status.ERROR] == []
    assert {"Python", "libraries", "processor", "executor", "store"} <= {c.name for c in checks}
    assert "does not exist yet" in found("store").found
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_store_is_opened_and_not_changed(store: Store, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    assert found("store").status is Status.OK
    assert "can be opened and written; MLflow's schema" in found("store").found
    assert found("runs").found == "0 runs, 0 marked RUNNING"
    assert files_in(tmp_path) == before


def damage(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def outdate(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0123456789ab'")


def lock_out(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("no file is read-only for root")
    path.chmod(0o400)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (damage, "not a SQLite database"),
        (empty, "empty file"),
        (outdate, "mlflow db upgrade"),
        (lock_out, "cannot be written"),
    ],
)
@pytest.mark.slow
def test_a_store_that_cannot_be_used_is_an_error_and_the_other_checks_continue(
    change, what: str, store: Store, tmp_path: Path
) -> None:
    change(tmp_path / "mlruns" / "mlflow.db")
    names = [check.name for check in examine()]
    assert found("store").status is Status.ERROR
    assert what in found("store").found
    assert names[-1] == "folder"
    assert "runs" not in names


@pytest.mark.slow
def test_another_writer_and_a_lock_are_found(store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as database:
        database.execute("BEGIN IMMEDIATE")
        assert "keeps it locked" in found("store").found
    claims = FileClaims(store.paths.claims)
    assert claims.take("0123456789ab")
    assert found("locks").found.startswith("1 held")
    claims.release("0123456789ab")
    assert found("locks").found == "none held"


@pytest.mark.slow
def test_journals_and_damaged_checkpoints_are_found(store: Store) -> None:
    journal = store.paths.journal("sweep")
    journal.parent.mkdir()
    journal.touch()
    assert found("records").status is Status.WARNING
    folder = store.paths.checkpoints / "0123456789ab"
    folder.mkdir(parents=True)
    (folder / "00000300.h5.damaged").write_bytes(bytes(50_000_000))
    check = found("checkpoints")
    assert check.status is Status.WARNING
    assert check.found == "1 file, 0.1 GB; `clean` frees 0.1 GB; 1 file damaged"


@pytest.mark.slow
def test_a_sweep_whose_process_has_ended_is_found(store: Store) -> None:
    store.tracker.open([SweepRecord("toy", "", "", "", "", "sweep", store.origin)])
    assert "1 sweep marked RUNNING, whose process has ended" in found("runs").found
    assert store.claims.take("sweep")
    assert found("runs").status is Status.OK
    store.claims.retire("sweep")


@pytest.mark.slow
def test_a_database_of_studies_that_cannot_be_used_is_an_error(store: Store) -> None:
    assert found("study").status is Status.OK
    damage(store.paths.root / "optuna.db")
    assert found("study").status is Status.ERROR
    assert "not a SQLite database" in found("study").found


def test_a_folder_that_cannot_be_written_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    check = found("folder")
    assert check.status is Status.ERROR
    assert check.found.endswith("cannot be written: Permission denied")
    assert "--tracking-uri" in check.advice


def test_a_full_disk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(Path.cwd())
    for free, status in ((10**6, Status.ERROR), (10**8, Status.WARNING), (10**10, Status.OK)):
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _, n=free: usage._replace(free=n))
        assert found("folder").status is status


def test_the_data_is_found_with_its_doubts(dataset: Dataset, tmp_path: Path) -> None:
    assert "drawn images" in found("data").found
    assert found("data", data_dir=Path("nowhere")).status is Status.ERROR
    write_dataset(dataset, tmp_path / "data")
    checks = [check for check in examine() if check.name == "data"]
    assert dataset.fingerprint in checks[0].found
    copy = Dataset(
        *("toy", dataset.train_images, dataset.train_labels),
        *(dataset.train_images[:3], dataset.train_labels[:3], dataset.classes),
        drawn=False,
    )
    write_dataset(copy, tmp_path / "copies")
    assert found("data", data_dir=tmp_path / "copies").status is Status.WARNING


def test_an_unknown_scheme_is_an_error_and_other_checks_are_made() -> None:
    checks = list(examine("mongodb://host/name"))
    assert checks[0].name == "Python"
    assert (checks[-1].name, checks[-1].status) == ("store", Status.ERROR)


def test_a_check_that_fails_or_does_not_end_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError("odd")

    monkeypatch.setattr(doctor, "processor", fail)
    monkeypatch.setattr(doctor, "available_memory", threading.Event().wait)
    monkeypatch.setattr(doctor, "_PATIENCE", 0.2)
    assert found("processor").found == "ValueError: odd"
    assert found("executor").found == "no answer within 0 s"
    assert "is writable" in found("temporary folder").found


def test_a_gpu_without_cuda_and_variables_that_change_results_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(doctor, "distributions", list)
    assert "tensorflow[and-cuda]" in found("GPUs").advice
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    check = found("environment")
    assert check.status is Status.WARNING
    assert check.found.startswith("TF_ENABLE_ONEDNN_OPTS=0")


def test_a_ray_address_is_checked_if_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert "Ray cluster" not in {check.name for check in examine()}
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    check = found("Ray cluster")
    assert check.status is Status.WARNING
    assert check.found.startswith("no Ray cluster answers at 127.0.0.1:1 (")
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    for here, expected in ((None, "RAY_ADDRESS=auto, but no Ray"), ("127.0.0.1:1", check.found)):
        monkeypatch.setattr(joining, "address_here", lambda here=here: here)
        assert found("Ray cluster").status is Status.WARNING
        assert found("Ray cluster").found.startswith(expected)
    monkeypatch.setattr(joining, "address_here", lambda: None)
    monkeypatch.setattr(doctor.platform, "system", lambda: "Darwin")
    assert found("Ray cluster").found == "RAY_ADDRESS=auto, which is only checked on Linux"


def test_a_missing_library_is_an_error_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = {"optuna": None, "mlflow": "2.0"}
    own = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, own(name)))
    wrong = [check.advice for check in examine() if check.name == "library"]
    assert len(wrong) == 2
    assert all(re.match("pip install '(optuna|mlflow)", advice) for advice in wrong)


@pytest.mark.slow
def test_the_text_can_be_pasted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uri = "http://me:geheim99@127.0.0.1:9"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "short")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 1
    assert shown.output.startswith("signs-sweep ")
    assert "does not answer" in shown.output
    assert "geheim99" not in shown.output
    assert "TOKEN=***" in shown.output
    assert "~ is writable" in shown.output
    assert str(tmp_path) not in shown.output
    assert all(len(line) <= 80 or " " not in line.strip() for line in shown.output.splitlines())
    as_json = CliRunner().invoke(app, ["doctor", "--format", "json"])
    report = json.loads(as_json.output)
    assert as_json.exit_code == 1
    assert {"name", "status", "found", "advice"} == set(report["checks"][0])
    assert "geheim99" not in as_json.output
