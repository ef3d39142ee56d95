"""The memory that workers need for their data."""

from collections.abc import Collection
from dataclasses import dataclass

from signs_sweep.data import Dataset
from signs_sweep.errors import DataError, UsageError
from signs_sweep.process.memory import available_memory, gigabytes

_OF_A_WORKER = 600_000_000
"""Memory of a worker without data, apart from the libraries that all workers share."""


@dataclass(frozen=True)
class MemoryNeed:
    """The memory that the workers need for the data of a plan, and what is available.

    Attributes:
        of_worker: estimate for a worker, in bytes.
        available: bytes that can be allocated, or None if that is unknown.
        images: the largest dataset for people, as in `big (60,000 + 4,000 of 128 x 128 x 3)`.
    """

    of_worker: int
    available: int | None
    images: str

    def workers(self, wanted: int, *, is_chosen: bool) -> int:
        """Return how many workers to start: fewer than wanted if they do not fit.

        Args:
            wanted: number of workers; 0 to train in this process.
            is_chosen: whether the user has chosen this number, so that it cannot be reduced.

        Raises:
            UsageError: the chosen number does not fit, but a smaller number does.
            DataError: not even 1 worker fits.
        """
        amount = max(wanted, 1)
        if self.available is None or amount * self.of_worker <= self.available:
            return wanted
        fitting = self.available // self.of_worker
        if fitting and not is_chosen:
            return fitting
        workers = "1 worker needs" if amount == 1 or not fitting else f"{amount} workers need"
        needed = self.of_worker * (amount if fitting else 1)
        problem = (
            f"{workers} about {gigabytes(needed)} of memory for the images of {self.images}, but "
            f"only {gigabytes(self.available)} is available. "
        )
        if fitting:
            raise UsageError(f"{problem}Use --workers {fitting}.")
        raise DataError(f"{problem}Use fewer or smaller images, or a machine with more memory.")


def memory_need(datasets: Collection[Dataset]) -> MemoryNeed:
    """Estimate the memory of a worker that trains on at least one dataset.

    Measured with 20,000 images of 128 x 128 x 3 and a fifth of them held out: a worker has the
    images as they are read, and the training set once more for TensorFlow, which holds a third copy
    while it makes that. Splits and batches take no more, however many there are. For all datasets a
    worker has trained on, it keeps the images; no floating-point copy is ever made of all images.
    """
    train = [dataset.train_images.nbytes for dataset in datasets]
    test = [dataset.test_images.nbytes for dataset in datasets]
    largest = max(datasets, key=lambda dataset: dataset.train_images.nbytes)
    counts = f"{len(largest.train_images):,} + {len(largest.test_images):,}"
    shape = " x ".join(map(str, largest.image_shape))
    return MemoryNeed(
        of_worker=_OF_A_WORKER + 2 * sum(train) + max(train) + sum(test),
        available=available_memory(),
        images=f"{largest.name} ({counts} of {shape})",
    )
