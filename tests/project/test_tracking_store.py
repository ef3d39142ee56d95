"""The address of the tracking store, and opening it from several processes."""

import os
import sqlite3
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from servers import Postgres
from signs_sweep.errors import StoreError
from signs_sweep.project.databases import opening
from signs_sweep.project.tracking_store import resolve_uri, store_exists
from signs_sweep.tracking import MlflowIndex


@pytest.fixture(autouse=True)
def _no_uri_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_option_wins_over_the_environment_and_that_over_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert resolve_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert resolve_uri(None, tmp_path) == "http://127.0.0.1:5000"
    assert resolve_uri("sqlite:///other.db", tmp_path) == f"sqlite:///{tmp_path}/other.db"
    assert resolve_uri("sqlite:////abs/x.db", tmp_path) == "sqlite:////abs/x.db"


@pytest.mark.parametrize(
    ("uri", "advice"),
    [
        ("mlruns", "sqlite:///mlruns/mlflow.db"),
        ("~/runs", f"sqlite:///{Path.home()}/runs/mlflow.db"),
        ("file:///tmp/my%20runs", "sqlite:////tmp/my runs/mlflow.db"),
        ("file:runs", "sqlite:///runs/mlflow.db"),
        ("C:\\runs", "Name a database"),
        ("127.0.0.1:5000", "write http://127.0.0.1:5000"),
        ("localhost:5000/x", "write http://localhost:5000/x"),
        ("databricks", "not supported"),
        ("databricks://me", "not supported"),
        ("postgres://host/db", "write postgresql://"),
        ("oracle://host/db", "It has sqlite, postgresql, mysql, mssql, http, https"),
        ("sqlite://", "sqlite:///mlruns/mlflow.db"),
        ("http://host:x", "is not a valid address"),
        ("", "is empty"),
        (" ", "is empty"),
    ],
)
def test_an_invalid_store_is_an_error_that_names_a_valid_one(
    uri: str, advice: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError) as caught:
        resolve_uri(uri, tmp_path)
    assert uri.strip() in str(caught.value)
    assert advice in str(caught.value)


def test_an_empty_environment_variable_is_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert resolve_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlruns/mlflow.db"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql+psycopg2", "mysql", "mssql"])
def test_a_database_without_its_driver_says_what_to_install(kind: str) -> None:
    index = MlflowIndex(f"{kind}://me:s3cretpw@127.0.0.1:1/db")
    with pytest.raises(StoreError, match=r"needs a package: pip install \w+") as caught:
        index.find(["x"])
    assert "s3cretpw" not in "".join(traceback.format_exception(caught.value))


def test_only_a_database_file_that_is_missing_is_known_to_hold_nothing(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/a.db"
    assert not store_exists(uri)
    (tmp_path / "a.db").touch()
    assert store_exists(uri)
    assert store_exists("http://127.0.0.1:1")


def test_a_folder_that_cannot_be_created_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with (
        pytest.raises(StoreError, match="--tracking-uri"),
        opening(f"sqlite:///{tmp_path}/taken/mlflow.db", "with --tracking-uri"),
    ):
        pass


def test_a_second_process_waits_until_the_first_has_opened_the_store(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/new/mlflow.db"
    code = (
        "import sys\nfrom signs_sweep.project.databases import opening\n"
        "print('asks', flush=True)\n"
        "with opening(sys.argv[1], str()): print('holds', flush=True)"
    )
    with opening(uri, ""):
        other = subprocess.Popen(
            [sys.executable, "-c", code, uri], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "asks\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=0.5)
    assert other.communicate(timeout=600)[0] == "holds\n"


@pytest.mark.slow
def test_several_processes_can_open_a_new_store_at_the_same_time(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    code = (
        "import sys\nfrom signs_sweep.tracking import MlflowIndex\n"
        "print(len(MlflowIndex(sys.argv[1]).find()))"
    )
    # A file that is there but empty is what another process has just begun.
    (tmp_path / "mlruns").mkdir()
    sqlite3.connect(tmp_path / "mlruns" / "mlflow.db").close()
    several = [
        subprocess.Popen(
            [sys.executable, "-c", code, uri],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in several:
        out, err = process.communicate(timeout=600)
        assert (process.returncode, out) == (0, "0\n"), err
    assert MlflowIndex(uri).find() == {}


OPEN = """
import sys
import mlflow.store.tracking.sqlalchemy_store
from signs_sweep.tracking import MlflowTracker
print("ready", flush=True)
sys.stdin.readline()
MlflowTracker(sys.argv[1], {}).open([])
"""


@pytest.mark.slow
def test_several_machines_can_open_a_new_database_at_the_same_time(
    postgres: Postgres, tmp_path: Path
) -> None:
    uri = postgres.database("new")
    several = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        several.append(
            subprocess.Popen(
                [sys.executable, "-c", OPEN, uri],
                cwd=tmp_path / name,
                env=os.environ | {"TMPDIR": str(tmp_path / name)},  # Of MLflow's own lock.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    lines = [process.stdout.readline() for process in several if process.stdout]
    if lines == ["ready\n"] * 2:
        for process in several:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    for process in several:
        err = process.communicate(timeout=600)[1]
        assert process.returncode == 0, err
    assert MlflowIndex(uri).find() == {}
