"""Opening a file as a picture."""

import errno
import os
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
"""Formats that Pillow decodes in this process; for others, such as EPS, it starts a program."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
    | {".pbm", ".pnm", ".jp2", ".j2k", ".avif", ".heic", ".heif"}
)
"""How the names of pictures end."""


OUTSIDE = "a link to outside the folder"
"""Why a file is skipped that is not `is_inside`."""


def is_inside(path: Path, folder: str) -> bool:
    """Whether a path stays in a folder, a real path, when links are followed."""
    try:
        return os.path.commonpath([os.path.realpath(path), folder]) == folder
    except ValueError:  # A zero byte, or another drive: it cannot be opened.
        return True


def open_picture(file: Path | IO[bytes]) -> "Image":
    """Return the picture in a file; its pixels are not decoded yet.

    Raises:
        OSError: the file is missing, or not a picture.
    """
    from PIL import Image

    if isinstance(file, Path) and not stat.S_ISREG(
        file.stat().st_mode
    ):  # To open a pipe would wait for its other end.
        raise OSError(errno.EINVAL, "not a file")
    Image.init()
    return Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN])
