"""How many workers one orchestrator keeps busy, with workers that only send what training would.

    python bench/workers.py [--slots 2 50 200 500] [--runs 2] [--epochs 1500] [--profile]

A whole `run` in a folder of its own, with records, checkpoints and claims; only its executor is
replaced. A short run is trained first; its events, with the checkpoint and the model, are sent
again and again by a separate process, at the pace of training and in real time. As behind a pipe, a
worker goes on after a checkpoint or at its end only when that has been read.
"""

import argparse
import cProfile
import os
import pstats
import random
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from heapq import heappop, heappush
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import numpy as np

from signs_sweep.commands.options import Options
from signs_sweep.commands.running import begin
from signs_sweep.commands.session import Session
from signs_sweep.domain import (
    Checkpoint,
    Event,
    Finished,
    News,
    Notice,
    Progress,
    Run,
    Started,
)
from signs_sweep.executors import LocalExecutor, on_device
from signs_sweep.planning.preparation import prepare
from signs_sweep.project import FileCheckpoints, SharedClaims
from signs_sweep.protocols import Executor
from signs_sweep.sweep.loop import Sweep
from signs_sweep.tracking import MlflowTracker, Outbox
from signs_sweep.tracking.mlflow.recorder import RunRecorder
from signs_sweep.trainer.runtime import training_environment
from signs_sweep.trainer.training import Trainer

SPEC = """\
name: bench
data: signs
base: {{learning_rate: 1e-4, batch_size: 32, epochs: {epochs}}}
grid: {{l2: [0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.009]}}
seeds: {seeds}
"""
SETTINGS = 10
EPOCH = 0.027
"""Seconds an epoch of the series takes on a core."""
CALL = 0.4
"""Seconds between two events with epochs."""
VARIATION = 0.2
"""By which share the workers are faster or slower, so that they do not end at the same time."""
PARTS = {
    (Sweep, "_receive"): "loop",
    (Outbox, "record"): "loop: queue",
    (Session, "_look_up"): "loop: look-up",
    (FileCheckpoints, "keep"): "loop: checkpoints",
    (SharedClaims, "take"): "loop: claims",
    (Outbox, "_write"): "writer",
    (Outbox, "_take"): "writer: idle",
    (MlflowTracker, "start"): "writer: start",
    (MlflowTracker, "record"): "writer: record",
    (RunRecorder, "_write"): "writer: record: metrics and tags",
    (RunRecorder, "_draw"): "writer: record: pictures",
    (Outbox, "close"): "behind",
}
"""What is timed, and under which name."""


@dataclass(frozen=True)
class Templates:
    """The events of a real run, as those of every run."""

    started: Started
    checkpoint: Checkpoint
    finished: Finished

    def events(self, run: Run, slot: int) -> Iterator[tuple[float, Event]]:
        """Yield the events of a run, each with the seconds of training before it."""
        pace = EPOCH * random.Random(run.run_id).uniform(1 - VARIATION, 1 + VARIATION)
        total, since = run.parameters.epochs, 0.0
        size = max(1, round(CALL / pace))
        yield 0.0, replace(self.started, run_id=run.run_id, worker=slot, time=time.time())
        for done in range(0, total, size):
            count = min(size, total - done)
            numbers = np.arange(1, count + 1)
            metrics = {"loss": 1 / (done + numbers), "accuracy": (done + numbers) / (total + 1)}
            times = (1000 * (time.time() + pace * numbers)).astype(np.int64)
            yield pace * count, Progress(run.run_id, done + 1, metrics, times)
            since, is_end = since + pace * count, done + count == total
            if since > Options.checkpoint_seconds or is_end:
                yield 0.0, replace(
                    self.checkpoint, run_id=run.run_id, epoch=done + count, is_end=is_end
                )
                since = 0.0
        yield 0.0, replace(
            self.finished, run_id=run.run_id, seconds=pace * total, time=time.time()
        )


Rest = Iterator[tuple[float, Event]]


