"""The scores of the seeds of a setting, for a row of a table.

Written without matplotlib, which would take 40 ms for each of 200 rows.
"""

import math
from collections.abc import Sequence

from signs_sweep.figures.palette import colour_of
from signs_sweep.figures.report.drawing import Figure
from signs_sweep.figures.report.scales import linear_scale
from signs_sweep.figures.report.texts import TEXT, number, width_of

_WIDTH, _HEIGHT = 160, 24
_EDGE = 6
_MOST_CROSSES = 4
_TEXT = f'font-size="{TEXT}" fill="currentColor"'
_DIAMETER, _SMALL_DIAMETER = 5, 3.4
_MANY = 12
"""More seeds have small dots."""


def strip(
    scores: Sequence[float],
    failed: Sequence[bool],
    mean: float | None,
    low: float,
    high: float,
    colour: int | None,
    name: str,
) -> Figure:
    """Draw the score of every seed as a dot on a scale, and their mean as a line.

    A failed seed is hollow. Seeds without a finite score are crosses at the left end, or a cross
    with their number. Scores beyond the scale are shown at its ends.

    Args:
        scores: one for each pair of seeds; NaN without a score.
        failed: for each of them, whether a run failed to learn.
        mean: their mean, or None.
        low: left end of the scale.
        high: right end.
        colour: position in the palette, or None.
        name: of the figure: its id.
    """
    pairs = list(zip(scores, failed, strict=True))
    dots = sorted((_at(score, low, high), bad) for score, bad in pairs if math.isfinite(score))
    missing = len(pairs) - len(dots)
    size = _DIAMETER if len(dots) <= _MANY else _SMALL_DIAMETER
    most = int((_HEIGHT / 2 - size / 2) // size)
    ends = {size * step: -math.inf for step in sorted(range(-most, most + 1), key=abs)}
    places: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for x, bad in dots:
        free = (level for level in ends if x - ends[level] >= size)
        level = next(free, min(ends, key=ends.__getitem__))
        ends[level] = x
        places[bad].append((x, _HEIGHT / 2 + level))
    shown = colour_of(colour)
    parts = []
    if places[False]:
        path = "".join(f"M{x:g} {y:g}h0" for x, y in places[False])
        parts.append(
            f'<path d="{path}" stroke="{shown}" stroke-width="{size:g}" stroke-linecap="round"/>'
        )
    parts += [
        f'<circle cx="{x:g}" cy="{y:g}" r="{size / 2 - 0.5:g}" fill="none" stroke="{shown}"/>'
        for x, y in places[True]
    ]
    if missing:
        crosses = missing if missing <= _MOST_CROSSES else 1
        path = "".join(f"M{1 + 7 * n} 9l5 6m0-6l-5 6" for n in range(crosses))
        parts.append(f'<path d="{path}" stroke="{shown}" fill="none"/>')
        if missing > crosses:
            parts.append(f'<text x="8" y="16" {_TEXT}>{missing}</text>')
    if mean is not None and math.isfinite(mean):
        x = _at(mean, low, high)
        parts.append(f'<path d="M{x:g} 0V{_HEIGHT}" stroke="currentColor" stroke-width="1.25"/>')
    return Figure(_svg(name, _HEIGHT, "".join(parts)), _sentence(scores, failed, mean))


def strip_axis(low: float, high: float, label: str, name: str) -> Figure:
    """Draw the scale of a column of strips, for its head.

    Args:
        low: left end of the scale.
        high: right end.
        label: the metric with its unit.
        name: of the figure: its id.
    """
    scale = linear_scale(low, high, 5, pixels=_WIDTH)
    parts = [f'<path d="M{_EDGE} 20.5H{_WIDTH - _EDGE}" stroke="currentColor"/>']
    for tick, text in zip(scale.ticks, scale.labels, strict=True):
        x = _at(tick, scale.low, scale.high)
        half = width_of(text) / 2
        parts.append(f'<path d="M{x:g} 17v4" stroke="currentColor"/>')
        middle = min(max(x, half), _WIDTH - half)
        parts.append(f'<text x="{middle:.1f}" y="13" text-anchor="middle" {_TEXT}>{text}</text>')
    alt = f"Scale of {label}, from {number(low)} to {number(high)}."
    return Figure(_svg(name, _HEIGHT, "".join(parts)), alt)


def _at(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return round(_EDGE + min(max(share, 0), 1) * (_WIDTH - 2 * _EDGE), 1)


def _svg(name: str, height: int, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}">{content}</svg>'
    )


def _sentence(scores: Sequence[float], failed: Sequence[bool], mean: float | None) -> str:
    known = [score for score in scores if math.isfinite(score)]
    count = f"{len(scores)} seed{'s' * (len(scores) != 1)}"
    text = (
        f"{count}: {number(min(known))} to {number(max(known))}" if known else f"{count}: no score"
    )
    if mean is not None:
        text += f", mean {number(mean)}"
    if any(failed):
        text += f"; {sum(failed)} failed"
    return f"{text}."
