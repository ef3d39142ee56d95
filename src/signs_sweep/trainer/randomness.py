"""Everything random in an epoch, drawn by NumPy and keyed by (seed, purpose, epoch).

The random numbers of an epoch depend on nothing else: not on earlier epochs, the number of workers
or a resume. See rule 1 in `docs/architecture.md`.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Purpose(IntEnum):
    """The use of a stream of random numbers. The values are part of the training semantics."""

    ORDER = 0
    DROPOUT = 1
    LAYERS = 2
    AUGMENTATION = 3
    NOISE = 4


def generator(seed: int, purpose: Purpose, epoch: int) -> np.random.Generator:
    """Return the generator for one purpose and one epoch.

    The seed comes last because NumPy splits large integers into several words: at the front it
    could make two keys equal.
    """
    return np.random.default_rng([purpose, epoch, seed])


def sample_order(seed: int, epoch: int, samples: int) -> NDArray[np.int32]:
    """Return the order of the samples in an epoch: a permutation, int32 of (samples,)."""
    return generator(seed, Purpose.ORDER, epoch).permutation(samples).astype(np.int32)


def dropout_mask(
    seed: int, epoch: int, samples: int, units: int, keep_prob: float
) -> NDArray[np.uint8]:
    """Return which outputs of all hidden layers an epoch keeps: 1 or 0, uint8 (samples, units).

    Rows follow the order of the epoch, columns are the units of all hidden layers in sequence.
    """
    if keep_prob >= 1:
        return np.ones((samples, units), np.uint8)
    draws = generator(seed, Purpose.DROPOUT, epoch).random((samples, units), dtype=np.float32)
    return (draws < keep_prob).astype(np.uint8)
