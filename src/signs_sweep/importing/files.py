"""Reading files, which may be damaged, and opening a file as a picture."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from signs_sweep.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
"""Formats that Pillow decodes in this process; for others, such as EPS, it starts a program."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
    | {".pbm", ".pnm", ".jp2", ".j2k", ".avif", ".heic", ".heif"}
)
"""How the names of pictures end."""

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers of the errors of a full disk."""


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


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn exceptions while a file is read into a `DataError`.

    For damaged files, zipfile, gzip, tarfile, pickle and NumPy raise many types of exceptions.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        raise DataError(
            f"{path} cannot be read: it is damaged, or not a file of this kind "
            f"({str(error) or type(error).__name__}). Download or create it again."
        ) from error
