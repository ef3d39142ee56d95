"""Tables of results: at the end of a sweep, and in the formats of `compare`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from signs_sweep.analysis.answer import OF_SELECTED, SELECTED, signed
from signs_sweep.analysis.comparison import Rules
from signs_sweep.analysis.layout import Images
from signs_sweep.analysis.settings import BaselineValues
from signs_sweep.analysis.table import (
    FOR_ONE_LOOK,
    OF_DIAGNOSES,
    OF_VERDICTS,
    build_settings,
    build_table,
)
from signs_sweep.analysis.verdict import verdict_text
from signs_sweep.cli.text import columns, duration, fill, numbers, seed_cells
from signs_sweep.commands.options import Format
from signs_sweep.commands.outcome import Outcome
from signs_sweep.domain import (
    METRICS,
    PARAMETERS,
    SEED_NAMES,
    Condition,
    Diagnosis,
    Judgement,
    Row,
    Seeds,
    State,
)
from signs_sweep.reporting.numbers import measure

if TYPE_CHECKING:
    import pandas as pd
from signs_sweep.spec.table import COMPONENTS

_HEADINGS = {
    "final_train_accuracy": "train",
    "test_accuracy": "test",
    "val_accuracy": "val",
    "seconds": "time",
    "chosen_epoch": "chosen",
    "difference": "vs baseline",
}
_NOT_SHOWN_OF_RUNS = (
    *("is_baseline", "guessing_since", "diagnosis_since", "diagnosis_gap"),
    *("stopped_at", "selected_on"),
)
_NOT_SHOWN = ("metric", "is_baseline", "selected_on", *OF_VERDICTS, *FOR_ONE_LOOK)

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
    cells = _cells(table.drop(columns=hidden).assign(seconds=times))
    title = "means over the splits\n" if has_folds else ""
    text = title + _render(cells, Format.TABLE, width)
    text += _statistics(outcome.rows, outcome.rules, Format.TABLE, width, ())
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
        by: show settings and compare the values of this parameter, or `setting`; None for runs.
        baseline: what to compare with, or None for the baseline of the spec.
        has_detail: whether to show statistics that are valid for a single look.
        images: returns which images a run classifies correctly.
    """

    form: Format
    sort: str | None = None
    metrics: Sequence[str] = ()
    by: str | None = None
    baseline: BaselineValues | str | None = None
    has_detail: bool = False
    images: Images | None = None


def comparison_text(rows: Sequence[Row], rules: Rules, view: View, width: int | None) -> str:
    """Return the table of runs or of settings; for people, both if settings have several seeds.

    Args:
        rows: the runs.
        rules: how the settings of each experiment are compared.
        view: what to show.
        width: columns of the terminal, or None for no limit.

    Raises:
        UsageError: no run has the column to sort by or a metric, or no setting is the baseline.
    """
    form, is_exact = view.form, view.form in (Format.CSV, Format.JSON)
    if view.by is None:
        table = build_table(rows, rules, sort=view.sort, metrics=view.metrics)
    else:
        table = build_settings(
            *(rows, rules),
            by=view.by,
            baseline=view.baseline,
            sort=view.sort,
            metrics=view.metrics,
            images=view.images if is_exact or view.has_detail else None,
        )
    if form is Format.CSV:
        return str(table.to_csv())
    if form is Format.JSON:
        return (
            str(table.reset_index().to_json(orient="records", indent=2, double_precision=15)) + "\n"
        )
    if view.by is None:
        text = _render(_cells(table), form, width)
        text += _statistics(rows, rules, form, width, view.metrics)
        return text + _explanation(rows, width)
    text = _render(_cells_of_settings(table), form, width) + _explanation(rows, width)
    if not view.has_detail:
        return text
    title = "for a single look\n" if form is Format.TABLE else "For a single look:\n\n"
    parts = [cells for each in (_OF_DETAILS, _OF_SOURCES) if (cells := _details(table, each))]
    details = "\n".join(_render(cells, form, width) for cells in parts)
    return f"{text}\n{title}{details}\n{fill(_ONE_LOOK, width)}\n"


