"""Tables of results: at the end of a sweep, and in the formats of `compare`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from signs_sweep.analysis.answer import OF_SELECTED
from signs_sweep.analysis.cells import cells_for_one_look, cells_of_runs, cells_of_settings
from signs_sweep.analysis.comparison import Comparison, Rules
from signs_sweep.analysis.layout import Images
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.cli.text import columns, fill
from signs_sweep.commands.options import Format
from signs_sweep.commands.outcome import Outcome
from signs_sweep.domain import METRICS, SEED_NAMES, Row, State

if TYPE_CHECKING:
    import pandas as pd


_DROPPABLE = (
    *("time", "chosen", "epochs", "loss", "run", "train"),
    *("best", "worst", "won", "more seeds", "interval", "\u00b1", "state", "remark"),
)
"""Columns that are left out on a narrow terminal, the least important first."""

_KEPT = ("label", "version", "val", "test", "mean", "vs baseline", "verdict")

_ONE_LOOK = (
    "The t-test, sign-flip p, McNemar p and the interval over all sources are valid for a single "
    "look at a number of seeds that was fixed beforehand, and for a single comparison. The effect "
    "size is the mean difference in standard deviations of the differences. Verdict and interval "
    "hold for new seeds on the same images, and for new splits only if each pair of seeds has a "
    "split of its own; the interval over all sources also for new images of the kind and, where "
    "every pair of seeds has several splits, for new splits. Its variance is due to the seeds, the "
    "splits, the images, and to what is particular to single "
    "networks."
)


def outcome_text(outcome: Outcome, width: int | None) -> str:
    """Return the tables at the end of a sweep, with seeds only if they differ.

    With folds, the first table has a row for each pair of seeds, not for each run.
    """
    has_folds = any(row.folds for row in outcome.rows)
    table = outcome.table.assign(is_cached=outcome.table.index.isin(list(outcome.cached)))
    table = _over_splits(table) if has_folds else table.reset_index(drop=True)
    hidden = ["state", "is_cached"]
    if all(table[name].nunique() < 2 for name in SEED_NAMES):
        hidden += SEED_NAMES
    is_finished = table["state"] == State.FINISHED.value
    times = table["seconds"].astype(object).where(is_finished, table["state"].str.lower())
    times = times.mask(table["is_cached"], "cached")
    cells = cells_of_runs(table.drop(columns=hidden).assign(seconds=times))
    title = "means over the splits\n" if has_folds else ""
    text = title + _render(cells, Format.TABLE, width)
    text += _statistics(outcome.rows, outcome.compared, Format.TABLE, width, ())
    return text + _explanation(outcome.rows, width)


def _over_splits(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table of runs with a row for each pair of seeds, with means over its splits.

    A state is that of the first run that is not finished, if there is any.
    """
    names = list(table.columns)
    keys = [name for name in names[: names.index("state")] if name != "split_seed"]
    combined: dict[str, Any] = {
        "state": lambda states: next((each for each in states if each != "FINISHED"), "FINISHED"),
        "is_cached": "all",
        "is_baseline": "all",
        "epochs": "first",
        "seconds": "sum",
        "selected_on": "first",
    }
    shown = [name for name in names[names.index("state") :] if name in (*combined, *METRICS)]
    shown += [name for name in ("difference",) if name in names]
    groups = table.groupby(keys, sort=False, dropna=False)
    means = groups.agg({name: combined.get(name, "mean") for name in names if name in shown})
    return means.reset_index().assign(split_seed=0)


@dataclass(frozen=True)
class View:
    """What `compare` shows, and how.

    Attributes:
        form: format; CSV and JSON keep all digits and columns.
        sort: a column to sort by, or None.
        metrics: further metrics to show.
        has_settings: whether to show settings instead of runs.
        has_detail: whether to show statistics that are valid for a single look.
        images: returns which images a run classifies correctly, if that is shown.
    """

    form: Format
    sort: str | None = None
    metrics: Sequence[str] = ()
    has_settings: bool = False
    has_detail: bool = False
    images: Images | None = None


def comparison_text(
    rows: Sequence[Row],
    rules: Rules,
    compared: Sequence[Comparison],
    view: View,
    width: int | None,
) -> str:
    """Return the table of runs or of settings; for people, both if settings have several seeds.

    Args:
        rows: the runs.
        rules: how the settings of each experiment are compared.
        compared: the settings, compared.
        view: what to show.
        width: columns of the terminal, or None for no limit.

    Raises:
        UsageError: no run has the column to sort by or a metric.
    """
    form, sort, metrics = view.form, view.sort, view.metrics
    if view.has_settings:
        table = build_settings(rows, compared, sort=sort, metrics=metrics, images=view.images)
    else:
        table = build_table(rows, rules, sort=sort, metrics=metrics)
    if form is Format.CSV:
        return str(table.to_csv())
    if form is Format.JSON:
        return (
            str(table.reset_index().to_json(orient="records", indent=2, double_precision=15)) + "\n"
        )
    if not view.has_settings:
        text = _render(cells_of_runs(table), form, width)
        text += _statistics(rows, compared, form, width, metrics)
        return text + _explanation(rows, width)
    text = _render(cells_of_settings(table), form, width) + _explanation(rows, width)
    if not view.has_detail:
        return text
    title = "for a single look\n" if form is Format.TABLE else "For a single look:\n\n"
    details = "\n".join(_render(each, form, width) for each in cells_for_one_look(table))
    return f"{text}\n{title}{details}\n{fill(_ONE_LOOK, width)}\n"


def _statistics(
    rows: Sequence[Row],
    compared: Sequence[Comparison],
    form: Format,
    width: int | None,
    metrics: Sequence[str],
) -> str:
    """Return the table of settings with several seeds, below a title, if there are any."""
    table = build_settings(rows, compared, metrics=metrics, only_replicated=True)
    if table.empty:
        return ""
    title = "over seeds\n" if form is Format.TABLE else "Over seeds:\n\n"
    cells = cells_of_settings(table)
    return f"\n{title}{_render(cells, form, width)}"


def _explanation(rows: Sequence[Row], width: int | None) -> str:
    """Return what the mark at values by which early stopping chose means, if there are any."""
    has_chosen = any(row.selected_on for row in rows)
    return f"\n{fill(OF_SELECTED, width)}\n" if has_chosen else ""


def _render(cells: dict[str, list[str]], form: Format, width: int | None) -> str:
    """Return a table for people; on a narrow terminal its results are left out last.

    Of a table of settings, that is the metric that is compared, with its deviation beside it.
    """
    if form is Format.MD:
        escaped = {name: [text.replace("|", "\\|") for text in cells[name]] for name in cells}
        lines = zip(*([name, "---", *texts] for name, texts in escaped.items()), strict=True)
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)
    names = list(cells)
    judged = names[names.index("\u00b1") - 1] if "\u00b1" in names else None
    others = [name for name in ("val", "test") if judged not in (None, name)]
    last = [name for name in reversed(names) if name not in _KEPT]
    return "\n".join(columns(cells.items(), width, (*others, *_DROPPABLE), last)) + "\n"
