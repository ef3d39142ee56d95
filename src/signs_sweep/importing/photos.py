"""Photos to classify: found and decoded with the checks of an import."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data import Preparation
from signs_sweep.errors import DataError
from signs_sweep.importing.decoding import LEAST_SIDE, decode
from signs_sweep.importing.files import SUFFIXES, open_picture
from signs_sweep.importing.items import Item, printable
from signs_sweep.importing.phases import OnProgress, Phase

_AT_ONCE = 256
"""Photos that are in memory at the same time."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo, or what there is instead.

    Attributes:
        name: its path as it was given.
        image: uint8 of (height, width, channels); None if it is unreadable.
        reason: why it is unreadable, or None.
    """

    name: str
    image: NDArray[np.uint8] | None = None
    reason: str | None = None


def find_photos(paths: Iterable[Path]) -> list[Path | Photo]:
    """Return the given files, and in the place of each folder the pictures in it, sorted by name.

    Folders in a folder, hidden files, and files whose name is not that of a picture are left out. A
    folder without pictures is an unreadable photo.
    """
    found: list[Path | Photo] = []
    for path in paths:
        try:
            if not path.is_dir():
                found.append(path)
                continue
            inner = [
                each
                for each in sorted(path.iterdir())
                if each.suffix.lower() in SUFFIXES and not each.name.startswith(".")
            ]
        except OSError as error:
            found.append(Photo(printable(str(path)), reason=error.strerror))
        else:
            found += inner or [Photo(printable(str(path)), reason="a folder without pictures")]
    return found


def decode_photos(
    found: Sequence[Path | Photo], preparation: Preparation, on_progress: OnProgress
) -> Iterator[list[Photo]]:
    """Yield photos in batches, in order, as images of a dataset.

    Args:
        found: as `find_photos` returned them.
        preparation: how they become images.
        on_progress: called with the number of photos that are done.

    Raises:
        DataError: the memory does not suffice for a photo, or the temporary folder is full.
    """
    for first in range(0, len(found), _AT_ONCE):
        batch = found[first : first + _AT_ONCE]
        paths = [each for each in batch if isinstance(each, Path)]

        def report(phase: Phase, done: int, _: int, first: int = first) -> None:
            on_progress(phase, first + done, len(found))

        photos = iter(_decode(paths, preparation, report) if paths else ())
        yield [next(photos) if isinstance(each, Path) else each for each in batch]


def _decode(
    paths: Sequence[Path], preparation: Preparation, on_progress: OnProgress
) -> list[Photo]:
    """Return at least one photo as an image."""
    items = [Item(str(path), "", None, None, partial(open_picture, path)) for path in paths]
    try:
        with TemporaryDirectory() as folder:
            file = Path(folder, "images")
            images, results = decode(
                items, preparation, file, least_side=LEAST_SIDE, on_progress=on_progress
            )
            return [
                Photo(
                    printable(item.name),
                    None if result.reason else np.array(image),
                    result.reason,
                )
                for item, image, result in zip(items, images, results, strict=True)
            ]
    except OSError as error:
        raise DataError(f"cannot decode photos in a temporary folder: {error}") from error
