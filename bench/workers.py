"""How many workers one orchestrator keeps busy, with workers that only send what training would.

    python bench/workers.py [--slots 2 50 200 500] [--runs 2] [--epochs 1500] [--tracking-uri URI]
                            [--ray [ADDRESS]]

A whole `run`, with records, checkpoints and claims; only its executor is replaced. A short run is
trained first. Another process sends its events for every run, with checkpoints and model of the
real size, at the pace of training and in real time. As behind a pipe, a worker resumes after a
checkpoint only when that has been read. With --ray, the agents of a Ray cluster send them, by
default of a Ray on this machine with as many cores as --slots has workers.
"""

import argparse
import os
import pickle
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import heappop, heappush
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from signs_sweep.commands.options import Options
from signs_sweep.commands.running import begin
from signs_sweep.commands.session import Session
from signs_sweep.domain import Checkpoint, Event, Finished, News, Notice, Progress, Run, Started
from signs_sweep.executors import LocalExecutor, on_device
from signs_sweep.executors.cluster import RayExecutor, Setup
from signs_sweep.planning.preparation import prepare
from signs_sweep.project import FileCheckpoints
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
"""Seconds that an epoch of the series takes on a core, give or take a fifth: runs do not all end at
the same time."""
CALL = 0.4
"""Seconds between two events with epochs."""
Rest = Iterator[tuple[float, Event]]
"""What a run still sends: events, each with the seconds of training before it."""
PARTS = {
    (Sweep, "run"): "loop",
    (Outbox, "_put"): "room in the queue",
    (FileCheckpoints, "keep"): "checkpoints",
    (Session, "_look_up"): "look-up",
    (Outbox, "_write"): "writer",
    (Outbox, "_take"): "calls",
    (MlflowTracker, "start"): "start",
    (RunRecorder, "_write"): "metrics and tags",
    (RunRecorder, "_draw"): "pictures",
    (Outbox, "close"): "behind",
}
"""What is timed, and its name in the output."""
TABLE = """\
| workers | runs | runs a minute, wanted and reached | metrics a second, wanted and reached \
| idle | CPU s a run: all, loop, writer | writer behind, s |
|---|---|---|---|---|---|---|"""
SPENT = ("loop", "events", *[*PARTS.values()][1:9])

wall: dict[str, float] = defaultdict(float)
cpu: dict[str, float] = defaultdict(float)


def events_of(run: Run, slot: int, first: Mapping[type, Any]) -> Rest:
    """Yield the events of a run, made from the first events of each kind."""
    pace = EPOCH * random.Random(run.run_id).uniform(0.8, 1.2)  # noqa: S311
    total, size, since = run.parameters.epochs, round(CALL / pace), 0.0
    yield 0, replace(first[Started], run_id=run.run_id, worker=slot, time=time.time())
    for done in range(0, total, size):
        count = min(size, total - done)
        numbers = np.arange(1, count + 1)
        metrics = {"loss": 1 / (done + numbers), "accuracy": (done + numbers) / (total + 1)}
        times = (1000 * (time.time() + pace * numbers)).astype(np.int64)
        yield pace * count, Progress(run.run_id, done + 1, metrics, times)
        since, at = since + pace * count, done + count
        if since > Options.checkpoint_seconds or at == total:
            since, is_end = 0.0, at == total
            yield 0, replace(first[Checkpoint], run_id=run.run_id, epoch=at, is_end=is_end)
    last = replace(first[Finished], run_id=run.run_id, seconds=pace * total)
    yield 0, replace(last, time=time.time())


