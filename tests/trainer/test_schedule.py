"""The learning rate of every step, held against Keras's schedules."""

import numpy as np
import pytest

from signs_sweep.domain import PARAMETERS, Parameters
from signs_sweep.trainer.schedule import rates

STEPS = 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "options", "kind", "arguments"),
    [
        ("cosine", {"end": 0.1}, "CosineDecay", (0.1,)),
        ("linear", {"end": 0.2}, "PolynomialDecay", (0.2 * 0.03,)),
        ("step", {"decay_epochs": 2, "decay_rate": 0.3}, "ExponentialDecay", (0.3, True)),
        ("exponential", {"decay_epochs": 2}, "ExponentialDecay", (0.5,)),
    ],
)
@pytest.mark.parametrize("warmup", [0, 3])
def test_the_rate_of_each_step_is_that_of_keras(
    word: str, options: dict, kind: str, arguments: tuple, warmup: int
) -> None:
    import keras

    given = PARAMETERS["schedule"].component(word, {**options, "warmup": warmup})
    parameters = Parameters(learning_rate=0.03, epochs=9, schedule=given)
    length = STEPS * options.get("decay_epochs", 9 - warmup)
    theirs = getattr(keras.optimizers.schedules, kind)(0.03, length, *arguments)
    rising = [0.03 * step / (warmup * STEPS) for step in range(warmup * STEPS)]
    expected = rising + [float(theirs(step)) for step in range((9 - warmup) * STEPS)]

    ours = rates(parameters, 0, 9, STEPS)

    assert ours.shape == (9, STEPS)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours.ravel(), expected, rtol=1e-6, atol=1e-9)
    assert np.array_equal(rates(parameters, 4, 2, STEPS), ours[4:6])


def test_a_constant_rate_is_the_rate_itself() -> None:
    assert set(rates(Parameters(learning_rate=1e-3), 7, 5, STEPS).ravel()) == {np.float32(1e-3)}
