"""From pictures to the files of a dataset: decode, split, find copies, write.

The images pass through a file, so that the memory does not grow with their number.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data import Fit, Origin, Part, Preparation, find_copies, write_parts
from signs_sweep.errors import DataError
from signs_sweep.importing.arranging import (
    check_groups,
    check_parts,
    class_names,
    classes_of,
    contradictions,
    groups_of,
    split_off_test,
    without_repeats,
)
from signs_sweep.importing.claim import SOURCE_FILE, Target
from signs_sweep.importing.decoding import LEAST_SIDE, decode
from signs_sweep.importing.files import NO_SPACE
from signs_sweep.importing.items import PARTS, Collection, printable
from signs_sweep.importing.phases import OnProgress, Phase

_SIDE, _CHANNELS = 64, 3
"""Defaults of the images, as of the photos of signs."""


@dataclass(frozen=True)
class Choices:
    """How pictures become a dataset.

    Attributes:
        size: height and width of the images, or None: as stored if all are equal, else 64 x 64.
        channels: 3 for RGB, 1 for grey, or None: as stored if all are equal, else 3.
        fit: how a picture gets the proportions of the images.
        test: fraction of every class for the test set, if the pictures come without one.
        seed: which of the splits.
        keeps_validation: whether a validation set is kept; else it joins the training set.
        drops_copies: whether copies of test images leave the training set, repeated images their
            part, and equal images with several labels the dataset.
        made: the command and its options, for `Origin`.
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    fit: Fit = Fit.CROP
    test: float = 0.2
    seed: int = 0
    keeps_validation: bool = False
    drops_copies: bool = False
    made: str = ""


@dataclass(frozen=True, eq=False)
class Imported:
    """What an import did.

    Attributes:
        preparation: how the pictures became images.
        classes: their names.
        counts: number of images by part and class, int64 of shape (classes,).
        groups: number of groups by part; empty if there are no groups.
        is_split: whether the test set was split off by this import.
        joined: number of images of a validation set that joined the training set.
        values: smallest and largest value of the images.
        sizes: (height, width) of pictures with their number, the commonest first.
        skipped: (name, reason) of files that are not in the dataset.
        copies: by pair of parts, the names of the pictures that are copies of each other, and
            whether they are exact. If copies are dropped, these were.
        repeated: by part, number of images that repeat an earlier image of their class. If copies
            are dropped, these were.
        contradictory: by image, the names of the pictures that have it, if these have several
            labels. If copies are dropped, these were.
        remarks: sentences of the collection about what was decided.
    """

    preparation: Preparation
    classes: tuple[str, ...]
    counts: Mapping[str, NDArray[np.int64]]
    groups: Mapping[str, int]
    is_split: bool
    joined: int
    values: tuple[int, int]
    sizes: Sequence[tuple[tuple[int, int], int]]
    skipped: Sequence[tuple[str, str]]
    copies: Mapping[tuple[str, str], Sequence[tuple[str, str, bool]]]
    repeated: Mapping[str, int]
    contradictory: Sequence[Sequence[str]]
    remarks: Sequence[str]


def import_pictures(
    collection: Collection, target: Target, choices: Choices, on_progress: OnProgress
) -> Imported:
    """Turn pictures into a dataset.

    Args:
        collection: the pictures.
        target: where to write.
        choices: how.
        on_progress: called in every phase.

    Raises:
        DataError: there are too few pictures, the name of a class or group cannot be kept, a group
            is in two parts, or the disk or the memory is full.
    """
    height, width = choices.size or collection.size or (_SIDE, _SIDE)
    channels = choices.channels or collection.channels or _CHANNELS
    preparation = Preparation(height, width, channels, choices.fit)
    needed = 2 * len(collection.items) * height * width * channels
    free = shutil.disk_usage(target.scratch).free
    if needed > free:
        raise _full(target, needed, free)
    try:
        return _import(collection, target, choices, preparation, on_progress)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise _full(target, needed, shutil.disk_usage(target.scratch).free) from error
        raise DataError(f"cannot write to {target.folder}: {error.strerror or error}") from error


def _full(target: Target, needed: int, free: int) -> DataError:
    return DataError(
        f"the import needs up to {needed:,} bytes in {target.folder}, where {free:,} bytes are "
        "free. Free some space, or choose a smaller --size."
    )


