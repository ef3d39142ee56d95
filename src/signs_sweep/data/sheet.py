"""A contact sheet: sample images of a dataset on one page."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.dataset import Dataset
from signs_sweep.data.summary import mean_images
from signs_sweep.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_TRAIN_SHOWN, _TEST_SHOWN = 10, 4
_MOST_CLASSES = 40
_CELL = 72
_GAP = 4
_PITCH = _CELL + _GAP
_NAMES = 150
"""Width of the column of names and counts."""
_TOP = 44
_GREY, _LIGHT = "#555555", "#e8e8e8"
_PHOTO, _PHOTOS_A_ROW, _PHOTO_TEXT = 160, 5, 58
"""Side of a photo on its sheet, photos in a row, and height of the lines below a photo."""


def contact_sheet(dataset: Dataset) -> bytes:
    """Return a PNG with a row per class.

    A row has the name of the class, its numbers of training and test images, their mean training
    image, and samples of both, spread evenly over the images in their order. At most 40 classes are
    shown; the title states how many are left out.

    Raises:
        DataError: images have neither 1, 3 nor 4 channels.
    """
    from PIL import Image, ImageDraw

    if dataset.image_shape[2] not in (1, 3, 4):
        raise DataError(
            f"images with {dataset.image_shape[2]} channels cannot be shown; 1, 3 or 4 can"
        )
    plain = dataset.without_given()
    shown = min(len(plain.classes), _MOST_CLASSES)
    train_left = _NAMES + _PITCH + 3 * _GAP
    test_left = train_left + _TRAIN_SHOWN * _PITCH + 3 * _GAP
    size = (test_left + _TEST_SHOWN * _PITCH + _GAP, _TOP + shown * _PITCH + _GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    rest = len(plain.classes) - shown
    title = dataset.describe() + (f", {rest} more classes not shown" if rest else "")
    pen.text((8, 6), title, fill="black", font=_font(14))
    for left, text in ((_NAMES, "mean"), (train_left, "training"), (test_left, "test")):
        pen.text((left, 25), text, fill=_GREY, font=_font(12))
    parts = (
        (plain.train_images, plain.train_labels, _TRAIN_SHOWN, train_left),
        (plain.test_images, plain.test_labels, _TEST_SHOWN, test_left),
    )
    means = mean_images(plain)
    for label, name in enumerate(plain.classes[:shown]):
        top = _TOP + label * _PITCH
        counts = []
        for images, labels, most, left in parts:
            rows = np.flatnonzero(labels == label)
            counts.append(f"{len(rows):,}")
            if not len(rows):
                pen.text((left, top + _CELL // 2 - 8), "no images", fill=_GREY, font=_font(12))
            spread = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)
            for column, index in enumerate(rows[spread]):
                _paste(sheet, images[index], left + column * _PITCH, top)
        if not np.isnan(means[label]).any():
            _paste(sheet, means[label].round().astype(np.uint8), _NAMES, top)
        lines = _wrapped(name if _has_glyphs(name) else f"label {label}: {name}")
        for number, line in enumerate(lines):
            pen.text((8, top + 4 + 16 * number), line, fill="black", font=_font(13))
        below = top + 6 + 16 * len(lines)
        pen.text((8, below), " + ".join(counts), fill=_GREY, font=_font(11))
    buffer = BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def photo_sheet(
    title: str, images: Sequence[NDArray[np.uint8]], captions: Sequence[Sequence[str]]
) -> bytes:
    """Return a PNG of at least one image, five in a row.

    Args:
        title: the line at the top.
        images: uint8 of (height, width, channels), with 1 or 3 channels.
        captions: for each image, up to three lines below it, which are shortened to its width.
    """
    from PIL import Image, ImageDraw

    columns = min(len(images), _PHOTOS_A_ROW)
    wide, high = _PHOTO + 3 * _GAP, _PHOTO + _PHOTO_TEXT
    width = max(columns * wide, int(_font(14).getlength(title)) + 8) + 8
    rows = -(-len(images) // _PHOTOS_A_ROW)
    sheet = Image.new("RGB", (width, 30 + rows * high), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((8, 6), title, fill="black", font=_font(14))
    for number, (image, lines) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(number, _PHOTOS_A_ROW)
        left, top = 8 + column * wide, 30 + row * high
        _paste(sheet, image, left, top, _PHOTO)
        pen.rectangle((left, top, left + _PHOTO - 1, top + _PHOTO - 1), outline=_LIGHT)
        for place, line in enumerate(lines):
            (short,) = _wrapped(line, most=1, width=_PHOTO)
            below = top + _PHOTO + 3 + 16 * place
            pen.text((left, below), short, fill=_GREY if place else "black", font=_font(13))
    buffer = BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def _paste(
    sheet: "Image", image: NDArray[np.uint8], left: int, top: int, cell: int = _CELL
) -> None:
    """Put an image in the centre of a cell; what is transparent becomes grey."""
    from PIL import Image

    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, "#c0c0c0")
        picture = Image.alpha_composite(ground, picture)
    picture = picture.convert("RGB")
    scale = cell / max(picture.size)
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    small = picture.resize(size, Image.Resampling.NEAREST if scale >= 2 else None)
    sheet.paste(_LIGHT, (left, top, left + cell, top + cell))
    sheet.paste(small, (left + (cell - size[0]) // 2, top + (cell - size[1]) // 2))


def _wrapped(name: str, most: int = 3, width: int = _NAMES - 16) -> list[str]:
    """Break a name into lines of a width in pixels; the last is shortened."""
    lines = [""]
    for letter in name:
        if _font(13).getlength(lines[-1] + letter) <= width:
            lines[-1] += letter
        elif len(lines) == most:
            lines[-1] = lines[-1][:-1] + "\N{HORIZONTAL ELLIPSIS}"
            break
        else:
            first, blank, word = lines[-1].rpartition(" ")
            lines[-1:] = [first, word + letter] if blank else [lines[-1], letter]
    return lines


@cache
def _font(size: int) -> Any:
    """Return the font that matplotlib brings along: it has more alphabets than Pillow's."""
    from PIL import ImageFont

    found = find_spec("matplotlib")  # Not imported, which takes a second.
    for folder in (found and found.submodule_search_locations) or ():
        file = Path(folder, "mpl-data", "fonts", "ttf", "DejaVuSans.ttf")
        if file.is_file():
            return ImageFont.truetype(file, size)
    return ImageFont.load_default(size)


def _has_glyphs(name: str) -> bool:
    """Return whether the font has all letters of a name; it draws others as equal boxes."""
    missing = bytes(_font(13).getmask("\U0010ffff"))
    return all(bytes(_font(13).getmask(letter)) != missing for letter in name)