class Simulation:
    """An executor in this process whose workers send what training would, when it would."""

    kinds = ("simulated",)

    def __init__(
        self, first: Mapping[type, Any], slots: int, wake: Connection | None = None
    ) -> None:
        self.slots = slots
        self._wake = wake
        self._first = first
        self._free = list(reversed(range(slots)))
        self._due: list[tuple[float, int, Event, Rest]] = []
        self._sent: list[tuple[int, Rest]] = []

    def submit(self, run: Run, *_: object, **__: object) -> None:
        """Begin a run, always with its first epoch."""
        slot = self._free.pop()
        self._proceed(time.monotonic(), slot, events_of(run, slot, self._first))

    def events(self, timeout: float) -> Sequence[Event]:
        """Return what is due; a worker resumes when its checkpoint has been processed."""
        while self._sent:
            self._proceed(time.monotonic(), *self._sent.pop())
        pause = self._due[0][0] - time.monotonic() if self._due else timeout
        pause = min(timeout, max(0.0, pause))
        if self._wake is None:
            time.sleep(pause)
        elif self._wake.poll(pause):
            self._wake.recv()
        received: list[Event] = []
        while self._due and not self._sent and self._due[0][0] <= time.monotonic():
            due, slot, event, rest = heappop(self._due)
            received.append(event)
            if isinstance(event, Checkpoint):
                self._sent.append((slot, rest))
            elif isinstance(event, Finished):
                self._free.append(slot)
            else:
                self._proceed(due, slot, rest)
        return received

    def close(self) -> None:
        """There is nothing to end."""

    def _proceed(self, moment: float, slot: int, rest: Rest) -> None:
        seconds, event = next(rest)
        heappush(self._due, (moment + seconds, slot, event, rest))


@dataclass(frozen=True)
class SimulatedCrew:
    """The simulated workers of a node of a Ray cluster."""

    first: Mapping[type, Any]

    def start(
        self, workers: int, gpus: Sequence[str], folder: Path, wake: Connection | None
    ) -> Executor:
        """Return the executor of a node."""
        del gpus, folder
        return Simulation(self.first, workers, wake)


class Separate(Simulation):
    """The same in another process, behind a pipe."""

    def __init__(self, first: Mapping[type, Any], slots: int) -> None:
        self.slots = slots
        self._pipe, end = Pipe()
        self._process = Process(target=serve, args=(end, first, slots), daemon=True)
        self._process.start()

    def submit(self, run: Run, *_: object, **__: object) -> None:
        """Send a run to the process."""
        self._pipe.send(run)

    def events(self, timeout: float) -> Sequence[Event]:
        """Return the next event, if there is any."""
        return [self._pipe.recv()] if self._pipe.poll(timeout) else []

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.join()


def serve(pipe: Connection, first: Mapping[type, Any], slots: int) -> None:
    """Simulate workers in this process, until it is killed."""
    executor = Simulation(first, slots)
    while True:
        while pipe.poll(0):
            executor.submit(pipe.recv())
        for event in executor.events(0.02):
            pipe.send(event)


class Watch:
    """A listener that measures how long each worker trains, from the events."""

    def __init__(self) -> None:
        self.workers: dict[str, int] = {}
        self.starts: dict[int, list[float]] = defaultdict(list)
        self.trained: dict[int, list[float]] = defaultdict(list)

    def __call__(self, event: News | None) -> None:
        """Take an event."""
        if isinstance(event, Started):
            self.workers[event.run_id] = event.worker
            self.starts[event.worker].append(event.time)
        elif isinstance(event, Finished):
            self.trained[self.workers[event.run_id]].append(event.seconds)
        elif isinstance(event, Notice):
            print(event.message, file=sys.stderr)

    @property
    def idle(self) -> float:
        """Share of their time without training, until each has begun its last run."""
        first = min(map(min, self.starts.values()))
        trained = sum(sum(seconds[:-1]) for seconds in self.trained.values())
        return 1 - trained / sum(max(starts) - first for starts in self.starts.values())


