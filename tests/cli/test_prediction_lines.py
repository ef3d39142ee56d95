"""The lines that `predict` prints."""

import numpy as np

from signs_sweep.cli.predicting import prediction_text
from signs_sweep.commands.models import Choice, Named
from signs_sweep.commands.predicting import Prediction
from signs_sweep.importing.photos import Photo

CLASSES = ("cat", "dog", "elk", "owl")


def prediction(name: str, *values: float, is_unfamiliar: bool = False) -> Prediction:
    probabilities = np.array(values, np.float32)
    return Prediction(Photo(name), CLASSES, probabilities, 1, is_unfamiliar)


FOUND = [
    prediction("photos/a folder with a name/one.jpg", 0.1, 0.6, 0.2, 0.1),
    prediction("photos/two.jpg", 0.96, 0.04, 0.0, 0.0, is_unfamiliar=True),
    Prediction(Photo("three.jpg", reason="not a picture"), CLASSES),
]
LONG = [
    "photo class prob. agree otherwise remark",
    "photos/a folder with a name/one.jpg dog 0.600 1 of 2 or elk 0.200, cat 0.100",
    "photos/two.jpg cat 0.960 1 of 2 unlike the training data",
]


def test_each_photo_has_a_line_with_further_classes_unless_these_are_improbable() -> None:
    named = Named("ensemble:x", Choice.ENSEMBLE, [None, None])
    lines = prediction_text(FOUND, named, None).splitlines()
    assert [" ".join(line.split()) for line in lines] == LONG
    assert prediction_text(FOUND[2:], named, None) == ""


def test_lines_fit_60_columns_and_show_the_ends_of_names() -> None:
    for found in (FOUND, FOUND[:1]):
        text = prediction_text(found, Named("ab", Choice.ID, [None]), 60)
        assert max(map(len, text.splitlines())) <= 60
        assert "one.jpg" in text
        assert "0.600" in text
    assert "unlike" in prediction_text(FOUND, Named("ab", Choice.ID, [None]), 60)
