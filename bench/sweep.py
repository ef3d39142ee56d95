"""A complete `signs-sweep run`, MLflow included: its time and memory."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from signs_sweep.executors import default_workers

SPEC = """\
name: bench
data: signs
base: {{learning_rate: 1e-4, batch_size: 32, epochs: {epochs}}}
grid: {{l2: [0, 0.01], keep_prob: [1, 0.8]}}
seeds: 2
"""


SHORT = """\
name: bench
data: signs
model: {{hidden: [5]}}
base: {{epochs: {epochs}}}
seeds: 200
"""
"""Runs that would take less time to train than to record, without special care."""


@dataclass
class Sweep:
    """The measurements of a sweep.

    Attributes:
        runs: number of runs trained.
        epochs: epochs of each run.
        workers: number of worker processes.
        wall: seconds from the start of the command to its end.
        start: seconds from the start of the command until the first epoch was trained.
        outside: share of the workers' time after the first epoch in which they did not train.
        milliseconds: wall time per epoch and run.
        peak_mib: peak memory of the orchestrator and of a worker.
    """

    runs: int
    epochs: int
    workers: int
    wall: float
    start: float
    outside: float
    milliseconds: float
    peak_mib: dict[str, int]

    @property
    def runs_a_second(self) -> float:
        """Recorded runs per second, from the first trained epoch to the end of the command."""
        return self.runs / (self.wall - self.start)


def measure_sweep(epochs: int, spec: str = SPEC) -> Sweep:
    """Run a sweep in a new folder and measure it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bench.yaml").write_text(spec.format(epochs=epochs), encoding="utf-8")
        data = os.environ.get("SIGNS_DATA")
        variables = {"SIGNS_DATA": str(Path(data).absolute())} if data else {}
        began = time.time()
        process = subprocess.Popen(
            [sys.executable, "-m", "signs_sweep", "run", "bench.yaml", "--quiet"],
            cwd=folder,
            env=os.environ | variables,
            stdout=subprocess.DEVNULL,
        )
        peaks = _watch(process)
        wall = time.time() - began
        if process.returncode:
            sys.exit(f"signs-sweep run ended with {process.returncode}")
        spans = _spans(folder / "mlruns" / "mlflow.db")
    workers = default_workers()
    start = min(first for first, _ in spans) - began
    trained = sum(last - first for first, last in spans) * epochs / (epochs - 1)
    return Sweep(
        runs=len(spans),
        epochs=epochs,
        workers=workers,
        wall=wall,
        start=start,
        outside=1 - trained / (workers * (wall - start)),
        milliseconds=1000 * wall / (len(spans) * epochs),
        peak_mib=peaks,
    )


def _spans(database: Path) -> list[tuple[float, float]]:
    """Return when the first and the last epoch of each run ended, in seconds since 1970."""
    query = (
        "SELECT min(timestamp) / 1000.0, max(timestamp) / 1000.0 FROM metrics "
        "WHERE key = 'loss' GROUP BY run_uuid"
    )
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def _watch(process: "subprocess.Popen[bytes]") -> dict[str, int]:
    """Wait for a command to end; return the peak memory of it and of its workers, in MiB."""
    peaks = {"orchestrator": 0, "worker": 0}
    while process.poll() is None:
        peaks["orchestrator"] = max(peaks["orchestrator"], _peak(process.pid))
        for child in _children(process.pid):
            peaks["worker"] = max(peaks["worker"], _peak(child))
        time.sleep(0.5)
    return peaks


def _children(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    except OSError:
        return []


def _peak(pid: int) -> int:
    """Return the peak resident memory of a process so far, in MiB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) // 1024 if lines else 0
