"""Turning a picture of any size into an image of a dataset.

The preparation is kept in the files of the dataset, so that a picture that is classified later gets
the same.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from signs_sweep.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image


class Fit(StrEnum):
    """How a picture gets the proportions of the images."""

    CROP = "crop"
    """Its centre; what is left over at two sides is cut off."""
    LETTERBOX = "letterbox"
    """All of it, with black bars at two sides."""


@dataclass(frozen=True)
class Preparation:
    """How pictures become images.

    Attributes:
        height: height of the images in pixels.
        width: width of the images in pixels.
        channels: 3 for RGB, 1 for grey.
        fit: how a picture gets their proportions.
    """

    height: int
    width: int
    channels: int = 3
    fit: Fit = Fit.CROP

    def apply(self, picture: "Image") -> NDArray[np.uint8]:
        """Return the image of a picture: uint8 of (height, width, channels).

        It is turned upright by its EXIF orientation. A transparent background becomes white.

        Args:
            picture: a picture in any mode of Pillow with 8 or 16 bits a channel.

        Raises:
            OSError: the picture is truncated or damaged.
            DataError: its values have no known range.
        """
        from PIL import Image, ImageOps

        # Pillow scales the values of PPM to 16 bits, and older versions have this mode for PNG.
        if picture.mode == "F" or (picture.mode == "I" and picture.format not in ("PNG", "PPM")):
            raise DataError("values of 32 bits have no known range: save it with 8 or 16 bits")

        wanted, mode = (self.width, self.height), "L" if self.channels == 1 else "RGB"
        if picture.format == "JPEG":  # Decoded at a fraction of its size, which is faster.
            picture.draft(mode, (2 * self.width, 2 * self.height))
        upright = _opaque(ImageOps.exif_transpose(picture)).convert(mode)
        if upright.size != wanted:
            resized = ImageOps.fit if self.fit is Fit.CROP else ImageOps.pad
            upright = resized(upright, wanted, Image.Resampling.LANCZOS)
        image = np.asarray(upright, np.uint8)
        return image.reshape(self.height, self.width, self.channels)


def _opaque(picture: "Image") -> "Image":
    """Return a picture without transparency and with 8 bits a channel."""
    from PIL import Image

    if picture.mode.startswith("I;16") or picture.mode == "I":  # 16 bits a pixel.
        values = np.asarray(picture).astype(np.int64)
        return Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
