"""Statistics of several replicates."""

import math

import pytest

from signs_sweep.statistics.replicates import aggregate, deviation, half_width, mean

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
