"""The history of a search."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signs_sweep.figures.palette import colour_of
from signs_sweep.figures.report.drawing import Drawing, Entry, Figure, draw
from signs_sweep.figures.report.inline import INK
from signs_sweep.figures.report.scales import linear_scale, log_scale
from signs_sweep.figures.report.texts import number

_MARKS = {
    "complete": (colour_of(0), "o"),
    "pruned": (colour_of(None), "v"),
    "failed": (colour_of(1), "x"),
    "stopped": (colour_of(None), "s"),
}
"""Colour and matplotlib marker by state."""


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
    x = linear_scale(min(numbers) - 0.5, max(numbers) + 0.5, pixels=290, is_whole=True)
    y = linear_scale(low - margin, high + margin)
    if high > 1 and high > 100 * low > 0:
        y, label = log_scale(low / 1.2, high * 1.2), f"{label} (logarithmic)"
    states = [state for state in _MARKS if any(trial.state == state for trial in trials)]
    legend = [Entry(state, *_MARKS[state], is_hollow=state == "stopped") for state in states]
    legend.append(Entry("best so far", INK, dashes=()))
    svg = draw(
        name,
        lambda drawing: _draw(drawing, trials, is_higher_better),
        x,
        y,
        titles=("trial", label),
        legend=legend,
    )
    best = (max if is_higher_better else min)(complete, key=lambda trial: trial.value or 0)
    counts = ", ".join(f"{sum(trial.state == s for trial in trials)} {s}" for s in states)
    return Figure(
        svg,
        f"History of the search, {label}: {len(trials)} trials ({counts}); "
        f"best {number(best.value or 0)} in trial {best.number}.",
    )


def _is_known(trial: TrialPoint) -> bool:
    return trial.value is not None and bool(np.isfinite(trial.value))


def _draw(drawing: Drawing, trials: Sequence[TrialPoint], is_higher_better: bool) -> None:
    complete = [trial for trial in trials if trial.state == "complete" and _is_known(trial)]
    numbers = [trial.number for trial in complete]
    values = np.array([trial.value for trial in complete], float)
    best = (np.maximum if is_higher_better else np.minimum).accumulate(values)
    axes = drawing.axes
    axes.step(
        [*numbers, max(trial.number for trial in trials)],
        [*best, best[-1]],
        where="post",
        color=INK,
        linewidth=1.2,
    )
    for state, (colour, marker) in _MARKS.items():
        of_state = [trial for trial in trials if trial.state == state]
        places = [
            (trial.number, trial.value if _is_known(trial) else axes.get_ylim()[0])
            for trial in of_state
        ]
        if places:
            x, y = zip(*places, strict=True)
            (marks,) = axes.plot(x, y, marker, color=colour, markersize=5, clip_on=False)
            if state == "stopped":
                marks.set_markerfacecolor("none")
