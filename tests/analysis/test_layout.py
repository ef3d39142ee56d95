"""Settings with several splits: what counts as a result, and how results are arranged."""

from collections.abc import Sequence
from itertools import product
from random import Random

import numpy as np
import pytest

from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.analysis.layout import Layout, layout_of
from signs_sweep.analysis.settings import settings_of
from signs_sweep.domain import Answers, Parameters, Result, Row, Seeds, State, VerdictRule

IMAGES = 4
HELD_OUT = ([0, 2], [1, 3], [3, 2], [1, 0])
"""The images that each split holds out, with two folds: the partitions divide them differently."""

Cell = tuple[float, int, int]
"""l2, seed and split of a run."""


def row(l2: float, seed: int, split: int, score: float | None, *, folds: int = 2) -> Row:
    """Return a run with an accuracy; None: it failed."""
    run_id = f"{l2}-{seed}-{split}"
    names = ("val_accuracy", "test_accuracy")
    metrics = {} if score is None else dict.fromkeys(names, score)
    state = State.FAILED if score is None else State.FINISHED
    parameters = Parameters(l2=l2, global_seed=seed, split_seed=split)
    result = Result(run_id, state, metrics, guessing_since=1 if score == 0 else None)
    more = {"validation": 0.5, "folds": folds}
    return Row("toy", run_id, None, parameters, result, {}, f"0.0-{seed}-{split}", **more)


def grid(seeds: int, splits: Sequence[int], *, folds: int = 2) -> list[Row]:
    """Return runs of two settings with every seed and every split."""
    cells = product((0.0, 0.1), range(seeds), splits)
    return [row(*cell, 0.5 + cell[0] + cell[1] / 100, folds=folds) for cell in cells]


def is_correct(l2: float, seed: int, block: int) -> np.ndarray:
    """Return which of the images a setting gets right with a seed, in a partition or split."""
    return np.random.default_rng([int(l2 * 10), seed, block]).integers(0, 2, IMAGES) > 0


def arranged(rows: Sequence[Row], metric: str = "val_accuracy", images=None) -> Layout | None:
    other, setting = settings_of(rows)
    return layout_of(setting, other, list(setting.paired(other, metric)), metric, images)


def of_folds(row: Row, metric: str) -> Answers:
    """Return the answers of a run that holds out a fold, or to the test set."""
    split = row.seeds.split_seed
    is_test = metric == "test_accuracy"
    positions = np.arange(IMAGES) if is_test else np.array(HELD_OUT[split])
    block = split if is_test else split // 2
    answers = is_correct(row.parameters.l2, row.seeds.global_seed, block)
    return Answers(positions.astype(np.int32), answers[positions])


def expected(l2: float, seeds: int, blocks: int) -> list[list[list[float]]]:
    return [
        [is_correct(l2, seed, block).astype(float).tolist() for block in range(blocks)]
        for seed in range(seeds)
    ]


def test_a_result_is_the_mean_over_the_splits_of_a_pair_of_seeds() -> None:
    """Seed 1 lacks a fold, seed 2 has one that crashed, seed 3 has folds of two partitions."""
    cells = {0: {0: 0.5, 1: 0.0}, 1: {0: 0.5}, 2: {0: 0.5, 1: None}, 3: {0: 0.5, 2: 0.5}}
    rows = [
        row(0.0, seed, split, score) for seed, its in cells.items() for split, score in its.items()
    ]
    (setting,) = settings_of(rows)
    assert setting.scores("val_accuracy") == {Seeds(0, 0): 0.25}
    assert list(setting.seeds) == [Seeds(seed, 0) for seed in range(4)]
    assert setting.failing[Seeds(0, 0)] == 1
    assert setting.deviation("val_accuracy") is None


def test_results_over_different_splits_are_never_subtracted() -> None:
    rows = [*grid(2, [0, 1]), row(0.1, 0, 2, 0.9), row(0.1, 0, 3, 0.9)]
    other, setting = settings_of(rows)
    assert len(setting.scores("val_accuracy")) == 2
    assert list(setting.paired(other, "val_accuracy")) == [Seeds(1, 0)]


def test_the_folds_of_a_partition_are_joined_and_its_images_aligned() -> None:
    layout = arranged(grid(3, range(4)), images=of_folds)
    assert layout.first.tolist() == expected(0.1, 3, 2)
    assert layout.second.tolist() == expected(0.0, 3, 2)
    assert (layout.splits, layout.images, layout.has_own_splits) == (2, IMAGES, False)


def test_every_fold_is_asked_about_the_whole_test_set() -> None:
    layout = arranged(grid(3, range(4)), "test_accuracy", of_folds)
    assert layout.first.tolist() == expected(0.1, 3, 4)
    assert (layout.splits, layout.images) == (4, IMAGES)


@pytest.mark.parametrize("images", [None, lambda row, metric: None])
def test_without_predictions_there_are_the_means_of_the_partitions(images) -> None:
    rows = [row(l2, 0, split, split / 10) for l2 in (0.0, 0.1) for split in range(4)]
    layout = arranged(rows, images=images)
    assert layout.first == pytest.approx(np.array([[[0.05], [0.25]]]))
    assert layout.images == 0


def held_out(row: Row, metric: str) -> Answers:
    split = row.seeds.split_seed
    return Answers(np.arange(IMAGES, dtype=np.int32) + split, is_correct(0, 0, split))


def test_splits_without_folds_hold_out_different_images() -> None:
    """With one split the images are known; with two, whose images differ, only the means are."""
    fixed = arranged(grid(3, [4], folds=0), images=held_out)
    assert fixed.first.shape == (3, 1, IMAGES)
    several = arranged(grid(3, [4, 5], folds=0), images=held_out)
    assert several.first.shape == (3, 2, 1)
    assert (several.images, several.has_own_splits) == (0, False)


def test_each_pair_of_seeds_may_have_its_own_split() -> None:
    rows = [row(l2, seed, seed, 0.5, folds=0) for l2 in (0.0, 0.1) for seed in range(3)]
    layout = arranged(rows, images=held_out)
    assert layout.first.shape == (3, 1, 1)
    assert layout.has_own_splits
    tested = arranged(rows, "test_accuracy", of_folds)
    assert tested.first.shape == (3, 1, IMAGES)
    assert tested.has_own_splits


@pytest.mark.parametrize("splits", [((0, 1), (0,)), ((0, 1), (0, 2))])
def test_pairs_of_seeds_with_other_splits_cannot_be_arranged(splits) -> None:
    rows = [
        row(l2, seed, split, 0.5, folds=0)
        for l2 in (0.0, 0.1)
        for seed, its in enumerate(splits)
        for split in its
    ]
    assert arranged(rows) is None


def test_a_verdict_does_not_depend_on_the_order_of_the_splits() -> None:
    """The order of the pairs of seeds is that of the spec."""
    rows = grid(8, range(4))
    mixed = sorted(
        rows, key=lambda row: (row.parameters.l2, row.seeds.pair, Random(row.run_id).random())
    )
    rules = {"toy": VerdictRule()}
    (first,), (second,) = (
        compare_settings(each, rules, images=of_folds)[0].decisive for each in (rows, mixed)
    )
    assert mixed != rows
    assert first == second
    assert first.judgement.is_clear
    assert (first.pairs, first.runs, first.splits, first.images) == (8, 32, 2, IMAGES)
