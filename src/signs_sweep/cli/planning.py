"""What `plan` prints."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from signs_sweep.analysis.cells import seed_cells
from signs_sweep.analysis.power import Power, power_of
from signs_sweep.analysis.remarks import outdated_lines
from signs_sweep.cli.notes import disk_lines, known_text
from signs_sweep.cli.streams import width_of
from signs_sweep.cli.text import columns, fill, joined
from signs_sweep.commands.blocks import Outlook, outlook
from signs_sweep.commands.outcome import refusals_of, rows_of
from signs_sweep.commands.store import Store
from signs_sweep.domain import (
    METRICS,
    PARAMETERS,
    Dense,
    Result,
    Run,
    State,
    Unusable,
    as_text,
)
from signs_sweep.domain.formats import count, duration, number, numbers
from signs_sweep.executors import default_workers
from signs_sweep.planning.plan import Part
from signs_sweep.planning.preparation import Prepared
from signs_sweep.spec import Experiment
from signs_sweep.spec.table import COMPONENTS

_ON_A_TERMINAL = 200
"""Maximum lines of an experiment that are shown on a terminal; a pipe gets all."""

_WEAK = 0.5
"""Below this probability of seeing a difference of the margin, there is a warning."""

_STATES = {
    None: "new",
    State.FINISHED: "cached",
    State.FAILED: "new (failed before)",
    State.KILLED: "new (stopped before)",
    State.PRUNED: "new (pruned before)",
    State.RUNNING: "new (under way, or left by a process that died)",
}


def show_plan(prepared: Prepared, store: Store, deviation: float | None = None) -> None:
    """Print the runs of a plan, what their seeds can show, and a summary.

    `deviation` is the standard deviation of the metric between seeds, or None if the store has it.
    """
    width = width_of(sys.stdout)
    store.index.freeze()
    found = store.find(prepared.plan)
    known, older = found.results, found.older
    settled = {run_id: result for run_id, result in known.items() if result.is_settled}
    looked = outlook(prepared.plan, settled)
    prepared = replace(prepared, plan=looked.most)
    begun = store.checkpoints.begun(looked.most.runs.values())
    for part in looked.most.parts:
        experiment = part.experiment
        dataset = prepared.datasets[experiment.name]
        least = next(each for each in looked.least.parts if each.experiment is experiment)
        runs, trials = count(len(part.runs), "run"), count(len(part.trials), "trial")
        if len(least.runs) < len(part.runs):
            runs = f"{len(least.runs):,} to {runs}"
        models = {run.model for _, run in part.runs}
        net = str(next(iter(models))) if len(models) == 1 else f"{len(models):,} networks"
        if isinstance(experiment.model, Dense) and len(models) == 1:
            net += f" > {len(dataset.classes)}"
        parts = [experiment.name, f"{runs} in {trials}", f"data: {dataset.describe()}"]
        print(joined([*parts, f"net: {net}"], width))
        states = [
            _state(
                known.get(run.run_id),
                begun=begun.get(run.run_id),
                beyond=store.checkpoints.finished_beyond(run),
                unusable=store.checkpoints.unusable(run),
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
        if experiment.has_search:
            print(fill(_search_line(experiment), width), end="\n\n")
        if all(run.run_id in settled for _, run in part.runs):
            continue
        power = power_of(
            *(rows_of(part, known, older), part.experiment.verdict),
            store.rows() if deviation is None else (),
            deviation,
        )
        for line in ([] if power is None else [_power_line(power)]) + refusals_of(part):
            print(fill(line, width), end="\n\n")
    seconds = None if looked.is_settled else store.seconds_an_epoch()
    print(joined(summary(looked, settled, begun, seconds), width))
    for line in outdated_lines(older.values()) + disk_lines(store.disk_need(prepared, known)):
        print(fill(line, width))


def _search_line(experiment: Experiment) -> str:
    """Return what `search` trains, which a plan does not contain."""
    search, seeds = experiment.search, count(len(experiment.seeds), "seed")
    if search.replicates is not None:
        seeds = f"{search.replicates.at_least} to {count(search.replicates.at_most, 'seed')}"
    parts = [f"up to {count(search.trials, 'trial')} of {seeds}"]
    confirm = search.confirm
    if confirm is not None and confirm.candidates:
        settings = count(confirm.candidates + 1, "setting")
        ends = dict.fromkeys((confirm.at_least, confirm.at_most))
        many = f"{' to '.join(map(str, ends))} fresh seeds"
        parts.append(f"a race of at most {settings} over {many}")
    if confirm is not None:
        parts.append(f"{confirm.at_least} further seeds of the winner and the default")
    return f"The plan is that of `run`. `search` trains {', then '.join(parts)}."


def _power_line(power: Power) -> str:
    """Return what differences the seeds can show, or why none."""
    seeds, metric = count(power.seeds, "seed"), METRICS[power.metric].title
    verb = "needs" if power.comparisons == 1 else "need"
    if power.seeds < power.least_seeds:
        return (
            f"warning: no difference can be seen with {seeds}: "
            f"{count(power.comparisons, 'comparison')} {verb} at least {power.least_seeds}. "
            f"Add --seeds {power.least_seeds}."
        )
    if power.deviation == 0:
        return (
            f"verdict: by {metric}. The finished runs do not vary between seeds, so they do not "
            "show which differences would be seen; --deviation 0.05 shows it for that deviation."
        )
    if power.deviation is not None and power.visible is None:
        return (
            f"warning: with {seeds}, even a large difference in {metric} is unlikely to be seen: "
            f"{count(power.comparisons, 'comparison')} {verb} at least {power.least_seeds} in the "
            f"best case. Add a few, as in --seeds {max(power.least_seeds, power.seeds) + 3}."
        )
    if power.deviation is None or power.visible is None:
        return (
            f"verdict: by {metric}. How far apart seeds are is unknown before a setting has three; "
            "--deviation 0.05 shows what differences would be seen if it were 0.05."
        )
    text = f"with {seeds}, a difference of {power.visible:.3f} in {metric} is seen with "
    text += "probability 0.8"
    if power.difference is not None and power.probability is not None:
        text += f", and a difference of {power.difference:.3g} with probability "
        text += f"{power.probability:.2f}"
    is_weak = power.probability is not None and power.probability < _WEAK
    text += f" (standard deviation between seeds: {power.deviation:.3f})."
    return f"{'warning' if is_weak else 'verdict'}: {text}"


def _plan_lines(part: Part, states: Sequence[str], width: int | None) -> list[str]:
    """Return the runs of an experiment: the values that differ, and the state of each."""
    runs = [run.parameters for _, run in part.runs]
    varied = [run.varied for _, run in part.runs]
    cells = {"": [str(trial.number) for trial, _ in part.runs]}
    if any(trial.label for trial in part.trials):
        cells["label"] = [trial.label or "" for trial, _ in part.runs]
    for name in part.varying:
        if name in COMPONENTS:
            cells[name] = [each[name].short for each in varied]
        elif name not in PARAMETERS:
            cells[name] = [as_text(each[name]) if name in each else "" for each in varied]
        elif name != "epochs":
            cells[name] = numbers([getattr(run, name) for run in runs])
    cells |= seed_cells([run.seeds for run in runs])
    cells["epochs"] = [number(run.epochs) for run in runs]
    cells |= {"run": [run.run_id for _, run in part.runs], "state": [*states]}
    return columns(cells.items(), width, ("run", "epochs"), [*part.varying[:0:-1]])


def _state(
    result: Result | None,
    *,
    begun: int | None,
    beyond: int,
    unusable: Unusable | None,
    older: int | None,
) -> str:
    """Return whether a run is to be trained, and why.

    Args:
        result: what the store has of it.
        begun: the epoch from which it can resume.
        beyond: the epochs of a longer run that is finished, or 0.
        unusable: why it cannot resume from the checkpoints that there are, or None.
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
    if unusable is not None:
        state += f" (from its beginning: {unusable.value})"
    return state


