"""Numbers as all texts for people write them."""

import math

from signs_sweep.analysis.answer import signed


def measure(value: float | None) -> str:
    """Return a loss or an accuracy to four places, or in scientific notation if tiny or huge."""
    if value is None or math.isnan(value):
        return ""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"


def spread(mean: float | None, deviation: float | None) -> str:
    """Return a mean with its standard deviation, as in `0.8500 ± 0.0120`."""
    return measure(mean) + ("" if deviation is None else f" \u00b1 {measure(deviation)}")


def interval(low: float | None, high: float | None) -> str:
    """Return an interval of a difference, as in `+0.0925 to +0.1167`; nothing without limits."""
    return "" if low is None or high is None else f"{signed(low)} to {signed(high)}"
