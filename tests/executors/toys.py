"""Trainers that need no TensorFlow, for workers that import this file through PYTHONPATH.

The `data` of a run decides what a toy does.
"""

import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from signs_sweep.domain import (
    Checkpoint,
    Dense,
    Event,
    Failed,
    Finished,
    Parameters,
    Progress,
    Run,
    Started,
    Stopped,
)
from signs_sweep.errors import DivergedError, TrainingError
from signs_sweep.process.processor import processor, vectors
from signs_sweep.protocols import Executor

LARGE_MODEL = bytes(range(256)) * 8192
"""2 MiB, more than any pipe buffers."""


PATIENCE = 600.0
"""Seconds after which something counts as hanging: more than a busy machine needs."""


def toy_run(behaviour: str, epochs: int = 3, seed: int = 0) -> Run:
    """Return a run that makes `ToyTrainer` behave that way."""
    return Run(Parameters(epochs=epochs, global_seed=seed), Dense((2,)), 0.0, behaviour)


def worker_environment() -> dict[str, str]:
    """Return environment variables with which a worker finds this module."""
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class ToyTrainer:
    """Counts epochs instead of training."""

    def environment(self) -> Mapping[str, str]:
        return {
            "pid": str(os.getpid()),
            "tensorflow": str("tensorflow" in sys.modules),
            "processor": processor()[0],
            "vectors": vectors(),
        }

    def checkpoint(self) -> Checkpoint | None:
        return None

    def train(
        self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True
    ) -> Iterator[Event]:
        behaviour = run.data
        first = 1 if checkpoint is None else int(checkpoint) + 1
        for epoch in range(first, run.parameters.epochs + 1):
            loss = np.array([1 / epoch])
            yield Progress(run.run_id, epoch, {"loss": loss}, np.array([epoch * 1000]))
            if behaviour == "slow":
                time.sleep(0.02)
            elif behaviour.startswith("die"):  # As in "die 127 last words".
                _, code, words = behaviour.split(" ", 2)
                _die(int(code), words)
            elif behaviour != "quick":
                _misbehave(behaviour)
        model = LARGE_MODEL if behaviour == "large" else b"model"
        metrics = {"test_loss": 1.0} if is_tested else {}
        yield Finished(run.run_id, time.time(), 0.5, metrics, np.eye(2, dtype=int), model)


class KeepingTrainer(ToyTrainer):
    """Makes a checkpoint after every epoch."""

    def __init__(self) -> None:
        self._last: Checkpoint | None = None

    def checkpoint(self) -> Checkpoint | None:
        return self._last

    def train(
        self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True
    ) -> Iterator[Event]:
        for event in super().train(run, checkpoint, is_tested=is_tested):
            if isinstance(event, Progress):
                epoch = event.last_epoch
                is_end = epoch == run.parameters.epochs
                self._last = Checkpoint(run.run_id, epoch, str(epoch).encode(), is_end=is_end)
            yield event
            if isinstance(event, Progress):
                yield self._last


class ForeignTrainer(ToyTrainer):
    """Trains on a kind of processor that this machine does not seem to have."""

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "device": "Abacus 3000"}


class ReadingTrainer(ToyTrainer):
    """Reads a file of its current folder."""

    def environment(self) -> Mapping[str, str]:
        return {"note": Path("a/note").read_text()}


class HeavyTrainer(ToyTrainer):
    """Makes a checkpoint of 100 MiB after every epoch."""

    def train(
        self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True
    ) -> Iterator[Event]:
        for event in super().train(run, None, is_tested=is_tested):
            yield event
            if isinstance(event, Progress):
                yield Checkpoint(run.run_id, event.last_epoch, bytes(100 * 2**20), is_end=False)


_ERRORS = {
    "bug": ZeroDivisionError("a bug in epoch 1"),
    "known problem": TrainingError("this cannot be trained. Use other data."),
    "divergence": DivergedError(2, math.inf, 0.25),
    "no memory": MemoryError(),
}


def _die(code: int, words: str) -> None:
    """End with an exit code, or for a negative one by a signal, after some output."""
    sys.stderr.write(words)
    sys.stderr.flush()
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def _misbehave(behaviour: str) -> None:
    if behaviour in _ERRORS:
        raise _ERRORS[behaviour]
    if behaviour == "exit":
        sys.stdout.write("last words")
        sys.stdout.flush()
        os._exit(7)
    if behaviour == "system exit":
        sys.exit("went away")
    if behaviour == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "noise":
        for stream in (sys.stdout, sys.stderr):
            stream.buffer.write(b"\xff\x00 noise \n" * 50_000)
            stream.flush()
    if behaviour == "hang":
        time.sleep(2 * PATIENCE)
    if behaviour == "interrupt":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)


def failing_factory() -> ToyTrainer:
    """Fail, like a trainer whose library is missing."""
    raise ImportError("no such library")


def events_until(
    executor: Executor, kind: type, count: int = 1, seconds: float = PATIENCE
) -> list[Event]:
    """Return the events of an executor up to the `count`-th of a kind."""
    events: list[Event] = []
    deadline = time.monotonic() + seconds
    while sum(isinstance(event, kind) for event in events) < count:
        assert time.monotonic() < deadline, f"only {events} in {seconds} s"
        events += executor.events(timeout=0.1)
    return events


def events_until_end(executor: Executor, runs: int = 1, seconds: float = PATIENCE) -> list[Event]:
    """Return the events of an executor until so many runs have ended."""
    return events_until(executor, Finished | Failed | Stopped, runs, seconds)


def train(executor: Executor, run: Run) -> list[Event]:
    """Submit a run and return all its events."""
    executor.submit(run)
    return events_until_end(executor)


def process_of(events: list[Event]) -> int:
    """Return the process id in a run's `Started`."""
    started = next(event for event in events if isinstance(event, Started))
    return int(started.environment["pid"])


def is_alive(pid: int) -> bool:
    """Return whether there is such a process, a zombie included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ends_soon(pid: int, seconds: float = PATIENCE) -> bool:
    """Return whether a process of another parent ends; that parent need not wait for it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_alive(pid) or _is_zombie(pid):
            return True
        time.sleep(0.02)
    return False


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2][1] == "Z"
    except OSError:
        return False
