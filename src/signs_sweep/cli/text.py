"""Words and numbers for people: columns, durations, errors. Pure, apart from printing errors."""

import math
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from signs_sweep.errors import SignsSweepError, SpecError


def show_error(error: SignsSweepError) -> None:
    """Print an error to stderr. Those of a spec begin with their place and stand by themselves."""
    if not isinstance(error, SpecError):
        print(f"error: {error}", file=sys.stderr)
        return
    columns = 0
    with suppress(OSError, ValueError):  # No terminal.
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    print(error.within(columns) if columns else error, file=sys.stderr)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines of text in which each column is as wide as its widest cell.

    Columns of numbers are aligned to the right.
    """
    cells_of = [[row[position] for row in rows] for position in range(len(header))]
    widths = [max(map(len, [name, *cells])) for name, cells in zip(header, cells_of, strict=True)]
    to_right = [bool(cells) and all(map(_is_number, cells)) for cells in cells_of]
    lines = []
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_right, strict=True)
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def number(value: object) -> str:
    """Return a value as a table shows it: 1,500, 0.01, 5e-05, and nothing for what is missing."""
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


def _is_number(cell: str) -> bool:
    return not cell or cell.lstrip("-+").replace(",", "")[:1].isdigit()
