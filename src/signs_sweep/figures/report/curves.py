"""Learning curves of settings."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from signs_sweep.figures.palette import colour_of, dashes_of, marker_of
from signs_sweep.figures.report.drawing import WIDTH, Drawing, Entry, Figure, draw, entry_of
from signs_sweep.figures.report.scales import Scale, finite, linear_scale, log_scale
from signs_sweep.figures.report.texts import fitted, number, width_of

_MOST_POINTS = 150
"""Of a curve: a point for every 2 px."""

_MOST_GREY_POINTS = 3000
"""Of all curves without a colour of their own."""

_SHORT = 20
"""A curve with at most that many epochs has markers."""

_EXPLODED = 100
"""A curve that is more than that many times the smallest first value has exploded."""

_FEW = 3
"""The bands of more curves are paler."""

_WIDEST_LABEL = 86
_LABEL_HEIGHT = 13
_SAMPLE = 18
_HEIGHT = 190


class Line(NamedTuple):
    """The curves of the runs of a setting, epoch by epoch.

    Attributes:
        name: name of the setting.
        colour: its position in the palette, or None.
        epochs: numbers of the epochs, int64 of shape (n,).
        middle: median over the runs, float64 of shape (n,); may contain NaN and infinities.
        low: their 10 % quantile, likewise.
        high: their 90 % quantile, likewise.
        runs: number of runs.
    """

    name: str
    colour: int | None
    epochs: NDArray[np.int64]
    middle: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    runs: int


def learning_curves(
    lines: Sequence[Line], label: str, name: str, *, has_legend: bool = True
) -> Figure:
    """Draw the median curve of each setting, with a band from the 10 % to the 90 % quantile.

    The scale is from 0 to 1 if all values are in that range and not all are small. Curves that
    exploded leave the figure at the top, and their largest value is added to their name; if all
    did, the scale is logarithmic. Epochs that are not finite are gaps; a cross marks the end of a
    curve that has no finite value after it. Curves without a colour of their own have no band.

    Args:
        lines: the settings, at least one.
        label: the metric with its unit.
        name: of the figure: the beginning of all ids.
        has_legend: whether a legend names all lines; otherwise only those that leave the figure.
    """
    grey = sum(line.colour is None for line in lines)
    shown = [_decimated(line, grey) for line in lines]
    y = _scale(shown)
    names = {line.name for line in shown}
    shown = [_with_peak(line, y) for line in shown]
    last = max((int(line.epochs[-1]) for line in shown if len(line.epochs)), default=1)
    first = min((int(line.epochs[0]) for line in shown if len(line.epochs)), default=1)
    margin = max(0.02 * (last - first), 0.2 if last > first else 0.5)
    ends = _labels(shown, y)
    right = max((width_of(text) + _SAMPLE + 14 for text, _ in ends), default=10)
    pixels = WIDTH - right - 40
    x = linear_scale(first - margin, last + margin, pixels=pixels, is_whole=True)
    svg = draw(
        name,
        lambda drawing: _draw(drawing, shown, y, ends),
        x,
        y,
        titles=("epoch", label + (" (logarithmic)" if y.is_log else "")),
        legend=()
        if ends
        else _legend([each for each in shown if has_legend or each.name not in names]),
        right=right,
    )
    return Figure(svg, _sentence(lines, label))


def _draw(
    drawing: Drawing, lines: Sequence[Line], y: Scale, ends: Sequence[tuple[str, float]]
) -> None:
    axes = drawing.axes
    if not len(finite(*(line.middle for line in lines))):
        drawing.write(drawing.left + 10, drawing.bottom + 80, "no finite values")
    if rest := [line for line in lines if line.colour is None]:
        # A single line with gaps, as each element takes 200 bytes.
        epochs = np.concatenate([np.append(line.epochs, 0) for line in rest])
        middle = np.concatenate([np.append(line.middle, np.nan) for line in rest])
        axes.plot(epochs, middle, color=colour_of(None), linewidth=0.8, alpha=0.7)
    own = [line for line in lines if line.colour is not None]
    for line in own:
        if line.runs > 1:
            low, high = (np.clip(edge, y.low, y.high) for edge in (line.low, line.high))
            band = axes.fill_between(line.epochs, low, high, color=colour_of(line.colour))
            band.set(alpha=0.16 if len(own) <= _FEW else 0.08, linewidth=0)
    for line in own:
        _draw_curve(drawing, line, y)
    for line, (text, height) in zip(lines, ends, strict=False):
        x, middle_of_text = drawing.right + 6, drawing.bottom + height
        sample = drawing.line([x, x + _SAMPLE], [middle_of_text] * 2, colour_of(line.colour))
        sample.set_dashes(dashes_of(line.colour))
        drawing.write(x + _SAMPLE + 4, middle_of_text - 4, text)


def _draw_curve(drawing: Drawing, line: Line, y: Scale) -> None:
    colour = colour_of(line.colour)
    middle = np.where(np.isfinite(line.middle), line.middle, np.nan)
    (curve,) = drawing.axes.plot(line.epochs, middle, color=colour, linewidth=1.6)
    curve.set_dashes(dashes_of(line.colour))
    if _is_short(line):
        curve.set(marker=marker_of(line.colour), markersize=4)
    known = np.flatnonzero(~np.isnan(middle))
    if len(known) and known[-1] < len(middle) - 1 and middle[known[-1]] <= y.high:
        place = (line.epochs[known[-1]], middle[known[-1]])
        drawing.axes.plot(*place, "x", color=colour, markersize=7, clip_on=False)


def _is_short(line: Line) -> bool:
    return len(line.epochs) > 0 and bool(line.epochs[-1] - line.epochs[0] < _SHORT)


def _decimated(line: Line, grey: int) -> Line:
    """Return a line with fewer epochs, among them the first and the last."""
    most = _MOST_POINTS if line.colour is not None else max(_MOST_GREY_POINTS // grey, 12)
    count = len(line.epochs)
    if count <= most:
        return line
    kept = np.unique(np.linspace(0, count - 1, most).round().astype(int))
    epochs, middle, low, high = (
        values[kept] for values in (line.epochs, line.middle, line.low, line.high)
    )
    return line._replace(epochs=epochs, middle=middle, low=low, high=high)


def _scale(lines: Sequence[Line]) -> Scale:
    values = finite(*(edge for line in lines for edge in (line.middle, line.low, line.high)))
    if not len(values):
        return linear_scale(0, 1)
    if values.min() >= 0 and 0.2 < values.max() <= 1:
        return linear_scale(0, 1)
    first = [float(known[0]) for line in lines if len(known := finite(line.middle))]
    limit = _EXPLODED * min((value for value in first if value > 0), default=np.inf)
    calm = [edge for line in lines if _peak(line) <= limit for edge in line[3:6]]
    shown = finite(*calm)
    if not len(shown):
        return log_scale(float(values[values > 0].min()) / 1.1, float(values.max()) * 1.1)
    low, high = float(shown.min()), float(shown[shown <= limit].max())
    margin = 0.04 * (high - low)
    return linear_scale(0 if 0 <= low < high / 2 else low - margin, high + margin)


def _peak(line: Line) -> float:
    """Return the largest value of a curve."""
    return float(max(finite(line.middle), default=-np.inf))


def _with_peak(line: Line, y: Scale) -> Line:
    """Return a line that is named with its largest value if it leaves the figure."""
    peak = _peak(line)
    if peak <= y.high:
        return line
    added = f" (above: up to {number(peak)})"
    return line._replace(name=fitted(line.name, WIDTH - 40 - width_of(added)) + added)


def _labels(lines: Sequence[Line], y: Scale) -> list[tuple[str, float]]:
    """Return a text and its height in px for the end of each line; empty if they do not fit."""
    texts = [fitted(line.name, WIDTH) for line in lines]
    ends = [finite(line.middle)[-1:] for line in lines]
    widest = max(map(width_of, texts))
    if widest > _WIDEST_LABEL or any(
        line.colour is None or not len(end) for line, end in zip(lines, ends, strict=True)
    ):
        return []
    if len(lines) * _LABEL_HEIGHT > _HEIGHT or len(lines) == 1:
        return []
    places = [_share(float(end[0]), y) * _HEIGHT for end in ends]
    order = np.argsort(places)
    floor = 4.0
    for place in order:
        places[place] = floor = max(places[place], floor)
        floor += _LABEL_HEIGHT
    over = max(places[order[-1]] - _HEIGHT, 0)
    return [(text, place - over) for text, place in zip(texts, places, strict=True)]


def _share(value: float, y: Scale) -> float:
    """Return how far up an axis a value is, from 0 to 1."""
    low, high = y.low, y.high
    if y.is_log:
        value, low, high = (float(np.log10(max(each, 1e-300))) for each in (value, low, high))
    return min(max((value - low) / (high - low), 0), 1)


def _legend(lines: Sequence[Line]) -> list[Entry]:
    own = [line for line in lines if line.colour is not None]
    entries = [
        entry_of(
            fitted(line.name, WIDTH - 40),
            line.colour,
            has_line=True,
            has_marker=_is_short(line),
        )
        for line in own
    ]
    if rest := len(lines) - len(own):
        entries.append(
            Entry(
                f"{rest} {'other ' if own else ''}setting{'s' * (rest > 1)}",
                colour_of(None),
                dashes=(),
            )
        )
    return entries


def _sentence(lines: Sequence[Line], label: str) -> str:
    parts = []
    for line in [line for line in lines if line.colour is not None] or lines[:1]:
        ends = [float(value) for value in line.middle[-1:] if np.isfinite(value)]
        last = number(ends[0]) if ends else "not finite"
        parts.append(f"{line.name} {last}")
    return f"Learning curves, {label}, at the last epoch: {'; '.join(parts)}."
