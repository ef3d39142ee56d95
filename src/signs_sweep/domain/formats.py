"""Numbers, times and amounts as a person reads them. Pure."""

import math
import re
from collections.abc import Sequence


def numbers(values: Sequence[object]) -> list[str]:
    """Return the values of a column as `number` does, with the fewest digits that distinguish them.

    At least three significant digits are kept.
    """
    floats = {value for value in values if isinstance(value, float) and math.isfinite(value)}
    digits = 3
    while digits < 17 and len({f"{value:.{digits}g}" for value in floats}) < len(floats):
        digits += 1
    return [
        f"{value:.{digits}g}" if isinstance(value, float) and value in floats else number(value)
        for value in values
    ]


def number(value: object) -> str:
    """Return a value as a table shows it: 1,500, 0.01, 5e-05, and nothing for a missing value."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def measure(value: float | None) -> str:
    """Return a loss or an accuracy to four places, or in scientific notation if tiny or huge."""
    if value is None or math.isnan(value):
        return ""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"


def duration(seconds: float) -> str:
    """Return a time as `8.2 s`, `1:05` or `2:10:00`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(amount: int, noun: str) -> str:
    """Return `1 run`, `2 runs`."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def is_number(cell: str) -> bool:
    """Return whether a cell is a number with at most a short unit, as in `3 of 4` or `8.2 s`."""
    is_text = re.search("[a-z]{3}", cell) is not None
    return not cell or (cell.lstrip("-+").replace(",", "")[:1].isdigit() and not is_text)
