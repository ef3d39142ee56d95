"""Everything random in an epoch, drawn by NumPy and keyed by (seed, purpose, epoch).

What is drawn for an epoch depends on nothing else: not on the epochs before it, on the number of
workers or on a resume. See rule 1 in `docs/architecture.md`.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Purpose(IntEnum):
    """What a stream of random numbers is for. The values are part of the training semantics."""

    ORDER = 0
    DROPOUT = 1
    LAYERS = 2


def generator(seed: int, purpose: Purpose, epoch: int) -> np.random.Generator:
    """Return the generator of one purpose, for one epoch.

    The seed comes last, since NumPy cuts large integers into several words: in front of the others
    it could make two keys alike.
    """
    return np.random.default_rng([purpose, epoch, seed])


def sample_order(seed: int, epoch: int, samples: int) -> NDArray[np.int32]:
    """Return the order in which an epoch sees the samples: a permutation, int32 of (samples,)."""
    return generator(seed, Purpose.ORDER, epoch).permutation(samples).astype(np.int32)


def dropout_mask(
    seed: int, epoch: int, samples: int, units: int, keep_prob: float
) -> NDArray[np.uint8]:
    """Return which outputs of all hidden layers an epoch keeps: 1 or 0, uint8 (samples, units).

    Rows follow the order of the epoch, columns the hidden layers one after the other.
    """
    if keep_prob >= 1:
        return np.ones((samples, units), np.uint8)
    draws = generator(seed, Purpose.DROPOUT, epoch).random((samples, units), dtype=np.float32)
    return (draws < keep_prob).astype(np.uint8)
