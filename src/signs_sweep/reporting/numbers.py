"""Numbers as all texts for people write them."""

from signs_sweep.analysis.answer import signed
from signs_sweep.domain.formats import measure


def spread(mean: float | None, deviation: float | None) -> str:
    """Return a mean with its standard deviation, as in `0.8500 ± 0.0120`."""
    return measure(mean) + ("" if deviation is None else f" \u00b1 {measure(deviation)}")


def interval(low: float | None, high: float | None) -> str:
    """Return an interval of a difference, as in `+0.0925 to +0.1167`; nothing without limits."""
    return "" if low is None or high is None else f"{signed(low)} to {signed(high)}"
