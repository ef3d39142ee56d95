"""The description of a dataset that a tracker records."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data import Preparation


@dataclass(frozen=True, eq=False)
class DatasetInfo:
    """The description of a dataset.

    Attributes:
        name: its name in the spec.
        classes: names of the classes, in the order of the labels.
        example: one image as the models take it, uint8 of shape (1, height, width, channels).
            In records that an earlier version left unwritten it is float32, scaled to [0, 1].
        drawn: whether it is the built-in drawn dataset, which the record of a run must state.
        preparation: how pictures became its images, if that is known.
        novelty: the content of a file with the rule that marks images that are unlike the training
            data, or a function that returns it and is called for the first model; None without.
    """

    name: str
    classes: tuple[str, ...]
    example: NDArray[np.uint8 | np.float32]
    drawn: bool
    preparation: Preparation | None = None
    novelty: bytes | Callable[[], bytes] | None = None

    @cached_property
    def example_text(self) -> str:
        """The example in JSON: 12,000 numbers, which are part of every model."""
        return json.dumps(self.example.tolist(), separators=(",", ":"))

    @cached_property
    def novelty_bytes(self) -> bytes | None:
        """The content of `novelty`."""
        return self.novelty() if callable(self.novelty) else self.novelty

    @property
    def title(self) -> str:
        """The name, with a remark for the drawn dataset."""
        return f"{self.name} (built-in drawn dataset)" if self.drawn else self.name
