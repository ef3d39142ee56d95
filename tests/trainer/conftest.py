"""One thread for TensorFlow, whichever test uses it first, and small data to train on."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from signs_sweep.data import TEST_FILE, TRAIN_FILE, Dataset, DataSource, write_dataset
from signs_sweep.trainer import runtime

# Read when TensorFlow is first used. The bits of a sum depend on the number of threads.
os.environ.update(runtime.training_environment(os.environ))
os.environ.update({"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"})

MakeSource = Callable[..., DataSource]


@pytest.fixture(scope="session")
def make_source(tmp_path_factory: pytest.TempPathFactory) -> MakeSource:
    """Write random images, a little brighter with each class, and return their location."""
    base = tmp_path_factory.mktemp("datasets")

    def make(
        name: str = "tiny",
        shape: tuple[int, int, int] = (16, 32, 1),
        samples: int = 60,
        seed: int = 0,
    ) -> DataSource:
        rng = np.random.default_rng(seed)

        def images(count: int) -> tuple[np.ndarray, np.ndarray]:
            labels = np.arange(count) % 3
            noise = rng.integers(0, 180, (count, *shape))
            return (noise + 30 * labels[:, None, None, None]).astype(np.uint8), labels

        train, test = images(samples), images(samples // 2)
        folder = base / name
        write_dataset(Dataset(name, *train, *test, ("a", "b", "c"), drawn=False), folder)
        return DataSource(name, folder / TRAIN_FILE, folder / TEST_FILE, drawn=False)

    return make
