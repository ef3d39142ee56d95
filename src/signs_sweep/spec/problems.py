"""Problems of a spec, collected and shown together, each with its place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.cells import cell_len, set_cell_size

from signs_sweep.domain.masking import mask
from signs_sweep.errors import SpecError

MOST_SHOWN = 50
_WIDEST = 120
"""Maximum width of a source line, in columns."""
_NARROWEST = 40
"""Minimum width that a terminal is assumed to have, in columns."""

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""The line breaks of YAML."""


@dataclass(frozen=True, order=True)
class Place:
    """A place in a file: line and column, both from 1, and length in characters."""

    line: int
    column: int
    length: int = 1

    @classmethod
    def of(cls, node: Any) -> "Place":
        """Return the place of a YAML node; a node of several lines is marked at its start."""
        start, end = node.start_mark, node.end_mark
        length = end.column - start.column if end.line == start.line else 1
        return cls(start.line + 1, start.column + 1, max(length, 1))

    @classmethod
    def at(cls, text: str, index: int) -> "Place":
        """Return the place of the character at an index of a text."""
        lines = lines_of(text[:index])
        return cls(len(lines), len(lines[-1]) + 1)

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class Problems:
    """Collects what is wrong with one file."""

    def __init__(self, path: Path, text: str = "") -> None:
        self.path = path
        self.text = text
        self._found: dict[tuple[Place, str], str] = {}

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """Add a problem: what is wrong, and in the hint what to write instead."""
        self._found.setdefault((place, message), hint)

    def __bool__(self) -> bool:
        return bool(self._found)

    def source(self, place: Place) -> str:
        """Return the rest of the line that begins at a place."""
        lines = lines_of(self.text)
        return lines[place.line - 1][place.column - 1 :] if place.line <= len(lines) else ""

    def error(self) -> SpecError:
        """Return all problems as one error, in the order of the file."""
        return SpecError(self._lay_out(), self._lay_out)

    def error_with(self, place: Place, message: str, hint: str = "") -> SpecError:
        """Add a problem, and return all problems as one error."""
        self.add(place, message, hint)
        return self.error()

    def raise_any(self) -> None:
        """Raise a SpecError with all problems, if there are any."""
        if self._found:
            raise self.error()

    def _lay_out(self, columns: int | None = None) -> str:
        """Return all problems as text, for a terminal of this many columns or for no terminal."""
        lines = lines_of(self.text)
        found = sorted(self._found.items())
        shown = [self._render(*key, hint, lines, columns) for key, hint in found[:MOST_SHOWN]]
        if len(found) > MOST_SHOWN:
            shown.append(f"... and {len(found) - MOST_SHOWN:,} more problems")
        return "\n".join(shown)

    def about_file(self, message: str) -> SpecError:
        """Return an error about the file as a whole."""
        return SpecError(f"{self.path}: {message}")

    def _render(
        self, place: Place, message: str, hint: str, lines: Sequence[str], columns: int | None
    ) -> str:
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        head = f"{self.path}:{place}: "
        message, hint = printable(mask(message)), printable(mask(hint))
        line, place = _masked(line, place)
        number = f"{place.line:>3} | "
        margin = f"{' ' * (len(number) - 2)}| "
        if columns is None:
            source, mark = _window(line, place, _WIDEST)
            below = [f"{mark} {hint}"]
        else:
            columns = max(columns, _NARROWEST)
            room = columns - len(margin)
            source, mark = _window(line, place, min(room, _WIDEST))
            fits = len(mark) + 1 + cell_len(hint) <= room
            below = [f"{mark} {hint}"] if fits else [mark, *_wrap(hint, room)]
            message = "\n".join(_wrap(message, columns, first=len(head)))
        marks = "\n".join(f"{margin}{part}".rstrip() for part in below)
        return f"{head}{message}\n{f'{number}{source}'.rstrip()}\n{marks}"


def _masked(line: str, place: Place) -> tuple[str, Place]:
    """Return a line with secrets masked, and the place that the carets mark in it."""
    start, end = place.column - 1, place.column - 1 + place.length
    before, marked, after = map(mask, (line[:start], line[start:end], line[end:]))
    shown = Place(place.line, len(before) + 1, max(len(marked), 1))
    return before + marked + after, shown


@lru_cache(maxsize=1)
def lines_of(text: str) -> tuple[str, ...]:
    """Return the lines of a text in YAML, at least one."""
    return tuple(_BREAK.split(text))


def printable(text: str) -> str:
    """Replace characters that control a terminal or that it cannot show."""
    return "".join(
        letter if letter.isprintable() or letter == "\t" else "\ufffd" for letter in text
    )


def _window(line: str, place: Place, columns: int) -> tuple[str, str]:
    """Return the part of a line around a place, and the carets below the place."""
    start = place.column - 1
    before, after = _shown(line[:start][-columns - 1 :]), _shown(line[start:][: columns + 1])
    carets = max(cell_len(_shown(line[start:][: min(place.length, columns)])), 1)
    if cell_len(before) + cell_len(after) > columns:
        room = max(columns // 3, columns - cell_len(after))
        if cell_len(before) > room:
            while cell_len(before) > room - 3:
                before = before[1:]
            before = f"...{before}"
        room = columns - cell_len(before)
        if cell_len(after) > room:
            after = f"{set_cell_size(after, room - 3)}..."
            carets = min(carets, room - 3)
    return before + after, " " * cell_len(before) + "^" * carets


def _shown(text: str) -> str:
    """Return a part of a source line without characters whose width depends on the terminal.

    These are tabs and U+FE0F, which only selects the style of an emoji. Skin tones and some Indic
    vowels, which no terminal measures correctly, remain.
    """
    return printable(text).replace("\t", "    ").replace("\ufe0f", "")


def _wrap(text: str, columns: int, first: int = 0) -> list[str]:
    """Wrap a text into lines; the first line follows text that takes `first` columns."""
    lines = wrap(
        text,
        columns,
        initial_indent=" " * first,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.strip() for line in lines]
