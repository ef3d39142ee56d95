"""Statistics of several replicates, and differences over seeds."""

import math

import pytest

from signs_sweep.statistics.replicates import (
    aggregate,
    deviation,
    half_width,
    mean,
    paired_difference,
)

VALUES = [0.8, 0.4, 0.9]


def test_mean_and_deviation_are_those_of_a_sample() -> None:
    assert mean(VALUES) == pytest.approx(0.7)
    assert deviation(VALUES) == pytest.approx(0.2645751311064591)


def test_what_is_not_defined_is_none() -> None:
    assert mean([]) is None
    assert deviation([]) is None
    assert deviation([0.5]) is None


def test_the_interval_is_that_of_the_t_test() -> None:
    assert half_width([2.0, 1.0, 3.0]) == pytest.approx(4.302652729911275 / math.sqrt(3))


@pytest.mark.parametrize(
    ("how", "maximize", "expected"),
    [
        ("mean", True, 0.7),
        ("median", True, 0.8),
        ("min", True, 0.4),
        ("min", False, 0.9),
        ("lower_bound", True, 0.7 - 4.302652729911275 * 0.2645751311064591 / math.sqrt(3)),
        ("lower_bound", False, 0.7 + 4.302652729911275 * 0.2645751311064591 / math.sqrt(3)),
    ],
)
def test_replicates_become_one_value(how: str, maximize: bool, expected: float) -> None:
    assert aggregate(VALUES, how, maximize=maximize) == pytest.approx(expected)


def test_an_unknown_way_to_aggregate_is_a_bug() -> None:
    with pytest.raises(ValueError, match="'mode'"):
        aggregate(VALUES, "mode", maximize=True)


def test_it_is_the_mean_of_the_pairs_with_the_interval_of_the_t_test() -> None:
    found = paired_difference([3.0, 5.0, 7.0], [1.0, 4.0, 4.0])
    # Differences 2, 1, 3: mean 2, standard deviation 1, t(0.975; 2) = 4.3027.
    assert found.mean == pytest.approx(2)
    assert found.high - found.mean == pytest.approx(4.302652729911275 / math.sqrt(3))
    assert found.mean - found.low == pytest.approx(4.302652729911275 / math.sqrt(3))
    assert found.pairs == 3
    assert not found.is_clear


def test_it_is_clear_where_the_interval_excludes_zero() -> None:
    assert paired_difference([2.0, 2.1, 2.2], [1.0, 1.1, 1.2]).is_clear
    assert paired_difference([1.0, 1.1, 1.2], [2.0, 2.1, 2.2]).is_clear


def test_what_the_seeds_have_in_common_does_not_widen_it() -> None:
    ours, theirs = [0.5, 0.9, 0.7], [0.4, 0.81, 0.59]
    assert paired_difference(ours, theirs).is_clear
    assert not paired_difference(ours, [theirs[1], theirs[2], theirs[0]]).is_clear


@pytest.mark.parametrize(("ours", "theirs"), [([1.0], [2.0]), ([], []), ([1.0, 2.0], [1.0])])
def test_two_pairs_are_needed(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match=r"two pairs|broadcast"):
        paired_difference(ours, theirs)
