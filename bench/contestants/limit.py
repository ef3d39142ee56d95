"""Lower bound of an epoch's time on one core: its matrix products at NumPy's best speed."""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import time
from itertools import pairwise

import numpy as np
from common import Clock, dataset, parse_options

SIDES = (512, 1024, 2048)
REPEATS = 10


def best_speed() -> float:
    """Return the highest number of operations per second in products of float32 matrices."""
    best = 0.0
    for side in SIDES:
        left, right = np.random.default_rng(0).random((2, side, side), np.float32)
        for _ in range(REPEATS):
            started = time.perf_counter()
            left @ right
            best = max(best, 2 * side**3 / (time.perf_counter() - started))
    return best


options = parse_options()
data = dataset()
samples = len(data.train_labels)
sizes = (data.train_images[0].size, 25, 12, len(data.classes))
first, *others = (inputs * outputs for inputs, outputs in pairwise(sizes))
# Forward, backward to the weights, and except for the first layer, backward to the inputs.
operations = 2 * samples * (2 * first + 3 * sum(others))
clock = Clock()
clock.milliseconds = dict.fromkeys(options.variants, 1000 * operations / best_speed())
clock.report()
