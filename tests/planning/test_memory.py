"""The memory that workers need for their data, estimated before they are started."""

import numpy as np
import pytest

from signs_sweep.data import Dataset
from signs_sweep.errors import DataError, UsageError
from signs_sweep.planning import memory
from signs_sweep.planning.memory import MemoryNeed, memory_need

BIG = "big (60,000 + 4,000 of 128 x 128 x 3)"


def dataset(train: int, test: int) -> Dataset:
    """Return images that take no memory: all are the same pixel."""
    one = np.zeros((1, 1, 1, 1), np.uint8)
    images = [np.broadcast_to(one, (many, 128, 128, 3)) for many in (train, test)]
    labels = [np.arange(many) % 10 for many in (train, test)]
    classes = tuple("0123456789")
    return Dataset("big", images[0], labels[0], images[1], labels[1], classes, drawn=False)


def test_a_worker_needs_the_images_and_two_more_copies_of_the_training_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 7)
    image = 128 * 128 * 3
    need = memory_need([dataset(60_000, 4_000)])
    assert need == MemoryNeed(600_000_000 + (3 * 60_000 + 4_000) * image, 7, BIG)
    both = memory_need([dataset(10, 5), dataset(60_000, 4_000)])
    assert both == MemoryNeed(need.of_worker + 25 * image, 7, BIG)


@pytest.mark.parametrize(
    ("available", "wanted", "expected"),
    [(None, 4, 4), (40, 4, 4), (39, 4, 3), (10, 4, 1), (10, 0, 0), (10, 1, 1)],
)
def test_no_more_workers_are_started_than_fit(
    available: int | None, wanted: int, expected: int
) -> None:
    assert MemoryNeed(10, available, BIG).workers(wanted, is_chosen=False) == expected


def test_a_chosen_number_that_does_not_fit_is_an_error_with_the_numbers() -> None:
    with pytest.raises(UsageError) as caught:
        MemoryNeed(9_600_000_000, 19_800_000_000, BIG).workers(4, is_chosen=True)
    assert str(caught.value) == (
        f"4 workers need about 38.4 GB of memory for the images of {BIG}, but only 19.8 GB is "
        "available. Use --workers 2."
    )


@pytest.mark.parametrize(("wanted", "is_chosen"), [(4, False), (4, True), (1, True), (0, True)])
def test_data_that_no_worker_can_train_on_is_an_error(wanted: int, is_chosen: bool) -> None:
    with pytest.raises(DataError) as caught:
        MemoryNeed(9_600_000_000, 9_500_000_000, BIG).workers(wanted, is_chosen=is_chosen)
    assert str(caught.value) == (
        f"1 worker needs about 9.6 GB of memory for the images of {BIG}, but only 9.5 GB is "
        "available. Use fewer or smaller images, or a machine with more memory."
    )
