"""A project folder as a user has it: small data, a spec, and the command line."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from calling import call
from looking import PATIENCE
from small import small_dataset

from signs_sweep.data import write_dataset

HIDDEN = ("SIGNS_DATA", "MLFLOW_TRACKING_URI", "SIGNS_SWEEP_CLAIMS", "SIGNS_SWEEP_CHECKPOINTS")
"""Variables of the environment that would lead out of a project."""

SPEC = """\
name: toy
description: Small enough to be trained in a moment.
data: signs
model: {hidden: [4, 3]}
base: {learning_rate: 1e-3, batch_size: 8, epochs: 6}
grid: {l2: [0, 0.01], keep_prob: [1, 0.8]}
seeds: [{global_seed: 3, init_seed: 0}]
baseline: {l2: 0, keep_prob: 1}
"""


def without_report(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command that writes no report, which takes a second, unless it asks for that."""
    is_training = arguments[:1] in (("run",), ("search",))
    return (*arguments, "--no-report") if is_training and "--report" not in arguments else arguments


@dataclass(frozen=True)
class Project:
    """A folder with data and specs, and the processes that were started in it.

    Attributes:
        programs: a folder in which processes keep what XLA compiles; each program takes seconds.
    """

    folder: Path
    programs: Path
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in HIDDEN}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "signs_sweep", *without_report(arguments)]

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, in this process."""
        return call(without_report(arguments), self.folder, self.environment() | variables)

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Start a command in a process and a process group of its own, as a shell does."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment() | {"TF_XLA_FLAGS": self.keeping_programs} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        """Kill what is left, as a test leaves it that fails."""
        for process in self.started:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def finish(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, in a process of its own."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make this the current folder, and its store and data the default."""
        monkeypatch.chdir(self.folder)
        for name in HIDDEN:
            monkeypatch.delenv(name, raising=False)

    @property
    def keeping_programs(self) -> str:
        name = "--tf_xla_persistent_cache"
        return f"{name}_directory={self.programs} {name}_read_only=false"

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlruns/mlflow.db"


def new_project(folder: Path, programs: Path) -> Project:
    write_dataset(small_dataset(), folder / "data")
    project = Project(folder, programs)
    project.write("toy.yaml", SPEC)
    return project
