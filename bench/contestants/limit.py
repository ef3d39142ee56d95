"""The least that an epoch can take on one core: its products at the speed of NumPy's best."""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import time
from itertools import pairwise

import numpy as np
from common import Clock, dataset, options

SIDES = (512, 1024, 2048)
REPEATS = 10


def best_speed() -> float:
    """Return the most operations a second of a product of two square float32 matrices."""
    best = 0.0
    for side in SIDES:
        one, other = np.random.default_rng(0).random((2, side, side), np.float32)
        for _ in range(REPEATS):
            started = time.perf_counter()
            one @ other
            best = max(best, 2 * side**3 / (time.perf_counter() - started))
    return best


given = options()
found = dataset()
samples = len(found.train_labels)
sizes = (found.train_images[0].size, 25, 12, len(found.classes))
first, *others = (inputs * outputs for inputs, outputs in pairwise(sizes))
# Forward, backward to the weights, and but for the first layer, backward to the inputs.
operations = 2 * samples * (2 * first + 3 * sum(others))
clock = Clock()
clock.milliseconds = dict.fromkeys(given.variants, 1000 * operations / best_speed())
clock.report()
