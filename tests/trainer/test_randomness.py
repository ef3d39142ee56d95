"""Everything random in an epoch is keyed by (seed, purpose, epoch)."""

import numpy as np
import pytest

from signs_sweep.trainer.augmentation import drawn_values
from signs_sweep.trainer.randomness import Purpose, dropout_mask, generator, sample_order


def draws(seed: int, purpose: Purpose, epoch: int) -> tuple:
    return tuple(generator(seed, purpose, epoch).random(4))


def test_the_same_key_gives_the_same_numbers() -> None:
    assert draws(3, Purpose.ORDER, 7) == draws(3, Purpose.ORDER, 7)


def test_each_part_of_the_key_changes_the_numbers() -> None:
    keys = [
        (seed, purpose, epoch) for seed in range(4) for purpose in Purpose for epoch in range(4)
    ]
    assert len({draws(*key) for key in keys}) == len(keys)


def test_seeds_of_more_than_one_word_stay_apart() -> None:
    """NumPy cuts large integers into words of 32 bits, which must not collide with another key."""
    seeds = [0, 1, 2**32 - 1, 2**32, 2**32 + 1, 2**33, 2**64 + 1]
    keys = [(seed, purpose, epoch) for seed in seeds for purpose in Purpose for epoch in (0, 1, 2)]
    assert len({draws(*key) for key in keys}) == len(keys)


def test_the_numbers_of_a_key_never_change_by_accident() -> None:
    """If they must change, raise TRAINING_VERSION."""
    assert sample_order(3, 0, 8).tolist() == [6, 1, 3, 0, 4, 5, 7, 2]
    first = [float(of[0]) for of in drawn_values(3, 0, 1).values()]
    assert first[:3] == pytest.approx([-0.462978, -0.837899, -0.562774], abs=1e-6)
    assert dropout_mask(3, 0, 2, 6, 0.5).tolist() == [[0, 1, 0, 0, 1, 1], [1, 0, 0, 0, 1, 0]]


def test_an_order_is_a_permutation_and_differs_between_epochs() -> None:
    orders = [sample_order(3, epoch, 50) for epoch in range(20)]
    assert all(sorted(order.tolist()) == list(range(50)) for order in orders)
    assert len({order.tobytes() for order in orders}) == 20
    assert orders[0].dtype == np.int32


def test_masks_differ_between_epochs_and_keep_the_share_they_should() -> None:
    masks = [dropout_mask(3, epoch, 500, 20, 0.8) for epoch in range(5)]
    assert len({mask.tobytes() for mask in masks}) == 5
    assert all(set(np.unique(mask)) == {0, 1} for mask in masks)
    # 50,000 draws have a standard deviation of 0.0018.
    assert np.mean(masks) == pytest.approx(0.8, abs=0.01)


def test_columns_and_rows_of_a_mask_are_independent() -> None:
    mask = dropout_mask(3, 0, 400, 20, 0.5)
    assert len({row.tobytes() for row in mask}) > 390
    assert len({column.tobytes() for column in mask.T}) == 20


def test_without_dropout_everything_is_kept() -> None:
    assert dropout_mask(3, 0, 4, 5, 1).tolist() == np.ones((4, 5)).tolist()


def test_more_kept_means_the_same_and_some_more() -> None:
    """One stream decides for every keep_prob, so that neighbours in a grid differ in little."""
    assert np.all(dropout_mask(3, 0, 50, 9, 0.5) <= dropout_mask(3, 0, 50, 9, 0.8))
