"""Differences over seeds, splits and images: coverage and shares by simulation."""

import tracemalloc
from itertools import permutations

import numpy as np
import pytest

from signs_sweep.statistics.crossed import Crossed, crossed

TWO = {"seeds": 0.1, "images": 0.4, "rest": 0.5}
THREE = {
    "seeds": 0.1,
    "splits": 0.08,
    "images": 0.25,
    "seeds splits": 0.12,
    "seeds images": 0.4,
    "splits images": 0.3,
    "rest": 1.5,
}


def layout(
    rng: np.random.Generator, shape: tuple[int, int, int], deviations: dict[str, float]
) -> np.ndarray:
    """Return differences with a mean of 0.1 and given deviations of effects and the rest."""
    differences = np.full(shape, 0.1)
    for effect, deviation in deviations.items():
        differences = differences + rng.normal(0, deviation, own_shape(shape, effect))
    return differences


def own_shape(shape: tuple[int, int, int], effect: str) -> tuple[int, ...]:
    """Return the shape of an effect that is constant along all other axes."""
    names = ("seeds", "splits", "images")
    return tuple(
        size if effect == "rest" or name in effect.split() else 1
        for name, size in zip(names, shape, strict=True)
    )


def shares(found: Crossed) -> tuple[float | None, ...]:
    return found.seeds, found.splits, found.images


@pytest.mark.parametrize(
    ("shape", "deviations", "count"),
    [
        ((20, 1, 120), {"seeds": 0.1, "rest": 0.5}, 80),
        ((20, 1, 120), {"images": 0.4, "rest": 0.5}, 80),
        ((20, 1, 120), TWO, 80),
        pytest.param(
            (10, 6, 100),
            {"seeds": 0.1, "splits": 0.06, "images": 0.3, "rest": 0.3},
            300,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["seeds", "images", "two", "three"],
)
def test_the_interval_covers_the_mean_for_new_seeds_splits_and_images(
    shape: tuple[int, int, int], deviations: dict[str, float], count: int
) -> None:
    rng = np.random.default_rng(1)
    found = [crossed(layout(rng, shape, deviations)) for _ in range(count)]
    covered = np.mean([each.low <= 0.1 <= each.high for each in found])
    # The pigeonhole bootstrap is conservative where the rest dominates. With three sources: 0.95.
    assert (0.88 if count < 300 else 0.92) <= covered <= 1


@pytest.mark.parametrize(
    ("shape", "deviations"), [((20, 1, 120), TWO), ((12, 10, 60), THREE)], ids=["two", "three"]
)
def test_the_shares_are_those_of_the_variance_of_the_mean(
    shape: tuple[int, int, int], deviations: dict[str, float]
) -> None:
    rng = np.random.default_rng(2)
    found = [shares(crossed(layout(rng, shape, deviations))) for _ in range(100)]
    parts = {
        effect: deviation**2 / np.prod(own_shape(shape, effect))
        for effect, deviation in deviations.items()
    }
    for name, values in zip(("seeds", "splits", "images"), zip(*found, strict=True), strict=True):
        if name in parts:
            expected = parts[name] / sum(parts.values())
            assert np.mean(values) == pytest.approx(expected, abs=0.03)
        else:
            assert set(values) == {None}


def test_the_shares_are_at_most_1_and_belong_to_the_axes_in_any_order() -> None:
    rng = np.random.default_rng(3)
    differences = rng.integers(-1, 2, (6, 4, 5)) + rng.integers(0, 2, (6, 1, 1))
    expected = shares(crossed(differences))
    assert min(expected) >= 0
    assert 0 < sum(expected) <= 1
    for axis in range(3):
        reordered = rng.permutation(differences, axis=axis)
        assert shares(crossed(reordered)) == pytest.approx(expected)
    for axes in permutations(range(3)):
        found = shares(crossed(differences.transpose(axes)))
        assert found == pytest.approx([expected[axis] for axis in axes])


def test_the_interval_is_that_of_independent_draws_of_all_sources() -> None:
    """The variances of independent means add up, also where the sources are of the same size."""
    effect = np.random.default_rng(4).normal(0, 1, 30)
    found = crossed(effect[:, np.newaxis, np.newaxis] + effect[:, np.newaxis] + effect)
    half = 1.96 * effect.std() * np.sqrt(3 / 30)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.06)
    assert shares(found) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_the_interval_over_images_alone_is_that_of_the_binomial() -> None:
    """Without differences between seeds, 120 images have the uncertainty of 120 images."""
    rng = np.random.default_rng(3)
    right = (rng.random(120) < 0.88).astype(float)
    found = crossed(np.tile(right, (10, 1, 1)))
    assert found.images == 1
    half = 1.96 * right.std() / np.sqrt(120)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_the_result_with_a_single_split_stays_that_of_earlier_versions() -> None:
    differences = np.random.default_rng(4).integers(-1, 2, (8, 40)).astype(float)
    differences[:4, :12] += 1
    found = crossed(differences[:, np.newaxis])
    assert (found.low, found.high, found.seeds, found.images) == pytest.approx(
        (0.03749999999999999, 0.41570312499999956, 0.3724287758702936, 0.28654026311403336),
        rel=1e-12,
    )


def test_a_single_split_or_image_is_not_a_source() -> None:
    differences = np.random.default_rng(5).integers(-1, 2, (8, 40)).astype(float)
    of_images, of_splits = (crossed(np.expand_dims(differences, axis)) for axis in (1, 2))
    assert (of_images.splits, of_splits.images) == (None, None)
    assert (of_splits.seeds, of_splits.splits) == pytest.approx((of_images.seeds, of_images.images))
    assert crossed(np.zeros((1, 5, 10))) is None
    assert crossed(np.zeros((5, 1, 1))) is None


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_equal_differences_have_no_uncertainty(value: float) -> None:
    found = crossed(np.full((5, 3, 10), value))
    assert (found.low, found.high) == pytest.approx((value, value))
    assert shares(found) == (0, 0, 0)


def test_memory_is_bounded_for_many_networks_and_images() -> None:
    differences = np.random.default_rng(6).integers(-1, 2, (20, 10, 1080)).astype(float)
    tracemalloc.start()
    crossed(differences)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
