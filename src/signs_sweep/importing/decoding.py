"""Decoding pictures into images in a file, on all cores."""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data import Preparation
from signs_sweep.data.dataset import digest_of
from signs_sweep.errors import DataError
from signs_sweep.importing.items import Item
from signs_sweep.importing.phases import OnProgress, Phase

LEAST_SIDE = 8
"""Pictures with a shorter side, in pixels, are skipped: they are icons or mistakes."""

_BATCH = 16
"""Pictures that a thread decodes before it reports."""


@dataclass(frozen=True)
class Decoded:
    """What became of a picture.

    Attributes:
        size: its height and width in the file.
        digest: equal for equal images.
        values: smallest and largest value of the image.
        reason: why it was skipped, or None.
    """

    size: tuple[int, int] = (0, 0)
    digest: bytes = b""
    values: tuple[int, int] = (0, 0)
    reason: str | None = None


class _UnsuitableError(Exception):
    """A picture is skipped although it can be decoded."""


def decode(
    items: Sequence[Item],
    preparation: Preparation,
    file: Path,
    *,
    least_side: int,
    on_progress: OnProgress,
) -> tuple[NDArray[np.uint8], list[Decoded]]:
    """Decode pictures in several threads; Pillow releases the interpreter's lock meanwhile.

    Args:
        items: the pictures.
        preparation: how they become images.
        file: new file for the images.
        least_side: pictures with a shorter side, in pixels, are skipped.
        on_progress: called with the number of pictures that are done.

    Returns:
        uint8 of shape (n, height, width, channels), mapped from the file, with undefined rows for
        pictures that were skipped; and what became of each.

    Raises:
        DataError: the memory does not suffice for a picture.
        OSError: the file cannot be written.
    """
    shape = (preparation.height, preparation.width, preparation.channels)
    starts = range(0, len(items), _BATCH)
    decoded: list[Decoded] = []
    with file.open("xb", buffering=0) as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # About the metadata of pictures.
        os.truncate(out.fileno(), len(items) * prod(shape))
        work = partial(_decode_batch, items, preparation, least_side, out.fileno())
        threads = ThreadPoolExecutor(_cores())
        try:
            for batch in threads.map(work, starts):
                decoded += batch
                on_progress(Phase.DECODING, len(decoded), len(items))
        finally:
            threads.shutdown(cancel_futures=True)
    return np.memmap(file, np.uint8, "r", shape=(len(items), *shape)), decoded


def _cores() -> int:
    has_affinity = hasattr(os, "sched_getaffinity")  # Not on macOS.
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


def _decode_batch(
    items: Sequence[Item], preparation: Preparation, least_side: int, descriptor: int, start: int
) -> list[Decoded]:
    """Decode some pictures and write their images to the file."""
    decoded = []
    for row, item in enumerate(items[start : start + _BATCH], start):
        try:
            size, image = _decode(item, preparation, least_side)
        except MemoryError as error:
            raise DataError(
                f"{item.name}: the memory does not suffice to decode this picture. Make it smaller "
                "or remove it."
            ) from error
        except Exception as error:  # noqa: BLE001 - damaged files raise exceptions of any type
            decoded.append(Decoded(reason=_reason(item, error)))
            continue
        content, digest = memoryview(image.tobytes()), digest_of(image)
        place = row * len(content)
        while content:
            written = os.pwrite(descriptor, content, place)
            content, place = content[written:], place + written
        decoded.append(Decoded(size, digest, (int(image.min()), int(image.max()))))
    return decoded


def _decode(
    item: Item, preparation: Preparation, least_side: int
) -> tuple[tuple[int, int], NDArray[np.uint8]]:
    """Return the size of a picture and its image."""
    from PIL import Image

    with item.open() as picture:
        width, height = picture.size
        if min(width, height) < least_side:
            raise _UnsuitableError(f"tiny: {height} x {width} pixels")
        if width * height > (Image.MAX_IMAGE_PIXELS or 0):
            raise _UnsuitableError(
                f"too large: {height:,} x {width:,} pixels; the limit is "
                f"{Image.MAX_IMAGE_PIXELS:,} pixels"
            )
        # A camera stores a preview or a second view as a further frame of a JPEG file.
        frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
        if frames > 1:
            raise _UnsuitableError(f"animated or of several pages: {frames:,} frames")
        return (height, width), preparation.apply(picture)


def _reason(item: Item, error: Exception) -> str:
    """Return why a picture was skipped."""
    from PIL import Image, UnidentifiedImageError

    match error:
        case _UnsuitableError() | DataError():
            return str(error)
        case UnidentifiedImageError():
            if item.name.lower().endswith((".heic", ".heif")):
                return "HEIC is not supported: save it as JPEG"
            return "not a picture"
        case Image.DecompressionBombError():
            return f"too large: {error}"
        case OSError(strerror=str(problem)):
            return problem
    return f"damaged: {error}" if str(error) else f"damaged: {type(error).__name__}"
