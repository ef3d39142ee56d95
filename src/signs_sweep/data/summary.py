"""What a dataset consists of: counts, values, repeated images, and the mean image of each class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.copies import find_copies
from signs_sweep.data.dataset import Dataset, digest_of


@dataclass(frozen=True)
class PartSummary:
    """What one part of a dataset consists of.

    Attributes:
        name: `training`, `validation` or `test`.
        counts: number of images of each class.
        groups: number of groups, or None if its images have none.
        repeated: number of images that are equal to an earlier one of the part, pixel for pixel.
    """

    name: str
    counts: tuple[int, ...]
    groups: int | None
    repeated: int

    @property
    def size(self) -> int:
        """Number of its images."""
        return sum(self.counts)


@dataclass(frozen=True)
class Summary:
    """What a dataset consists of.

    Attributes:
        parts: training set, validation set if the dataset comes with one, and test set.
        low: smallest value of a training image.
        high: largest value of a training image.
        mean: mean value of the training images.
        class_means: mean value of the training images of each class; NaN without images.
        constant: value of each channel that has a single value in all training images, by its
            number from 0.
        near: number of test images that are nearly the same as a training image or one of the given
            validation set, but not exactly.
        fingerprint: that of the dataset without its given validation set.
        fingerprint_given: that with it, or None without such a set.
    """

    parts: tuple[PartSummary, ...]
    low: int
    high: int
    mean: float
    class_means: tuple[float, ...]
    constant: dict[int, int]
    near: int
    fingerprint: str
    fingerprint_given: str | None


def summarize(dataset: Dataset) -> Summary:
    """Return what a dataset consists of; with its given validation set if it was read."""
    plain = dataset.without_given()
    images = plain.train_images
    channels = images.shape[3]
    lows = [int(images[..., channel].min()) for channel in range(channels)]
    highs = [int(images[..., channel].max()) for channel in range(channels)]
    means = mean_images(plain)
    class_means = means.mean(axis=(1, 2, 3))
    counts = np.bincount(plain.train_labels, minlength=len(plain.classes))
    copies = find_copies(dataset.train_images, dataset.test_images)
    near = {copy.test for copy in copies}
    exact = {copy.test for copy in copies if copy.is_exact}
    return Summary(
        _parts(dataset),
        min(lows),
        max(highs),
        float(np.average(np.nan_to_num(class_means), weights=counts)),
        tuple(class_means.tolist()),
        {number: low for number, low in enumerate(lows) if low == highs[number]},
        len(near - exact),
        plain.fingerprint,
        dataset.fingerprint if dataset.given else None,
    )


def mean_images(dataset: Dataset) -> NDArray[np.float64]:
    """Return the mean training image of each class: (classes, height, width, channels).

    It is NaN for a class without training images.
    """
    means = np.full((len(dataset.classes), *dataset.image_shape), np.nan)
    for label in np.unique(dataset.train_labels):
        means[label] = dataset.train_images[dataset.train_labels == label].mean(axis=0)
    return means


def _parts(dataset: Dataset) -> tuple[PartSummary, ...]:
    first = len(dataset.train_labels) - dataset.given
    rows = {"training": slice(first), "validation": slice(first, None)}
    found = [
        _part(
            dataset,
            name,
            dataset.digests[part],
            dataset.train_labels[part],
            None if dataset.train_groups is None else dataset.train_groups[part],
        )
        for name, part in rows.items()
        if name == "training" or dataset.given
    ]
    test = list(map(digest_of, dataset.test_images)), dataset.test_labels, dataset.test_groups
    return (*found, _part(dataset, "test", *test))


def _part(
    dataset: Dataset,
    name: str,
    digests: Sequence[bytes],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_] | None,
) -> PartSummary:
    counts = np.bincount(labels, minlength=len(dataset.classes))
    return PartSummary(
        name,
        tuple(counts.tolist()),
        None if groups is None else len(np.unique(groups)),
        len(digests) - len(set(digests)),
    )