class Simulation:
    """An executor in this process whose workers send what training would, when it would."""

    def __init__(self, templates: Templates, slots: int) -> None:
        self.slots = slots
        self._templates = templates
        self._free = list(reversed(range(slots)))
        self._due: list[tuple[float, int, Event, Rest]] = []
        self._sent: tuple[int, Rest] | None = None

    def submit(self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True) -> None:
        """Begin a run, always from its first epoch."""
        slot = self._free.pop()
        self._proceed(time.monotonic(), slot, self._templates.events(run, slot))

    def events(self, timeout: float) -> Sequence[Event]:
        """Return what is due; the caller has taken the checkpoint that was the last."""
        if self._sent is not None:
            self._proceed(time.monotonic(), *self._sent)
            self._sent = None
        pause = self._due[0][0] - time.monotonic() if self._due else timeout
        time.sleep(min(timeout, max(0.0, pause)))
        received: list[Event] = []
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            due, slot, event, rest = heappop(self._due)
            received.append(event)
            if isinstance(event, Checkpoint):
                self._sent = slot, rest
                break
            if isinstance(event, Finished):
                self._free.append(slot)
            else:
                self._proceed(due, slot, rest)
        return received

    def stop(self, run_id: str) -> None:
        """Nothing is stopped here."""

    def close(self) -> None:
        """Nothing is open."""

    def _proceed(self, moment: float, slot: int, rest: Rest) -> None:
        seconds, event = next(rest)
        heappush(self._due, (moment + seconds, slot, event, rest))


class Separate:
    """An executor in another process, through a pipe."""

    def __init__(self, slots: int, make: Callable[[int], Executor]) -> None:
        self.slots = slots
        self._pipe, other = Pipe()
        self._process = Process(target=_serve, args=(other, partial(make, slots)), daemon=True)
        self._process.start()
        other.close()

    def submit(self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True) -> None:
        """Send a run."""
        self._pipe.send((run, checkpoint, is_tested))

    def events(self, timeout: float) -> Sequence[Event]:
        """Return the next event."""
        return [self._pipe.recv()] if self._pipe.poll(timeout) else []

    def stop(self, run_id: str) -> None:
        """Nothing is stopped here."""

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, make: Callable[[], Executor]) -> None:
    executor = make()
    while True:
        while pipe.poll(0):
            run, checkpoint, is_tested = pipe.recv()
            executor.submit(run, checkpoint, is_tested=is_tested)
        for event in executor.events(0.02):
            pipe.send(event)


class Watch:
    """A listener that measures how long workers train, and how long they wait."""

    def __init__(self) -> None:
        self.began: dict[str, Started] = {}
        self.last: dict[int, float] = {}
        self.trained: dict[int, list[float]] = defaultdict(list)
        self.seconds: list[float] = []

    def __call__(self, event: News | None) -> None:
        """Take an event."""
        if isinstance(event, Started):
            self.began[event.run_id] = event
            self.last[event.worker] = event.time
        elif isinstance(event, Finished):
            self.trained[self.began[event.run_id].worker].append(event.seconds)
            self.seconds.append(event.seconds)
        elif isinstance(event, Notice):
            print(event.message, file=sys.stderr)

    @property
    def idle(self) -> float:
        """The share of time without training, from the start to the last run of each worker."""
        start = min(event.time for event in self.began.values())
        trained = sum(sum(each[:-1]) for each in self.trained.values())
        return 1 - trained / sum(last - start for last in self.last.values())


wall: dict[str, float] = defaultdict(float)
cpu: dict[str, float] = defaultdict(float)


HEADER = (
    "| workers | runs | runs a minute, wanted | reached | metrics a second, wanted | reached "
    "| idle | CPU s a run | loop | writer | behind, s |",
    "|---" * 11 + "|",
)


