"""Properties of a dataset that make its results doubtful, although training is possible."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.dataset import Dataset, digest_of

_MOST_NAMED = 5

Split = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Indices of the training images that are trained on, and of those that are held out."""


def find_doubts(dataset: Dataset) -> list[str]:
    """Return a sentence for each property of a dataset that makes its results doubtful.

    These are test images that are also training images, training images with two labels, test
    images of groups that are trained on, classes without images, and blank images.
    """
    parts = (
        ("training", dataset.train_images, dataset.train_labels),
        ("test", dataset.test_images, dataset.test_labels),
    )
    doubts = _of_copies(dataset)
    groups, trained = dataset.train_groups, len(dataset.train_labels) - dataset.given
    if groups is not None and dataset.test_groups is not None:
        doubts += _of_groups(groups, dataset.test_groups, "test")
    if groups is not None and dataset.given:
        doubts += _of_groups(groups[:trained], groups[trained:], "validation")
    for part, images, labels in parts:
        empty = np.flatnonzero(np.bincount(labels, minlength=len(dataset.classes)) == 0)
        if len(empty):
            names = _listed([dataset.classes[label] for label in empty])
            have = "has" if len(empty) == 1 else "have"
            doubts.append(f"{names} {have} no {part} images")
        pixels = images.reshape(len(images), -1)
        blank = int(np.count_nonzero(pixels.min(axis=1) == pixels.max(axis=1)))
        if blank and pixels.shape[1] > 1:
            doubts.append(
                f"{blank:,} of the {len(images):,} {part} images {_are(blank)} blank: all pixels "
                "of an image have the same value, as in images that were never written"
            )
    return doubts


def find_leak(dataset: Dataset, splits: Sequence[Split]) -> str | None:
    """Return a sentence about held-out images that are also trained on, or None.

    Args:
        dataset: the dataset.
        splits: a split, or all folds of a partition: each the indices of the training images that
            are trained on and of those that are held out, int64 of shape (n,) and (m,).
    """
    digests = dataset.digests
    shared = total = 0
    for training, held_out in splits:
        trained = {digests[index] for index in training}
        shared += sum(digests[index] in trained for index in held_out)
        total += len(held_out)
    return _shared(shared, total, "held-out", "trained on", "validation") if shared else None


def find_lacks(dataset: Dataset, splits: Sequence[Split]) -> str | None:
    """Return a sentence about classes of which a split holds out no image, or None.

    With groups, a class whose images belong to few groups may be missing.
    """
    lacking = {
        label
        for _, held_out in splits
        if len(held_out)
        for label in set(dataset.train_labels.tolist())
        - set(dataset.train_labels[held_out].tolist())
    }
    if not lacking:
        return None
    names = _listed([dataset.classes[label] for label in sorted(lacking)])
    have = "has" if len(lacking) == 1 else "have"
    if dataset.given:
        return f"{names} {have} no images in the validation set: metrics leave them out"
    return (
        f"{names} {have} no held-out images in some splits, since groups are not divided: metrics "
        "that are means over classes leave them out"
    )


def _of_groups(trained: NDArray[np.str_], others: NDArray[np.str_], part: str) -> list[str]:
    """Return a sentence about images of groups that are trained on, if there are any."""
    shared = int(np.isin(others, trained).sum())
    if not shared:
        return []
    belong = "belongs" if shared == 1 else "belong"
    doubt = (
        f"{shared:,} of the {len(others):,} {part} images {belong} to groups of the training set: "
        f"the {part} accuracy overstates how well a network does on new groups"
    )
    return [doubt]


def _of_copies(dataset: Dataset) -> list[str]:
    """Return sentences about training images with two labels, and test images trained on."""
    trained: dict[bytes, set[int]] = {}
    blank = set()
    for image, digest, label in zip(
        dataset.train_images, dataset.digests, dataset.train_labels.tolist(), strict=True
    ):
        trained.setdefault(digest, set()).add(label)
        if image.flat[0] == image.flat[-1] and image.min() == image.max():
            blank.add(digest)
    doubts = []
    count = sum(len(labels) > 1 for key, labels in trained.items() if key not in blank)
    if count:
        images = "image has" if count == 1 else "images have"
        doubts.append(f"{count:,} training {images} two labels")
    labels_of = [trained.get(digest_of(image)) for image in dataset.test_images]
    shared = sum(labels is not None for labels in labels_of)
    if not shared:
        return doubts
    doubt = _shared(shared, len(labels_of), "test", "in the training set", "test")
    relabelled = sum(
        labels is not None and int(label) not in labels
        for labels, label in zip(labels_of, dataset.test_labels, strict=True)
    )
    note = f" ({relabelled:,} with a different label there)" if relabelled else ""
    return [*doubts, doubt + note]


def _shared(count: int, total: int, part: str, where: str, metric: str) -> str:
    return (
        f"{count:,} of the {total:,} {part} images {_are(count)} also {where}, pixel for pixel: "
        f"the {metric} accuracy overstates how well a network does on new images"
    )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name[:40]}'" for name in names[:_MOST_NAMED])
    rest = len(names) - _MOST_NAMED
    many = "classes" if len(names) > 1 else "class"
    return f"the {many} {shown}" + (f" and {rest:,} more" if rest > 0 else "")
