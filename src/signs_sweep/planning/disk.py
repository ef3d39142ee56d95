"""The disk space that runs take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from signs_sweep.data import Dataset
from signs_sweep.domain import GIVEN, Dense, Model, Run

_BYTES_A_NUMBER = 4
_VALUE_IN_DATABASE = 245
_VALUE_IN_FILES = 8 + 20
_TIME_IN_CHECKPOINT = 8
_INPUT_IN_EXAMPLES = 2 * 5
_IMAGE_IN_PREDICTIONS = 4
_THE_REST = 250_000

EMPTY_DATABASE = 1_000_000
"""Bytes of MLflow's tables in SQLite without any run; 970,752 with MLflow 3.17."""


@dataclass(frozen=True)
class DiskNeed:
    """The disk space that a plan needs, and the free space.

    Attributes:
        bytes_needed: estimate for the runs to train.
        is_least: whether the runs need more, because the size of some networks is unknown.
        bytes_free: free space in the folder.
        folder: the folder of the tracking store, or of the checkpoints.
    """

    bytes_needed: int
    is_least: bool
    bytes_free: int
    folder: str

    @property
    def fits(self) -> bool:
        """Whether the free space is enough for the estimate."""
        return self.bytes_needed <= self.bytes_free


def bytes_of_runs(
    runs: Sequence[Run],
    datasets: Mapping[str, Dataset],
    numbers: Mapping[Model, int],
    *,
    has_database: bool = True,
) -> tuple[int, bool]:
    """Estimate the disk space of finished runs in a file store, with artifacts and checkpoints.

    Measured with MLflow 3.17 and the network of the series (307,615 numbers): 245 bytes for each
    value of a metric in SQLite, with its indexes; 20 in `history.csv` and 8 in the checkpoint, and
    8 there for the time of each epoch; 4 bytes for each number of the network in the `.keras` file,
    and three times as much in the last checkpoint, which also has Adam's two moments, or with early
    stopping four times, as it also has the best weights; 4.2 to 5.6 for each number of an image in
    each of the two input examples; 4 in `predictions.npz` for each probability of an image that is
    held out or in the test set, and 4 for its number and class; and 180 to 300 kB for pictures, the
    rest of the `.keras` file and of the HDF5 file, and small files.

    The datasets are by fingerprint; `numbers` has the size of the networks that functions build, as
    far as known; `has_database` is whether the database is on the same disk.

    Returns:
        bytes, and whether they are a lower bound because networks of unknown size are left out.
    """
    total, is_least = 0, False
    of_value = _VALUE_IN_FILES + (_VALUE_IN_DATABASE if has_database else 0)
    for run in runs:
        dataset = datasets[run.data]
        height, width, channels = dataset.image_shape
        inputs = height * width * channels
        if isinstance(run.model, Dense):
            widths = [inputs, *run.model.hidden, len(dataset.classes)]
            size = sum((before + 1) * after for before, after in pairwise(widths))
        elif run.model in numbers:
            size = numbers[run.model]
        else:
            is_least = True
            continue
        values = 4 if run.validation else 2
        total += run.parameters.epochs * (values * of_value + _TIME_IN_CHECKPOINT)
        held_out: float = dataset.given
        if run.validation != GIVEN:
            held_out = run.validation * len(dataset.train_labels)
        predicted = held_out + len(dataset.test_labels)
        of_image = _BYTES_A_NUMBER * len(dataset.classes) + _IMAGE_IN_PREDICTIONS
        total += int(predicted * of_image)
        copies = 5 if run.early_stopping else 4
        total += copies * _BYTES_A_NUMBER * size + _INPUT_IN_EXAMPLES * inputs + _THE_REST
    return total, is_least


def numbers_in_checkpoint(size: int, epochs: int, *, is_validated: bool) -> int:
    """Estimate how many numbers the network of a checkpoint of `size` bytes has.

    Its history has some epochs, and if `is_validated`, values for the held-out samples.
    """
    history = epochs * (_TIME_IN_CHECKPOINT + 8 * (4 if is_validated else 2))
    return max(size - history, 0) // (3 * _BYTES_A_NUMBER)
