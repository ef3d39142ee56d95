"""How fast the tracker records runs: in a SQLite file, and through an MLflow server.

    python bench/tracking.py [--repeats 3] [--server "PID URI"] [URI ...]

The events are invented, with a model of 1.2 MB and two pictures; nothing is trained. Each
repetition records in every store once. Without a server of your own, one over a SQLite file is
started. Times are milliseconds a run: of all, and of the processor in this process and the server.
"""

import argparse
import os
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
import requests

from signs_sweep.domain import (
    Dense,
    Finished,
    Parameters,
    Progress,
    Purpose,
    Run,
    Started,
    State,
    Trial,
)
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, MlflowTracker

CASES = {"long": (10, 1500, 32), "short": (40, 20, 20)}
"""Runs, epochs of each, and epochs in an event."""
CLASSES = ("a", "b", "c", "d", "e", "f")
DATA = DatasetInfo("toy", CLASSES, np.zeros((1, 64, 64, 3), np.uint8), drawn=False)
NAMES = ("processor", "vectors", "device", "tensorflow", "keras", "numpy", "python", "platform")

calls = 0


def main() -> None:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("uris", nargs="*", help="further stores")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--server", help="session id of a running server, and its address")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        process = None if options.server else start(folder)
        session, address = (options.server or f"{process.pid} {ADDRESS}").split()
        stores = [f"sqlite:///{folder}/file/mlflow.db", address, *options.uris]
        try:
            for case, sizes in CASES.items():
                measured = defaultdict(list)
                for _ in range(options.repeats):
                    for uri in stores:
                        measured[uri].append(measure(uri, sizes, session))
                for uri, values in measured.items():
                    wall, own, of_server, requested = map(median, zip(*values, strict=True))
                    pace = sizes[1] / wall * 1000
                    print(
                        f"{case:6}{uri.partition(':')[0]:12}{wall:6.0f} ms, client {own:4.0f}, "
                        f"server {of_server:4.0f}, {requested:5.1f} requests, {pace:6.0f} epochs/s"
                    )
        finally:
            if process is not None:
                process.terminate()
                process.wait()


ADDRESS = "http://127.0.0.1:5917"


def start(folder: str) -> "subprocess.Popen[bytes]":
    """Start a server, in a session of its own."""
    command = [sys.executable, "-m", "mlflow", "server", "--port", ADDRESS.rpartition(":")[2]]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--artifacts-destination", f"{folder}/artifacts"]
    with Path(folder, "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    while True:
        try:
            if requests.get(f"{ADDRESS}/health", timeout=5).ok:
                return process
        except requests.ConnectionError:
            time.sleep(0.2)


def measure(uri: str, sizes: tuple[int, int, int], session: str) -> tuple[float, ...]:
    """Record runs; return ms a run: of all, this process and the server, and requests a run."""
    runs, epochs, step = sizes
    tracker = MlflowTracker(uri, {"abcd": DATA})
    tracker.open([SweepRecord("toy", "", "name: toy\n", "plan\n", "toy", uuid4().hex)])
    model, numbers = os.urandom(1_200_000), np.arange(1, epochs + 1)
    pictures = {name: os.urandom(30_000) for name in ("curves.png", "confusion.png")}
    final = {"final_train_accuracy": 0.9, "test_accuracy": 0.8}
    requested, began = calls, (time.time(), time.process_time(), seconds_of(session))
    for number in range(1, runs + 1):
        run = Run(Parameters(epochs=epochs, l2=number / 1000), Dense((5,)), 0.0, "abcd")
        title = f"l2={number / 1000}"
        trial = Trial(title, "toy", Purpose.SWEEP, number, title, (run,), label=title)
        tracker.start(trial, run)
        tracker.record(Started(run.run_id, 0, time.time(), dict.fromkeys(NAMES, "1.0")))
        for first in range(0, epochs, step):
            part = numbers[first : first + step]
            values = {"loss": 1 / part, "accuracy": part / epochs}
            tracker.record(Progress(run.run_id, first + 1, values, time.time() * 1000 + part))
        end = (time.time(), 8.5, final, np.ones((6, 6), np.int64), model, None)
        tracker.record(Finished(run.run_id, *end, pictures=pictures))
    tracker.close(State.FINISHED, {})
    ended = (time.time(), time.process_time(), seconds_of(session))
    taken = [1000 * (after - before) / runs for after, before in zip(ended, began, strict=True)]
    return *taken, (calls - requested) / runs


def seconds_of(session: str) -> float:
    """Return the processor time of the processes of a session, on Linux."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = file.read_text().rpartition(") ")[2].split()
            ticks += sum(map(int, fields[11:13])) if fields[3] == session else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def count_requests() -> None:
    """Count the HTTP requests of this process from now on."""
    request = requests.Session.request

    def counted(*args: object, **kwargs: object) -> requests.Response:
        global calls  # noqa: PLW0603
        calls += 1
        return request(*args, **kwargs)

    requests.Session.request = counted


if __name__ == "__main__":
    count_requests()
    main()
