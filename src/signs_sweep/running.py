"""Carrying out a plan: store, workers and sweep put together.

The only place where the adapters meet: which tracker, which executor, which scheduler.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from signs_sweep.analysis.table import Row, build_table
from signs_sweep.checkpoints import FileCheckpoints, FileClaims
from signs_sweep.errors import UsageError
from signs_sweep.executors import (
    InlineExecutor,
    LocalExecutor,
    choose_devices,
    find_gpus,
    on_device,
)
from signs_sweep.planning import Part, Plan
from signs_sweep.preparation import Prepared
from signs_sweep.protocols import Executor, SweepRecord
from signs_sweep.records import Result, Run, State, Trial
from signs_sweep.schedulers import FixedScheduler
from signs_sweep.sweep import Listener, Recovery, Sweep
from signs_sweep.trackers import (
    BackgroundTracker,
    DatasetInfo,
    MlflowTracker,
    default_checkpoint_folder,
    resolve_uri,
    store_exists,
)

if TYPE_CHECKING:
    import pandas as pd

_MOST_WORKERS = 256


@dataclass(frozen=True)
class Options:
    """How to train.

    Attributes:
        workers: processes; None for one per graphics processor or, without one, per core; 0 to
            train in this process.
        workers_per_gpu: how many share a graphics processor.
        force: whether to train finished runs again, from their beginning.
        retries: how often a run whose process died goes on in another one.
        checkpoint_seconds: time between two checkpoints of a run.
        stall_seconds: how long a worker may send nothing before it is killed.

    Raises:
        UsageError: one of them is out of range.
    """

    workers: int | None = None
    workers_per_gpu: int = 1
    force: bool = False
    retries: int = 2
    checkpoint_seconds: float = 10.0
    stall_seconds: float = 600.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, low, high in (
            ("workers", 0, _MOST_WORKERS),
            ("workers_per_gpu", 1, _MOST_WORKERS),
            ("retries", 0, 1000),
            ("checkpoint_seconds", 0, 86400),
            ("stall_seconds", 1, 86400),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} {value}: a number from {low} to {high} was expected")


class Store:
    """The tracking store of a project, opened when first asked."""

    def __init__(self, tracking_uri: str | None, prepared: Prepared | None = None) -> None:
        """Decide which store is meant.

        Args:
            tracking_uri: as given by the user, or None.
            prepared: what will be recorded; None to look only.

        Raises:
            StoreError: the URI cannot be one of a store.
        """
        self.uri = resolve_uri(tracking_uri, Path.cwd())
        folder = default_checkpoint_folder(self.uri)
        self.checkpoints = FileCheckpoints(folder)
        self.claims = FileClaims(folder / "claims")
        self.tracker = MlflowTracker(self.uri, {} if prepared is None else _describe(prepared))

    def find(self, plan: Plan) -> Mapping[str, Result]:
        """Return what is known of the runs of a plan, by run_id."""
        return self.tracker.find(plan.runs) if store_exists(self.uri) else {}

    def seconds_an_epoch(self) -> float | None:
        """Return the average over all finished runs of the store; None where there are none."""
        if not store_exists(self.uri):
            return None
        finished = [one for one in self.tracker.find().values() if one.seconds and one.epochs]
        epochs = sum(one.epochs for one in finished)
        return sum(one.seconds or 0 for one in finished) / epochs if epochs else None


@dataclass(eq=False)
class Outcome:
    """What came of running a plan.

    Attributes:
        plan: what was asked for.
        results: by run_id, what is known of each run that was started or found.
        cached: the runs that were found in the store, finished, and not trained again.
        seconds: time it took.
        was_interrupted: whether it was stopped before the end.
    """

    plan: Plan
    results: Mapping[str, Result]
    cached: frozenset[str]
    seconds: float
    was_interrupted: bool

    @property
    def failures(self) -> list[Result]:
        """The runs that failed, in the order of the plan."""
        ended = [self.results[run_id] for run_id in self.plan.runs if run_id in self.results]
        return [result for result in ended if result.state is State.FAILED]

    @property
    def state(self) -> State:
        """FINISHED if all runs are, KILLED after an interruption, else FAILED."""
        if self.was_interrupted:
            return State.KILLED
        is_finished = all(
            run_id in self.results and self.results[run_id].state.is_finished
            for run_id in self.plan.runs
        )
        return State.FINISHED if is_finished else State.FAILED

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One line a run; see `signs_sweep.compare`."""
        return build_table([row for part in self.plan.parts for row in rows_of(part, self.results)])


