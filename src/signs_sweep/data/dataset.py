"""A dataset: images with their labels, for training and for testing."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b, sha256

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.origin import Origin
from signs_sweep.data.split import split_rows
from signs_sweep.domain import GIVEN, Validation


def digest_of(image: NDArray[np.uint8]) -> bytes:
    """Return a hash of the pixels of an image."""
    return blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images in memory. The arrays must not be modified.

    Attributes:
        name: its name for people, such as `signs`.
        train_images: uint8 of shape (n, height, width, channels).
        train_labels: int64 of shape (n,), each an index into `classes`.
        test_images: uint8 of shape (m, height, width, channels).
        test_labels: int64 of shape (m,), each an index into `classes`.
        classes: names of the classes.
        drawn: whether the images are drawn by this package instead of photos.
        train_groups: names of shape (n,), the group of each training image, or None. Images of a
            group resemble each other, such as those of one person, and no split separates them.
        test_groups: names of shape (m,), the group of each test image, or None.
        given: number of training images, the last, that are the validation set that came with the
            dataset; 0 if it has none or it is not used.
        origin: where the images come from, if their files say so. Not part of the fingerprint.
    """

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    classes: tuple[str, ...]
    drawn: bool
    train_groups: NDArray[np.str_] | None = None
    test_groups: NDArray[np.str_] | None = None
    given: int = 0
    origin: Origin | None = None

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that identify the content: equal for equal arrays, classes and groups.

        They do not depend on the name of the dataset or the location of its files.
        """
        digest = sha256(repr(self.classes).encode())
        for array, dtype in (
            (self.train_images, "u1"),
            (self.train_labels, "<i8"),
            (self.test_images, "u1"),
            (self.test_labels, "<i8"),
        ):
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array, dtype=dtype).data)
        for part, groups in (("train", self.train_groups), ("test", self.test_groups)):
            if groups is not None:
                digest.update(json.dumps({part: groups.tolist()}).encode())
        if self.given:
            digest.update(f"given {self.given}".encode())
        return digest.hexdigest()[:16]

    @cached_property
    def digests(self) -> list[bytes]:
        """A hash of each training image, equal for images that are equal pixel for pixel."""
        return list(map(digest_of, self.train_images))

    def split(
        self, validation: Validation, folds: int = 0, seed: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the training images to train on and those to hold out; see `split_rows`.

        If the validation set is given, these are the same for every seed.
        """
        if validation == GIVEN:
            rows = np.arange(len(self.train_labels))
            return rows[: -self.given], rows[-self.given :]
        labels, groups, names = self.train_labels, self.train_groups, self.classes
        return split_rows(labels, groups, float(validation), folds=folds, seed=seed, names=names)

    def without_given(self) -> "Dataset":
        """Return the dataset without the validation set that came with it."""
        if not self.given:
            return self
        groups = None if self.train_groups is None else self.train_groups[: -self.given]
        images, labels = self.train_images[: -self.given], self.train_labels[: -self.given]
        return replace(self, train_images=images, train_labels=labels, train_groups=groups, given=0)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        _, height, width, channels = self.train_images.shape
        return height, width, channels

    @property
    def chance(self) -> float:
        """The accuracy of guessing: 1 / number of classes."""
        return 1 / len(self.classes)

    def describe(self) -> str:
        """Return one line for people, such as `signs, 1,080 + 120 images (7c1e90ab)`."""
        parts = (len(self.train_labels) - self.given, self.given, len(self.test_labels))
        sizes = f"{self.name}, {' + '.join(f'{part:,}' for part in parts if part)}"
        digits = self.fingerprint[:8]
        return f"{sizes} images ({f'drawn, {digits}' if self.drawn else digits})"