def timed(owner: type, name: str, part: str) -> None:
    """Add up the time that a method takes."""
    method = getattr(owner, name)

    @wraps(method)
    def measured(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic(), time.thread_time()
        try:
            return method(*args, **kwargs)
        finally:
            wall[part] += time.monotonic() - began[0]
            cpu[part] += time.thread_time() - began[1]

    setattr(owner, name, measured)


def first_events(spec: Path) -> Templates:
    """Train a short run in a worker."""
    prepared = prepare([spec])
    run = next(iter(prepared.plan.runs.values()))
    short = replace(run, parameters=replace(run.parameters, epochs=40))
    make = partial(Trainer, prepared.sources, prepared.models, checkpoint_seconds=1000.0)
    executor = LocalExecutor(
        partial(make, is_worker=True), [on_device(training_environment(os.environ), None)]
    )
    executor.submit(short)
    events: dict[type, Event] = {}
    while Finished not in events:
        events |= {type(event): event for event in executor.events(1)}
    executor.close()
    return Templates(events[Started], events[Checkpoint], events[Finished])


def measure(slots: int, options: argparse.Namespace, make: Callable[[int], Executor]) -> None:
    """Carry out a sweep in the current folder, and print its line."""
    seeds = max(1, round(slots * options.runs / SETTINGS))
    spec = Path("bench.yaml")
    spec.write_text(SPEC.format(epochs=options.epochs, seeds=seeds), encoding="utf-8")
    running = begin(prepare([spec]), options.tracking_uri, Options(workers=1, report=False))
    running.devices = [None] * slots
    running.store.tracker.prepare()
    Session._make_executor = lambda _, devices: make(len(devices))  # type: ignore[method-assign]
    for times in (wall, cpu):
        times.clear()
    watch = Watch()
    began = time.thread_time(), time.process_time()
    outcome = running.execute(watch)
    loop, process = time.thread_time() - began[0], time.process_time() - began[1]
    runs, seconds = len(watch.seconds), mean(watch.seconds)
    assert len(outcome.plan.runs) == runs, outcome.unwritten
    most = 60 * slots / seconds
    reached = most * (1 - watch.idle)
    metrics = 2 * options.epochs / 60
    writer = cpu["writer"]
    print(
        f"| {slots} | {runs:,} | {most:,.0f} | {reached:,.0f} | {most * metrics:,.0f} "
        f"| {reached * metrics:,.0f} | {watch.idle:.1%} | {process / runs:.3f} "
        f"| {loop / runs:.3f} | {writer / runs:.3f} | {wall['behind']:.1f} |",
        flush=True,
    )
    for part in sorted(wall):
        print(f"    {part:34} {wall[part]:8.1f} s, {cpu[part] / runs * 1000:6.1f} ms of a core a run")


def main() -> None:
    """Measure, and print the tables of the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=int, nargs="+", default=[2, 50, 200, 500])
    parser.add_argument("--runs", type=float, default=2, help="of each worker")
    parser.add_argument("--epochs", type=int, default=1500, help="of each run")
    parser.add_argument("--tracking-uri", help="store; by default a SQLite file")
    parser.add_argument("--profile", action="store_true", help="where loop and writer spend time")
    options = parser.parse_args()
    for (owner, name), part in PARTS.items():
        timed(owner, name, part)
    if options.profile:
        profiled(Sweep, "run")
        profiled(Outbox, "_write")
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("first.yaml").write_text(SPEC.format(epochs=40, seeds=1), encoding="utf-8")
        make = partial(Simulation, first_events(Path("first.yaml")))
        print(*HEADER, sep="\n")
        for slots in options.slots:
            Path(str(slots)).mkdir()
            os.chdir(str(slots))
            measure(slots, options, lambda slots: Separate(slots, make))
            os.chdir("..")


def profiled(owner: type, name: str) -> None:
    """Print where a method spends its time."""
    method = getattr(owner, name)

    def measured(*args: Any) -> Any:
        with cProfile.Profile() as profile:
            method(*args)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)

    setattr(owner, name, measured)


if __name__ == "__main__":
    main()
