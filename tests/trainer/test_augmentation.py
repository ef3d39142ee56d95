"""Augmentation: each change is that of Keras's layer on the same drawn numbers.

Tolerances. Places are computed in float32, as in Keras's operation, but from a matrix that is
composed in float64; at a distance of 30 pixels they differ by some 1e-5 pixels, and a value by that
times its difference to the next pixel, at most 1.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from signs_sweep.domain import PARAMETERS, Dense, Parameters
from signs_sweep.trainer.augmentation import Augmentation, drawn_values, stages_of
from signs_sweep.trainer.built import BuiltNetwork
from signs_sweep.trainer.dense import DenseNetwork
from signs_sweep.trainer.evaluation import LabelledImages
from signs_sweep.trainer.loop import EpochLoop
from signs_sweep.trainer.randomness import sample_order
from signs_sweep.trainer.recipe import Recipe

pytestmark = pytest.mark.slow

MOVED_TOLERANCE = 5e-5
"""Absolute, of a value in [0, 1] that is interpolated."""

TOLERANCE = 1e-6
"""Absolute, of a value that is computed from the same pixel."""

SAMPLES, EPOCH, SEED = 12, 5, 3
SHAPES = [(24, 31, 3), (16, 9, 1), (20, 20, 4)]
FACTORS = {"shift": 0.4, "rotate": 0.3, "zoom": 0.7, "contrast": 0.6, "brightness": 0.5}
FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
EVERYTHING = {"flip": "horizontal", **FACTORS, "noise": 0.1}
ALL_STAGES = ("affine", "contrast", "brightness", "noise")


def parameters_with(**options: Any) -> Parameters:
    return Parameters(augment=PARAMETERS["augment"].component("", options), global_seed=SEED)


def images_of(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (SAMPLES, *shape)).astype(np.uint8)


def drawn_for(parameters: Parameters, shape: tuple[int, ...]) -> list[NDArray[np.float32]]:
    augmentation = Augmentation(stages_of(parameters), shape)
    return [of[0] for of in augmentation.draw(parameters, range(EPOCH, EPOCH + 1), 1, SAMPLES)]


def augmented(images: NDArray[np.uint8], parameters: Parameters) -> NDArray[np.float32]:
    """Return the images as the compiled program changes them, as samples in the epoch's order."""
    import tensorflow as tf

    augmentation = Augmentation(stages_of(parameters), images.shape[1:])
    apply = tf.function(augmentation.apply, jit_compile=True, autograph=False)
    drawn = map(tf.constant, drawn_for(parameters, images.shape[1:]))
    return apply(tf.constant(images), *drawn, tf.constant(0)).numpy()


def by_keras(name: str, options: dict[str, Any], shape: tuple[int, int, int]) -> Callable[..., Any]:
    """Return the layer as a function of images, with the numbers that our program draws."""
    from keras import layers

    drawn = drawn_values(SEED, EPOCH, SAMPLES)
    factor = options[name]
    if name == "flip":
        layer = layers.RandomFlip(factor)
        transformation: Any = {"flips": (drawn["flip"] < 0)[:, None, None, None]}
    elif name == "shift":
        layer = layers.RandomTranslation(factor, factor)
        shifts = np.stack([drawn["right"] * shape[1], drawn["down"] * shape[0]], axis=1)
        transformation = {"translations": factor * shifts}
    elif name == "rotate":
        layer, none = layers.RandomRotation(factor), np.zeros(SAMPLES, np.float32)
        matrix = layer._compute_affine_matrix(  # the layer itself draws the angle
            *(0.5, 0.5, factor * 360 * drawn["rotate"], none, none, none + 1, none, none),
            *shape[:2],
        )
        transformation = {"rotation_matrix": matrix}
    elif name == "zoom":
        layer = layers.RandomZoom(factor)
        scale = 1 + factor * drawn["zoom"][:, None]
        transformation = {"height_zoom": scale, "width_zoom": scale}
    elif name == "contrast":
        layer = layers.RandomContrast(factor, value_range=(0, 1))
        transformation = {"contrast_factor": (1 + factor * drawn[name])[:, None, None, None]}
    else:
        layer = layers.RandomBrightness(factor, value_range=(0, 1))
        transformation = {"rgb_delta": (factor * drawn[name])[:, None, None, None]}
    return lambda images: np.asarray(layer.transform_images(images, transformation, training=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "options", [*({"flip": how} for how in FLIPS), *({name: FACTORS[name]} for name in FACTORS)]
)
def test_a_change_is_that_of_the_layer_of_keras(
    options: dict[str, Any], shape: tuple[int, int, int]
) -> None:
    images = images_of(shape)
    (name,) = options
    expected = by_keras(name, options, shape)(images / np.float32(255))

    ours = augmented(images, parameters_with(**options))

    is_interpolated = name in ("shift", "rotate", "zoom")
    tolerance = MOVED_TOLERANCE if is_interpolated else TOLERANCE
    np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance)
    assert np.abs(ours - images / np.float32(255)).max() > 0.1


