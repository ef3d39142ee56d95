"""Tests for a single look at the data."""

import numpy as np
import pytest

from signs_sweep.statistics.fixed import mcnemar


def images(*, both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Return on which images two runs are right, given how many images each case has."""
    counts = [both, first, second, neither]
    return (
        np.repeat([True, True, False, False], counts),
        np.repeat([True, False, True, False], counts),
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (9, 2, 2 * (1 + 11 + 55) / 2**11),  # 0.06543 in Fay, exact McNemar's test (exact2x2), 2010
        (1, 8, 2 * (1 + 9) / 2**9),
        (0, 6, 2 / 2**6),
        (5, 5, 1.0),
        (1, 0, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_is_the_binomial_test_of_the_discordant_images(
    first: int, second: int, expected: float
) -> None:
    one, other = images(both=21, first=first, second=second, neither=12)
    assert mcnemar(one, other) == pytest.approx(expected)
    assert mcnemar(other, one) == pytest.approx(expected)


def test_images_on_which_both_agree_do_not_count() -> None:
    few = mcnemar(*images(both=0, first=9, second=2, neither=0))
    assert few == mcnemar(*images(both=500, first=9, second=2, neither=300))


def test_runs_on_different_images_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different images"):
        mcnemar(np.ones(3, bool), np.ones(1, bool))
