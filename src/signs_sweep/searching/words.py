"""The findings of a search as text: for the terminal, for MLflow, and as a spec."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signs_sweep.analysis.answer import OF_SELECTED, signed
from signs_sweep.data import KNOWN_DATASETS
from signs_sweep.domain import (
    HIDDEN,
    METRICS,
    NETWORK,
    PAIR_NAMES,
    SEED_NAMES,
    Dense,
    Judgement,
    Model,
    Trial,
    TrialState,
    as_text,
)
from signs_sweep.protocols import Findings
from signs_sweep.searching.candidates import Confirmed, Standing
from signs_sweep.searching.outcome import TEST_METRIC, SearchOutcome
from signs_sweep.searching.study.audit import audit_metrics, describe_audit
from signs_sweep.searching.study.collapses import describe_collapses
from signs_sweep.searching.study.importances import describe_importances
from signs_sweep.searching.study.own import LeftOut

_NAMED = 5
"""Number of excluded trials that are listed; the rest are counted."""


def describe(trial: Trial) -> str:
    """Return the title and the choices of a trial, numbers to three digits."""
    choices = (f"{name}={_short(value)}" for name, value in trial.choices.items())
    return " ".join([trial.title, *choices])


def findings(outcome: SearchOutcome) -> Findings:
    """Return the findings that go into the record of a search."""
    best, counts, winner = outcome.best, outcome.counts, outcome.winner
    metrics: dict[str, float] = {
        "trials_complete": counts[TrialState.COMPLETE],
        "trials_pruned": counts[TrialState.PRUNED],
        "trials_failed": counts[TrialState.FAILED],
        "epochs_saved": outcome.epochs_saved,
    }
    if best is not None and best.value is not None:
        metrics["best_value"] = best.value
        metrics["best_trial"] = best.trial.number
    if winner is not None and winner.promised is not None:
        metrics["winner_promised"] = winner.promised
    if winner is not None and (mean := outcome.race_means.get(winner)) is not None:
        metrics["winner_race"] = mean
        metrics["winner_race_seeds"] = next(
            len(each.values) for each in outcome.standings if each.candidate == winner
        )
    for metric, verdict in outcome.confirmed.items():
        metrics[f"winner_{metric}"] = verdict.mean
        metrics["winner_seeds"] = verdict.pairs
        if verdict.reference is not None:
            metrics[f"default_{metric}"] = verdict.reference
        if verdict.difference is not None:
            metrics[f"difference_{metric}"] = verdict.difference
        if verdict.low is not None and verdict.high is not None:
            metrics[f"difference_{metric}_low"] = verdict.low
            metrics[f"difference_{metric}_high"] = verdict.high
    if (optimism := outcome.optimism) is not None:
        metrics["optimism"] = optimism
    share, maximize = outcome.search.pruner.audit, outcome.search.objective.maximize
    metrics |= audit_metrics(outcome.trials, share, maximize=maximize)
    files = dict(outcome.files)
    if winner is not None:
        files["best.yaml"] = best_spec(outcome, outcome.experiment.path.parent).encode()
    choices = {} if winner is None else winner.choices
    note = "\n\n".join(sentences(outcome))
    is_tested = TEST_METRIC in outcome.confirmed and winner is not None and not winner.is_default
    tested = {winner.setting.data: 1} if winner is not None and is_tested else {}
    return Findings(note, files, choices=choices, metrics=metrics, tested=tested)


def sentences(outcome: SearchOutcome) -> list[str]:
    """Return the findings as paragraphs of a sentence or two."""
    best, counts = outcome.best, outcome.counts
    ended = counts[TrialState.COMPLETE] + counts[TrialState.PRUNED] + counts[TrialState.FAILED]
    many = "1 trial" if ended == 1 else f"{ended:,} trials"
    text = f"{many}: {counts[TrialState.COMPLETE]} complete"
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
    value = f"{best.value:.4f}{outcome.mark(best.trial.setting)}"
    lines.append(f"Best in the search: {name}, {metric} {value}.{tie}")
    lines += _selected(outcome)
    lines += _collapsed(outcome)
    lines += describe_collapses(outcome.search.space, outcome.trials, outcome.collapsed)
    share, maximize = outcome.search.pruner.audit, outcome.search.objective.maximize
    lines += describe_audit(outcome.trials, share, maximize=maximize)
    if len(outcome.search.space) > 1:
        complete = [end.trial.number for end in outcome.trials if end.state.is_complete]
        collapsed = len(outcome.collapsed.intersection(complete))
        trials = len(complete) - collapsed
        lines.append(describe_importances(outcome.importances, trials, collapsed, outcome.options))
    if outcome.was_interrupted:
        return [*lines, "There is no winner yet: the same command continues."]
    return [*lines, *_race(outcome), *_confirmed(outcome), *_winner(outcome)]


def _selected(outcome: SearchOutcome) -> list[str]:
    """Explain the mark at values, and warn if trials were selected to different degrees."""
    lines = [OF_SELECTED] if outcome.has_marks else []
    if outcome.has_different_rules:
        lines.append(
            "Early stopping differs between trials and chooses epochs by the images of "
            f"{METRICS[outcome.search.objective.metric].title}, so the search prefers the rule "
            "that selects most. Compare rules by the test set (`run` with verdict: {metric: "
            "test_accuracy}), or search and race with the same early_stopping everywhere."
        )
    return lines


def _race(outcome: SearchOutcome) -> list[str]:
    """Report how the winner was found, if there was a race."""
    standings, winner, race = outcome.standings, outcome.winner, outcome.race
    if not standings or race is None:
        return []
    if winner is None:
        return ["A run of every setting in the race failed, so there is no winner."]
    metric = outcome.search.objective.metric
    own = next(each for each in standings if each.candidate == winner)
    others = [each for each in standings if each is not own]
    left = [each for each in others if each.is_left]
    failed = [each for each in others if not each.is_left and each.has_failed]
    worse = [each for each in others if not each.is_left and not each.has_failed]
    text = (
        f"In a race of {len(standings)} settings over fresh seeds, {winner.name} won: {metric} "
        f"{own.mean or 0.0:.4f}{outcome.mark(winner.setting)} over {len(own.values)} seeds."
    )
    for group, why in ((worse, "clearly worse than another"), (failed, "after a failed run")):
        if group:
            text += f" {_listed(group)} dropped out, {why}."
    if left:
        text += f" {_listed(left)} {'is' if len(left) == 1 else 'are'} not clearly worse"
        is_robust = any(_is_better(each, own, outcome) for each in left)
        text += (
            "; the winner fails to learn less often, with about the same mean."
            if is_robust
            else "; the winner has the best mean."
        )
    if own.values and own.failed == own.runs:
        text += " All of its runs failed to learn: change the space or the default."
    best = max(standings, key=lambda each: each.candidate == race.candidates[0])
    if best is not own and best.mean is not None and outcome.optimism is not None:
        mark = outcome.mark(best.candidate.setting)
        text += (
            f" The search had promised {best.candidate.promised:.4f}{mark} for its best, "
            f"{best.candidate.name}; the race gave {best.mean:.4f}{mark}: optimism "
            f"{signed(outcome.optimism)}."
        )
    return [text]


def _confirmed(outcome: SearchOutcome) -> list[str]:
    """Report how the winner did over further seeds, compared with the default."""
    winner, race = outcome.winner, outcome.race
    if winner is None or race is None:
        return []
    seeds = [each.global_seed for each in race.further]
    confirmed = outcome.confirmed
    objective = outcome.search.objective
    known = confirmed.get(objective.metric)
    kind = "further" if outcome.standings else "fresh"
    if known is None or known.pairs < len(seeds):
        return [f"Of the runs over {len(seeds)} {kind} seeds, some failed or are missing."]
    where = f"{len(seeds)} {kind} seeds ({seeds[0]} to {seeds[-1]}), which played no part in the "
    text = f"Over {where}choice, on the same held-out images: {objective.metric} {known.mean:.4f}"
    mark = outcome.mark(winner.setting)
    text += f"{mark}{_against_default(known, outcome.mark(race.default.setting))}."
    sign = 1 if objective.maximize else -1
    earlier = [
        f"{who} {value:.4f}{mark} (optimism {signed(sign * (value - known.mean))})"
        for who, value in (
            ("the search had promised", winner.promised),
            ("the race gave", outcome.race_means.get(winner)),
        )
        if value is not None
    ]
    if earlier:
        sentence = " and ".join(earlier)
        text += f" {sentence[0].upper()}{sentence[1:]}."
    lines = [text]
    if (tested := confirmed.get(TEST_METRIC)) is not None:
        compared = " and the default" if tested.reference is not None else ""
        lines.append(
            f"The test set judged only the winner{compared}: {TEST_METRIC} "
            f"{tested.mean:.4f}{_against_default(tested)}."
        )
    return lines


def _against_default(known: Confirmed, mark: str = "") -> str:
    """Return how the default did, and the verdict; `mark` follows the default's value."""
    if known.reference is not None and not known.is_comparable:
        return (
            f", the default {known.reference:.4f}{mark}; no verdict, since their early stopping "
            "differs and chooses epochs by the same images"
        )
    if known.reference is None or known.difference is None:
        return ""
    interval = ""
    if known.low is not None and known.high is not None:
        interval = (
            f" ({100 * known.level:.0f} % interval {signed(known.low)} to {signed(known.high)})"
        )
    text = f", the default {known.reference:.4f}{mark}; difference {signed(known.difference)}"
    text += interval
    if known.judgement is Judgement.UNDECIDED:
        is_short = known.pairs < known.least_pairs
        return f"{text}: undecided" + (
            f" (a verdict needs at least {known.least_pairs} seeds)" if is_short else ""
        )
    return f"{text}: the winner is {known.text}"


