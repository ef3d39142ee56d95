"""Carrying out a plan: looking up the runs that are known, and a session for the others."""

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import ceil
from uuid import uuid4

from signs_sweep.commands.blocks import Blocks, Outlook, outlook
from signs_sweep.commands.comparing import Found
from signs_sweep.commands.images import images_of
from signs_sweep.commands.options import Options, SharedOptions
from signs_sweep.commands.outcome import (
    Outcome,
    declared_rule,
    findings_of,
    rows_of,
    rules_of,
    tables_of,
)
from signs_sweep.commands.reporting import log_report
from signs_sweep.commands.session import Session
from signs_sweep.commands.store import Known, Store
from signs_sweep.data import Dataset
from signs_sweep.domain import Dense, Result, Run
from signs_sweep.executors import choose_devices, find_gpus
from signs_sweep.planning.memory import MemoryNeed, memory_need
from signs_sweep.planning.plan import Part, Plan
from signs_sweep.planning.preparation import Prepared
from signs_sweep.protocols import SweepRecord
from signs_sweep.sweep.blocks import BlockScheduler
from signs_sweep.sweep.loop import Listener

_SECONDS_WORTH_A_WORKER = 3.0
"""Training that is worth another worker: its start takes four seconds of a core."""

_OPERATIONS_A_SECOND = 3e10
_UPDATES_A_SECOND = 1e9
_SECONDS_A_RUN = 0.1
"""Speed of a core, in products and in weights that Adam updates; and the other time of a run."""


@dataclass(eq=False)
class Running:
    """A prepared plan, ready to be carried out.

    Attributes:
        prepared: the plan and its data.
        store: where it is recorded.
        known: results that need no training.
        options: how to train.
        devices: for each worker process, the graphics processor that it uses, or None; empty to
            train in this process.
        sweep_id: identifies this invocation.
        older: by run_id, the older training version that has finished a run to be trained.
        leftovers: number of earlier sweeps whose unsaved records have just been written.
        scarce: the memory that a worker needs, if fewer are started because of it.
        session: trains the runs, from the moment at which it begins.
    """

    prepared: Prepared
    store: Store
    known: Mapping[str, Result]
    options: Options
    devices: Sequence[str | None]
    sweep_id: str = field(default_factory=lambda: uuid4().hex)
    older: Mapping[str, int] = field(default_factory=dict)
    leftovers: int = 0
    scarce: MemoryNeed | None = None
    session: Session | None = None
    _started: float = field(default_factory=time.monotonic)

    @cached_property
    def outlook(self) -> Outlook:
        """The runs that are needed, at least and at most."""
        return outlook(self.prepared.plan, self.known)

    def execute(self, listener: Listener) -> Outcome:
        """Train the runs that are not known.

        If there is nothing to train, only the ends of killed sweeps are recorded. SIGINT, SIGTERM
        and SIGHUP end it between two events, with everything recorded, as the outcome shows.

        Raises:
            StoreError: the store cannot be written; runs under way are stopped.
        """
        plan = self.prepared.plan
        if self.outlook.is_settled:
            self.store.end_abandoned(part.experiment.name for part in plan.parts)
            return self._outcome(self.outlook.least, self.known)
        most = len(plan.runs) - len(self.known)
        session = self.session = Session(
            *(self.prepared, self.store, self.options, self.devices[:most]),
            *(self.sweep_id, listener),
        )
        blocks = Blocks(plan, self.options.budget)
        records = [
            self._record(part)
            for part in plan.parts
            if not outlook(Plan((part,)), self.known).is_settled
        ]
        with session.opened(records, lambda: tables_of(blocks.plan, session.results)):
            was_interrupted = session.sweep(BlockScheduler(blocks.next), self.known)
            session.executor.close()
            outcome = self._outcome(blocks.plan, session.results, was_interrupted=was_interrupted)
            outcome.is_out_of_time = blocks.is_out_of_time and not was_interrupted
            tables = tables_of(blocks.plan, outcome.results)
            session.tracker.close(outcome.state, tables, findings_of(outcome))
        outcome.unwritten = session.tracker.unwritten
        return outcome

    def log_report(self, outcome: Outcome, shared: SharedOptions) -> str | None:
        """Write a report to the record of each sweep; return why not if that failed.

        It takes a second or two, and the results are complete without it: call it after showing
        them. There is no report after an interruption.
        """
        recorded = [
            part for part in outcome.plan.parts if not outlook(Plan((part,)), self.known).is_settled
        ]
        if not self.options.report or outcome.was_interrupted or outcome.unwritten or not recorded:
            return None
        return log_report(lambda: self._found(recorded), self.store, shared, self.sweep_id)

    def _found(self, parts: Sequence[Part]) -> Found:
        plan = Plan(tuple(parts))
        results = self.store.find(plan).results
        return Found(
            [row for part in parts for row in rows_of(part, results)],
            rules_of(plan),
            datasets={each.fingerprint: each for each in self.prepared.datasets.values()},
            specs={part.experiment.name: part.experiment for part in parts},
            doubts=self.prepared.doubts,
        )

    def _record(self, part: Part) -> SweepRecord:
        return SweepRecord(
            experiment=part.experiment.name,
            description=part.experiment.description,
            spec=part.experiment.text,
            plan=plan_text(part),
            data=self.prepared.datasets[part.experiment.name].describe(),
            sweep_id=self.sweep_id,
            origin=self.store.origin,
            is_forced=self.options.force,
            rule=declared_rule(part),
        )

    def _outcome(
        self, plan: Plan, results: Mapping[str, Result], *, was_interrupted: bool = False
    ) -> Outcome:
        seconds = time.monotonic() - self._started
        cached = frozenset(
            run_id for run_id, result in self.known.items() if result.state.is_finished
        )
        outcome = Outcome(plan, results, cached, seconds, was_interrupted)
        outcome.images = images_of(outcome.rows, self.store)
        return outcome


