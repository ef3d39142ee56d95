"""Text and numbers for people: columns, sentences, durations. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from signs_sweep.domain.formats import is_number

_NARROWEST, _NARROWEST_LABEL = 6, 16
"""Least width of a shortened text, and of a label, which distinguishes rows."""


def columns(
    table: Iterable[tuple[str, Sequence[str]]],
    width: int | None = None,
    droppable: Sequence[str] = (),
    last: Sequence[str] = (),
) -> list[str]:
    """Return lines of text in which each column is as wide as its widest cell.

    Columns of numbers are aligned to the right. If the lines would be wider than the terminal,
    titles are broken at blanks and underscores, then columns are left out and named in a last line,
    then texts are shortened. Numbers are never cut.

    Args:
        table: the columns, each with its title and its cells.
        width: columns of the terminal, or None for no limit.
        droppable: titles of columns that may be left out, the first one first.
        last: titles of columns that are left out only if shortening texts is not enough.
    """
    shown = [_Column(name, [name], cells) for name, cells in table]
    dropped: list[str] = []
    if width is not None and _width(shown) > width:
        shown = [
            replace(column, title=column.name.replace("_", " ").split(" ")) for column in shown
        ]
        for names, is_shortened in ((droppable, False), (last, True)):
            for name in names:
                others = [column for column in shown if column.name != name]
                if _width(shown, is_shortened=is_shortened) > width and len(others) < len(shown):
                    shown, dropped = others, [*dropped, name]
        while _width(shown) > max(width, _width(shown, is_shortened=True)):
            widest = max(shown, key=lambda column: (column.width > column.least, column.width))
            widest.width -= 1
    height = max((len(column.title) for column in shown), default=0)
    lines = [
        "  " + "  ".join(map(_Column.fitted, shown, cells)).rstrip()
        for cells in zip(*(column.lines(height) for column in shown), strict=True)
    ]
    if dropped:
        note = f"  not shown on {width} columns: {', '.join(dropped)}"
        lines += fill(note, width, "  ").split("\n")
    return lines


@dataclass
class _Column:
    """A column of a table, whose title has one or more lines."""

    name: str
    title: list[str]
    cells: Sequence[str]

    def __post_init__(self) -> None:
        from rich.cells import cell_len

        self.width = self.least = max(map(cell_len, [*self.title, *self.cells]))
        self._is_number = bool(self.cells) and all(map(is_number, self.cells))
        if not any(cell and is_number(cell) for cell in self.cells):
            narrowest = _NARROWEST_LABEL if self.name == "label" else _NARROWEST
            self.least = min(self.width, narrowest)

    def lines(self, height: int) -> list[str]:
        """Return the title, which ends at some height, and the cells."""
        return [""] * (height - len(self.title)) + [*self.title, *self.cells]

    def fitted(self, cell: str) -> str:
        """Return a cell cut or padded to the width of the column."""
        from rich.cells import cell_len, set_cell_size

        if cell_len(cell) > self.width:
            cell = set_cell_size(cell, self.width - 1).rstrip() + "\u2026"
        blank = " " * (self.width - cell_len(cell))
        return blank + cell if self._is_number else cell + blank


def _width(table: Sequence[_Column], *, is_shortened: bool = False) -> int:
    return sum(2 + (column.least if is_shortened else column.width) for column in table)


def fill(text: str, width: int | None, indent: str = "") -> str:
    """Break a text between words, never within a word; a width of None leaves it unchanged."""
    if width is None:
        return text
    from rich.cells import cell_len

    lines: list[str] = []
    for paragraph in text.split("\n"):
        text = paragraph.lstrip()
        lines.append(paragraph[: len(paragraph) - len(text)])
        for word in text.split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
            if cell_len(longer) > width and lines[-1].strip():
                lines.append(indent + word)
            else:
                lines[-1] = longer
    return "\n".join(lines)


def joined(parts: Sequence[str], width: int | None) -> str:
    """Return parts side by side, on as many lines as they need; further lines are indented."""
    from rich.cells import cell_len

    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}   {part}" if lines else part
        if lines and width is not None and cell_len(longer) > width:
            lines.append(fill(f"  {part}", width, "  "))
        else:
            lines[-1:] = [longer]
    return "\n".join(lines)
