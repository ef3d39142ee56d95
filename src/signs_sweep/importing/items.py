"""Pictures to import, before they are decoded."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signs_sweep.data.reading import printable_name

if TYPE_CHECKING:
    from PIL.Image import Image

PARTS = ("train", "val", "test")

PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
}
"""The part of a dataset for each of the names that people give it, in lower case."""


@dataclass(frozen=True)
class Item:
    """A picture to import.

    Attributes:
        name: how messages call it: its path relative to the folder, or `x_train[17]`.
        label: name of its class; the importer makes it printable.
        part: `train`, `val`, `test`, or None if it is to be split.
        group: name of its group, or None.
        open: returns the picture (PIL.Image.Image); raises OSError (or another exception of Pillow)
            if it is unreadable. Called from several threads.
    """

    name: str
    label: str
    part: str | None
    group: str | None
    open: Callable[[], "Image"]


@dataclass(frozen=True)
class Collection:
    """Pictures to import, all of the same source.

    Attributes:
        items: in a fixed order (sorted by name, or as stored).
        classes: names of the classes in the order of their labels, or None: sorted, numbers as
            numbers.
        source: the file, folder or address they come from (`Origin.source`).
        size: (height, width) if all have this size and it should be kept by default (arrays), else
            None: the default of the importer.
        channels: likewise.
        licence: their licence, or an empty text.
        citation: how to cite them, or an empty text.
        skipped: (name, reason) of files that are not pictures.
        remarks: sentences about what was decided.
    """

    items: tuple[Item, ...]
    classes: tuple[str, ...] | None
    source: str
    size: tuple[int, int] | None = None
    channels: int | None = None
    licence: str = ""
    citation: str = ""
    skipped: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


def printable(name: str) -> str:
    """Return a name that files and terminals can hold: composed, with escapes for other bytes."""
    composed = unicodedata.normalize("NFC", name)
    # The bytes of a file name that are not UTF-8, as Python represents them.
    return printable_name(
        re.sub("[\udc80-\udcff]", lambda found: rf"\x{ord(found[0]) - 0xDC00:x}", composed)
    )
