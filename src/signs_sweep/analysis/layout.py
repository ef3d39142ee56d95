"""The results of two settings by seeds, splits and images, to see what their difference is made of.

The images that a partition into folds holds out in turn are all training images, so its folds are
joined: each network is asked only about images that it was not trained on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signs_sweep.analysis.settings import Replicates
from signs_sweep.domain import Answers, Row, Seeds, is_higher_better

Images = Callable[[Row, str], Answers | None]
"""Returns for a run and an accuracy which images it classifies correctly; None if unknown."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Results of two settings with the same seeds, splits and images.

    Attributes:
        first: of the setting, float64 of shape (seeds, splits, images): whether each image is
            classified correctly, or the metric, with a single image.
        second: of what it is compared with, where more is better.
        images: number of images, or 0 if those that the runs classify correctly are unknown or
            differ between splits.
        has_own_splits: whether each pair of seeds has a single split, and not all have the same.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    images: int
    has_own_splits: bool

    @property
    def differences(self) -> NDArray[np.float64]:
        """By how much the first is better."""
        return self.first - self.second

    @property
    def splits(self) -> int:
        """Number of splits, or of partitions into folds, that each pair of seeds is used with."""
        return int(self.first.shape[1])


def layout_of(
    setting: Replicates,
    other: Replicates,
    seeds: Sequence[Seeds],
    metric: str,
    images: Images | None,
) -> Layout | None:
    """Arrange the results of two settings.

    Args:
        setting: a setting.
        other: what it is compared with.
        seeds: the pairs of seeds for which both have results with the same splits, at least one.
        metric: the metric.
        images: returns which images a run classifies correctly, or None.

    Returns:
        the layout, or None if the pairs of seeds have different numbers of splits, or several that
        differ.
    """
    levels = [_levels(setting, each, metric) for each in seeds]
    if len({len(of_seeds) for of_seeds in levels}) > 1:
        return None
    kinds = len({tuple(of_seeds) for of_seeds in levels})
    if kinds > 1 and len(levels[0]) > 1:
        return None
    has_own_splits = 1 < kinds == len(seeds)
    known = images and _with_images(setting, other, seeds, metric, images)
    if known:
        return Layout(*known, images=known[0].shape[2], has_own_splits=has_own_splits)
    values = [
        np.array([[[value] for value in _values(each, pair, metric)] for pair in seeds])
        for each in (setting, other)
    ]
    return Layout(values[0], values[1], images=0, has_own_splits=has_own_splits)


def _by_level(setting: Replicates, seeds: Seeds, metric: str) -> dict[int, list[Row]]:
    """Return the runs with a pair of seeds by split; by partition if images of folds count."""
    rows: dict[int, list[Row]] = {}
    for row in sorted(setting.rows_of(seeds), key=lambda row: row.seeds.split_seed):
        is_fold = bool(row.folds) and not metric.startswith("test_")
        level = row.seeds.split_seed // row.folds if is_fold else row.seeds.split_seed
        rows.setdefault(level, []).append(row)
    return rows


def _levels(setting: Replicates, seeds: Seeds, metric: str) -> list[int]:
    return list(_by_level(setting, seeds, metric))


def _values(setting: Replicates, seeds: Seeds, metric: str) -> Iterator[float]:
    """Yield the mean of a metric for each level."""
    sign = 1 if is_higher_better(metric) else -1
    for rows in _by_level(setting, seeds, metric).values():
        counted = [value for row in rows if (value := row.counted(metric)) is not None]
        yield sign * float(np.mean(counted))


def _with_images(
    setting: Replicates, other: Replicates, seeds: Sequence[Seeds], metric: str, images: Images
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return whether each setting is right, (seeds, splits, images); None if images differ."""
    expected: NDArray[np.int32] | None = None
    sides = []
    for each in (setting, other):
        cells = []
        for pair in seeds:
            for rows in _by_level(each, pair, metric).values():
                answers = [images(row, metric) for row in rows]
                known = [answer for answer in answers if answer is not None]
                if len(known) < len(answers):
                    return None
                positions = np.concatenate([answer.images for answer in known])
                order = np.argsort(positions, kind="stable")
                expected = positions[order] if expected is None else expected
                if not np.array_equal(positions[order], expected):
                    return None
                weighed = [
                    _weighed(answer.is_correct, len(positions) / len(known)) for answer in known
                ]
                cells.append(np.concatenate(weighed)[order])
        sides.append(np.stack(cells).reshape(len(seeds), -1, len(cells[0])).astype(np.float64))
    return sides[0], sides[1]


def _weighed(is_correct: NDArray[np.bool_], usual: float) -> NDArray[np.float64]:
    """Return whether images are classified correctly, such that every fold weighs the same.

    The metric of a partition is the mean over its folds, which may differ in size, as groups do.
    """
    return is_correct.astype(np.float64) * (usual / len(is_correct))
