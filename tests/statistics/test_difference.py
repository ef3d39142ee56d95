"""Differences over seeds."""

import math

import pytest

from signs_sweep.statistics.difference import paired_difference


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
