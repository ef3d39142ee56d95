"""Holding out a part for validation."""

import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signs_sweep.data import split_rows
from signs_sweep.errors import DataError

LABELS = st.lists(st.integers(0, 3), min_size=40, max_size=120).map(np.array)
SEEDS = st.integers(0, 40)
FOLDS = st.integers(2, 6)


def smallest(labels: np.ndarray) -> int:
    return np.unique(labels, return_counts=True)[1].min()


def counts(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.bincount(labels[rows], minlength=labels.max() + 1)


@given(LABELS, st.floats(0.25, 0.75), SEEDS)
def test_every_sample_is_on_one_side_and_every_class_on_both(labels, fraction, seed) -> None:
    assume(smallest(labels) >= 4)
    kept, held_out = split_rows(labels, None, fraction, seed=seed)
    assert sorted([*kept, *held_out]) == list(range(len(labels)))
    for label in np.unique(labels):
        members = (labels == label).sum()
        assert abs((labels[held_out] == label).sum() - fraction * members) <= 1


@given(LABELS, SEEDS)
def test_a_larger_fraction_holds_out_all_that_a_smaller_fraction_does(labels, seed) -> None:
    assume(smallest(labels) >= 4)
    _, small = split_rows(labels, None, 0.25, seed=seed)
    _, large = split_rows(labels, None, 0.5, seed=seed)
    assert set(small) <= set(large)
    assert np.array_equal(small, split_rows(labels, None, 0.25, seed=seed)[1])


def test_the_first_split_never_changes() -> None:
    labels = np.array([1, 1, 1, 0, 2, 0, 1, 0, 2, 1, 2, 2, 0, 0, 2, 1, 1, 0, 0, 1, 1])
    kept, held_out = split_rows(labels, None, 0.3)
    assert held_out.tolist() == [1, 2, 3, 4, 13, 14, 20]
    assert kept.dtype == held_out.dtype == np.int64
    assert kept.tolist() == sorted(set(range(21)) - set(held_out.tolist()))


def test_the_other_splits_never_change() -> None:
    labels, groups = np.arange(24) % 2, np.array(list("aaaaaabbbbbccccddddeeefg"))
    assert split_rows(labels, None, 0.25, seed=1)[1].tolist() == [0, 1, 8, 11, 22, 23]
    assert split_rows(labels, None, 0.25, folds=3, seed=4)[1].tolist() == [
        0,
        6,
        8,
        11,
        15,
        16,
        17,
        23,
    ]
    assert split_rows(labels, groups, 0.25)[1].tolist() == [11, 12, 13, 14, 22, 23]


@given(LABELS, st.floats(0.25, 0.75))
def test_the_first_split_is_that_of_stores_without_split_seeds(labels, fraction) -> None:
    assume(smallest(labels) >= 4)
    is_held_out = np.zeros(len(labels), dtype=bool)
    for label, size in zip(*np.unique(labels, return_counts=True), strict=True):
        generator = np.random.default_rng([20_180_731, label, 0])
        members = generator.permutation(np.flatnonzero(labels == label))
        is_held_out[members[: min(int(fraction * size + 0.5), size - 1)]] = True
    assert np.array_equal(split_rows(labels, None, fraction)[1], np.flatnonzero(is_held_out))


@pytest.mark.parametrize("groups", [None, np.arange(60).astype(str)])
@pytest.mark.parametrize("folds", [0, 3])
def test_each_seed_gives_a_different_split(groups: np.ndarray | None, folds: int) -> None:
    labels = np.arange(60) % 3
    splits = {
        tuple(split_rows(labels, groups, 0.2, folds=folds, seed=seed)[1]) for seed in range(12)
    }
    assert len(splits) == 12


def test_groups_of_different_sizes_are_divided_differently_by_each_seed() -> None:
    groups = np.repeat(np.arange(20).astype(str), np.arange(10, 30))
    labels = np.arange(len(groups)) % 2
    for folds in (0, 5):
        splits = [split_rows(labels, groups, 0.2, folds=folds, seed=5 * s)[1] for s in range(8)]
        assert len(set(map(tuple, splits))) == 8


@given(LABELS, FOLDS, st.integers(0, 5))
def test_folds_are_disjoint_cover_everything_and_have_equal_shares(labels, folds, number) -> None:
    assume(smallest(labels) >= folds)
    splits = [
        split_rows(labels, None, 2, folds=folds, seed=number * folds + fold)
        for fold in range(folds)
    ]
    rows = np.arange(len(labels))
    assert np.array_equal(np.sort(np.concatenate([held_out for _, held_out in splits])), rows)
    for kept, held_out in splits:
        assert np.array_equal(kept, np.setdiff1d(rows, held_out))
        assert np.array_equal(held_out, np.unique(held_out))
    table = np.array([counts(labels, held_out) for _, held_out in splits])
    assert np.ptp(table, axis=0).max() <= 1
    assert np.ptp(table.sum(axis=1)) <= 1


@given(LABELS, st.data(), st.sampled_from([0, 2, 3, 5]), SEEDS)
def test_no_group_is_on_both_sides_and_every_class_is_trained_on(
    labels, data, folds, number
) -> None:
    names = st.lists(st.sampled_from("abcdefghijkl"), min_size=len(labels), max_size=len(labels))
    groups = np.array(data.draw(names))
    seeds = [number * folds + fold for fold in range(folds)] if folds else [number]
    try:
        splits = [split_rows(labels, groups, 0.3, folds=folds, seed=seed) for seed in seeds]
    except DataError:
        assume(False)  # noqa: FBT003
    for kept, held_out in splits:
        assert np.array_equal(np.sort([*kept, *held_out]), np.arange(len(labels)))
        assert not set(groups[kept]) & set(groups[held_out])
        assert set(labels[kept]) == set(labels)
        assert len(held_out)
    if folds:
        held = np.concatenate([held_out for _, held_out in splits])
        assert np.array_equal(np.sort(held), np.arange(len(labels)))


@pytest.mark.parametrize("folds", [0, 5])
def test_many_groups_keep_the_shares_of_the_classes_and_take_less_than_a_second(
    folds: int,
) -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 50_000, p=[0.6, 0.3, 0.08, 0.02])
    groups = np.char.add("person ", rng.integers(0, 10_000, 50_000).astype(str))
    began = time.process_time()
    _, held_out = split_rows(labels, groups, 0.2, folds=folds)
    assert time.process_time() - began < 1
    assert counts(labels, held_out) / np.bincount(labels) == pytest.approx(0.2, abs=0.002)


