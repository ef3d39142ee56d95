"""The description of a dataset that a tracker records."""

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DatasetInfo:
    """The description of a dataset.

    Attributes:
        name: its name in the spec.
        classes: names of the classes, in the order of the labels.
        example: one image as the models take it, uint8 of shape (1, height, width, channels).
            In records that an earlier version left unwritten it is float32, scaled to [0, 1].
        drawn: whether it is the built-in drawn dataset, which the record of a run must state.
    """

    name: str
    classes: tuple[str, ...]
    example: NDArray[np.uint8 | np.float32]
    drawn: bool

    @cached_property
    def example_text(self) -> str:
        """The example in JSON: 12,000 numbers, which are part of every model."""
        return json.dumps(self.example.tolist(), separators=(",", ":"))

    @property
    def title(self) -> str:
        """The name, with a remark for the drawn dataset."""
        return f"{self.name} (built-in drawn dataset)" if self.drawn else self.name
