"""What a search found, in words: for the terminal, for MLflow, and as a spec."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signs_sweep.data import KNOWN_DATASETS
from signs_sweep.domain import VARIED_NAMES, Dense, Model, Trial, TrialState
from signs_sweep.protocols import Findings
from signs_sweep.searching.outcome import TEST_METRIC, SearchOutcome
from signs_sweep.searching.study.importances import in_words
from signs_sweep.searching.study.own import LeftOut
from signs_sweep.statistics.difference import Difference

_NAMED = 5
"""Trials that are left out and named; others are counted."""


def describe(trial: Trial) -> str:
    """Return a trial in words: its title and what was chosen, numbers to three digits."""
    choices = (f"{name}={_short(value)}" for name, value in trial.choices.items())
    return " ".join([trial.title, *choices])


def findings(outcome: SearchOutcome) -> Findings:
    """Return what the record of a search says of it."""
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
    return Findings(choices, metrics, "\n\n".join(sentences(outcome)), files)


def confirmed_metrics(outcome: SearchOutcome) -> list[str]:
    """Return the metrics that winner and default are compared by, none without a confirmation."""
    if outcome.confirmation is None:
        return []
    return list(dict.fromkeys([outcome.search.objective.metric, TEST_METRIC]))


def sentences(outcome: SearchOutcome) -> list[str]:
    """Return what came out, a sentence or two a line."""
    best, counts = outcome.best, outcome.counts
    ended = counts[TrialState.COMPLETE] + counts[TrialState.PRUNED] + counts[TrialState.FAILED]
    told = f"{ended} trials: {counts[TrialState.COMPLETE]} complete"
    told += f", {counts[TrialState.PRUNED]} pruned" if counts[TrialState.PRUNED] else ""
    told += f", {counts[TrialState.FAILED]} failed" if counts[TrialState.FAILED] else ""
    lines = [f"{told}."]
    if outcome.epochs_saved:
        lines[0] += f" Pruning left out {outcome.epochs_saved:,} epochs."
    if outcome.finished_though_pruned:
        lines[0] += (
            f" {outcome.finished_though_pruned} of the pruned trials had finished before they "
            "could be stopped. They do not count, so that the result does not depend on timing."
        )
    lines += left_out(outcome.left_out)
    if best is None:
        return [*lines, "No trial was completed, so there is no best one."]
    metric = outcome.search.objective.metric
    name = describe(best.trial)
    equal = [f"{end.trial.number}" for end in outcome.trials if end.value == best.value]
    tie = f" Trials {', '.join(equal)} have that value." if len(equal) > 1 else ""
    lines.append(f"Best: {name}, {metric} {best.value:.4f}.{tie}")
    lines += _confirmed(outcome, ended)
    lines += _guessing(outcome)
    if len(outcome.search.space) > 1:
        lines.append(in_words(outcome.importances, counts[TrialState.COMPLETE]))
    return lines


def _guessing(outcome: SearchOutcome) -> list[str]:
    """Say of how many runs the network has learned nothing, and whether that of the best has."""
    results = list(outcome.results.values())
    found = {one.run_id for one in results if one.guessing_since is not None}
    if not found:
        return []
    text = (
        f"{len(found)} of {len(results)} runs learned nothing: the network gives every image the "
        "same class, as it does when its hidden units are all dead."
    )
    confirmed = outcome.confirmation
    chosen = set(outcome.best.trial.run_ids) if outcome.best else set()
    chosen |= set(confirmed.winner.run_ids) if confirmed else set()
    if chosen & found:
        text += f" {len(chosen & found)} of them are runs of the best trial: do not rely on it."
    return [text]


def left_out(trials: Sequence[LeftOut]) -> list[str]:
    """Say which trials of a study are not those of the search, in a sentence, if there are any."""
    if not trials:
        return []
    names = [f"trial {one.number} ({one.why})" for one in trials[:_NAMED]]
    more = len(trials) - len(names)
    listed = ", ".join(names) + (f" and {more:,} more" if more else "")
    if len(trials) == 1:
        return [f"1 trial of the study is not one of this search and is left out: {listed}."]
    return [
        f"{len(trials):,} trials of the study are not of this search and are left out: {listed}."
    ]


def _confirmed(outcome: SearchOutcome, candidates: int) -> list[str]:
    """Say how the winner did over fresh seeds, and against the default."""
    confirmed = outcome.confirmation
    if confirmed is None or outcome.was_interrupted:
        return []
    seeds = [run.parameters.global_seed for run in confirmed.winner.runs]
    lines = []
    for metric in confirmed_metrics(outcome):
        ours = confirmed.values(confirmed.winner, metric, outcome.results)
        if len(ours) < len(seeds):
            missing = len(seeds) - len(ours)
            return [f"Of the {len(seeds)} runs with fresh seeds {missing} failed or are not known."]
        mean = sum(ours) / len(ours)
        text = f"Over {len(seeds)} fresh seeds ({seeds[0]} to {seeds[-1]}): {metric} {mean:.4f}"
        difference = confirmed.difference(metric, outcome.results)
        if confirmed.default is None:
            text += "; it is the default itself"
        elif difference is None:
            text += "; runs of the default failed or are not known, so it cannot be compared"
        else:
            verdict = _verdict(difference, more_is_better=not metric.endswith("loss"))
            text += (
                f", the default {mean - difference.mean:.4f}; difference {difference.mean:+.4f} "
                f"(95 % interval {difference.low:+.4f} to {difference.high:+.4f}): {verdict}"
            )
        lines.append(f"{text}.")
    lines.append(
        f"The test set was not looked at while choosing. Of the {candidates} candidates it judged "
        "the winner alone, beside the default."
    )
    return lines


def _verdict(difference: Difference, *, more_is_better: bool) -> str:
    if not difference.is_clear:
        return "this may be chance"
    better = "winner" if (difference.mean > 0) == more_is_better else "default"
    return f"the {better} is better"


def best_spec(outcome: SearchOutcome, folder: Path) -> str:
    """Return a spec that trains the winner, over the seeds that confirmed it, else the spec's.

    Args:
        outcome: with a best trial.
        folder: where the spec will be, for the paths in it.
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
    for own in seeds:
        named = ", ".join(f"{name}: {seed}" for name, seed in own._asdict().items())
        lines.append(f"  - {{{named}}}")
    return "\n".join(lines) + "\n"


def _data(
    data: str | Mapping[str, str], spec_folder: Path, folder: Path
) -> str | Mapping[str, str]:
    """Return where the data is, as a spec in another folder says it."""
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