def _winner(outcome: SearchOutcome) -> list[str]:
    """Return the last sentence: the setting that the search hands out."""
    winner = outcome.winner
    if winner is None or outcome.race is None:
        return []
    if winner.is_default:
        why = "The best point of the search is the default"
        if outcome.standings:
            why = "No setting of the search was clearly better in the race"
        return [f"Winner: the default. {why}."]
    choices = " ".join(f"{name}={_short(value)}" for name, value in winner.choices.items())
    return [f"Winner: {winner.title} {choices}."]


def _is_better(each: Standing, other: Standing, outcome: SearchOutcome) -> bool:
    """Whether the mean of a candidate is better than that of another."""
    if each.mean is None or other.mean is None:
        return False
    return (each.mean > other.mean) is outcome.search.objective.maximize and each.mean != other.mean


def _listed(standings: Sequence[Standing]) -> str:
    names = [each.candidate.name for each in standings]
    *most, last = [*names[:_NAMED], *(["others"] if len(names) > _NAMED else [])]
    text = f"{', '.join(most)} and {last}" if most else last
    return text[0].upper() + text[1:]


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
    chosen = set(outcome.best.trial.run_ids) if outcome.best and outcome.race is None else set()
    if outcome.race is not None and outcome.winner is not None:
        chosen = set(outcome.race.confirming(outcome.winner)[0].run_ids)
    if chosen & guessing:
        text += f" The winner has {len(chosen & guessing)} of them: do not rely on it."
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


