"""The findings of a search as text: for the terminal, for MLflow, and as a spec."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signs_sweep.data import KNOWN_DATASETS
from signs_sweep.domain import VARIED_NAMES, Dense, Model, Trial, TrialState, is_higher_better
from signs_sweep.protocols import Findings
from signs_sweep.searching.outcome import TEST_METRIC, SearchOutcome
from signs_sweep.searching.study.importances import describe_importances
from signs_sweep.searching.study.own import LeftOut
from signs_sweep.statistics.replicates import Difference

_NAMED = 5
"""Number of excluded trials that are listed; the rest are counted."""


def describe(trial: Trial) -> str:
    """Return the title and the choices of a trial, numbers to three digits."""
    choices = (f"{name}={_short(value)}" for name, value in trial.choices.items())
    return " ".join([trial.title, *choices])


def findings(outcome: SearchOutcome) -> Findings:
    """Return the findings that go into the record of a search."""
    best, counts = outcome.best, outcome.counts
    metrics: dict[str, float] = {
        "trials_complete": counts[TrialState.COMPLETE],
        "trials_pruned": counts[TrialState.PRUNED],
        "trials_failed": counts[TrialState.FAILED],
        "epochs_saved": outcome.epochs_saved,
    }
    if best is not None and best.value is not None:
        metrics["best_value"] = best.value
        metrics["best_trial"] = best.trial.number
    confirmed = outcome.confirmation
    for metric in confirmed_metrics(outcome):
        assert confirmed is not None
        values = confirmed.values(confirmed.winner, metric, outcome.results)
        if values:
            metrics[f"winner_{metric}"] = sum(values) / len(values)
        if difference := confirmed.difference(metric, outcome.results):
            metrics[f"difference_{metric}"] = difference.mean
            metrics[f"difference_{metric}_low"] = difference.low
            metrics[f"difference_{metric}_high"] = difference.high
    files = dict(outcome.files)
    if best is not None:
        files["best.yaml"] = best_spec(outcome, outcome.experiment.path.parent).encode()
    choices = {} if best is None else best.trial.choices
    note = "\n\n".join(sentences(outcome))
    return Findings(note, files, choices=choices, metrics=metrics)


def confirmed_metrics(outcome: SearchOutcome) -> list[str]:
    """Return the metrics that compare winner and default; empty without a confirmation."""
    if outcome.confirmation is None:
        return []
    return list(dict.fromkeys([outcome.search.objective.metric, TEST_METRIC]))


def sentences(outcome: SearchOutcome) -> list[str]:
    """Return the findings as paragraphs of a sentence or two."""
    best, counts = outcome.best, outcome.counts
    ended = counts[TrialState.COMPLETE] + counts[TrialState.PRUNED] + counts[TrialState.FAILED]
    text = f"{ended} trials: {counts[TrialState.COMPLETE]} complete"
    text += f", {counts[TrialState.PRUNED]} pruned" if counts[TrialState.PRUNED] else ""
    text += f", {counts[TrialState.FAILED]} failed" if counts[TrialState.FAILED] else ""
    lines = [f"{text}."]
    if outcome.epochs_saved:
        lines[0] += f" Pruning saved {outcome.epochs_saved:,} epochs."
    if outcome.finished_though_pruned:
        lines[0] += (
            f" {outcome.finished_though_pruned} of the pruned trials had finished before they "
            "could be stopped. They do not count, because results must not depend on timing."
        )
    lines += left_out(outcome.left_out)
    if best is None:
        return [*lines, "No trial completed, so there is no best trial."]
    metric = outcome.search.objective.metric
    name = describe(best.trial)
    equal = [f"{end.trial.number}" for end in outcome.trials if end.value == best.value]
    tie = f" Trials {', '.join(equal)} share this value." if len(equal) > 1 else ""
    lines.append(f"Best: {name}, {metric} {best.value:.4f}.{tie}")
    lines += _confirmed(outcome, ended)
    lines += _collapsed(outcome)
    if len(outcome.search.space) > 1:
        lines.append(describe_importances(outcome.importances, counts[TrialState.COMPLETE]))
    return lines


def _collapsed(outcome: SearchOutcome) -> list[str]:
    """Report the runs that collapsed, and whether the best trial has some of them."""
    results = outcome.results.values()
    guessing = {result.run_id for result in results if result.guessing_since is not None}
    if not guessing:
        return []
    text = (
        f"{len(guessing)} of {len(results)} runs collapsed: the network assigns every image "
        "the same class, as happens when all of its hidden units are dead."
    )
    confirmed = outcome.confirmation
    chosen = set(outcome.best.trial.run_ids) if outcome.best else set()
    chosen |= set(confirmed.winner.run_ids) if confirmed else set()
    if chosen & guessing:
        text += f" The best trial has {len(chosen & guessing)} of them: do not rely on it."
    return [text]


def left_out(trials: Sequence[LeftOut]) -> list[str]:
    """Report the trials of a study that do not belong to the search, if there are any."""
    if not trials:
        return []
    names = [f"trial {trial.number} ({trial.why})" for trial in trials[:_NAMED]]
    more = len(trials) - len(names)
    listed = ", ".join(names) + (f" and {more:,} more" if more else "")
    many = "1 trial" if len(trials) == 1 else f"{len(trials):,} trials"
    return [f"Excluded {many} of the study from outside this search: {listed}."]


def _confirmed(outcome: SearchOutcome, candidates: int) -> list[str]:
    """Report how the winner did over fresh seeds, compared with the default."""
    confirmed = outcome.confirmation
    if confirmed is None or outcome.was_interrupted:
        return []
    seeds = [run.parameters.global_seed for run in confirmed.winner.runs]
    lines = []
    for metric in confirmed_metrics(outcome):
        values = confirmed.values(confirmed.winner, metric, outcome.results)
        if len(values) < len(seeds):
            missing = len(seeds) - len(values)
            return [f"Of the {len(seeds)} runs with fresh seeds, {missing} failed or are missing."]
        mean = sum(values) / len(values)
        text = f"Over {len(seeds)} fresh seeds ({seeds[0]} to {seeds[-1]}): {metric} {mean:.4f}"
        difference = confirmed.difference(metric, outcome.results)
        if confirmed.default is None:
            text += "; the winner is the default"
        elif difference is None:
            text += "; runs of the default failed or are missing, so the two cannot be compared"
        else:
            verdict = _verdict(difference, more_is_better=is_higher_better(metric))
            text += (
                f", the default {mean - difference.mean:.4f}; difference {difference.mean:+.4f} "
                f"(95 % interval {difference.low:+.4f} to {difference.high:+.4f}): {verdict}"
            )
        lines.append(f"{text}.")
    lines.append(
        "The test set played no part in the choice. "
        f"Of the {candidates} candidates, only the winner was evaluated on it, with the default."
    )
    return lines


def _verdict(difference: Difference, *, more_is_better: bool) -> str:
    if not difference.is_clear:
        return "this may be chance"
    better = "winner" if (difference.mean > 0) == more_is_better else "default"
    return f"the {better} is better"


def best_spec(outcome: SearchOutcome, folder: Path) -> str:
    """Return a spec that trains the winner, with the seeds of the confirmation if there was one.

    The outcome has a best trial. Relative paths in the spec start at its folder.
    """
    best, experiment = outcome.best, outcome.experiment
    assert best is not None
    winner = best.trial.setting
    metric = outcome.search.objective.metric
    of_all = f"{best.trial.title} of {sum(outcome.counts.values())}"
    lines = [
        f"# Winner of the search '{experiment.name}': {of_all}, {metric} {best.value}",
        f"name: {experiment.name[:95].rstrip(' .-')}-best",
        f"data: {json.dumps(_data(experiment.data, experiment.path.parent, folder))}",
        f"validation: {experiment.validation!r}",
        f"model: {json.dumps(_model(winner.model))}",
        "base:",
    ]
    lines += [f"  {name}: {winner.parameters.text(name)}" for name in VARIED_NAMES]
    seeds = experiment.seeds
    if outcome.confirmation is not None:
        seeds = tuple(run.parameters.seeds for run in outcome.confirmation.winner.runs)
    lines.append("seeds:")
    for pair in seeds:
        named = ", ".join(f"{name}: {seed}" for name, seed in pair._asdict().items())
        lines.append(f"  - {{{named}}}")
    return "\n".join(lines) + "\n"


def _data(
    data: str | Mapping[str, str], spec_folder: Path, folder: Path
) -> str | Mapping[str, str]:
    """Return the `data` of a spec, rewritten for a spec in a different folder."""
    if data in KNOWN_DATASETS:
        return data
    paths = {"": data} if isinstance(data, str) else data
    moved = {
        key: os.path.relpath(spec_folder / Path(path).expanduser(), folder)
        for key, path in paths.items()
    }
    return moved[""] if isinstance(data, str) else moved


def _model(model: Model) -> Mapping[str, Any]:
    """Return the `model` section of a spec."""
    if isinstance(model, Dense):
        return {"hidden": model.hidden}
    return {"build": model.function, **dict(model.arguments)}


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
