"""A contact sheet: sample images of a dataset on one page."""

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.dataset import Dataset
from signs_sweep.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_TRAIN_SHOWN, _TEST_SHOWN = 10, 4
_MOST_CLASSES = 40
_CELL = 72
_GAP = 4
_LEFT = 70
_TOP = 44


def contact_sheet(dataset: Dataset) -> bytes:
    """Return a PNG with a row per class: some training images, and to their right some test images.

    At most 40 classes are shown; the title states how many are left out.

    Raises:
        DataError: images have neither 1, 3 nor 4 channels.
    """
    from PIL import Image, ImageDraw

    if dataset.image_shape[2] not in (1, 3, 4):
        raise DataError(
            f"images with {dataset.image_shape[2]} channels cannot be shown; 1, 3 or 4 can"
        )
    shown = min(len(dataset.classes), _MOST_CLASSES)
    pitch = _CELL + _GAP
    width = _LEFT + (_TRAIN_SHOWN + _TEST_SHOWN) * pitch + 4 * _GAP
    sheet = Image.new("RGB", (width, _TOP + shown * pitch + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    rest = len(dataset.classes) - shown
    title = dataset.describe() + (f", {rest} more classes not shown" if rest else "")
    pen.text((8, 6), title, fill="black", font_size=14)
    test_left = _LEFT + _TRAIN_SHOWN * pitch + 3 * _GAP
    pen.text((_LEFT, 26), "training", fill="#555555", font_size=12)
    pen.text((test_left, 26), "test", fill="#555555", font_size=12)
    parts = (
        (dataset.train_images, dataset.train_labels, _TRAIN_SHOWN, _LEFT),
        (dataset.test_images, dataset.test_labels, _TEST_SHOWN, test_left),
    )
    for label, name in enumerate(dataset.classes[:shown]):
        top = _TOP + label * pitch
        pen.text((8, top + _CELL // 2 - 8), name[:8], fill="black", font_size=14)
        for images, labels, most, left in parts:
            for column, index in enumerate(np.flatnonzero(labels == label)[:most]):
                sheet.paste(_thumbnail(images[index]), (left + column * pitch, top))
    buffer = BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def _thumbnail(image: NDArray[np.uint8]) -> "Image":
    from PIL import Image

    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    scale = _CELL / max(picture.size)
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    return picture.resize(size, Image.Resampling.NEAREST if scale >= 2 else None)
