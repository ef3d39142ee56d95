"""The network: its tiles, its initial weights."""

import numpy as np
import pytest

from signs_sweep.domain import Dense
from signs_sweep.trainer.dense import DenseNetwork, initial_kernel, tile_widths
from signs_sweep.trainer.evaluation import LabelledImages, evaluate


@pytest.mark.parametrize(
    ("features", "units", "widths"),
    [
        (12288, 25, [2048] * 6),
        (12288, 5, [12288]),
        (12288, 100, [1024] * 12),
        (49152, 500, [4096] * 12),
        (7203, 25, [2416, 2416, 2371]),
        (7, 3, [7]),
    ],
)
def test_the_first_kernel_is_split_into_tiles_that_fit_a_cache(
    features: int, units: int, widths: list[int]
) -> None:
    assert tile_widths(features, units) == widths


@pytest.mark.slow
class TestInitialWeights:
    def test_equal_seeds_and_shapes_start_equal(self) -> None:
        assert np.array_equal(
            initial_kernel("glorot_uniform", 5, (6, 4), 0),
            initial_kernel("glorot_uniform", 5, (6, 4), 0),
        )

    def test_other_seeds_start_differently(self) -> None:
        assert not np.array_equal(
            initial_kernel("glorot_uniform", 5, (6, 4), 0),
            initial_kernel("glorot_uniform", 6, (6, 4), 0),
        )

    def test_the_first_layer_of_a_shape_is_that_of_keras(self) -> None:
        import keras

        theirs = keras.initializers.GlorotUniform(seed=5)((6, 4))
        assert np.array_equal(initial_kernel("glorot_uniform", 5, (6, 4), 0), np.asarray(theirs))

    def test_layers_of_equal_shape_start_with_different_weights(self) -> None:
        network = DenseNetwork((2, 2, 2), Dense((8, 8, 8)), 8)
        network.initialise(5)
        kernels = network.weights()[::2]
        assert {kernel.shape for kernel in kernels} == {(8, 8)}
        assert len({kernel.tobytes() for kernel in kernels}) == 4

    def test_a_repeat_keeps_within_the_bounds_of_glorot(self) -> None:
        kernel = initial_kernel("glorot_uniform", 5, (60, 40), 3)
        assert 0.9 * np.sqrt(6 / 100) < np.abs(kernel).max() <= np.sqrt(6 / 100)

    def test_biases_start_at_zero(self) -> None:
        network = DenseNetwork((2, 2, 2), Dense((5,)), 3)
        network.initialise(5)
        assert not any(bias.any() for bias in network.weights()[1::2])


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(64, 64, 3), (61, 61, 3), (16, 32, 1)])
def test_weights_come_back_as_they_were_set(shape: tuple[int, int, int]) -> None:
    network = DenseNetwork(shape, Dense((12, 4)), 3)
    rng = np.random.default_rng(0)
    weights = [rng.random(part.shape, np.float32) for part in network.weights()]
    network.set_weights(weights)
    assert all(map(np.array_equal, network.weights(), weights))
    features = int(np.prod(shape))
    assert [part.shape for part in weights] == [(features, 12), (12,), (12, 4), (4,), (4, 3), (3,)]


@pytest.mark.slow
def test_the_penalty_is_the_sum_of_squares_of_the_hidden_kernels() -> None:
    network = DenseNetwork((61, 61, 3), Dense((12, 4)), 3)
    network.initialise(5)
    hidden = network.weights()[0:4:2]
    expected = sum(float((kernel.astype(np.float64) ** 2).sum()) for kernel in hidden)
    assert float(network.penalty(1.0)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_without_l2_there_is_no_penalty_on_weights_whose_squares_are_too_large() -> None:
    network = DenseNetwork((4, 4, 3), Dense((5, 4)), 3)
    network.set_weights([np.full_like(part, 1e30) for part in network.weights()])
    assert float(network.penalty(0.0)) == 0
    assert np.isinf(float(network.penalty(0.01)))


@pytest.mark.slow
def test_a_unit_is_dead_if_it_is_zero_for_every_image_not_only_for_some() -> None:
    """The images are more than an evaluation processes in a step; one of them is black."""
    network = DenseNetwork((2, 2, 1), Dense((4, 2)), 3)
    weights = [np.ones_like(part) for part in network.weights()]
    weights[1] = np.array([-0.5, -100, -100, -100], np.float32)
    network.set_weights(weights)
    images = np.full((300, 2, 2, 1), 255, np.uint8)
    images[0] = 0
    dark = LabelledImages(images[:1], np.zeros(1, np.int64))
    both = LabelledImages(images, np.zeros(300, np.int64))
    assert evaluate(network, dark).dead_units == [1, 0]
    assert evaluate(network, both).dead_units == [0.75, 0]


@pytest.mark.slow
def test_the_plain_keras_model_computes_the_same() -> None:
    network = DenseNetwork((61, 61, 3), Dense((12, 4)), 3)
    network.initialise(5)
    images = np.random.default_rng(0).integers(0, 256, (10, 61, 61, 3)).astype(np.uint8)
    logits = network.predict(network.arrange(images)).numpy()
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    probabilities = network.to_keras().predict(images / np.float32(255), verbose=0)
    np.testing.assert_allclose(probabilities, softmax, rtol=1e-5)
