"""The scores of the seeds of a setting, for a row of a table.

Written without matplotlib, which would take 40 ms for each of 200 rows.
"""

import math
from collections.abc import Sequence

from signs_sweep.figures.palette import colour_of
from signs_sweep.figures.report.drawing import TEXT, Figure, linear_scale, number, width_of

_WIDTH, _HEIGHT = 160, 24
_EDGE = 6
_RADIUS = 2.5
_LEVELS = (0, -5, 5, -9, 9)
"""Vertical offsets of dots that would overlap, in px."""


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

    A failed seed is hollow, or a cross at the left end if it has no finite score.

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
    missing = sum(not math.isfinite(score) for score in scores)
    filled: list[tuple[float, float]] = []
    hollow: list[tuple[float, float]] = []
    ends = dict.fromkeys(_LEVELS, -math.inf)
    for x, bad in dots:
        free = (level for level in _LEVELS if x - ends[level] >= 2 * _RADIUS)
        level = next(free, min(_LEVELS, key=ends.__getitem__))
        ends[level] = x
        (hollow if bad else filled).append((x, _HEIGHT / 2 + level))
    shown = colour_of(colour)
    parts = []
    if mean is not None and math.isfinite(mean):
        parts.append(f'<path d="M{_at(mean, low, high):g} 1V{_HEIGHT - 1}" stroke="currentColor"/>')
    if filled:
        path = "".join(f"M{x:g} {y:g}h0" for x, y in filled)
        parts.append(
            f'<path d="{path}" stroke="{shown}" stroke-width="{2 * _RADIUS:g}" '
            'stroke-linecap="round"/>'
        )
    parts += [
        f'<circle cx="{x:g}" cy="{y:g}" r="2" fill="none" stroke="{shown}"/>' for x, y in hollow
    ]
    if missing:
        path = "".join(f"M{2 + 6 * n} 9l5 6m0-6l-5 6" for n in range(min(missing, 25)))
        parts.append(f'<path d="{path}" stroke="{shown}" fill="none"/>')
    return Figure(_svg(name, _HEIGHT, "".join(parts)), _sentence(scores, failed, mean))


def strip_axis(low: float, high: float, label: str, name: str) -> Figure:
    """Draw the scale of a column of strips, for its head.

    Args:
        low: left end of the scale.
        high: right end.
        label: the metric with its unit.
        name: of the figure: its id.
    """
    scale = linear_scale(low, high, 4)
    parts = [f'<path d="M{_EDGE} 20.5H{_WIDTH - _EDGE}" stroke="currentColor"/>']
    for tick, text in zip(scale.ticks, scale.labels, strict=True):
        x = _at(tick, scale.low, scale.high)
        half = width_of(text) / 2
        parts.append(f'<path d="M{x:g} 17v4" stroke="currentColor"/>')
        middle = min(max(x, half), _WIDTH - half)
        parts.append(
            f'<text x="{middle:.1f}" y="13" font-size="{TEXT}" text-anchor="middle" '
            f'fill="currentColor">{text}</text>'
        )
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
