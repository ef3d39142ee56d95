"""Differences with their intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signs_sweep.figures.palette import colour_of
from signs_sweep.figures.report.drawing import WIDTH, Drawing, Figure, draw
from signs_sweep.figures.report.inline import INK
from signs_sweep.figures.report.scales import Scale, finite, linear_scale
from signs_sweep.figures.report.texts import fitted, number

_MOST = 40
_ROW = 30
_MOST_READ = 10
"""Differences in the text that replaces the figure."""


class Interval(NamedTuple):
    """A difference with its interval.

    Attributes:
        name: what is compared with what.
        difference: the mean difference.
        low: lower end of its interval, or None.
        high: upper end.
        colour: position in the palette, or None.
    """

    name: str
    difference: float
    low: float | None
    high: float | None
    colour: int | None


def intervals(items: Sequence[Interval], label: str, name: str) -> Figure | None:
    """Draw differences and their intervals around a line at zero, the largest if there are many.

    Args:
        items: the differences; None is returned without any.
        label: the compared metric with its unit.
        name: of the figure: the beginning of all ids.
    """
    known = [item for item in items if np.isfinite(item.difference)]
    if not known:
        return None
    largest = sorted(known, key=lambda item: -abs(item.difference))[:_MOST]
    shown = [item for item in known if item in largest][:_MOST]
    ends = finite(np.array([item[1:4] for item in shown], float).ravel())
    low, high = min(float(ends.min()), 0), max(float(ends.max()), 0)
    margin = 0.05 * (high - low)
    x = linear_scale(low - margin, high + margin, pixels=WIDTH - 20)
    y = Scale(0, len(shown), (), ())
    left_out = len(known) - len(shown)
    title = f"{label}; {left_out} smaller differences are not shown" if left_out else label
    svg = draw(
        name,
        lambda drawing: _draw(drawing, shown),
        x,
        y,
        titles=("difference", title),
        height=_ROW * len(shown) + 4,
    )
    return Figure(svg, _sentence(shown, label))


def _draw(drawing: Drawing, items: Sequence[Interval]) -> None:
    axes = drawing.axes
    axes.grid(visible=False)
    for row, item in enumerate(items):
        y = len(items) - row - 0.72
        colour = colour_of(item.colour)
        drawing.write(10, drawing.top - _ROW * row - 14, fitted(item.name, WIDTH - 20))
        axes.vlines(0, y - 0.28, y + 0.22, color=INK, linewidth=1)  # Not through the names.
        if item.low is not None and item.high is not None:
            axes.plot([item.low, item.high], [y, y], color=colour, linewidth=2)
        filled = colour if item.low is not None else "none"
        axes.plot(
            [item.difference], [y], color=colour, marker="o", markersize=6, markerfacecolor=filled
        )


def _sentence(items: Sequence[Interval], label: str) -> str:
    parts = [
        f"{item.name} {number(item.difference)}"
        + (
            f" (from {number(item.low)} to {number(item.high)})"
            if item.low is not None and item.high is not None
            else ""
        )
        for item in items[:_MOST_READ]
    ]
    if rest := len(items) - len(parts):
        parts.append(f"and {rest} more")
    return f"Differences with their intervals, {label}: {'; '.join(parts)}."
