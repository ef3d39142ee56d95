"""What `plan` prints."""

import sys
from collections.abc import Mapping, Sequence

from signs_sweep.cli.disk import disk_lines
from signs_sweep.cli.streams import width_of
from signs_sweep.cli.tables import plan_lines
from signs_sweep.cli.text import count, duration, fill, joined
from signs_sweep.cli.versions import anew_lines
from signs_sweep.commands.store import Store
from signs_sweep.domain import Dense, Result, Run
from signs_sweep.executors import default_workers
from signs_sweep.planning.plan import Plan
from signs_sweep.planning.preparation import Prepared

_ON_A_TERMINAL = 200
"""Most lines of an experiment that are shown on a terminal; a pipe gets all."""


def show_plan(prepared: Prepared, store: Store) -> None:
    """Print the runs of a plan and a summary."""
    width = width_of(sys.stdout)
    found = store.find(prepared.plan)
    known, older = found.results, found.older
    begun = store.checkpoints.begun(prepared.plan.runs.values())
    for part in prepared.plan.parts:
        experiment = part.experiment
        dataset = prepared.datasets[experiment.name]
        runs, trials = count(len(part.runs), "run"), count(len(part.trials), "trial")
        net = str(experiment.model)
        if isinstance(experiment.model, Dense):
            net += f" > {len(dataset.classes)}"
        parts = [experiment.name, f"{runs} in {trials}", f"data: {dataset.describe()}"]
        print(joined([*parts, f"net: {net}"], width))
        beyond = {run.run_id: store.checkpoints.finished_beyond(run) for _, run in part.runs}
        lines = plan_lines(part, known, begun, beyond, older, width)
        if sys.stdout.isatty() and len(lines) > _ON_A_TERMINAL:
            hidden = len(lines) - _ON_A_TERMINAL
            lines[_ON_A_TERMINAL - 3 : -3] = [f"  ... {hidden:,} more; pipe to see all"]
        print("\n".join(lines), end="\n\n")
    print(joined(summary(prepared.plan, known, begun, store.seconds_an_epoch()), width))
    for line in anew_lines(older.values()) + disk_lines(store.disk_need(prepared, known)):
        print(fill(line, width))


def summary(
    plan: Plan,
    known: Mapping[str, Result],
    begun: Mapping[str, int],
    seconds_an_epoch: float | None,
) -> list[str]:
    """Return how much there is to do, and how long it takes where there is experience."""
    new = [
        run
        for run_id, run in plan.runs.items()
        if run_id not in known or not known[run_id].is_tested
    ]
    cached = len(plan.runs) - len(new)
    if not new:
        return [f"{count(cached, 'run')}, all cached: nothing to train"]
    left = epochs_left(new, begun)
    epochs = sum(left)
    workers = min(default_workers(), len(new))
    words = [f"{count(len(new), 'run')} to train, {cached:,} cached", f"{epochs:,} epochs"]
    if seconds_an_epoch is None:
        return [*words, "time: not known before a first run"]
    longest = max(left)
    seconds = max(epochs / workers, longest) * seconds_an_epoch
    return [*words, f"about {duration(seconds)} with {count(workers, 'worker')}"]


def epochs_left(runs: Sequence[Run], begun: Mapping[str, int]) -> list[int]:
    """Return how many epochs each run has to train.

    A run goes on from its checkpoint, or from the end of a shorter one on the same trajectory,
    which is trained before it.
    """
    reached: dict[str, int] = {}
    left: dict[str, int] = {}
    for run in sorted(runs, key=lambda one: one.parameters.epochs):
        epochs, trajectory = run.parameters.epochs, run.trajectory_id
        start = max(begun.get(run.run_id, 0), reached.get(trajectory, 0))
        left[run.run_id] = epochs - start
        reached[trajectory] = epochs
    return [left[run.run_id] for run in runs]
