"""Reliability diagrams."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from signs_sweep.figures.palette import colour_of, dashes_of, marker_of
from signs_sweep.figures.report.drawing import WIDTH, Drawing, Entry, Figure, draw, entry_of
from signs_sweep.figures.report.inline import INK
from signs_sweep.figures.report.scales import linear_scale
from signs_sweep.figures.report.texts import fitted, number

_FEW = 10
"""The accuracy of fewer predictions says little."""


class Reliability(NamedTuple):
    """The calibration of a setting.

    Attributes:
        name: name of the setting.
        colour: its position in the palette, or None.
        bins: mean confidence, accuracy and number of predictions of each bin that is not empty,
            float64 of shape (n, 3).
    """

    name: str
    colour: int | None
    bins: NDArray[np.float64]


def calibration(items: Sequence[Reliability], name: str) -> Figure:
    """Draw accuracy against confidence; the area of a mark shows its number of predictions.

    Args:
        items: the settings.
        name: of the figure: the beginning of all ids.
    """
    legend = [
        entry_of(fitted(item.name, WIDTH - 40), item.colour, has_line=True, has_marker=True)
        for item in items
    ]
    legend.append(Entry("as confident as accurate", INK, dashes=(3, 3)))
    if any((item.bins[:, 2] < _FEW).any() for item in items):
        legend.append(Entry(f"hollow: fewer than {_FEW} predictions", INK, "o", is_hollow=True))
    scale = linear_scale(0, 1)
    svg = draw(
        name,
        lambda drawing: _draw(drawing, items),
        scale,
        scale,
        titles=(
            "confidence: highest predicted probability",
            "accuracy (share); larger mark: more predictions",
        ),
        legend=legend,
        height=290,
    )
    return Figure(svg, _sentence(items))


def _draw(drawing: Drawing, items: Sequence[Reliability]) -> None:
    axes = drawing.axes
    (diagonal,) = axes.plot([0, 1], [0, 1], color=INK, linewidth=1)
    diagonal.set_dashes((3, 3))
    for item in items:
        confidence, accuracy, count = item.bins.T
        colour = colour_of(item.colour)
        (line,) = axes.plot(confidence, accuracy, color=colour, linewidth=1.2, clip_on=False)
        line.set_dashes(dashes_of(item.colour))
        axes.scatter(
            confidence,
            accuracy,
            s=20 + 140 * count / max(count.sum(), 1),
            marker=marker_of(item.colour),
            edgecolors=colour,
            facecolors=[colour if each >= _FEW else "none" for each in count],
            clip_on=False,
            zorder=3,
        )


def _sentence(items: Sequence[Reliability]) -> str:
    parts = []
    for item in items:
        confidence, accuracy, count = item.bins.T
        if total := float(count.sum()):
            means = (number(float(values @ count) / total) for values in (confidence, accuracy))
            text = "mean confidence {}, accuracy {}".format(*means)
            parts.append(f"{item.name}: {text} over {int(total):,} predictions")
        else:
            parts.append(f"{item.name}: no predictions")
    return f"Calibration, accuracy by confidence. {'; '.join(parts)}."