def _import(
    collection: Collection,
    target: Target,
    choices: Choices,
    preparation: Preparation,
    on_progress: OnProgress,
) -> Imported:
    items, names = collection.items, class_names(collection)
    groups = groups_of(items)
    least_side = 1 if collection.size else LEAST_SIDE
    file = target.scratch / "images"
    images, decoded = decode(
        items, preparation, file, least_side=least_side, on_progress=on_progress
    )
    digests = [each.digest for each in decoded]
    skipped = list(collection.skipped)
    skipped += [
        (item.name, each.reason) for item, each in zip(items, decoded, strict=True) if each.reason
    ]
    rows = np.flatnonzero([each.reason is None for each in decoded])
    if not len(rows):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
        raise DataError(f"{collection.source} has no pictures that can be imported ({reasons})")
    contrary = contradictions(rows, [names[item.label] for item in items], digests)
    if choices.drops_copies:
        rows = np.setdiff1d(rows, [row for equal in contrary for row in equal])
        if not len(rows):
            raise DataError(f"{collection.source}: every picture equals one of a different class")
    classes = tuple(names[label] for label in collection.classes or ()) or classes_of(
        names[items[row].label] for row in rows
    )
    label_of = {name: label for label, name in enumerate(classes)}
    labels = np.array([label_of.get(names[item.label], -1) for item in items])
    part_of = np.array([item.part or "train" for item in items])
    joins = (part_of == "val") & (not choices.keeps_validation)
    part_of[joins] = "train"
    parts = {part: rows[part_of[rows] == part] for part in PARTS if part in part_of[rows]}
    repeated = dict.fromkeys(parts, 0)
    if choices.drops_copies:
        for part, members in parts.items():
            parts[part] = without_repeats(members, labels, digests)
            repeated[part] = len(members) - len(parts[part])
    if is_split := "test" not in parts and "train" in parts:
        parts["train"], parts["test"] = split_off_test(
            parts["train"], labels, groups, classes, choices.test, choices.seed
        )
    check_groups(parts, groups, items)
    copies = {}
    for first, second in combinations(parts, 2):
        found = find_copies(
            images,
            images,
            train_rows=parts[first],
            test_rows=parts[second],
            on_progress=partial(on_progress, Phase.COMPARING),
        )
        copies[first, second] = [
            (items[copy.train].name, items[copy.test].name, copy.is_exact) for copy in found
        ]
        if choices.drops_copies:
            parts[first] = np.setdiff1d(parts[first], [copy.train for copy in found])
    check_parts(parts, labels, classes, digests)
    for part, members in parts.items():
        others = len(members) - len(without_repeats(members, labels, digests))
        repeated[part] = repeated.get(part, 0) + others

    origin = Origin(
        printable(collection.source),
        printable(choices.made),
        printable(collection.licence),
        printable(collection.citation),
        preparation,
    )
    written = {part: Part(images, labels, groups, members) for part, members in parts.items()}
    _publish(target, written, classes, origin, partial(on_progress, Phase.WRITING))
    return Imported(
        preparation,
        classes,
        {part: np.bincount(labels[m], minlength=len(classes)) for part, m in parts.items()},
        {} if groups is None else {part: len(np.unique(groups[m])) for part, m in parts.items()},
        is_split,
        int(joins[rows].sum()),
        (min(decoded[row].values[0] for row in rows), max(decoded[row].values[1] for row in rows)),
        Counter(decoded[row].size for row in rows).most_common(),
        sorted(skipped),
        copies,
        repeated,
        [[items[row].name for row in equal] for equal in contrary],
        collection.remarks,
    )


def _publish(
    target: Target,
    parts: Mapping[str, Part],
    classes: Sequence[str],
    origin: Origin,
    on_progress: Callable[[int, int], None],
) -> None:
    """Write the files of a dataset aside, with the licence if it is known, and publish them."""
    aside = target.scratch / "written"
    write_parts(aside, parts, classes, origin=origin, on_progress=on_progress)
    if origin.licence or origin.citation:
        lines = (
            ("source", origin.source),
            ("licence", origin.licence),
            ("citation", origin.citation),
            ("made by", origin.made),
        )
        text = "".join(f"{name}: {value}\n" for name, value in lines if value)
        (aside / SOURCE_FILE).write_text(text, encoding="utf-8")
    target.publish(aside)
