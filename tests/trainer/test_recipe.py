"""The weights of the classes."""

import numpy as np
import pytest

from signs_sweep.domain import PARAMETERS, Parameters
from signs_sweep.errors import TrainingError
from signs_sweep.trainer.recipe import class_weights


def test_balanced_weights_leave_out_classes_without_images() -> None:
    parameters = Parameters(class_weights=PARAMETERS["class_weights"].component("balanced", {}))
    weights = class_weights(parameters, np.array([0, 0, 0, 1]), 3)
    np.testing.assert_allclose(weights, [4 / 9, 4 / 3, 1], rtol=1e-6)


def test_a_weight_for_a_class_that_is_not_there_is_an_error() -> None:
    parameters = Parameters(class_weights=PARAMETERS["class_weights"].component("", {"4": 2.0}))
    with pytest.raises(TrainingError, match="class 4, but the data has the classes 0 to 3"):
        class_weights(parameters, np.array([0, 1, 2, 3]), 4)
