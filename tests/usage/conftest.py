"""A project folder as a user has it: small data, a spec, and the command line."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.data import Dataset, write_dataset

SPEC = """\
name: toy
description: Small enough to be trained in a moment.
data: signs
model: {hidden: [4, 3]}
base: {learning_rate: 1e-3, batch_size: 16, epochs: 6}
grid: {l2: [0, 0.01], keep_prob: [1, 0.8]}
seeds: [{global_seed: 3, init_seed: 0}]
baseline: {l2: 0, keep_prob: 1}
"""


def small_dataset() -> Dataset:
    """Return 40 + 12 images of 8 x 8, in which brightness tells the classes apart."""
    generator = np.random.default_rng(0)

    def images(labels: np.ndarray) -> np.ndarray:
        noise = generator.integers(0, 100, (len(labels), 8, 8, 3))
        return (labels[:, None, None, None] * 70 + noise).astype(np.uint8)

    train, test = np.arange(40) % 3, np.arange(12) % 3
    return Dataset("signs", images(train), train, images(test), test, ("0", "1", "2"), drawn=False)


@dataclass(frozen=True)
class Project:
    """A folder with data and specs."""

    folder: Path

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def environment(self) -> dict[str, str]:
        hidden = {"SIGNS_DATA", "MLFLOW_TRACKING_URI"}
        return {name: value for name, value in os.environ.items() if name not in hidden}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "signs_sweep", *arguments]

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment() | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command in a process group of its own, as a shell does."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlruns/mlflow.db"


def new_project(folder: Path) -> Project:
    write_dataset(small_dataset(), folder / "data")
    project = Project(folder)
    project.write("toy.yaml", SPEC)
    return project


@pytest.fixture(scope="session")
def make_project() -> Callable[[Path], Project]:
    """Make an empty project in a folder."""
    return new_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project: nothing has been run in it."""
    return new_project(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose spec has been run. Tests look at it and change nothing."""
    project = new_project(tmp_path_factory.mktemp("finished"))
    done = project.run("run", "toy.yaml")
    assert done.returncode == 0, done.stderr
    (project.folder / "stdout.txt").write_text(done.stdout, encoding="utf-8")
    (project.folder / "stderr.txt").write_text(done.stderr, encoding="utf-8")
    return project
