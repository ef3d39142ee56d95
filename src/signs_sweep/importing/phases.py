"""What an import does one after another, for a progress bar."""

from collections.abc import Callable
from enum import StrEnum


class Phase(StrEnum):
    """A part of an import, by the time that it takes."""

    UNPACKING = "unpacking"
    DECODING = "decoding"
    COMPARING = "comparing"
    WRITING = "writing"


OnProgress = Callable[[Phase, int, int], None]
"""Called with what is done at the moment, how much of it is done, and how much there is."""
