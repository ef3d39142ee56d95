"""Pictures that a CSV file lists, with their classes."""

import csv
import os
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path, PurePath

from signs_sweep.errors import DataError
from signs_sweep.importing.files import OUTSIDE, is_inside, open_picture
from signs_sweep.importing.items import PART_NAMES, Collection, Item, printable

_COLUMNS = ("path", "label", "split", "group")
_MOST_LINES = 5
"""Lines in a message."""

_LONGEST_NAME = 255
"""Most bytes in the name of a class or group, as in the name of a folder."""


def collect_manifest(file: Path) -> Collection:
    """Return the pictures that a CSV file lists.

    Its columns are `path` (relative to its folder and in it), `label`, and optionally `split` and
    `group`; others are ignored. They are separated by commas, semicolons or tabs, as in the header.
    A picture without a group is in a group of its own.

    Raises:
        DataError: the file cannot be read, or a line is wrong; the message has its number.
    """
    folder = os.path.realpath(file.parent)
    items: list[Item] = []
    skipped: list[tuple[str, str]] = []
    earlier: dict[PurePath, tuple[int, list[str]]] = {}
    repeated: list[int] = []
    contrary: list[str] = []
    for line, row in _rows(file):
        row["path"] = _with_slashes(file, row["path"].strip())
        path, label, split, group = values = [row.get(name, "").strip() for name in _COLUMNS]
        _check_row(f"{file}, line {line}", row)
        first, known = earlier.setdefault(PurePath(path), (line, values))
        if known[1:] != values[1:]:
            contrary.append(f"line {line}: {printable(path)} is also in line {first}")
            continue
        if first != line:
            repeated.append(line)
            continue
        part = PART_NAMES[split.lower()] if "split" in row else None
        name = printable(path)
        if not is_inside(file.parent / path, folder):
            skipped.append((name, OUTSIDE))
            continue
        read = partial(open_picture, file.parent / path)
        group_or_own = printable(group) or name if "group" in row else None
        items.append(Item(name, label, part, group_or_own, read))
    if contrary:
        shown = contrary[:_MOST_LINES]
        rest = len(contrary) - len(shown)
        raise DataError(
            f"{file}, {'; '.join(shown)}{f'; and {rest:,} more' if rest else ''}, with a "
            "different label, split or group. Remove the wrong lines."
        )
    if not items:
        only = "links to outside its folder" if skipped else "a header"
        raise DataError(f"{file} lists no pictures: it has only {only}")
    remark = f"repeated lines were ignored: {len(repeated):,}, the first is line "
    remarks = tuple(f"{remark}{line}" for line in repeated[:1])
    return Collection(tuple(items), None, str(file), skipped=tuple(skipped), remarks=remarks)


def _with_slashes(file: Path, path: str) -> str:
    """Return a path with slashes for the backslashes of Windows, unless there is such a file."""
    if "\\" not in path or os.path.lexists(file.parent / path):
        return path
    return path.replace("\\", "/")


def _check_row(place: str, row: Mapping[str, str]) -> None:
    """Check the values of a line, named `place` in messages."""
    path, label, split, group = (row.get(name, "").strip() for name in _COLUMNS)
    for name, value in (("path", path), ("label", label)):
        if not value:
            raise DataError(f"{place}: {name} is empty")
    if PurePath(path).is_absolute() or ".." in PurePath(path).parts:
        raise DataError(
            f"{place}: {printable(path)} is not in the folder of the CSV file. Put "
            "that beside the pictures, and write their paths relative to it."
        )
    for name, value in (("label", label), ("group", group)):
        if len(value.encode(errors="replace")) > _LONGEST_NAME:
            raise DataError(f"{place}: the {name} is longer than {_LONGEST_NAME} bytes")
    if "split" in row and split.lower() not in PART_NAMES:
        raise DataError(
            f"{place}: split is {split!r}; expected train, val or test. Leave out "
            "the column for a split by chance."
        )


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each line with its values by column."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            separator = max(",;\t", key=first.count)
            reader = csv.reader(chain((first,), stream), strict=True, delimiter=separator)
            try:
                header = [name.strip().lower() for name in next(reader, [])]
                _check_header(file, header)
                for row in reader:
                    if len(row) != len(header) and row:
                        raise DataError(
                            f"{file}, line {reader.line_num}: {len(row)} values, but the header "
                            f"has {len(header)} columns. Put a value with the "
                            "separator in quotes."
                        )
                    if row:
                        yield reader.line_num, dict(zip(header, row, strict=True))
            except csv.Error as error:
                raise DataError(f"{file}, line {reader.line_num}: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8. Save it as CSV UTF-8.") from error
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}") from error


def _check_header(file: Path, header: list[str]) -> None:
    missing = [name for name in ("path", "label") if name not in header]
    if missing:
        hint = " Separate values by commas, semicolons or tabs." if len(header) == 1 else ""
        raise DataError(
            f"{file}, line 1: the header has no column {' and no column '.join(missing)}. It "
            f"should be path,label, with split and group if there are such columns.{hint}"
        )
    twice = next((name for name in _COLUMNS if header.count(name) > 1), None)
    if twice:
        raise DataError(f"{file}, line 1: the header has the column {twice} twice")