@pytest.mark.parametrize("folds", [0, 5])
def test_a_rare_class_is_divided_as_evenly_as_a_common_class(folds: int) -> None:
    rng = np.random.default_rng(0)
    labels, groups = rng.choice(3, 2000, p=[0.8, 0.16, 0.04]), rng.integers(0, 40, 2000).astype(str)
    for seed in range(5):
        _, held_out = split_rows(labels, groups, 0.2, folds=folds, seed=seed)
        assert counts(labels, held_out) / np.bincount(labels) == pytest.approx(0.2, abs=0.03)


def test_classes_that_share_no_group_fill_all_folds() -> None:
    labels = np.repeat(np.arange(6), 30)
    groups = np.repeat(np.arange(18).astype(str), 10)
    sizes = [len(split_rows(labels, groups, 0, folds=5, seed=fold)[1]) for fold in range(5)]
    assert sorted(sizes) == [30, 30, 40, 40, 40]


@pytest.mark.parametrize("groups", [None, np.array(list("aab"))])
def test_a_fraction_of_zero_holds_out_nothing(groups: np.ndarray | None) -> None:
    kept, held_out = split_rows(np.array([0, 1, 1]), groups, 0)
    assert kept.tolist() == [0, 1, 2]
    assert held_out.tolist() == []


@pytest.mark.parametrize("fraction", [-0.1, 1, 0.01])
def test_a_fraction_that_cannot_be_held_out_is_refused(fraction: float) -> None:
    with pytest.raises(DataError, match="validation"):
        split_rows(np.array([0, 0, 1, 1]), None, fraction)


PAIRS = np.arange(12) % 2
REFUSED = [
    (PAIRS, None, {"folds": 1}, "split has 1 folds; expected at least 2"),
    ([0, 0, 0, 1, 1], None, {"folds": 3}, "3 images of every class: .* 2 of class 1. Use folds: 2"),
    ([0, 1, 1, 1], None, {"names": ["a", "b"]}, "hold out a sample of class 'a' and train on"),
    ([0, 0, 0, 1], None, {"folds": 2, "names": ["a", "b"]}, "has 1 of class 'b'. Use more"),
    ([0, 0, 0, 1], None, {"folds": 2}, "has 1 of class 1. Use more images of this class"),
    (PAIRS, list("aaaabbbbcccc"), {"folds": 4}, "4 groups: .* has 3. Use folds: 3, or leave out"),
    (PAIRS, ["a"] * 12, {"folds": 4}, "Use more groups, or leave out split"),
    (PAIRS, ["a"] * 12, {}, "validation: 0.2 needs at least 2 groups: .* or use validation: 0"),
    (PAIRS, list("aaaaaabbbbbb"), {}, "the 2 groups has 6 of the 12 images. Use a larger fraction"),
    (
        [0, 0, 0, 1],
        list("abcd"),
        {"folds": 2, "names": "ab"},
        "of class 'b' .* its images are all in 1 group. Use",
    ),
]


@pytest.mark.parametrize(("labels", "groups", "options", "words"), REFUSED)
def test_a_split_that_is_not_possible_is_refused_in_every_fold(
    labels, groups, options, words
) -> None:
    groups = None if groups is None else np.array(groups)
    for seed in range(4 * options.get("folds", 1)):
        with pytest.raises(DataError, match=words):
            split_rows(np.array(labels), groups, 0.2, **options, seed=seed)


def test_what_the_messages_suggest_is_possible() -> None:
    labels, groups = np.array([0, 0, 0, 1, 1]), np.array(list("aaaabbbbcccc"))
    for seed in range(3):
        assert len(split_rows(labels, None, 0, folds=2, seed=seed)[1])
        assert len(split_rows(PAIRS, groups, 0, folds=3, seed=seed)[1]) == 4
        assert len(split_rows(PAIRS, np.repeat(["a", "b"], 6), 0.5, seed=seed)[1]) == 6
    more = np.array([0, 0, 0, 1, 1]), np.array(list("abcde"))
    assert all(len(split_rows(*more, 0, folds=2, seed=seed)[0]) for seed in range(2))
