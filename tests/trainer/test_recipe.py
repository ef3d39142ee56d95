"""The weights of the classes."""

import numpy as np
import pytest

from signs_sweep.domain import PARAMETERS, Parameters
from signs_sweep.errors import TrainingError
from signs_sweep.trainer.recipe import class_weights


def test_balanced_weights_leave_out_classes_without_images() -> None:
    parameters = Parameters(class_weights=PARAMETERS["class_weights"].component("balanced", {}))
    weights = class_weights(parameters, np.array([0, 0, 0, 1]), "abc")
    np.testing.assert_allclose(weights, [4 / 9, 4 / 3, 1], rtol=1e-6)


def test_weights_are_by_the_names_of_classes() -> None:
    entry = PARAMETERS["class_weights"]
    parameters = Parameters(class_weights=entry.component("", {"fist": 2.0, "palm": 0.5}))
    weights = class_weights(parameters, np.array([0, 1]), ("palm", "two", "fist"))
    np.testing.assert_array_equal(weights, np.float32([0.5, 1, 2]))


def test_a_weight_for_a_class_that_is_not_there_is_an_error() -> None:
    parameters = Parameters(class_weights=PARAMETERS["class_weights"].component("", {"d": 2.0}))
    with pytest.raises(TrainingError, match="no class 'd'"):
        class_weights(parameters, np.array([0, 1, 2]), ("a", "b", "c"))