def summary(
    looked: Outlook,
    settled: Mapping[str, Result],
    begun: Mapping[str, int],
    seconds_an_epoch: float | None,
) -> list[str]:
    """Return how much there is to train, and how long it takes, by the pace of earlier runs.

    Args:
        looked: the runs that are needed, at least and at most.
        settled: results of runs that need no training, by run_id.
        begun: by run_id, the epoch from which an unfinished run resumes.
        seconds_an_epoch: average of earlier runs, or None without any.
    """
    plan = looked.most
    settled = {run_id: settled[run_id] for run_id in plan.runs if run_id in settled}
    new = [run for run_id, run in plan.runs.items() if run_id not in settled]
    least = sum(run_id not in settled for run_id in looked.least.runs)
    why = known_text(settled.values())
    if not new:
        is_cached = not any(result.has_diverged for result in settled.values())
        why = "all cached" if is_cached else why
        return [f"{count(len(settled), 'run')}, {why}: nothing to train"]
    left = epochs_left(new, begun)
    grows = least < len(new)
    most = "at most " if grows or any(run.early_stopping for run in new) else ""
    amount = f"{least:,} to {count(len(new), 'run')}" if grows else count(len(new), "run")
    parts = [f"{amount} to train, {why}", f"{most}{sum(left):,} epochs"]
    if seconds_an_epoch is None:
        return [*parts, "time: unknown before a first run"]
    workers = min(default_workers(), len(new))
    seconds = max(sum(left) / workers, *left) * seconds_an_epoch
    return [*parts, f"{most or 'about '}{duration(seconds)} with {count(workers, 'worker')}"]


def epochs_left(runs: Sequence[Run], begun: Mapping[str, int]) -> list[int]:
    """Return how many epochs each run has to train.

    A run resumes from its checkpoint, or from the end of a shorter run on the same trajectory,
    which is trained before it. With early stopping, it is the most that they train together: each
    end counts for one other run, because how far two of them resume from it is not known.
    """
    ends: dict[str, list[tuple[int, str | None]]] = defaultdict(list)
    left: dict[str, int] = {}
    for run in sorted(runs, key=lambda run: run.reach):
        known, epochs = ends[run.trajectory_id], run.parameters.epochs
        key = run.early_stopping.state_key if run.early_stopping else None
        usable = [end for end in known if end[0] <= epochs and key in (None, end[1])]
        start = begun.get(run.run_id, 0)
        if usable:
            known.remove(last := max(usable, key=lambda end: end[0]))
            start = max(start, last[0])
        known.append((epochs, key))
        left[run.run_id] = epochs - start
    return [left[run.run_id] for run in runs]
