"""The tables of runs and of settings, as pandas DataFrames."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from signs_sweep.analysis.comparison import Comparison, Rules, compare_settings
from signs_sweep.analysis.conditions import conditions, conditions_text
from signs_sweep.analysis.layout import Images, layout_of
from signs_sweep.analysis.settings import (
    Replicates,
    are_judged,
    chosen_metric,
    varying_values,
)
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import SEED_NAMES, Row, are_comparable, is_higher_better
from signs_sweep.errors import UsageError
from signs_sweep.statistics.replicates import paired_difference
from signs_sweep.statistics.single_look import effect_size, mcnemar, sign_flip

if TYPE_CHECKING:
    import pandas as pd

METRIC_COLUMNS = ("loss", "final_train_accuracy", "val_accuracy", "test_accuracy")
"""Shown for every run that has them; `loss` is the training loss of the last epoch."""

FOR_ONE_LOOK = (
    *("t_low", "t_high", "sign_flip_p", "effect_size", "mcnemar_p", "images", "splits"),
    *("both_low", "both_high", "share_seeds", "share_splits", "share_images"),
)
"""Columns of statistics that are valid if the number of seeds was fixed beforehand."""

OF_VERDICTS = (
    *("baseline", "pairs", "difference", "difference_low", "difference_high", "won", "verdict"),
    *("usually", "on_average", "decided_after", "more_seeds", "evidence", "threshold", "failing"),
    "baseline_failed",
)
"""Columns of verdicts."""


_LIKE_THE_METRIC = (
    *("mean", "worst", "best", "difference", "difference_low", "difference_high"),
    *("both_low", "both_high", "t_low", "t_high"),
)
_MORE_IS_BETTER = ("won", "evidence", "usually", "on_average")

OF_STOPPING = ("stopped_at", "chosen_epoch", "selected_on")
"""Columns of early stopping."""

OF_DIAGNOSES = ("diagnosis", "diagnosis_since", "diagnosis_gap")
"""Columns of the diagnosis of a run."""


def build_table(
    rows: Sequence[Row],
    rules: Rules | None = None,
    *,
    sort: str | None = None,
    metrics: Sequence[str] = (),
) -> "pd.DataFrame":
    """Return one row per run: varying values, seeds, state, metrics, epochs and seconds.

    Args:
        rows: the runs, in display order.
        rules: how the settings of each experiment are compared.
        sort: a column to sort by, best first for accuracies and losses; None keeps the order.
        metrics: additional metrics to show.

    Returns:
        A DataFrame indexed by run_id. Columns that would be empty or constant (`experiment` if
        there is only one, `label` if no run has one, parameters that do not vary) are left out;
        `epochs` is the number trained, or requested if there is no result. With a baseline,
        `is_baseline` marks it and `difference` is by how much a run exceeds the baseline's run with
        the same seeds, in the metric of the rule.
        `diagnosis` is the condition of a run, such as `overfits`, with `diagnosis_since` and
        `diagnosis_gap`. `guessing_since` is present if a run collapsed: the first epoch since which
        its loss has not been below that of guessing. With early stopping, `stopped_at` is the epoch
        after which it ended a run, `chosen_epoch` the epoch whose weights and metrics it chose, and
        `selected_on` the images by which it chose, `validation` or `training`: metrics measured on
        these are too good. `version` is present if the runs have several
        training versions, and `older_version` if a run that is new in this version is finished in
        an older.

    Raises:
        UsageError: `sort` or one of `metrics` is unknown for every run.
    """
    import pandas as pd

    varying = [name for name in varying_values(rows) if name != "epochs"]
    shown = _shown_metrics(rows, metrics)
    columns = ["experiment", "label", *varying, *SEED_NAMES, "state", *shown]
    columns += ["is_baseline", "difference", "epochs", "seconds"]
    columns += [*OF_DIAGNOSES, "guessing_since", *OF_STOPPING, "older_version"]
    metric = chosen_metric(rows)
    of_experiments = {name: rule.metric for name, rule in (rules or {}).items()}
    metrics_of = {row.run_id: of_experiments.get(row.experiment) or metric for row in rows}
    of_run = {row.run_id: row for row in rows}
    records = [
        _record(row, columns, of_run.get(row.baseline or ""), metrics_of[row.run_id])
        for row in rows
    ]
    index = pd.Index([row.run_id for row in rows], name="run_id")
    table = pd.DataFrame(records, index=index, columns=columns)
    return _sorted(table.drop(columns=_needless(rows), errors="ignore"), sort)


def build_settings(
    rows: Sequence[Row],
    compared: Sequence[Comparison] | None = None,
    *,
    sort: str | None = None,
    metrics: Sequence[str] = (),
    images: Images | None = None,
    only_replicated: bool = False,
) -> "pd.DataFrame":
    """Return one row per setting: varying values, statistics over its seeds, and its verdict.

    Args:
        rows: the runs, those of a setting in the order of its seeds.
        compared: their settings, compared; by default as `compare_settings` does.
        sort: a column to sort by, best first for accuracies and losses; None keeps the order.
        metrics: additional metrics to show.
        images: returns which images a run classifies correctly, for the statistics over images.
        only_replicated: whether to leave out settings with a single run, except baselines of
            settings with several; they count in the verdicts all the same.

    Returns:
        A DataFrame indexed by `setting`, numbered from 1. `seeds` is the number of pairs of seeds
        that count, whose runs are finished or diverged (as chance); `runs` is the number of their
        runs, which is larger if there are several splits. `metric` is compared; `mean`, `deviation`
        (standard deviation), `worst` and `best` are over the pairs of seeds, with the mean over
        splits, `failed` is the number of runs that failed to learn, and `diagnosis` counts the
        conditions of its runs as text. Further metrics are means. `selected_on` is as for runs.
        With a baseline: `is_baseline` and `baseline`, and of the verdict `pairs`, `difference`,
        `difference_low`, `difference_high`, `won`, `verdict`, `usually`, `on_average`,
        `decided_after`, `more_seeds`, `evidence`, `threshold`, `failing`, `baseline_failed`; see
        `signs_sweep.analysis.verdict.Verdict`.
        Valid for a single look: `t_low` and `t_high` (95 % interval of the paired t-test),
        `sign_flip_p`, `effect_size`, for a single seed `mcnemar_p`, and over `splits` splits and,
        for an accuracy, `images` images, the 95 % interval over seeds, splits and images,
        `both_low` and `both_high`, and the shares of its variance that are due to each,
        `share_seeds`, `share_splits` and `share_images`.

    Raises:
        UsageError: `sort` or one of `metrics` is unknown for every run.
    """
    import pandas as pd

    if compared is None:
        compared = compare_settings(rows, images=images)
    shown, varying = _shown_metrics(rows, metrics), varying_values(rows)
    records: list[dict[str, Any]] = []
    for comparison in compared:
        wanted = _replicated(comparison)
        for setting, other, verdict in _in_blocks(comparison):
            if only_replicated and setting.key not in wanted:
                continue
            record: dict[str, Any] = {"experiment": comparison.experiment, "label": setting.label}
            record |= {name: setting.params.get(name) for name in varying}
            record |= _of_setting(setting, comparison.metric)
            record |= {name: setting.mean(name) for name in shown}
            record["is_baseline"] = other is setting
            record |= of_verdict(verdict)
            record["selected_on"] = next(
                (row.selected_on for row in setting.rows if row.selected_on), None
            )
            record |= _for_one_look(setting, other, comparison.metric, images)
            record |= _over_images(verdict)
            records.append(record)
    index = pd.RangeIndex(1, len(records) + 1, name="setting")
    table = pd.DataFrame(records, index=index)
    if not records:
        return table
    of_baselines = ("is_baseline", *OF_VERDICTS, *FOR_ONE_LOOK)
    needless = [name for name in _needless(rows) if name not in of_baselines]
    if not any(record["is_baseline"] for record in records):
        needless += of_baselines
    return _sorted(table.drop(columns=needless, errors="ignore"), sort)


def _replicated(comparison: Comparison) -> set[tuple[object, ...]]:
    """Return the keys of the settings with several runs, and of their baselines."""
    several = [entry for entry in comparison.entries if len(entry[0].rows) > 1]
    return {each.key for setting, other, _ in several for each in (setting, other) if each}


def _in_blocks(
    comparison: Comparison,
) -> list[tuple[Replicates, Replicates | None, Verdict | None]]:
    """Return the settings with their baselines and verdicts, each after its baseline."""
    numbers = {setting.key: number for number, setting in enumerate(comparison.settings)}
    entries = comparison.entries
    if len({other.key for other in comparison.baselines if other}) < 2:
        return entries
    return sorted(
        entries, key=lambda entry: (numbers[(entry[1] or entry[0]).key], entry[0] is not entry[1])
    )


def _of_setting(setting: Replicates, metric: str) -> dict[str, Any]:
    scores = setting.scores(metric).values()
    ends = sorted(scores, reverse=not is_higher_better(metric))
    return {
        "seeds": len(scores),
        "runs": sum(len(setting.rows_of(seeds)) for seeds in setting.scores(metric)),
        "metric": metric,
        "mean": setting.mean(metric),
        "deviation": setting.deviation(metric),
        "worst": ends[0] if ends else None,
        "best": ends[-1] if ends else None,
        "failed": sum(setting.failing.values()),
        "diagnosis": conditions_text(setting.rows),
    }


def of_verdict(verdict: Verdict | None) -> dict[str, Any]:
    """Return a verdict by column, as in `OF_VERDICTS`."""
    if verdict is None:
        return dict.fromkeys(OF_VERDICTS)
    return {
        "baseline": verdict.baseline,
        "pairs": verdict.pairs,
        "difference": verdict.difference,
        "difference_low": verdict.low,
        "difference_high": verdict.high,
        "won": verdict.won,
        "verdict": verdict.judgement.value,
        "usually": verdict.usually,
        "on_average": verdict.on_average,
        "decided_after": verdict.decided_after,
        "more_seeds": verdict.more_seeds,
        "evidence": verdict.evidence,
        "threshold": verdict.threshold,
        "failing": verdict.failing.value,
        "baseline_failed": verdict.baseline_failed,
    }


def _for_one_look(
    setting: Replicates, other: Replicates | None, metric: str, images: Images | None
) -> dict[str, Any]:
    """Return the statistics that are valid if the number of seeds was fixed beforehand."""
    values: dict[str, Any] = dict.fromkeys(FOR_ONE_LOOK)
    if other is None or other is setting or not are_judged(setting, other, metric):
        return values
    shared = setting.paired(other, metric)
    gains = [value - reference for value, reference in shared.values()]
    if len(gains) > 1 and np.isfinite(gains).all():
        interval = paired_difference(*zip(*shared.values(), strict=True))
        values |= {"t_low": interval.low, "t_high": interval.high}
    values |= {"sign_flip_p": sign_flip(gains), "effect_size": effect_size(gains)}
    if images is not None and len(shared) == 1:
        layout = layout_of(setting, other, list(shared), metric, images)
        if layout is not None and layout.images and layout.splits == 1:
            first, second = (side.ravel() > 0 for side in (layout.first, layout.second))
            values["mcnemar_p"] = mcnemar(first, second)
    return values


def _over_images(verdict: Verdict | None) -> dict[str, Any]:
    """Return the uncertainty over seeds, splits and images, if it is known."""
    if verdict is None or verdict.crossed is None:
        return {}
    found = verdict.crossed
    return {
        "images": verdict.images or None,
        "splits": verdict.splits,
        "both_low": found.low,
        "both_high": found.high,
        "share_seeds": found.seeds,
        "share_splits": found.splits,
        "share_images": found.images,
    }


def _needless(rows: Sequence[Row]) -> list[str]:
    """Return the columns of either table that would be empty or constant."""
    has_baseline = any(row.baseline for row in rows)
    has_guessing = any(row.result and row.result.guessing_since for row in rows)
    has_stopped = any(row.result and row.result.stopped_at for row in rows)
    has_chosen = any(row.selected_on for row in rows)
    is_needed = {
        "experiment": len({row.experiment for row in rows}) > 1,
        "label": any(row.label for row in rows),
        "is_baseline": has_baseline,
        "difference": has_baseline,
        "guessing_since": has_guessing,
        "stopped_at": has_stopped,
        "chosen_epoch": has_chosen,
        "selected_on": has_chosen,
        **dict.fromkeys(OF_DIAGNOSES, bool(conditions(rows))),
        "older_version": any(row.older for row in rows),
    }
    return [name for name, needed in is_needed.items() if not needed]


def _shown_metrics(rows: Sequence[Row], metrics: Sequence[str]) -> list[str]:
    """Return the metrics to show, each once: the usual ones that any run has, and `metrics`.

    Raises:
        UsageError: no run has one of `metrics`.
    """
    known = {name for row in rows if row.result for name in row.result.metrics}
    for name in metrics:
        if name not in known:
            raise UsageError(_unknown("metric", name, known))
    return [name for name in dict.fromkeys((*METRIC_COLUMNS, *metrics)) if name in known]


def _sorted(table: "pd.DataFrame", sort: str | None) -> "pd.DataFrame":
    if sort is None:
        return table
    if sort not in table.columns:
        raise UsageError(_unknown("column to sort by", sort, table.columns))
    is_descending = is_higher_better(sort) or sort in _MORE_IS_BETTER
    if sort in _LIKE_THE_METRIC:
        is_descending = "metric" not in table or all(map(is_higher_better, table["metric"]))
    # Values of `validation` are numbers and `given`, which follows them.
    ranks = {
        value: rank for rank, value in enumerate(sorted(set(table[sort].dropna()), key=_place))
    }
    return table.sort_values(
        sort, ascending=not is_descending, kind="stable", key=lambda values: values.map(ranks)
    )


def _place(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value


def _record(row: Row, columns: Iterable[str], baseline: Row | None, metric: str) -> list[Any]:
    """Return the values of a run, column by column, with its difference in a metric."""
    result = row.result
    diagnosis = result.diagnosis if result else None
    values: dict[str, Any] = dict(result.metrics) if result else {}
    values |= row.params
    difference = None
    if baseline and are_comparable(row.early_stopping, baseline.early_stopping, metric):
        score, reference = row.score(metric), baseline.score(metric)
        difference = None if score is None or reference is None else score - reference
    values |= {
        "experiment": row.experiment,
        "label": row.label,
        "state": result.state.value if result else "NEW",
        "epochs": result.epochs if result else row.parameters.epochs,
        "seconds": result.seconds if result else None,
        "is_baseline": row.baseline == row.run_id,
        "difference": difference,
        "diagnosis": diagnosis.condition.value if diagnosis else None,
        "diagnosis_since": diagnosis.since if diagnosis else None,
        "diagnosis_gap": diagnosis.gap if diagnosis else None,
        "guessing_since": result.guessing_since if result else None,
        "stopped_at": result.stopped_at if result else None,
        "chosen_epoch": result.chosen_epoch if result else None,
        "selected_on": row.selected_on,
        "older_version": row.older,
    }
    return [values.get(name) for name in columns]


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    names = ", ".join(sorted(map(str, known))) or "none yet: nothing has been trained"
    return f"unknown {kind} '{name}'. Known: {names}"
