"""The tables of runs and of settings, as pandas DataFrames."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from signs_sweep.analysis.settings import (
    baselines_of,
    chosen_metric,
    difference,
    settings_of,
    varying_values,
)
from signs_sweep.domain import SEED_NAMES, Row, is_accuracy
from signs_sweep.errors import UsageError
from signs_sweep.statistics.replicates import Difference

if TYPE_CHECKING:
    import pandas as pd

METRIC_COLUMNS = ("loss", "final_train_accuracy", "val_accuracy", "test_accuracy")
"""Shown for every run that has them; `loss` is the training loss of the last epoch."""


def build_table(
    rows: Sequence[Row], *, sort: str | None = None, metrics: Sequence[str] = ()
) -> "pd.DataFrame":
    """Return one row per run: varying values, seeds, state, metrics, epochs and seconds.

    Args:
        rows: the runs, in display order.
        sort: a column to sort by, best first for accuracies and losses; None keeps the order.
        metrics: additional metrics to show.

    Returns:
        A DataFrame indexed by run_id. Columns that would be empty or constant (`experiment` if
        there is only one, `label` if no run has one, parameters that do not vary) are left out;
        `epochs` is the number trained, or requested if there is no result. With a baseline,
        `is_baseline` marks it and `difference` is by how much a run exceeds the baseline's run with
        the same seeds, in validation accuracy if all runs have it, else in test accuracy.
        `guessing_since` is present if a run learned nothing: the first epoch since which its loss
        has not been below that of guessing. `version` is present if the runs have several training
        versions, and `older_version` if a run that is new in this version is finished in an older.

    Raises:
        UsageError: `sort` or one of `metrics` is unknown for every run.
    """
    import pandas as pd

    varying = [name for name in varying_values(rows) if name != "epochs"]
    shown = _shown_metrics(rows, metrics)
    columns = ["experiment", "label", *varying, *SEED_NAMES, "state", *shown]
    columns += ["is_baseline", "difference", "epochs", "seconds", "guessing_since"]
    columns.append("older_version")
    metric = chosen_metric(rows)
    scores = {row.run_id: row.score(metric) for row in rows}
    records = [_record(row, columns, scores) for row in rows]
    index = pd.Index([row.run_id for row in rows], name="run_id")
    table = pd.DataFrame(records, index=index, columns=columns)
    return _sorted(table.drop(columns=_needless(rows), errors="ignore"), sort)


def build_settings(
    rows: Sequence[Row], *, sort: str | None = None, metrics: Sequence[str] = ()
) -> "pd.DataFrame":
    """Return one row per setting: varying values, and means over its seeds.

    The arguments are those of `build_table`.

    Returns:
        A DataFrame indexed by `setting`, numbered from 1. `runs` is the number of finished runs,
        metrics are means over them, `deviation` is the standard deviation of the metric that
        compares settings: validation accuracy if all runs have it, else test accuracy. With a
        baseline, `is_baseline` marks it, and `difference` is the mean difference from it in that
        metric over the seeds that both have, `difference_low` and `difference_high` the ends of its
        95 % confidence interval (paired t-test), which needs two seeds. `guessing` counts the runs
        that give every image the same class, if there are any.

    Raises:
        UsageError: `sort` or one of `metrics` is unknown for every run.
    """
    import pandas as pd

    shown, metric = _shown_metrics(rows, metrics), chosen_metric(rows)
    settings, varying = settings_of(rows), varying_values(rows)
    baselines = baselines_of(settings)
    records: list[dict[str, Any]] = []
    for setting, baseline in zip(settings, baselines, strict=True):
        first = setting.rows[0]
        record: dict[str, Any] = {"experiment": first.experiment, "label": first.label}
        record |= {name: first.params.get(name) for name in varying}
        finished = [row for row in setting.rows if row.result and row.result.state.is_finished]
        record |= {"runs": len(finished)} | {name: setting.mean(name) for name in shown}
        record |= {"deviation": setting.deviation(metric), "is_baseline": setting.is_baseline}
        gain = None if baseline is None else difference(setting, baseline, metric)
        interval = (gain.low, gain.high) if isinstance(gain, Difference) else (None, None)
        record["difference"] = gain.mean if isinstance(gain, Difference) else gain
        record["difference_low"], record["difference_high"] = interval
        record["guessing"] = sum(bool(row.result.guessing_since) for row in finished if row.result)
        records.append(record)
    index = pd.RangeIndex(1, len(records) + 1, name="setting")
    table = pd.DataFrame(records, index=index)
    return _sorted(table.drop(columns=_needless(rows), errors="ignore"), sort)


def _needless(rows: Sequence[Row]) -> list[str]:
    """Return the columns of either table that would be empty or constant."""
    has_baseline = any(row.baseline for row in rows)
    has_guessing = any(row.result and row.result.guessing_since for row in rows)
    is_needed = {
        "experiment": len({row.experiment for row in rows}) > 1,
        "label": any(row.label for row in rows),
        "is_baseline": has_baseline,
        "difference": has_baseline,
        "difference_low": has_baseline,
        "difference_high": has_baseline,
        "guessing_since": has_guessing,
        "guessing": has_guessing,
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
    is_higher_better = is_accuracy(sort) or sort == "difference"
    return table.sort_values(sort, ascending=not is_higher_better, kind="stable")


def _record(row: Row, columns: Iterable[str], scores: dict[str, float | None]) -> list[Any]:
    """Return the values of a run, column by column."""
    result = row.result
    values: dict[str, Any] = dict(result.metrics) if result else {}
    values |= row.params
    score, baseline = scores[row.run_id], scores.get(row.baseline or "")
    values |= {
        "experiment": row.experiment,
        "label": row.label,
        "state": result.state.value if result else "NEW",
        "epochs": result.epochs if result else row.parameters.epochs,
        "seconds": result.seconds if result else None,
        "is_baseline": row.baseline == row.run_id,
        "difference": None if score is None or baseline is None else score - baseline,
        "guessing_since": result.guessing_since if result else None,
        "older_version": row.older,
    }
    return [values.get(name) for name in columns]


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    names = ", ".join(sorted(map(str, known))) or "none yet: nothing has been trained"
    return f"unknown {kind} '{name}'. Known: {names}"
