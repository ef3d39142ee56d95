"""Differences over seeds and images: coverage and shares by simulation."""

import numpy as np
import pytest

from signs_sweep.statistics.crossed import crossed


def layout(
    rng: np.random.Generator, seeds: int, images: int, deviations: tuple[float, float, float]
) -> np.ndarray:
    """Return differences with a mean of 0.1 and given deviations of seeds, images and the rest."""
    of_seeds, of_images, rest = deviations
    return (
        0.1
        + rng.normal(0, of_seeds, (seeds, 1))
        + rng.normal(0, of_images, (1, images))
        + rng.normal(0, rest, (seeds, images))
    )


@pytest.mark.parametrize("deviations", [(0.1, 0.0, 0.5), (0.0, 0.4, 0.5), (0.1, 0.4, 0.5)], ids=str)
def test_the_interval_covers_the_mean_for_new_seeds_and_images(
    deviations: tuple[float, float, float],
) -> None:
    rng = np.random.default_rng(1)
    found = [crossed(layout(rng, 20, 120, deviations)) for _ in range(80)]
    covered = np.mean([each.low <= 0.1 <= each.high for each in found])
    # The pigeonhole bootstrap is conservative where the rest dominates.
    assert 0.88 <= covered <= 1


def test_the_shares_are_those_of_the_variance_of_the_mean() -> None:
    rng = np.random.default_rng(2)
    deviations = (0.1, 0.4, 0.5)
    found = [crossed(layout(rng, 20, 120, deviations)) for _ in range(100)]
    parts = np.array([0.1**2 / 20, 0.4**2 / 120, 0.5**2 / 2400])
    expected = parts / parts.sum()
    assert np.mean([each.seeds for each in found]) == pytest.approx(expected[0], abs=0.05)
    assert np.mean([each.images for each in found]) == pytest.approx(expected[1], abs=0.05)


def test_the_interval_over_images_alone_is_that_of_the_binomial() -> None:
    """Without differences between seeds, 120 images have the uncertainty of 120 images."""
    rng = np.random.default_rng(3)
    right = (rng.random(120) < 0.88).astype(float)
    found = crossed(np.tile(right, (10, 1)))
    assert found.images == 1
    half = 1.96 * right.std() / np.sqrt(120)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_equal_results_have_no_uncertainty_and_few_have_no_result() -> None:
    found = crossed(np.zeros((5, 10)))
    assert (found.low, found.high, found.seeds, found.images) == (0, 0, 0, 0)
    assert crossed(np.zeros((1, 10))) is None
    assert crossed(np.zeros((5, 1))) is None
