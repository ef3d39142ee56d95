"""What makes the results of a dataset doubtful, though it can be trained on."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.dataset import Dataset

_MOST_NAMED = 5


def find_doubts(dataset: Dataset) -> list[str]:
    """Return a sentence for each thing that a person should know before believing a result.

    These are test images that are training images too, classes without an image, and blank images.
    """
    parts = (
        ("training", dataset.train_images, dataset.train_labels),
        ("test", dataset.test_images, dataset.test_labels),
    )
    found = _shared(dataset)
    for part, images, labels in parts:
        empty = np.flatnonzero(np.bincount(labels, minlength=len(dataset.classes)) == 0)
        if len(empty):
            names = _listed([dataset.classes[label] for label in empty])
            have = "has" if len(empty) == 1 else "have"
            found.append(f"{names} {have} no {part} images")
        pixels = images.reshape(len(images), -1)
        blank = np.count_nonzero(pixels.min(axis=1) == pixels.max(axis=1))
        if blank and pixels.shape[1] > 1:
            words = "is blank" if blank == 1 else "are blank"
            found.append(
                f"{blank:,} of the {len(images):,} {part} images {words}: all of an image's pixels "
                "have one value, as in images that were never written"
            )
    return found


def find_leak(
    dataset: Dataset, training: NDArray[np.int64], held_out: NDArray[np.int64]
) -> str | None:
    """Say how many held-out images are trained on too; None where none is.

    Args:
        dataset: the dataset.
        training: indices of the training images that are trained on, int64 of shape (n,).
        held_out: those of the ones that are held out, int64 of shape (m,).
    """
    trained = {_digest(dataset.train_images[index]) for index in training}
    shared = sum(_digest(dataset.train_images[index]) in trained for index in held_out)
    if not shared:
        return None
    return (
        f"{shared:,} of the {len(held_out):,} held-out images {_are(shared)} also among those that "
        "are trained on, pixel for pixel: the validation accuracy overstates how well a network "
        "does on new images"
    )


def _shared(dataset: Dataset) -> list[str]:
    """Count the test images that are, pixel for pixel, in the training set, and odd labels."""
    trained: dict[bytes, set[int]] = {}
    blank = set()
    for image, label in zip(dataset.train_images, dataset.train_labels, strict=True):
        digest = _digest(image)
        trained.setdefault(digest, set()).add(int(label))
        if image.min() == image.max():
            blank.add(digest)
    found = []
    torn = sum(len(labels) > 1 for digest, labels in trained.items() if digest not in blank)
    if torn:
        found.append(f"{torn:,} training {'image has' if torn == 1 else 'images have'} two labels")
    labels_of = [trained.get(_digest(image)) for image in dataset.test_images]
    shared = sum(labels is not None for labels in labels_of)
    if not shared:
        return found
    words = (
        f"{shared:,} of the {len(labels_of):,} test images {_are(shared)} in the training set too, "
        "pixel for pixel: the test accuracy overstates how well a network does on new images"
    )
    other = sum(
        labels is not None and int(label) not in labels
        for labels, label in zip(labels_of, dataset.test_labels, strict=True)
    )
    return [*found, f"{words} ({other:,} with another label there)" if other else words]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _digest(image: NDArray[np.uint8]) -> bytes:
    return blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name[:40]}'" for name in names[:_MOST_NAMED])
    rest = len(names) - _MOST_NAMED
    many = "classes" if len(names) > 1 else "class"
    return f"the {many} {shown}" + (f" and {rest:,} more" if rest > 0 else "")
