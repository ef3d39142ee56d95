"""Augmentation: each change is that of Keras's layer on the same drawn numbers.

Tolerances. Places are computed in float32, as in Keras's operation, but from a matrix that is
composed in float64; at a distance of 30 pixels they differ by some 1e-5 pixels, and a value by that
times its difference to the next pixel, at most 1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from signs_sweep.domain import PARAMETERS, Parameters
from signs_sweep.trainer.augmentation import Augmentation, drawn_values, stages_of

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


def parameters_with(**options: Any) -> Parameters:
    return Parameters(augment=PARAMETERS["augment"].component("", options), global_seed=SEED)


def images_of(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (SAMPLES, *shape)).astype(np.uint8)


def augmented(images: NDArray[np.uint8], parameters: Parameters) -> NDArray[np.float32]:
    """Return the images in the compiled program, as the samples of an epoch in this order."""
    import tensorflow as tf

    augmentation = Augmentation(stages_of(parameters), images.shape[1:])
    apply = tf.function(augmentation.apply, jit_compile=True, autograph=False)
    drawn = augmentation.draw(parameters, range(EPOCH, EPOCH + 1), 1, len(images))
    return apply(tf.constant(images), *(tf.constant(of[0]) for of in drawn), 0).numpy()


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
