"""Evidence that stays valid while pairs are added: values by hand, guarantees by simulation."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs_sweep.statistics.sequential import (
    centre,
    evidence,
    evidence_of_signs,
    holm,
    least_pairs,
    pairs_until,
    probability_of_verdict,
)

SERIES = 20_000
PAIRS = 30


def test_evidence_of_three_positive_signs_is_computed_by_hand() -> None:
    # The mean of p^k over the arcsine distribution is C(2k, k) / 4^k, divided by 2^-k.
    assert evidence_of_signs([1, 2, 3]) == pytest.approx([1, 6 / 4, 20 / 8])


def test_evidence_is_the_mean_of_both_processes() -> None:
    # Ranks 1/1, 1/2 and 2.5/3: the second is smaller than the first, the third ties with it.
    differences, bets = [2, -1, 2], [1, -1 / 2, 2.5 / 3]
    shares = [sign * k for k in (0.2, 0.4, 0.6, 0.8, 0.95) for sign in (1, -1)]
    ranks = sum(math.prod(1 + share * bet for bet in bets) for share in shares) / len(shares)
    signs = math.gamma(2.5) * math.gamma(1.5) / math.gamma(4) / math.pi * 8

    assert evidence(differences)[-1] == pytest.approx((signs + ranks) / 2)


def test_ranks_are_midranks_among_the_differences_up_to_each() -> None:
    from scipy.stats import rankdata

    values = np.random.default_rng(5).integers(-3, 4, 20).astype(float)
    bets = [
        np.sign(value) * rankdata(np.abs(values[: index + 1]))[-1] / (index + 1)
        for index, value in enumerate(values)
    ]
    shares = np.array([0.2, 0.4, 0.6, 0.8, 0.95])
    both = np.concatenate([shares, -shares])
    expected = np.prod(1 + np.outer(both, bets), axis=1).mean()

    found = 2 * evidence(values)[-1] - evidence_of_signs(values)[-1]

    assert found == pytest.approx(expected)


def test_evidence_of_many_series_is_that_of_each() -> None:
    series = np.random.default_rng(1).standard_normal((4, 3, 12))

    together = evidence(series)

    for index in product(range(4), range(3)):
        assert together[index] == pytest.approx(evidence(series[index]))


def test_evidence_is_symmetric_and_later_pairs_do_not_change_it() -> None:
    series = np.random.default_rng(2).standard_normal(15)

    assert evidence(series) == pytest.approx(evidence(-series))
    assert evidence(series[:9]) == pytest.approx(evidence(series)[:9])


def test_zeros_bet_nothing_and_rounding_noise_is_a_tie() -> None:
    assert evidence([0, 0, 0]) == pytest.approx([1, 1, 1])
    noisy = [0.85 - 0.8, 0.9 - 0.85, 0.8 - 0.85]
    assert len({abs(value) for value in noisy}) > 1
    assert evidence(noisy) == pytest.approx(evidence([0.05, 0.05, -0.05]))


def test_an_infinite_difference_is_the_largest_of_all() -> None:
    assert evidence([1, 2, math.inf]) == pytest.approx(evidence([1, 2, 3]))


def test_a_long_clear_series_does_not_overflow_to_nan() -> None:
    assert not np.isnan(evidence(np.ones(3000))).any()


NULLS = {
    "normal": lambda rng: rng.standard_normal((SERIES, PAIRS)),
    "one photo more or less": lambda rng: rng.choice([-1, 1], (SERIES, PAIRS)) / 120,
    "ties": lambda rng: rng.choice([-1, 0, 1], (SERIES, PAIRS)),
    "two binomials": lambda rng: (
        rng.binomial(120, 0.85, (SERIES, PAIRS)) - rng.binomial(120, 0.85, (SERIES, PAIRS))
    ),
    "collapses": lambda rng: np.subtract(
        *(
            np.where(
                rng.random((SERIES, PAIRS)) < 0.1, 20, rng.binomial(120, 0.85, (SERIES, PAIRS))
            )
            for _ in range(2)
        )
    ),
    "heavy tails": lambda rng: rng.standard_cauchy((SERIES, PAIRS)),
}


@pytest.mark.parametrize("null", NULLS)
def test_equal_settings_are_seldom_called_different_at_any_time(null: str) -> None:
    series = NULLS[null](np.random.default_rng(3))

    share = (evidence(series) >= 20).any(axis=1).mean()

    # Far below 5 %: the bound of Ville holds for a process that never ends.
    assert share < 0.05 + 3 * math.sqrt(0.05 * 0.95 / SERIES)
    assert share == pytest.approx(0.019, abs=0.006)


@pytest.mark.parametrize(("effect", "seen", "pairs"), [(0.5, 0.36, 26), (1, 0.96, 15), (2, 1.0, 9)])
def test_effects_are_seen_as_often_as_published(effect: float, seen: float, pairs: float) -> None:
    series = np.random.default_rng(4).standard_normal((SERIES, PAIRS)) + effect
    is_seen = evidence(series) >= 20
    ends = np.where(is_seen.any(axis=1), is_seen.argmax(axis=1) + 1, PAIRS)

    assert is_seen.any(axis=1).mean() == pytest.approx(seen, abs=0.01)
    assert ends.mean() == pytest.approx(pairs, abs=0.6)


def test_a_probability_of_a_verdict_is_that_of_the_simulation() -> None:
    assert probability_of_verdict(1, PAIRS, 20) == pytest.approx(0.96, abs=0.02)
    assert probability_of_verdict(1, 6, 20) == 0


def test_the_earliest_verdict_needs_seven_pairs() -> None:
    assert least_pairs(20) == 7
    assert evidence(np.arange(1, 8))[-2:] == pytest.approx([13.05, 23.89], abs=0.01)


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=9),
    st.floats(5, 40),
    st.integers(-60, 60).map(lambda value: value / 10 + 0.03),
)
def test_the_centre_contains_exactly_the_shifts_that_are_possible(
    differences: list[int], threshold: float, shift: float
) -> None:
    low, high = centre(differences, threshold)
    values = np.array(differences, dtype=float)
    shifts = np.sort(np.append(np.linspace(-12, 12, 241) + 0.01, shift))
    largest = evidence(values - shifts[:, np.newaxis]).max(axis=1)

    possible = shifts[largest < threshold]

    if len(possible):
        assert low[-1] <= possible[0]
        assert possible[-1] <= high[-1]
    inside = shifts[(shifts > low[-1]) & (shifts < high[-1])]
    if len(inside):  # The ends are as close as possible: the nearest shifts inside are possible.
        edges = [end for end in (low[-1], high[-1]) if np.isfinite(end)]
        for end in edges:
            at = [end - 1e-6, end, end + 1e-6]
            assert (evidence(values - np.array(at)[:, np.newaxis]).max(axis=1) < threshold).any()


def test_the_centre_is_covered_at_every_time() -> None:
    rng = np.random.default_rng(6)
    missed = 0
    for _ in range(400):
        low, high = centre(rng.standard_normal(20), 20)
        missed += bool(((low > 0) | (high < 0)).any())

    assert missed <= 400 * 0.05


def test_the_centre_of_many_pairs_contains_that_of_every_shift() -> None:
    values = np.random.default_rng(7).standard_normal(80)
    low, high = centre(values, 20)
    shifts = np.linspace(-1, 1, 2001)
    possible = shifts[evidence(values - shifts[:, np.newaxis]).max(axis=1) < 20]

    assert low[-1] <= possible[0] < possible[-1] <= high[-1]
    assert high[-1] - low[-1] < 1.1 * (possible[-1] - possible[0])


def test_no_differences_have_no_centre() -> None:
    assert [len(ends) for ends in centre([], 20)] == [0, 0]


def test_holm_passes_the_share_of_a_rejected_hypothesis_on() -> None:
    shares = [1 / 3] * 3
    assert holm([25, 45, 1], shares, 0.05) == ([False] * 3, pytest.approx([60] * 3))
    assert holm([25, 61, 1], shares, 0.05) == ([False, True, False], pytest.approx([40, 60, 40]))
    assert holm([41, 61, 1], shares, 0.05) == ([True, True, False], pytest.approx([40, 60, 20]))


def test_weights_divide_the_error() -> None:
    assert holm([1, 1], [0.9, 0.1], 0.05) == ([False] * 2, pytest.approx([1 / 0.045, 1 / 0.005]))
    assert holm([23, 20], [0.9, 0.1], 0.05)[0] == [True, True]
    assert holm([22, 20], [0.9, 0.1], 0.05)[0] == [False, False]


def test_hypotheses_without_evidence_keep_their_share() -> None:
    assert holm([39], [0.5], 0.05, rest=0.5) == ([False], pytest.approx([40]))
    assert holm([41], [0.5], 0.05, rest=0.5)[0] == [True]


def test_more_evidence_only_rejects_more() -> None:
    rng = np.random.default_rng(8)
    for _ in range(300):
        early = rng.uniform(1, 80, 6)
        late = early + rng.exponential(20, 6) * rng.integers(0, 2, 6)
        before, after = (holm(values.tolist(), [1 / 6] * 6, 0.05)[0] for values in (early, late))
        assert all(then or not first for first, then in zip(before, after, strict=True))


def test_a_family_of_equal_settings_keeps_its_error() -> None:
    rng = np.random.default_rng(9)
    false = 0
    for _ in range(1000):
        baseline = rng.standard_normal(20)
        processes = [evidence(rng.standard_normal(20) - baseline) for _ in range(5)]
        false += any(holm([process.max() for process in processes], [1 / 5] * 5, 0.05)[0])

    assert false <= 1000 * 0.05


@pytest.mark.parametrize("is_discrete", [False, True])
def test_further_pairs_do_not_change_the_earlier_ends_of_the_centre(*, is_discrete: bool) -> None:
    values = np.random.default_rng(10).standard_normal(150) / 50
    values = np.round(values * 120) / 120 if is_discrete else values
    low, high = centre(values, 20)
    assert (np.diff(low[7:62]) >= 0).all()
    for count in (20, 63, 124):
        for early, late in zip(centre(values[:count], 20), (low, high), strict=True):
            np.testing.assert_array_equal(early, late[:count])


def test_the_number_of_pairs_is_estimated_by_repeating_the_known_differences() -> None:
    assert pairs_until([1.0, 1.0, 1.0], 20, None, 20, 100) == 8
    assert pairs_until([1.0, -1.0], 20, None, 20, 100) is None
    # With a margin, differences around zero are equivalent at some time.
    assert pairs_until([0.001, -0.001], 20, 0.02, 20, 100) == 8
