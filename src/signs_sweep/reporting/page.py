"""A report as one page of HTML that needs nothing else: no network, no font, no script."""

import math
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.analysis.answer import OF_SELECTED, SELECTED, signed
from signs_sweep.domain import METRICS
from signs_sweep.domain.formats import count, measure
from signs_sweep.figures import report as figures
from signs_sweep.figures.palette import colour_of
from signs_sweep.figures.report import Figure, Interval, Line, Reliability, TrialPoint
from signs_sweep.reporting.content import (
    Band,
    ExperimentReport,
    Predicted,
    Report,
    SearchReport,
    SettingReport,
    Weights,
)
from signs_sweep.reporting.numbers import interval
from signs_sweep.reporting.tables import compared, has_matrix, tables_of

if TYPE_CHECKING:
    from jinja2 import Environment

_MOST_ROWS = 30
_MOST_DETAILS = 12
"""Rows of a table that are shown, of settings and of their details; the reader opens the others."""

_MOST_PRINTED = 100
"""With more rows, what the reader has to open is not printed."""


def to_html(report: Report) -> str:
    """Return a report as the text of a page of HTML, in which names and texts are escaped."""
    environment = _environment()
    template = environment.get_template("experiment.html")
    has_several = len(report.experiments) > 1
    sections = [
        template.render(_parts(experiment, f"e{place}"), depth=2 if has_several else 1)
        for place, experiment in enumerate(report.experiments, start=1)
    ]
    (first, *others) = report.experiments
    title = f"Report on {len(others) + 1} experiments" if others else first.question or first.name
    return environment.get_template("page.html").render(
        report=report, sections=sections, title=title
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("signs_sweep.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "colour_of": colour_of,
        "difference": _difference,
        "number": _number,
        "picture": _picture,
        "typeset": _typeset,
    }
    environment.globals |= {
        "capital": _capital,
        "counted": count,
        "has_matrix": has_matrix,
        "interval": _interval,
        "shaded": _shaded,
        "most_details": _MOST_DETAILS,
        "most_printed": _MOST_PRINTED,
        "most_rows": _MOST_ROWS,
        "selected": SELECTED,
    }
    return environment


def _parts(it: ExperimentReport, prefix: str) -> Mapping[str, Any]:
    """Return what the template of an experiment shows besides the report itself."""
    verdicts = [setting.verdict for setting in it.settings if setting.verdict]
    levels = {verdict.error for verdict in verdicts if verdict.low is not None}
    tables = {table.name: table for table in tables_of(it)}
    predicted = [
        (each, tables.get(name))
        for name, each in (("baseline", it.baseline), ("best", it.best))
        if each
    ]
    selected = [OF_SELECTED] if any(setting.is_selected for setting in it.settings) else []
    return {
        "it": it,
        "prefix": prefix,
        "summary": _summary(it),
        "has_verdicts": bool(verdicts),
        "compared": compared(it),
        "has_baselines": len({verdict.baseline for verdict in verdicts}) > 1,
        "level": f"{100 * (1 - levels.pop()):.4g}\u00a0%" if len(levels) == 1 else "",
        "notes": [*selected, *it.notes],
        "has_deviations": any(setting.deviation is not None for setting in it.settings),
        **_strips(it, prefix),
        "curves": _curves(it, prefix),
        "has_bands": any(band.runs > 1 for bands in it.bands.values() for band in bands),
        "effects": _effects(it, prefix),
        "has_intervals": any(effect.low is not None for effect in it.effects),
        "tables": tables,
        "predicted": predicted,
        "calibration": _calibration([each for each, _ in predicted], prefix),
        "pictures": any(each.image is not None for each in it.wrong),
        "evaluated": {each.runs for each in it.wrong},
        **_weights(it.weights),
        **_search(it.search, prefix),
    }


def _summary(it: ExperimentReport) -> list[tuple[str, str]]:
    """Return how many settings, seeds, runs and failures there are."""
    if not it.settings:
        return []
    seeds = [len([*setting.replicates.seeds]) for setting in it.settings]
    low, high = min(seeds), max(seeds)
    span = f"{low:,} to {high:,}" if low < high else f"{high:,}"
    each = " each" if len(it.settings) > 1 else ""
    return [
        (f"{len(it.settings):,}", "settings" if len(it.settings) > 1 else "setting"),
        (span, f"seeds{each}" if high > 1 else f"seed{each}"),
        (f"{len(it.runs):,}", "run" if len(it.runs) == 1 else "runs"),
        (f"{len(it.failures):,}", "failed or learned nothing"),
    ]


def _strips(it: ExperimentReport, prefix: str) -> Mapping[str, Any]:
    """Return the settings with the figures of their scores, and what draws their axis."""
    values = [score for setting in it.settings for score in setting.scores.values()]
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return {"axis": None, "rows": [(setting, None) for setting in it.settings]}
    low, high = min(finite), max(finite)
    rows = [
        (setting, _strip(setting, low, high, f"{prefix}-strip-{place}"))
        for place, setting in enumerate(it.settings)
    ]

    def axis(first: int) -> Figure:
        """Return the axis of the table whose first row is that of a setting."""
        return figures.strip_axis(low, high, it.title, f"{prefix}-axis-{first}")

    return {"axis": axis, "rows": rows, "has_infinite": len(finite) < len(values)}


def _strip(setting: SettingReport, low: float, high: float, name: str) -> Figure | None:
    if not setting.scores:
        return None
    failed = [seeds in setting.failed_seeds for seeds in setting.scores]
    scores = list(setting.scores.values())
    return figures.strip(scores, failed, setting.mean, low, high, setting.colour, name)


def _curves(it: ExperimentReport, prefix: str) -> list[Figure]:
    """Return a figure for each metric with a curve of more than one epoch."""
    shown = {
        metric: [_line(band) for band in bands]
        for metric, bands in it.bands.items()
        if any(len(band.epochs) > 1 for band in bands)
    }
    return [
        figures.learning_curves(
            lines, _curve_title(metric), f"{prefix}-curves-{place}", has_legend=place == 0
        )
        for place, (metric, lines) in enumerate(shown.items())
    ]


def _line(band: Band) -> Line:
    values = band.middle, band.low, band.high
    return Line(band.setting, band.colour, band.epochs, *values, band.runs)


def _curve_title(metric: str) -> str:
    """Return the title of a curve, which states the images that it was measured on."""
    title = _title(metric)
    return f"training {title}" if metric in ("loss", "accuracy") else title


def _effects(it: ExperimentReport, prefix: str) -> Figure | None:
    if len(it.effects) < 2:
        return None
    items = [
        Interval(
            f"{each.parameter}: {each.value} instead of {each.reference}",
            *(each.difference, each.low, each.high),
            colour=0,
        )
        for each in it.effects
    ]
    return figures.intervals(items, it.title, f"{prefix}-effects-figure")


def _calibration(predicted: Sequence[Predicted], prefix: str) -> Figure | None:
    items = [Reliability(each.setting, each.colour, each.bins) for each in predicted]
    return figures.calibration(items, f"{prefix}-calibration-figure") if items else None


def _shaded(predicted: Predicted) -> Iterator[tuple[str, list[tuple[int, int, bool]]]]:
    """Yield the rows of a confusion matrix: each cell's count, shade in percent, and correctness.

    Correct predictions are shaded by their share of the class, the others by their number relative
    to the most frequent confusion.
    """
    counts = predicted.confusion
    wrong = max(int((counts - np.diag(np.diag(counts))).max()), 1)
    for true, name in enumerate(predicted.classes):
        total = max(int(counts[true].sum()), 1)
        shades = [round(100 * number / wrong) for number in counts[true]]
        shades[true] = round(100 * counts[true, true] / total)
        yield (
            name,
            [
                (int(number), shade, other == true)
                for other, (number, shade) in enumerate(zip(counts[true], shades, strict=True))
            ],
        )


def _search(search: SearchReport | None, prefix: str) -> Mapping[str, Any]:
    if search is None:
        return {}
    points = [TrialPoint(trial.number, trial.value, trial.state) for trial in search.trials]
    history = figures.search_history(
        points, _title(search.objective), search.is_higher_better, f"{prefix}-history"
    )
    return {"history": history}


def _weights(weights: Weights | None) -> Mapping[str, Any]:
    if weights is None:
        return {}
    units, *_, channels = weights.images.shape
    columns = math.ceil(math.sqrt(units))
    image = _png(figures.weights_png(weights.images, columns))
    return {"weights": image, "has_colours": channels > 1}


def _picture(image: NDArray[np.uint8]) -> str:
    return _png(figures.picture_png(image))


def _png(image: bytes) -> str:
    """Return a PNG image as an address that contains it."""
    return f"data:image/png;base64,{b64encode(image).decode()}"


def _typeset(number: str) -> str:
    """Return a number with a true minus sign."""
    return number.replace("-", "\u2212").replace("inf", "\u221e")


def _number(value: float | None) -> str:
    return _typeset(measure(value))


def _difference(value: float | None) -> str:
    return "" if value is None else _typeset(signed(value))


def _interval(low: float | None, high: float | None) -> str:
    return _typeset(interval(low, high))


def _title(metric: str) -> str:
    """Return the name of a metric in a sentence."""
    return METRICS[metric].title if metric in METRICS else metric.replace("_", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