def _statistics(
    rows: Sequence[Row], rules: Rules, form: Format, width: int | None, metrics: Sequence[str]
) -> str:
    """Return the table of settings with several seeds, below a title, if there are any."""
    table = build_settings(rows, rules, metrics=metrics, only_replicated=True)
    if table.empty:
        return ""
    title = "over seeds\n" if form is Format.TABLE else "Over seeds:\n\n"
    cells = _cells_of_settings(table)
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


def _values(table: "pd.DataFrame") -> dict[str, list[Any]]:
    """Return the columns of a table, with None for missing values."""
    objects = table.astype(object).where(table.notna(), None)
    return {name: objects[name].tolist() for name in table.columns}


def _cells(table: "pd.DataFrame") -> dict[str, list[str]]:
    """Return the columns of a table of runs by title, as a person reads them.

    Some columns are merged: the seeds, the mark of the baseline and the difference to it.
    """
    known = _values(table)
    texts: dict[str, list[str]] = {}
    if table.index.name == "run_id":
        texts["run"] = [*map(str, table.index)]
    for name, values in known.items():
        match name:
            case _ if name in _NOT_SHOWN_OF_RUNS:
                continue
            case _ if name in SEED_NAMES:
                seeds = zip(*(known[seed] for seed in SEED_NAMES), strict=True)
                texts |= seed_cells([Seeds(*each) for each in seeds])
            case "difference":
                texts[name] = _differences(values, known["is_baseline"])
            case "diagnosis":
                texts[name] = _diagnoses(known)
            case "older_version":
                texts["remark"] = [
                    "" if value is None else f"finished by version {value:.0f}" for value in values
                ]
            case _ if name in METRICS:
                texts[name] = _measures(known, name)
            case "seconds":
                texts[name] = [
                    duration(value) if isinstance(value, int | float) else value or ""
                    for value in values
                ]
            case _:
                texts[name] = parameter_cells(name, values)
    return {_HEADINGS.get(name, name): cells for name, cells in texts.items()}


def parameter_cells(name: str, values: Sequence[Any]) -> list[str]:
    """Return the values of a column as a person reads them; words with options in a short form."""
    if name not in COMPONENTS:
        return numbers(values)
    return ["" if v is None else PARAMETERS[name].parse(str(v)).short for v in values]


def _diagnoses(known: "_Known") -> list[str]:
    rows = zip(*(known[name] for name in OF_DIAGNOSES), strict=True)
    return [
        "" if condition is None else Diagnosis(Condition(condition), since and int(since), gap).text
        for condition, since, gap in rows
    ]


def _differences(values: Sequence[float | None], is_baseline: Sequence[bool]) -> list[str]:
    return [
        "baseline" if is_own else "" if value is None else signed(value)
        for value, is_own in zip(values, is_baseline, strict=True)
    ]


def _cells_of_settings(table: "pd.DataFrame") -> dict[str, list[str]]:
    """Return the columns of a table of settings by title, as a person reads them."""
    known = _values(table)
    metrics = known["metric"]
    same = str(metrics[0]) if len(set(metrics)) == 1 else None
    if same is not None:
        known.pop(same, None)
    texts: dict[str, list[str]] = {}
    for name, values in known.items():
        if name == "mean":
            texts[_HEADINGS.get(same or name, same or name)] = _measures(known, name)
        elif name in _OF_SETTINGS:
            title, cells = _OF_SETTINGS[name]
            texts[title] = cells(known, name)
        elif name in METRICS:
            texts[_HEADINGS.get(name, name)] = _measures(known, name)
        elif name not in _NOT_SHOWN:
            texts[name] = parameter_cells(name, values)
    if len(set(texts.get("baseline", ())) - {""}) < 2:
        texts.pop("baseline", None)
    if not any(runs > seeds for runs, seeds in zip(known["runs"], known["seeds"], strict=True)):
        texts.pop("runs")
    if not any(texts.get("more seeds", ())):
        texts.pop("more seeds", None)
    return texts


