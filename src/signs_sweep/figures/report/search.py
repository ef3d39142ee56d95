"""The history of a search."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signs_sweep.figures.palette import colour_of
from signs_sweep.figures.report.drawing import (
    INK,
    Drawing,
    Entry,
    Figure,
    draw,
    linear_scale,
    number,
)


class TrialPoint(NamedTuple):
    """A trial.

    Attributes:
        number: its number.
        value: the objective, or None.
        state: `complete`, `pruned`, `failed` or `stopped`.
    """

    number: int
    value: float | None
    state: str


def search_history(
    trials: Sequence[TrialPoint], label: str, is_higher_better: bool, name: str
) -> Figure | None:
    """Draw the value of each trial by its number, and the best so far.

    Args:
        trials: the trials; None is returned for fewer than two complete ones.
        label: the objective with its unit.
        is_higher_better: whether more of it is better.
        name: of the figure: the beginning of all ids.
    """
    complete = [trial for trial in trials if trial.state == "complete" and _is_known(trial)]
    if len(complete) < 2:
        return None
    values = [trial.value for trial in trials if trial.value is not None and _is_known(trial)]
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.5
    numbers = [trial.number for trial in trials]
    x = linear_scale(min(numbers) - 0.5, max(numbers) + 0.5, is_whole=True)
    y = linear_scale(low - margin, high + margin)
    legend = [Entry("complete", colour_of(0), "o"), Entry("best so far", INK, dashes=())]
    svg = draw(
        name,
        lambda drawing: _draw(drawing, trials, is_higher_better),
        x,
        y,
        titles=("trial", label),
        legend=legend,
    )
    best = (max if is_higher_better else min)(complete, key=lambda trial: trial.value or 0)
    alt = f"History of the search, {label}: best {number(best.value or 0)} in trial {best.number}."
    return Figure(svg, alt)


def _is_known(trial: TrialPoint) -> bool:
    return trial.value is not None and bool(np.isfinite(trial.value))


def _draw(drawing: Drawing, trials: Sequence[TrialPoint], is_higher_better: bool) -> None:
    complete = [trial for trial in trials if trial.state == "complete" and _is_known(trial)]
    numbers = [trial.number for trial in complete]
    values = np.array([trial.value for trial in complete], float)
    best = (np.maximum if is_higher_better else np.minimum).accumulate(values)
    drawing.axes.step(numbers, best, where="post", color=INK, linewidth=1.2)
    drawing.axes.scatter(numbers, values, s=20, color=colour_of(0), zorder=3)
