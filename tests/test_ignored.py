"""What git leaves out: what runs, packaging and tools write."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no git checkout")


def git(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["git", "-c", "core.excludesFile=/dev/null", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "path",
    [
        "mlruns/mlflow.db",
        "bench/mlruns/artifacts/1/model_summary.txt",
        "a/b/mlruns/checkpoints/x",
        "dist/signs_sweep-0.1.0-py3-none-any.whl",
        "build/lib/signs_sweep/api.py",
        "src/signs_sweep.egg-info/PKG-INFO",
        "deploy/.env",
    ],
)
def test_what_is_produced_is_ignored(path: str) -> None:
    assert git("check-ignore", path).stdout == f"{path}\n"


@pytest.mark.parametrize("path", ["mlruns/.gitkeep", "src/signs_sweep/build/new.py"])
def test_what_belongs_to_the_project_is_not(path: str) -> None:
    assert git("check-ignore", path).returncode == 1


def test_no_file_of_the_project_is_ignored() -> None:
    assert git("ls-files", "--cached", "--ignored", "--exclude-standard").stdout == ""