def on_ray(address: str | None, first: Mapping[type, Any], slots: int) -> Executor:
    """Return simulated workers on the nodes of a cluster, or of a Ray that is started here."""
    import workers  # Agents import this file by its name.

    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    executor = RayExecutor(
        Setup(pickle.dumps(workers.SimulatedCrew(first)), address, workers=slots, cores=slots),
        print,
        environment={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    executor.connect()
    while executor.slots < slots:
        executor.events(1)
    return executor


def first_events(*, draws: bool) -> Mapping[type, Any]:
    """Train a short run in a worker process, which may draw its pictures; return its events."""
    spec = Path("first.yaml")
    spec.write_text(SPEC.format(epochs=40, seeds=1), encoding="utf-8")
    prepared = prepare([spec])
    make = partial(
        Trainer, prepared.sources, is_worker=True, draws=draws, checkpoint_seconds=1000.0
    )
    executor = LocalExecutor(make, [on_device(training_environment(os.environ), None)])
    executor.submit(next(iter(prepared.plan.runs.values())))
    events: dict[type, Any] = {}
    while Finished not in events:
        events |= {type(event): event for event in executor.events(1)}
    executor.close()
    return events


def measure(make: Callable[[int], Executor], slots: int, options: argparse.Namespace) -> str:
    """Carry out a sweep in the current folder, print its line, and return that on times."""
    spec, watch = Path("bench.yaml"), Watch()
    seeds = max(1, round(slots * options.runs / SETTINGS))
    spec.write_text(SPEC.format(epochs=options.epochs, seeds=seeds), encoding="utf-8")
    running = begin(prepare([spec]), options.tracking_uri, Options(workers=1, report=False))
    running.devices = [None] * slots
    running.store.tracker.prepare()
    executor = make(slots)
    timed(executor, "events", "events")
    Session._make_executor = lambda *_: executor  # type: ignore[method-assign]  # noqa: SLF001
    wall.clear()
    cpu.clear()
    began = time.process_time()
    outcome = running.execute(watch)
    assert outcome.unwritten is None, outcome.unwritten
    runs, share, a_run = len(watch.workers), 1 - watch.idle, 2 * options.epochs / 60
    cpu["all"] = time.process_time() - began
    wanted = 60 * slots / mean(seconds for of in watch.trained.values() for seconds in of)
    used = ", ".join(f"{cpu[part] / runs:.2f}" for part in ("all", "loop", "writer"))
    print(
        f"| {slots} | {runs:,} | {wanted:,.0f}, {wanted * share:,.0f} | {wanted * a_run:,.0f}, "
        f"{wanted * a_run * share:,.0f} | {1 - share:.0%} | {used} | {wall['behind']:.1f} |",
        flush=True,
    )
    times = [(1000 * wall[part] / runs, 1000 * cpu[part] / runs) for part in SPENT]
    return f"| {slots} | {' | '.join(f'{all_:.0f}, {of_cpu:.0f}' for all_, of_cpu in times)} |"


def timed(owner: Any, name: str, part: str) -> None:
    """Add up the time that a method takes."""
    method = getattr(owner, name)

    def measured(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic(), time.thread_time()
        try:
            return method(*args, **kwargs)
        finally:
            wall[part] += time.monotonic() - began[0]
            cpu[part] += time.thread_time() - began[1]

    setattr(owner, name, measured)


def main() -> None:
    """Measure, and print the tables of docs/scaling.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=int, nargs="+", default=[2, 50, 200, 500])
    parser.add_argument("--runs", type=float, default=2, help="of each worker")
    parser.add_argument("--epochs", type=int, default=1500, help="of each run")
    parser.add_argument("--tracking-uri", help="an empty store; default: a SQLite file")
    parser.add_argument("--ray", nargs="?", const="", metavar="ADDRESS", help="HOST:PORT or auto")
    options = parser.parse_args()
    for (owner, name), part in PARTS.items():
        timed(owner, name, part)
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        first = first_events(draws=options.ray is not None)
        make: Callable[[int], Executor] = partial(Separate, first)
        if options.ray is not None:
            make = partial(on_ray, options.ray or None, first)
        lines = []
        print(TABLE)
        for slots in options.slots:
            Path(folder, str(slots)).mkdir()
            os.chdir(Path(folder, str(slots)))
            lines.append(measure(make, slots, options))
        print(f"\n| workers | {' | '.join(SPENT)} |\n|{'---|' * (len(SPENT) + 1)}")
        print(*lines, sep="\n")


if __name__ == "__main__":
    main()
