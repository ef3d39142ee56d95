"""Statistics that are valid for one look, compared with SciPy and published values."""

import numpy as np
import pytest

from signs_sweep.statistics.single_look import effect_size, independence, mcnemar, sign_flip

DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Heights of cross-fertilized minus self-fertilized plants, in eighths of an inch."""


def test_fishers_own_example_gives_his_p_value() -> None:
    # The Design of Experiments, section 21: 863 of 32,768 sums in each tail.
    assert sign_flip(DARWIN) == pytest.approx(2 * 863 / 32768, abs=1e-12)


@pytest.mark.parametrize("pairs", [2, 3, 8, 11])
@pytest.mark.parametrize("is_discrete", [False, True])
def test_the_count_is_that_of_all_assignments(pairs: int, *, is_discrete: bool) -> None:
    from scipy.stats import permutation_test

    rng = np.random.default_rng(pairs)
    values = rng.integers(-3, 5, pairs) / 120 if is_discrete else rng.standard_normal(pairs)
    expected = permutation_test(
        *((values,), lambda x, axis: x.mean(axis)),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )

    assert sign_flip(values) == pytest.approx(expected.pvalue)


def test_a_mean_of_zero_has_the_p_value_one() -> None:
    assert sign_flip([0.1, -0.1]) == 1
    assert sign_flip([0, 0, 0]) == 1


def test_what_cannot_be_counted_is_none() -> None:
    assert sign_flip([]) is None
    assert sign_flip([1.0] * 41) is None
    assert sign_flip([float("inf"), 1]) is None


def test_the_effect_is_the_mean_in_standard_deviations() -> None:
    assert effect_size([1, 2, 3]) == pytest.approx(2)
    assert effect_size([1]) is None
    assert effect_size([1, 1]) is None
    assert effect_size([1, float("inf")]) is None


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


def test_fishers_tea_tasting_has_its_p_value() -> None:
    assert independence([(3, 1), (1, 3)]) == pytest.approx(34 / 70)