def best_spec(outcome: SearchOutcome, folder: Path) -> str:
    """Return a spec that trains the winner, with the seeds of the confirmation if there was one.

    The outcome has a winner. Relative paths in the spec start at its folder.
    """
    chosen, experiment = outcome.winner, outcome.experiment
    assert chosen is not None
    winner, metric = chosen.setting, outcome.search.objective.metric
    known = outcome.confirmed.get(metric)
    value = (
        f"{metric} {chosen.promised}"
        if known is None
        else (f"{metric} {known.mean:.4f} over {known.pairs} fresh seeds")
    )
    of_all = f"{chosen.name} of {sum(outcome.counts.values())} trials"
    lines = [
        f"# Winner of the search '{experiment.name}': {of_all}, {value}",
        f"name: {experiment.name[:95].rstrip(' .-')}-best",
        f"data: {json.dumps(_data(experiment.data, experiment.path.parent, folder))}",
        f"split: {{folds: {experiment.folds}, repeats: {experiment.repeats}}}"
        if experiment.folds
        else f"validation: {as_text(experiment.validation)}",
        f"model: {json.dumps(_model(winner.model))}",
        "base:",
    ]
    names = [name for name in winner.parameters.significant if name not in SEED_NAMES]
    lines += [f"  {name}: {winner.parameters.text(name)}" for name in names]
    seeds = experiment.seeds
    if outcome.race is not None:
        seeds = outcome.race.further
    lines.append("seeds:")
    for each in seeds:
        seed_names = SEED_NAMES if each.split_seed else PAIR_NAMES
        named = ", ".join(f"{name}: {getattr(each, name)}" for name in seed_names)
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
        changed = {n: v for n, v in model.varied.items() if v != NETWORK[n].default}
        return {HIDDEN: model.hidden} | changed
    return {"build": model.function, **dict(model.arguments)}


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
