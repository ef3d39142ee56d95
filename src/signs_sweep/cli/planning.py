"""What `plan` prints."""

import sys
from collections.abc import Mapping, Sequence

from signs_sweep.cli.notes import disk_lines, known_text, outdated_lines
from signs_sweep.cli.streams import width_of
from signs_sweep.cli.text import columns, count, duration, fill, joined, number, numbers
from signs_sweep.commands.store import Store
from signs_sweep.domain import Dense, Result, Run, State
from signs_sweep.executors import default_workers
from signs_sweep.planning.plan import Part, Plan
from signs_sweep.planning.preparation import Prepared

_ON_A_TERMINAL = 200
"""Maximum lines of an experiment that are shown on a terminal; a pipe gets all."""

_STATES = {
    None: "new",
    State.FINISHED: "cached",
    State.FAILED: "new (failed before)",
    State.KILLED: "new (stopped before)",
    State.PRUNED: "new (pruned before)",
    State.RUNNING: "new (under way, or left by a process that died)",
}


def show_plan(prepared: Prepared, store: Store) -> None:
    """Print the runs of a plan and a summary."""
    width = width_of(sys.stdout)
    plan = prepared.plan
    found = store.find(plan)
    known, older = found.results, found.older
    begun = store.checkpoints.begun(plan.runs.values())
    for part in plan.parts:
        experiment = part.experiment
        dataset = prepared.datasets[experiment.name]
        runs, trials = count(len(part.runs), "run"), count(len(part.trials), "trial")
        net = str(experiment.model)
        if isinstance(experiment.model, Dense):
            net += f" > {len(dataset.classes)}"
        parts = [experiment.name, f"{runs} in {trials}", f"data: {dataset.describe()}"]
        print(joined([*parts, f"net: {net}"], width))
        states = [
            _state(
                known.get(run.run_id),
                begun=begun.get(run.run_id),
                beyond=store.checkpoints.finished_beyond(run),
                older=older.get(run.run_id),
            )
            + (", baseline" if trial.is_baseline else "")
            for trial, run in part.runs
        ]
        lines = _plan_lines(part, states, width)
        if sys.stdout.isatty() and len(lines) > _ON_A_TERMINAL:
            hidden = len(lines) - _ON_A_TERMINAL
            lines[_ON_A_TERMINAL - 3 : -3] = [f"  ... {hidden:,} more; pipe to see all"]
        print("\n".join(lines), end="\n\n")
    print(joined(summary(plan, known, begun, store.seconds_an_epoch()), width))
    for line in outdated_lines(older.values()) + disk_lines(store.disk_need(prepared, known)):
        print(fill(line, width))


def _plan_lines(part: Part, states: Sequence[str], width: int | None) -> list[str]:
    """Return the runs of an experiment: the values that differ, and the state of each."""
    runs = [run.parameters for _, run in part.runs]
    cells = {"": [str(trial.number) for trial, _ in part.runs]}
    if any(trial.label for trial in part.trials):
        cells["label"] = [trial.label or "" for trial, _ in part.runs]
    for name in part.varying:
        if name != "epochs":
            cells[name] = numbers([getattr(run, name) for run in runs])
    cells["seeds"] = [str(run.seeds) for run in runs]
    cells["epochs"] = [number(run.epochs) for run in runs]
    cells |= {"run": [run.run_id for _, run in part.runs], "state": [*states]}
    return columns(cells.items(), width, ("run", "epochs"))


def _state(result: Result | None, *, begun: int | None, beyond: int, older: int | None) -> str:
    """Return whether a run is to be trained, and why.

    Args:
        result: what the store has of it.
        begun: the epoch from which it can resume.
        beyond: the epochs of a longer run that is finished, or 0.
        older: the older training version that has finished it.
    """
    if result is not None and result.has_diverged:
        return "diverged before, not trained again"
    state = _STATES[result.state if result else None]
    if older is not None:
        state += f" (finished by version {older})"
    if result is not None and result.state.is_finished:
        return state if result.is_tested else "trained, its test set is still to be evaluated"
    if begun is not None:
        state += f", resumes from epoch {begun:,}"
    if beyond:
        state += f" (only the curve is known, from a run of {beyond:,} epochs)"
    return state


def summary(
    plan: Plan,
    known: Mapping[str, Result],
    begun: Mapping[str, int],
    seconds_an_epoch: float | None,
) -> list[str]:
    """Return how much there is to train, and how long it takes, by the pace of earlier runs."""
    settled = {run_id: result for run_id, result in known.items() if result.is_settled}
    new = [run for run_id, run in plan.runs.items() if run_id not in settled]
    why = known_text(settled.values())
    if not new:
        is_cached = not any(result.has_diverged for result in settled.values())
        why = "all cached" if is_cached else why
        return [f"{count(len(settled), 'run')}, {why}: nothing to train"]
    left = epochs_left(new, begun)
    parts = [f"{count(len(new), 'run')} to train, {why}", f"{sum(left):,} epochs"]
    if seconds_an_epoch is None:
        return [*parts, "time: unknown before a first run"]
    workers = min(default_workers(), len(new))
    seconds = max(sum(left) / workers, *left) * seconds_an_epoch
    return [*parts, f"about {duration(seconds)} with {count(workers, 'worker')}"]


def epochs_left(runs: Sequence[Run], begun: Mapping[str, int]) -> list[int]:
    """Return how many epochs each run has to train.

    A run resumes from its checkpoint, or from the end of a shorter run on the same trajectory,
    which is trained before it.
    """
    reached: dict[str, int] = {}
    left: dict[str, int] = {}
    for run in sorted(runs, key=lambda run: run.parameters.epochs):
        epochs, trajectory = run.parameters.epochs, run.trajectory_id
        left[run.run_id] = epochs - max(begun.get(run.run_id, 0), reached.get(trajectory, 0))
        reached[trajectory] = epochs
    return [left[run.run_id] for run in runs]
