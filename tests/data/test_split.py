"""Holding out a part for validation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs_sweep.data import stratified_split
from signs_sweep.errors import DataError

LABELS = st.lists(st.integers(0, 3), min_size=40, max_size=120).map(np.array)


@given(LABELS, st.floats(0.25, 0.75))
def test_every_sample_is_on_one_side_and_every_class_on_both(labels, fraction) -> None:
    for label in np.unique(labels):
        if (labels == label).sum() < 4:
            return
    kept, held_out = stratified_split(labels, fraction)
    assert sorted([*kept, *held_out]) == list(range(len(labels)))
    for label in np.unique(labels):
        members = (labels == label).sum()
        assert abs((labels[held_out] == label).sum() - fraction * members) <= 1


@given(LABELS)
def test_a_larger_fraction_holds_out_all_that_a_smaller_fraction_does(labels) -> None:
    if min((labels == label).sum() for label in np.unique(labels)) < 4:
        return
    _, small = stratified_split(labels, 0.25)
    _, large = stratified_split(labels, 0.5)
    assert set(small) <= set(large)
    assert np.array_equal(small, stratified_split(labels, 0.25)[1])


def test_a_fraction_of_zero_holds_out_nothing() -> None:
    kept, held_out = stratified_split(np.array([0, 1, 1]), 0)
    assert kept.tolist() == [0, 1, 2]
    assert held_out.tolist() == []


@pytest.mark.parametrize("fraction", [-0.1, 1, 0.01])
def test_a_fraction_that_cannot_be_held_out_is_refused(fraction: float) -> None:
    with pytest.raises(DataError, match="validation"):
        stratified_split(np.array([0, 0, 1, 1]), fraction)
