"""What a tracker needs to know of a dataset."""

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DatasetInfo:
    """A dataset, as far as the record of a run shows it.

    Attributes:
        name: as in the spec.
        classes: names of the classes, in the order of the labels.
        example: one image scaled to [0, 1], float32 of shape (1, height, width, channels).
        drawn: whether it is the built-in drawn dataset, which every run made with it must say.
    """

    name: str
    classes: tuple[str, ...]
    example: NDArray[np.float32]
    drawn: bool

    @cached_property
    def example_text(self) -> str:
        """The example in JSON; 12,000 numbers, and every model has them."""
        return json.dumps(self.example.round(6).tolist())

    @property
    def title(self) -> str:
        """The name, with a remark when the photos are drawn."""
        return f"{self.name} (built-in drawn dataset)" if self.drawn else self.name