def test_all_changes_together_are_the_layers_in_order_interpolated_once() -> None:
    """The matrices of the layers for one operation of Keras, then the other layers, and noise."""
    import keras

    shape = (24, 31, 3)
    images = images_of(shape)
    drawn, (height, width, _) = drawn_values(SEED, EPOCH, SAMPLES), shape
    matrices = np.tile(np.eye(3), (SAMPLES, 1, 1))
    for row, matrix in enumerate(matrices):
        centre = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]])
        flip = np.diag([-1 if drawn["flip"][row] < 0 else 1, 1, 1])
        angle = 2 * np.pi * FACTORS["rotate"] * drawn["rotate"][row]
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turn = np.eye(3)
        turn[:2, :2] = rotation * (1 + FACTORS["zoom"] * drawn["zoom"][row])
        shift = np.eye(3)
        shift[0, 2] = -FACTORS["shift"] * width * drawn["right"][row]
        shift[1, 2] = -FACTORS["shift"] * height * drawn["down"][row]
        matrix[:] = centre @ flip @ shift @ turn @ np.linalg.inv(centre)
    expected = keras.ops.image.affine_transform(
        images / np.float32(255), matrices.reshape(SAMPLES, 9)[:, :8], fill_mode="reflect"
    )
    for name in ("contrast", "brightness"):
        expected = by_keras(name, EVERYTHING, shape)(expected)
    parameters = parameters_with(**EVERYTHING)
    coefficients, normal = drawn_for(parameters, shape)
    noise = [
        strength * np.resize(np.roll(normal, -16 * int(position)), shape)
        for position, strength in coefficients[:, 8:]
    ]

    ours = augmented(images, parameters)

    # The contrast multiplies what the interpolation differs by.
    np.testing.assert_allclose(ours, expected + noise, rtol=0, atol=2 * MOVED_TOLERANCE)


def test_noise_is_normal_and_its_own_for_each_image_and_epoch() -> None:
    parameters = parameters_with(noise=0.2)
    gray = np.full((SAMPLES, 40, 40, 3), 127, np.uint8)
    noise = (augmented(gray, parameters) - 127 / 255).reshape(SAMPLES, -1) / 0.2
    # 57,600 draws: a mean and a standard deviation have errors of 0.004 and 0.003.
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.015)
    assert np.mean(np.abs(noise) > 2) == pytest.approx(0.0455, abs=0.005)
    correlations = np.corrcoef(noise) - np.eye(SAMPLES)
    assert np.abs(correlations).max() < 0.08
    augmentation = Augmentation(("noise",), (40, 40, 3))
    _, tables = augmentation.draw(parameters, range(3), 3, SAMPLES)
    assert np.abs(np.corrcoef(tables) - np.eye(3)).max() < 0.01


def test_an_option_changes_no_value_of_another_and_no_sample_those_of_others() -> None:
    alone, together = (
        drawn_for(parameters_with(**options), (24, 31, 3))[0]
        for options in ({"brightness": 0.5}, EVERYTHING)
    )
    assert alone[:, 7].tobytes() == together[:, 7].tobytes()
    few, many = (drawn_values(SEED, EPOCH, samples) for samples in (5, 9))
    assert all(many[name][:5].tobytes() == few[name].tobytes() for name in few)
    draws = np.array([list(drawn_values(SEED, epoch, 4000).values()) for epoch in range(2)])
    assert np.abs(np.corrcoef(draws.reshape(-1, 4000)) - np.eye(16)).max() < 0.07
    assert np.abs(draws.mean(axis=-1)).max() < 0.04
    assert draws.min() < -0.99
    assert draws.max() > 0.99


def test_what_is_off_is_not_in_the_program() -> None:
    assert stages_of(Parameters()) == ()
    assert stages_of(parameters_with(**EVERYTHING)) == ALL_STAGES
    for name, value in EVERYTHING.items():
        expected = "affine" if name in ("shift", "rotate", "zoom") else name
        assert stages_of(parameters_with(**{name: value})) == (expected,)


