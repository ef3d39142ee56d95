"""Words and numbers for people: columns, sentences, durations. Pure."""

import math
from collections.abc import Sequence

_NARROWEST = 6
"""Columns of the terminal that a shortened text keeps at least."""

_NARROWEST_NAME = 16
"""The same of a label, which tells rows apart."""


def columns(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None = None,
    droppable: Sequence[str] = (),
    last: Sequence[str] = (),
) -> list[str]:
    """Return lines of text in which each column is as wide as its widest cell.

    Columns of numbers are aligned to the right. Where the lines would be wider than the terminal,
    the names of columns are broken at blanks and underscores, then columns are left out, of which
    a last line tells, and at last texts are shortened. Numbers are never cut.

    Args:
        header: the names of the columns.
        rows: their cells.
        width: columns of the terminal, or None for any.
        droppable: names of the columns that may be left out, the first one first.
        last: the same of those that are left out only when shortened texts are not enough.
    """
    table = [_Column(name, [row[at] for row in rows]) for at, name in enumerate(header)]
    dropped: list[str] = []
    if width is not None and _width(table) > width:
        for column in table:
            column.break_name()
        table, dropped = _without(table, droppable, width)
        while _width(table) > width and (texts := [one for one in table if one.can_shrink]):
            max(texts, key=lambda one: one.width).width -= 1
        table, more = _without(table, last, width)
        dropped += more
    height = max((len(column.title) for column in table), default=0)
    lines = [
        "  " + "  ".join(column.line(at, height) for column in table).rstrip()
        for at in range(height + len(rows))
    ]
    if dropped:
        words = f"not shown on {width} columns: {', '.join(dropped)}"
        lines += fill(f"  {words}", width, "  ").split("\n")
    return lines


class _Column:
    """A column of a table."""

    def __init__(self, name: str, cells: Sequence[str]) -> None:
        self.name = name
        self.title = [name]
        self._cells = cells
        self._is_number = bool(cells) and all(map(_is_number, cells))
        self._fit()

    @property
    def can_shrink(self) -> bool:
        narrowest = _NARROWEST_NAME if self.name == "label" else _NARROWEST
        has_number = any(cell and _is_number(cell) for cell in self._cells)
        return self.width > narrowest and not has_number

    def break_name(self) -> None:
        """Spread the name over several lines, each of one word."""
        self.title = self.name.replace("_", " ").split(" ")
        self._fit()

    def line(self, at: int, height: int) -> str:
        """Return a line of the column: of its title, which has some height, or below it a cell."""
        above = [""] * (height - len(self.title))
        text = self._cells[at - height] if at >= height else [*above, *self.title][at]
        return _fitted(text, self.width, to_right=self._is_number)

    def _fit(self) -> None:
        from rich.cells import cell_len

        self.width = max(map(cell_len, [*self.title, *self._cells]))


def _without(
    table: list[_Column], names: Sequence[str], width: int
) -> tuple[list[_Column], list[str]]:
    """Leave out columns, the first names first, until the others fit; return those left out too."""
    dropped: list[str] = []
    for name in names:
        if _width(table) > width and any(column.name == name for column in table):
            table = [column for column in table if column.name != name]
            dropped.append(name)
    return table, dropped


def _width(table: Sequence[_Column]) -> int:
    return sum(column.width + 2 for column in table)


def _fitted(cell: str, width: int, *, to_right: bool) -> str:
    """Return a cell that takes so many columns of the terminal."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(cell) > width:
        cell = set_cell_size(cell, width - 1).rstrip() + "\u2026"
    blank = " " * (width - cell_len(cell))
    return blank + cell if to_right else cell + blank


def fill(text: str, width: int | None, indent: str = "") -> str:
    """Break a text between words, never within one; return it as it is for a width of None."""
    if width is None:
        return text
    from rich.cells import cell_len

    lines: list[str] = []
    for paragraph in text.split("\n"):
        words = paragraph.lstrip()
        lines.append(paragraph[: len(paragraph) - len(words)])
        for word in words.split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
            if cell_len(longer) > width and lines[-1].strip():
                lines.append(indent + word)
            else:
                lines[-1] = longer
    return "\n".join(lines)


def joined(parts: Sequence[str], width: int | None) -> str:
    """Return parts side by side, in as many lines as they need; further lines are indented."""
    from rich.cells import cell_len

    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}   {part}" if lines else part
        if lines and width is not None and cell_len(longer) > width:
            lines.append(fill(f"  {part}", width, "  "))
        else:
            lines[-1:] = [longer]
    return "\n".join(lines)


def numbers(values: Sequence[object]) -> list[str]:
    """Return the values of a column as `number` does, floats with as few digits as tell them apart.

    At least three significant digits are kept.
    """
    floats = {value for value in values if isinstance(value, float) and math.isfinite(value)}
    digits = next(
        (one for one in range(3, 17) if len({f"{x:.{one}g}" for x in floats}) == len(floats)), 17
    )
    return [
        f"{value:.{digits}g}" if isinstance(value, float) and value in floats else number(value)
        for value in values
    ]


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
