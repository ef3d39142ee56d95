"""What `summarize` finds in a dataset, and the pictures of a contact sheet."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from signs_sweep.data import Dataset, contact_sheet, mean_images, summarize


def test_counts_values_and_repeated_images_are_those_of_each_part(dataset: Dataset) -> None:
    images = dataset.train_images.copy()
    images[3] = images[0]
    images[11] = images[9]  # In the validation set, and so not twice in the training set.
    images[..., 2] = 7
    given = replace(dataset, train_images=images, given=3)
    summary = summarize(given)
    training, validation, test = summary.parts
    assert [part.name for part in summary.parts] == ["training", "validation", "test"]
    assert training.counts == (3, 3, 3)
    assert validation.counts == (1, 1, 1)
    assert test.counts == (2, 1, 1)
    assert [part.repeated for part in summary.parts] == [1, 1, 0]
    assert summary.constant == {2: 7}
    assert (summary.low, summary.high) == (images[:9].min(), images[:9].max())
    assert summary.mean == pytest.approx(images[:9].mean())
    assert summary.class_means[1] == pytest.approx(images[[1, 4, 7]].mean())
    assert summary.fingerprint == given.without_given().fingerprint
    assert summary.fingerprint_given == given.fingerprint != summary.fingerprint


def test_a_class_without_images_has_no_mean(dataset: Dataset) -> None:
    lacking = replace(dataset, classes=("none", *dataset.classes))
    lacking = replace(lacking, train_labels=dataset.train_labels + 1)
    means = mean_images(lacking)
    assert np.isnan(means[0]).all()
    np.testing.assert_allclose(means[1], dataset.train_images[::3].mean(axis=0))
    summary = summarize(lacking)
    assert np.isnan(summary.class_means[0])
    assert summary.mean == pytest.approx(dataset.train_images.mean())


@pytest.mark.parametrize("size", [1, 8, 64, 100])
def test_a_sheet_shows_the_mean_of_each_class_and_samples_from_first_to_last(size: int) -> None:
    levels = np.arange(40, 240, 10).astype(np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (20, size, 2 * size, 1))
    labels = np.zeros(20, np.int64)
    names = ("a very long name of a class that does not fit" * 3, "\u6570\u5b57", "third")
    dataset = Dataset("x", images, labels, images[:1], labels[:1] + 2, names, drawn=False)
    sheet = np.asarray(Image.open(BytesIO(contact_sheet(dataset))).convert("L"))
    row = sheet[44 + 36]  # The middle of the first row.
    assert row[150 + 36] == levels.mean()
    shown = [int(row[238 + 36 + 76 * column]) for column in range(10)]
    assert shown[0] == levels[0]
    assert shown[-1] == levels[-1]
    assert shown == sorted(set(shown))
    assert sheet[44 + 2, 1010 + 36] == 255  # No test images, only a note below.
    assert sheet[44 + 2 * 76 + 36, 1010 + 36] == levels[0]
    assert sheet[44 + 2 * 76 + 36, 150 + 36] > 240  # No mean.
