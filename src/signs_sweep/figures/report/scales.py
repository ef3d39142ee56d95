"""The axes of a figure: their ranges and ticks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signs_sweep.figures.report.texts import MINUS, power, width_of


@dataclass(frozen=True)
class Scale:
    """The range of an axis, with its ticks.

    Attributes:
        low: its lower end.
        high: its upper end.
        ticks: values of the ticks.
        labels: their texts.
        is_log: whether it is logarithmic.
    """

    low: float
    high: float
    ticks: Sequence[float]
    labels: Sequence[str]
    is_log: bool = False


def linear_scale(
    low: float, high: float, most: int = 6, *, pixels: float = math.inf, is_whole: bool = False
) -> Scale:
    """Return a scale from one value to another, with round ticks.

    Args:
        low: lower end.
        high: upper end; if it is not above the lower end, both are moved apart.
        most: number of ticks, at most.
        pixels: width of the axis, so that the labels do not touch each other.
        is_whole: whether all ticks are whole numbers.
    """
    from matplotlib.ticker import MaxNLocator

    if not high > low:
        half = abs(low) / 2 or 0.5
        low, high = low - half, low + half
    locator = MaxNLocator(nbins=most - 1, integer=is_whole, steps=[1, 2, 2.5, 5, 10])
    found = locator.tick_values(low, high)
    slack = 1e-9 * (high - low)
    ticks = [float(tick) for tick in found if low - slack <= tick <= high + slack]
    step = float(found[1] - found[0])
    if is_whole:
        ticks, step = [tick for tick in ticks if tick.is_integer()], max(step, 1.0)
    if max(abs(low), abs(high)) >= 1e5 or step < 1e-4:
        labels = ["0" if abs(tick) < step / 2 else power(tick) for tick in ticks]
    else:
        decimals = next(n for n in range(9) if abs(round(step, n) - step) < 1e-3 * step)
        labels = [f"{tick + 0.0:,.{decimals}f}".replace("-", MINUS) for tick in ticks]
    widest = max(map(width_of, labels), default=0) + 8
    kept = slice(None, None, max(math.ceil(widest * (high - low) / (step * pixels)), 1))
    return Scale(low, high, ticks[kept], labels[kept])


def log_scale(low: float, high: float, most: int = 6) -> Scale:
    """Return a logarithmic scale over two positive values, with powers of ten as ticks."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(-(-(last - first) // (most - 1)), 1)
    exponents = range(first, last + 1, step)
    labels = [f"{10.0**n:g}" if -3 <= n <= 3 else power(10.0**n) for n in exponents]
    return Scale(low, high, [10.0**n for n in exponents], labels, is_log=True)


def finite(*arrays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the finite values of arrays, one after the other."""
    values = np.concatenate((np.empty(0), *arrays))
    return np.extract(np.isfinite(values), values)