@dataclass(eq=False)
class Running:
    """A prepared plan that is about to be carried out.

    Attributes:
        prepared: the plan and its data.
        store: where it is recorded.
        known: results that need no training.
        options: how to train.
        devices: for each worker process, the graphics processor that it uses, or None; empty to
            train in this process.
    """

    prepared: Prepared
    store: Store
    known: Mapping[str, Result]
    options: Options
    devices: Sequence[str | None]
    _started: float = field(default_factory=time.monotonic)

    @property
    def workers(self) -> int:
        """How many processes train; 0 for none beside this one."""
        return len(self.devices)

    def execute(self, listener: Listener) -> Outcome:
        """Train what is not known.

        Nothing is recorded when there is nothing to train. SIGINT and SIGTERM end it between two
        events, with everything recorded; that is seen in the outcome.

        Raises:
            StoreError: the store cannot be written; the runs under way are given up.
        """
        plan = self.prepared.plan
        if all(run_id in self.known for run_id in plan.runs):
            return self._outcome(self.known, was_interrupted=False)
        executor = self._executor(len(plan.runs) - len(self.known))
        tracker = BackgroundTracker(self.store.tracker)
        owner = {id(trial): part.experiment.name for part, trial in plan.trials()}
        scheduler = FixedScheduler(_in_order_of_training([trial for _, trial in plan.trials()]))
        recovery = Recovery(
            checkpoints=self.store.checkpoints,
            claims=self.store.claims,
            look_up=self._look_up,
            retries=self.options.retries,
            is_wanted=not self.options.force,
        )
        sweep = Sweep(
            scheduler,
            executor,
            tracker,
            self.known,
            lambda trial: owner[id(trial)],
            listener,
            recovery,
        )
        with _interrupting(sweep.interrupt):
            try:
                tracker.open([_record(part, self.prepared) for part in self._parts_to_train()])
                was_interrupted = _carry_out(sweep)
                executor.close()
                outcome = self._outcome(sweep.results, was_interrupted=was_interrupted)
                tracker.close(outcome.state, _tables(plan, outcome.results))
            except BaseException:
                executor.close()
                with suppress(Exception):  # What went wrong first is what the user must hear.
                    tracker.close(State.FAILED, _tables(plan, sweep.results))
                raise
        return outcome

    def _look_up(self, run: Run) -> Result | None:
        """Return what the store knows of a run now; nothing where all is to be trained anew.

        Asked beside the writer: it reads only, and must not wait for what is being written.
        """
        return None if self.options.force else self.store.tracker.find([run.run_id]).get(run.run_id)

    def _executor(self, runs: int) -> Executor:
        from signs_sweep.trainer.runtime import training_environment
        from signs_sweep.trainer.training import Trainer

        make_trainer = partial(
            Trainer,
            self.prepared.sources,
            self.prepared.models,
            checkpoint_seconds=self.options.checkpoint_seconds,
        )
        if not self.devices:
            return InlineExecutor(make_trainer)
        common = training_environment(os.environ)
        environments = [on_device(common, gpu) for gpu in self.devices[:runs]]
        return LocalExecutor(
            partial(make_trainer, is_worker=True), environments, self.options.stall_seconds
        )

    def _parts_to_train(self) -> list[Part]:
        """Return the experiments that have a run to train; nothing is recorded for the others."""
        return [
            part
            for part in self.prepared.plan.parts
            if any(run.run_id not in self.known for _, run in part.runs)
        ]

    def _outcome(self, results: Mapping[str, Result], *, was_interrupted: bool) -> Outcome:
        return Outcome(
            plan=self.prepared.plan,
            results=results,
            cached=frozenset(self.known),
            seconds=time.monotonic() - self._started,
            was_interrupted=was_interrupted,
        )


def begin(prepared: Prepared, tracking_uri: str | None, options: Options) -> Running:
    """Look up what is known, and decide where to train.

    Args:
        prepared: what to train.
        tracking_uri: where to record it, as given by the user.
        options: how to train it.

    Raises:
        StoreError: the store cannot be read.
    """
    store = Store(tracking_uri, prepared)
    found = {} if options.force else store.find(prepared.plan)
    known = {run_id: result for run_id, result in found.items() if result.state.is_finished}
    devices = choose_devices(options.workers, find_gpus(os.environ), options.workers_per_gpu)
    return Running(prepared, store, known, options, devices)


def rows_of(part: Part, results: Mapping[str, Result]) -> list[Row]:
    """Return the rows of an experiment's runs, in order."""
    return [
        Row(part.experiment.name, run.run_id, trial.label, run.parameters, results.get(run.run_id))
        for trial, run in part.runs
    ]


def plan_text(part: Part) -> str:
    """Return the plan of an experiment in words, one line a run."""
    lines = [f"{len(part.runs)} runs in {len(part.trials)} trials"]
    lines += [
        f"{trial.number}  {part.title(trial, run)}  {run.parameters.epochs} epochs  {run.run_id}"
        for trial, run in part.runs
    ]
    return "\n".join(lines) + "\n"


def _in_order_of_training(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials such that of those that differ in epochs alone the shorter ones come first.

    The longer ones then go on where those end. All else is in the order of the plan.
    """
    paths = [tuple(run.trajectory_id for run in trial.runs) for trial in trials]
    first: dict[tuple[str, ...], int] = {}
    for position, path in enumerate(paths):
        first.setdefault(path, position)
    ordered = sorted(
        zip(paths, trials, strict=True),
        key=lambda pair: (first[pair[0]], pair[1].runs[0].parameters.epochs),
    )
    return [trial for _, trial in ordered]


def _carry_out(sweep: Sweep) -> bool:
    """Run a sweep; return whether it was interrupted."""
    try:
        sweep.run()
    except KeyboardInterrupt:
        return True
    return False


@contextmanager
def _interrupting(interrupt: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM interrupt, where signals can be handled: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: interrupt()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _describe(prepared: Prepared) -> dict[str, DatasetInfo]:
    return {
        dataset.fingerprint: DatasetInfo(
            name=dataset.name,
            classes=dataset.classes,
            example=dataset.test_images[:1].astype(np.float32) / np.float32(255),
            drawn=dataset.drawn,
        )
        for dataset in prepared.datasets.values()
    }


def _record(part: Part, prepared: Prepared) -> SweepRecord:
    return SweepRecord(
        experiment=part.experiment.name,
        description=part.experiment.description,
        spec=part.experiment.text,
        plan=plan_text(part),
        data=prepared.datasets[part.experiment.name].describe(),
        varying=part.varying,
    )


def _tables(plan: Plan, results: Mapping[str, Result]) -> dict[str, str]:
    return {
        part.experiment.name: build_table(rows_of(part, results)).to_csv() for part in plan.parts
    }