SHAPE, SHOWN, HELD_OUT = (24, 16, 3), 50, 20


def convolutional(shape: tuple[int, int, int], classes: int) -> Any:
    from keras import Sequential, layers

    outputs = layers.Dense(classes, activation="softmax")
    convolution = layers.Conv2D(4, 3, activation="relu")
    return Sequential([layers.Input(shape), convolution, layers.Flatten(), outputs])


@cache
def loop_of(network: str) -> EpochLoop:
    """Return a loop for all changes; its last batch is filled up (dense) or smaller (built)."""
    recipe = Recipe.of(parameters_with(**EVERYTHING))
    if network == "dense":
        return EpochLoop(DenseNetwork(SHAPE, Dense((9,)), 3), 13, SHOWN, HELD_OUT, recipe)
    return EpochLoop(BuiltNetwork(convolutional, (), SHAPE, 3), 16, SHOWN, HELD_OUT, recipe)


@cache
def data(samples: int) -> LabelledImages:
    rng = np.random.default_rng(samples)
    labels = rng.integers(0, 3, samples)
    images = rng.integers(0, 180, (samples, *SHAPE)) + 30 * labels[:, None, None, None]
    return LabelledImages(images.astype(np.uint8), labels)


@pytest.mark.parametrize("network", ["dense", "built"])
def test_bits_depend_neither_on_the_calls_nor_on_a_resume(network: str) -> None:
    loop = loop_of(network)
    parts = data(SHOWN), data(HELD_OUT)
    parameters = parameters_with(**EVERYTHING)

    def bits(*curves: dict[str, NDArray[np.float64]]) -> list[bytes]:
        joined = [np.concatenate([curve[name] for curve in curves]) for name in curves[0]]
        return [values.tobytes() for values in (*joined, *loop.state())]

    loop.start(parameters)
    together = bits(loop.advance(5, *parts))
    loop.start(parameters)
    first = loop.advance(2, *parts)
    state = loop.state()
    loop.advance(1, *parts)
    loop.start(replace(parameters, global_seed=9))
    loop.advance(1, *parts)
    loop.start(parameters)
    loop.resume(state, 2)
    assert bits(first, loop.advance(3, *parts)) == together


def test_strengths_and_the_way_of_flipping_are_inputs_of_one_program() -> None:
    loop = loop_of("dense")
    losses = []
    for options in (EVERYTHING, {**EVERYTHING, "shift": 0.1, "noise": 0.3, "flip": "vertical"}):
        loop.start(parameters_with(**options))
        losses.append(loop.advance(1, data(SHOWN), data(HELD_OUT))["loss"][0])
    assert losses[0] != losses[1]
    assert loop._compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("network", ["dense", "built"])
def test_a_network_learns_from_the_changed_images_and_is_judged_on_the_others(
    network: str,
) -> None:
    """The reference is Keras, with the images that `apply` returns for each sample."""
    import keras
    import tensorflow as tf

    loop = loop_of(network)
    parameters = parameters_with(**EVERYTHING)
    loop.start(parameters)
    made = loop.network
    model = keras.models.clone_model(made.to_keras() if network == "dense" else made._model)
    model.set_weights(made.weights() if network == "dense" else made._model.get_weights())
    model.compile(
        keras.optimizers.Adam(parameters.learning_rate),
        "sparse_categorical_crossentropy",
        run_eagerly=True,  # tracing takes longer than these few steps
    )
    shown, held_out = data(SHOWN), data(HELD_OUT)
    augmentation = Augmentation(ALL_STAGES, SHAPE)
    for epoch in range(2):
        ours = loop.advance(1, shown, held_out)
        order = sample_order(SEED, epoch, SHOWN)
        drawn = augmentation.draw(parameters, range(epoch, epoch + 1), 1, SHOWN)
        changed = augmentation.apply(
            tf.constant(shown.images[order]), *(tf.constant(of[0]) for of in drawn), tf.constant(0)
        )
        batch = loop._batch_size
        losses, sizes = [], []
        for first in range(0, SHOWN, batch):
            rows = slice(first, first + batch)
            model.reset_metrics()
            losses.append(float(model.train_on_batch(changed[rows], shown.labels[order][rows])))
            sizes.append(len(order[rows]))
        assert ours["loss"][0] == pytest.approx(np.average(losses, weights=sizes), rel=1e-4)
        expected = model.evaluate(held_out.images / np.float32(255), held_out.labels, verbose=0)
        assert ours["val_loss"][0] == pytest.approx(expected, rel=1e-4)
