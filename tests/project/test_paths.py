"""The paths of the files of a project."""

from pathlib import Path

import pytest

from signs_sweep.project.paths import ProjectPaths

HERE = Path("/home/user")
FILE = ProjectPaths("sqlite:////data/my runs/mlflow.db", HERE)
SERVER = ProjectPaths("https://me:s3cretpw@host", HERE)
DATABASE = ProjectPaths("postgresql://me:s3cretpw@host/db", HERE)


def test_everything_is_beside_a_database_file() -> None:
    assert FILE.root == Path("/data/my runs")
    assert FILE.artifact_root == "file:///data/my%20runs/artifacts"
    assert FILE.checkpoints == Path("/data/my runs/checkpoints")
    assert FILE.claims == Path("/data/my runs/checkpoints/claims")
    assert FILE.studies == "sqlite:////data/my runs/optuna.db"


@pytest.mark.parametrize("paths", [SERVER, DATABASE])
def test_for_any_other_store_it_is_in_mlruns(paths: ProjectPaths) -> None:
    assert paths.root == Path("/home/user/mlruns")
    assert paths.studies == "sqlite:////home/user/mlruns/optuna.db"


def test_artifacts_are_where_a_server_decides_and_for_a_database_in_mlruns() -> None:
    assert SERVER.artifact_root is None
    assert DATABASE.artifact_root == "file:///home/user/mlruns/artifacts"


def test_journals_are_found_by_their_sweep_and_stay_when_the_password_changes(
    tmp_path: Path,
) -> None:
    old, new, other = (
        ProjectPaths(f"https://me:{password}@{host}", tmp_path)
        for password, host in (("old", "host"), ("new", "host"), ("old", "elsewhere"))
    )
    assert old.journals() == {}
    for paths in (old, other):
        paths.journal("one-two").parent.mkdir(parents=True, exist_ok=True)
        paths.journal("one-two").touch()
    assert new.journals() == {"one-two": old.journal("one-two")}


def test_the_names_of_earlier_versions_stay() -> None:
    """Their files are found: journals, and claims that another process holds."""
    assert SERVER.journal("one") == Path("/home/user/mlruns/spool/c6653d36-one.jsonl")
    assert FILE.study_claim("sqlite:////data/o.db", "toy") == (Path("/data"), "o.db.toy")
    folder, name = FILE.study_claim("postgresql://me:s3cretpw@host/db", "toy")
    assert folder == FILE.claims
    assert name == "search-922337e0001c4da1a61a17f5"
