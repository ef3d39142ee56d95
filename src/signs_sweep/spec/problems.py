"""Problems of a spec, collected and shown together, each with its place."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import combining, east_asian_width

from signs_sweep.errors import SpecError
from signs_sweep.masking import mask

_MOST_SHOWN = 50
_WIDEST = 120
"""Characters of a source line that are shown; of a longer one, those around the place."""

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line in YAML."""


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands in a file: line and column from 1, and how many characters long."""

    line: int
    column: int
    length: int = 1

    @classmethod
    def of(cls, node: Any) -> "Place":
        """Take the place of a YAML node; one that goes over lines is marked at its start."""
        start, end = node.start_mark, node.end_mark
        length = end.column - start.column if end.line == start.line else 1
        return cls(start.line + 1, start.column + 1, max(length, 1))

    @classmethod
    def at(cls, text: str, index: int) -> "Place":
        """Return the place of the character at an index of a text."""
        lines = _BREAK.split(text[:index])
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
        """Note a problem: what is wrong, and in the hint what to write instead."""
        self._found.setdefault((place, message), hint)

    def __bool__(self) -> bool:
        return bool(self._found)

    def error(self) -> SpecError:
        """Return all problems as one error, in the order of the file."""
        lines = _BREAK.split(self.text)
        found = sorted(self._found.items())
        shown = [self._render(*key, hint, lines) for key, hint in found[:_MOST_SHOWN]]
        if len(found) > _MOST_SHOWN:
            shown.append(f"... and {len(found) - _MOST_SHOWN:,} problems more")
        return SpecError("\n".join(shown))

    def about_file(self, message: str) -> SpecError:
        """Return an error about the file as a whole."""
        return SpecError(f"{self.path}: {message}")

    def _render(self, place: Place, message: str, hint: str, lines: list[str]) -> str:
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        start, end = place.column - 1, place.column - 1 + place.length
        # Masked piece by piece, so that the carets stay below what they mark.
        before, marked, after = map(mask, (line[:start], line[start:end], line[end:]))
        line, column = _window(before + marked + after, len(before) + 1)
        before, marked = line[: column - 1], line[column - 1 :][: len(marked)]
        # Tabs are kept, so that the caret stands below its place whatever their width.
        blank = "".join(letter if letter == "\t" else " " * _width(letter) for letter in before)
        carets = "^" * max(sum(map(_width, marked)), 1)
        number = f"{place.line:>3}"
        source = f"{number} | {printable(line)}".rstrip()
        mark = f"{' ' * len(number)} | {blank}{carets} {printable(hint)}".rstrip()
        return f"{self.path}:{place}: {printable(message)}\n{source}\n{mark}"


def printable(text: str) -> str:
    """Replace what a terminal would obey or could not show."""
    return "".join(
        letter if letter.isprintable() or letter == "\t" else "\ufffd" for letter in text
    )


def _window(line: str, column: int) -> tuple[str, int]:
    """Return the part of a line around a column, and the column in that part."""
    if len(line) <= _WIDEST:
        return line, column
    start = max(0, min(column - 1 - _WIDEST // 3, len(line) - _WIDEST))
    part = line[start : start + _WIDEST]
    if start + _WIDEST < len(line):
        part += "..."
    return (f"...{part}", column - start + 3) if start else (part, column)


def _width(letter: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if combining(letter):
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1