def _details(table: "pd.DataFrame", details: "_Columns") -> dict[str, list[str]]:
    """Return columns of statistics for a single look after what names each setting, if any."""
    known = _values(table)
    names = list(known)[: list(known).index("seeds")]
    if "label" in names:
        names = [name for name in names if name in ("experiment", "label")]
    texts = {name: numbers(known[name]) for name in names}
    of_details = {
        title: texts_of
        for name, (title, cells) in details.items()
        if name in known and any(texts_of := cells(known, name))
    }
    return texts | of_details if of_details else {}


_Known = dict[str, list[Any]]


def _measures(known: _Known, name: str) -> list[str]:
    """Return values as text, with a mark at those on images by which early stopping chose."""
    texts = _unmarked(known, name)
    if "selected_on" not in known:
        return texts
    metrics = [name] * len(texts) if name in METRICS else known["metric"]
    of_values = zip(texts, metrics, known["selected_on"], strict=True)
    return [
        text + SELECTED if text and METRICS[metric].images == chosen_on else text
        for text, metric, chosen_on in of_values
    ]


def _unmarked(known: _Known, name: str) -> list[str]:
    return [measure(value) for value in known[name]]


def _won(known: _Known, name: str) -> list[str]:
    return [
        "" if share is None else f"{share * pairs:.12g} of {pairs:,.0f}"
        for share, pairs in zip(known[name], known["pairs"], strict=True)
    ]


def _verdicts(known: _Known, name: str) -> list[str]:
    rows = zip(known[name], known["usually"], known["on_average"], strict=True)
    return [
        "" if each is None else verdict_text(Judgement(each), int(usually), int(average))
        for each, usually, average in rows
    ]


def _small(known: _Known, name: str) -> list[str]:
    return ["" if value is None else f"{value:.3g}" for value in known[name]]


def _shares(known: _Known, name: str) -> list[str]:
    return ["" if value is None else f"{value:.0%}" for value in known[name]]


_Cells = Callable[[_Known, str], list[str]]
_Columns = dict[str, tuple[str, _Cells]]

_OF_SETTINGS: _Columns = {
    "deviation": ("\u00b1", _unmarked),
    "worst": ("worst", _measures),
    "best": ("best", _measures),
    "baseline": ("baseline", lambda known, name: numbers(known[name])),
    "failed": ("failed", lambda known, name: numbers(known[name])),
    "diagnosis": ("diagnosis", lambda known, name: known[name]),
    "difference": (
        "vs baseline",
        lambda known, name: _differences(known[name], known["is_baseline"]),
    ),
    "difference_low": (
        "interval",
        lambda known, name: _intervals(known[name], known["difference_high"]),
    ),
    "won": ("won", _won),
    "verdict": ("verdict", _verdicts),
    "more_seeds": ("more seeds", lambda known, name: numbers(known[name])),
}
"""By column, its title and its cells, made from all columns."""

_OF_DETAILS: _Columns = {
    "evidence": ("evidence", _small),
    "t_low": ("t-test, 95 %", lambda known, name: _intervals(known[name], known["t_high"])),
    "sign_flip_p": ("sign-flip p", _small),
    "effect_size": ("effect size", _small),
    "mcnemar_p": ("McNemar p", _small),
}

_OF_SOURCES: _Columns = {
    "both_low": (
        "all sources, 95 %",
        lambda known, name: _intervals(known[name], known["both_high"]),
    ),
    "share_seeds": ("due to seeds", _shares),
    "share_splits": ("due to splits", _shares),
    "share_images": ("due to images", _shares),
}


def _intervals(lows: Sequence[float | None], highs: Sequence[float | None]) -> list[str]:
    return [
        "" if low is None or high is None else f"{signed(low)} to {signed(high)}"
        for low, high in zip(lows, highs, strict=True)
    ]
