"""Tables as a person reads them: columns by title, each cell as text."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from signs_sweep.analysis.answer import SELECTED, signed
from signs_sweep.analysis.table import FOR_ONE_LOOK, OF_DIAGNOSES, OF_VERDICTS, of_verdict
from signs_sweep.analysis.verdict import Verdict, verdict_text
from signs_sweep.domain import (
    METRICS,
    PARAMETERS,
    SEED_NAMES,
    Condition,
    Diagnosis,
    Judgement,
    Seeds,
)
from signs_sweep.domain.formats import duration, measure, numbers
from signs_sweep.spec.table import COMPONENTS

if TYPE_CHECKING:
    import pandas as pd

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


def _values(table: "pd.DataFrame") -> dict[str, list[Any]]:
    """Return the columns of a table, with None for missing values."""
    objects = table.astype(object).where(table.notna(), None)
    return {name: objects[name].tolist() for name in table.columns}


def cells_of_runs(table: "pd.DataFrame") -> dict[str, list[str]]:
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


def cells_of_settings(table: "pd.DataFrame") -> dict[str, list[str]]:
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


def seed_cells(seeds: Sequence[Seeds]) -> dict[str, list[str]]:
    """Return a column of pairs of seeds, and a column of splits if any is not the first."""
    cells = {"seeds": [str(each.pair) for each in seeds]}
    if any(each.split_seed for each in seeds):
        cells["split"] = [str(each.split_seed) for each in seeds]
    return cells


def cells_of_verdicts(verdicts: Sequence[Verdict]) -> dict[str, list[str]]:
    """Return a table of verdicts."""
    records = [of_verdict(verdict) for verdict in verdicts]
    known: _Known = {name: [record[name] for record in records] for name in OF_VERDICTS}
    known["is_baseline"] = [False] * len(records)
    names = [verdict.experiment for verdict in verdicts]
    texts = {"experiment": names} if len(set(names)) > 1 else {}
    texts["setting"] = [verdict.setting for verdict in verdicts]
    texts["baseline"] = [verdict.baseline for verdict in verdicts]
    texts["metric"] = [METRICS[verdict.metric].title for verdict in verdicts]
    texts["seeds"] = numbers(known["pairs"])
    for name in ("difference", "difference_low", "won", "verdict", "more_seeds"):
        title, cells = _OF_SETTINGS[name]
        texts[title] = cells(known, name)
    return texts


def cells_for_one_look(table: "pd.DataFrame") -> list[dict[str, list[str]]]:
    """Return the tables of statistics that are valid for a single look at a table of settings."""
    return [cells for each in (_OF_DETAILS, _OF_SOURCES) if (cells := _details(table, each))]