def begin(prepared: Prepared, tracking_uri: str | None, options: Options) -> Running:
    """Look up the runs that are known, and decide on which devices to train the others.

    Args:
        prepared: what to train.
        tracking_uri: where to record it, as given by the user.
        options: how to train it.

    Raises:
        DataError: the workers do not fit into memory.
        StoreError: the store cannot be read.
        UsageError: so many workers do not fit into memory.
    """
    store = Store(tracking_uri, prepared, options)
    leftovers = store.write_leftovers()
    found = Known() if options.force else store.find(prepared.plan)
    known = {run_id: result for run_id, result in found.results.items() if result.is_settled}
    new = [run for run_id, run in prepared.plan.runs.items() if run_id not in known]
    gpus = find_gpus(os.environ)
    devices: list[str | None]
    if options.is_cluster:
        devices = [None] * (options.workers or len(prepared.plan.runs))
    else:
        devices = choose_devices(options.workers, gpus, options.workers_per_gpu)
        if options.workers is None and not gpus:
            devices = devices[: _workers_worth_starting(new, prepared)]
    running = Running(
        *(prepared, store, known, options, devices), older=found.older, leftovers=leftovers
    )
    if not running.outlook.is_settled and not options.is_cluster:
        data = {run.data for run in new}
        # Specs may share a dataset.
        all_data = {each.fingerprint: each for each in prepared.datasets.values()}
        datasets = [each for fingerprint, each in all_data.items() if fingerprint in data]
        running.devices, running.scarce = fitting(devices[: len(new)], datasets, options)
    return running


def fitting(
    devices: Sequence[str | None], datasets: Collection[Dataset], options: Options
) -> tuple[Sequence[str | None], MemoryNeed | None]:
    """Return the devices of the workers that fit into memory, and the need if these are fewer.

    Raises:
        DataError: not even 1 worker fits.
        UsageError: `--workers` does not fit.
    """
    need = memory_need(datasets)
    workers = need.workers(len(devices), is_chosen=options.workers is not None)
    return devices[:workers], need if workers < len(devices) else None


def _workers_worth_starting(runs: Sequence[Run], prepared: Prepared) -> int:
    """Return how many workers have enough to do: 1 for a few epochs of small networks."""
    datasets = {dataset.fingerprint: dataset for dataset in prepared.datasets.values()}
    seconds = 0.0
    for run in runs:
        if not isinstance(run.model, Dense):
            return len(runs)
        dataset = datasets[run.data]
        sizes = (dataset.train_images[0].size, *run.model.hidden, len(dataset.classes))
        weights = sum(inputs * outputs for inputs, outputs in pairwise(sizes))
        epochs, samples = run.parameters.epochs, len(dataset.train_labels)
        seconds += 4 * weights * samples * epochs / _OPERATIONS_A_SECOND + _SECONDS_A_RUN
        seconds += weights * epochs * ceil(samples / run.parameters.batch_size) / _UPDATES_A_SECOND
    return max(1, ceil(seconds / _SECONDS_WORTH_A_WORKER))


def plan_text(part: Part) -> str:
    """Return the plan of an experiment as text, one line per run."""
    most = "at most " if part.experiment.growth else ""
    lines = [f"{most}{len(part.runs)} runs in {len(part.trials)} trials"]
    lines += [
        f"{trial.number}  {trial.title_of(run)}  {run.parameters.epochs} epochs  {run.run_id}"
        for trial, run in part.runs
    ]
    return "\n".join(lines) + "\n"
