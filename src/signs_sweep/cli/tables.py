"""Tables of results: at the end of a sweep, and in the formats of `compare`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from signs_sweep.analysis.settings import replicated
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.cli.text import columns, duration, measure, numbers
from signs_sweep.commands.options import Format
from signs_sweep.commands.outcome import Outcome
from signs_sweep.domain import SEED_NAMES, Row, Seeds, State

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = {
    "final_train_accuracy": "train",
    "test_accuracy": "test",
    "val_accuracy": "val",
    "seconds": "time",
    "difference": "vs baseline",
}
_DROPPABLE = (
    *("time", "epochs", "loss", "run", "train", "\u00b1 test", "\u00b1 val"),
    *("95% interval", "guessing", "state", "remark"),
)
"""Columns that are left out on a narrow terminal, the least important first."""

_KEPT = ("label", "version", "val", "test", "vs baseline")

_REMARKS = {
    "guessing_since": "learned nothing since epoch {:,}",
    "older_version": "finished by version {}",
}


def outcome_text(outcome: Outcome, width: int | None) -> str:
    """Return the tables at the end of a sweep, with seeds only if they differ."""
    table = outcome.table.reset_index(drop=True)
    hidden = ["state"]
    if all(table[name].nunique() < 2 for name in SEED_NAMES):
        hidden += SEED_NAMES
    is_finished = table["state"] == State.FINISHED.value
    times = table["seconds"].astype(object).where(is_finished, table["state"].str.lower())
    times = times.mask(outcome.table.index.isin(list(outcome.cached)), "cached")
    text = _render(table.drop(columns=hidden).assign(seconds=times), Format.TABLE, width)
    return text + _means(outcome.rows, (), Format.TABLE, width)


def comparison_text(
    rows: Sequence[Row],
    form: Format,
    width: int | None,
    *,
    sort: str | None,
    metrics: Sequence[str],
    means: bool,
) -> str:
    """Return the table of runs or of settings; for people, both if settings have several seeds.

    Args:
        rows: the runs.
        form: format of the table; CSV and JSON keep all digits.
        width: columns of the terminal, or None for no limit.
        sort: a column to sort by.
        metrics: further metrics to show.
        means: whether to return only the table of settings.

    Raises:
        UsageError: no run has the column `sort` or a metric in `metrics`.
    """
    table = (build_settings if means else build_table)(rows, sort=sort, metrics=metrics)
    if form is Format.CSV:
        return str(table.to_csv())
    if form is Format.JSON:
        return str(table.reset_index().to_json(orient="records", indent=2)) + "\n"
    text = _render(table, form, width)
    return text if means else text + _means(rows, metrics, form, width)


def _means(rows: Sequence[Row], metrics: Sequence[str], form: Format, width: int | None) -> str:
    """Return the table of settings with several seeds, below a title, if there are any."""
    if not (several := replicated(rows)):
        return ""
    title = "means over seeds\n" if form is Format.TABLE else "Means over seeds:\n\n"
    return f"\n{title}{_render(build_settings(several, metrics=metrics), form, width)}"


def _render(table: "pd.DataFrame", form: Format, width: int | None) -> str:
    """Return a table for people; on a narrow terminal its results are left out last."""
    cells = _cells(table)
    if table.index.name == "run_id":
        cells = {"run": [*map(str, table.index)], **cells}
    if form is Format.MD:
        lines = zip(*([name, "---", *texts] for name, texts in cells.items()), strict=True)
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)
    last = [name for name in reversed(cells) if name not in _KEPT]
    return "\n".join(columns(cells.items(), width, _DROPPABLE, last)) + "\n"


def _cells(table: "pd.DataFrame") -> dict[str, list[str]]:
    """Return the columns of a table by title, as a person reads them.

    Some columns are merged: the seeds, the mark of the baseline and the difference to it, the two
    ends of an interval.
    """
    objects = table.astype(object).where(table.notna(), None)
    known: dict[str, list[Any]] = {name: objects[name].tolist() for name in table.columns}
    judged = "val_accuracy" if "val_accuracy" in known else "test_accuracy"
    deviations = [measure(value) for value in known.get("deviation", ())]
    texts: dict[str, list[str]] = {}
    for name, values in known.items():
        match name:
            case "is_baseline" | "deviation" | "difference_high":
                continue
            case _ if name in SEED_NAMES:
                seeds = zip(*(known[seed] for seed in SEED_NAMES), strict=True)
                texts["seeds"] = [str(Seeds(*pair)) for pair in seeds]
            case "difference":
                texts[name] = [
                    "baseline" if is_baseline else "" if value is None else f"{value:+.4f}"
                    for is_baseline, value in zip(known["is_baseline"], values, strict=True)
                ]
            case "difference_low":
                ends = zip(known["is_baseline"], values, known["difference_high"], strict=True)
                texts["95% interval"] = [
                    "" if is_baseline or low is None else f"{low:+.4f} to {high:+.4f}"
                    for is_baseline, low, high in ends
                ]
            case "guessing_since" | "older_version":
                text = _REMARKS[name]
                remarks = ["" if value is None else text.format(int(value)) for value in values]
                earlier = texts.get("remark", remarks)
                texts["remark"] = [a or b for a, b in zip(earlier, remarks, strict=True)]
            case _ if name.endswith(("loss", "accuracy")):
                texts[name] = [measure(value) for value in values]
                if name == judged and any(deviations):
                    texts[f"\u00b1 {_HEADINGS[name]}"] = deviations
            case "seconds":
                texts[name] = [
                    duration(value) if isinstance(value, int | float) else value or ""
                    for value in values
                ]
            case _:
                texts[name] = numbers(values)
    return {_HEADINGS.get(name, name): cells for name, cells in texts.items()}
