"""Random changes of training images: drawn by NumPy for an epoch, applied in the compiled program.

Each change is that of a Keras layer, in this order: RandomFlip, RandomTranslation, RandomRotation,
RandomZoom, RandomContrast, RandomBrightness, GaussianNoise. The first four are one affine map, so
that an image is interpolated once. Which stages there are decides the program; the strengths do
not, because they are part of the coefficients of each image, which are its inputs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import Parameters
from signs_sweep.trainer.network import scaled
from signs_sweep.trainer.randomness import Purpose, generator

_DRAWS = ("flip", "down", "right", "rotate", "zoom", "contrast", "brightness", "noise")
"""The values drawn for each image, whatever is active: options do not change each other's."""

_BOTH = "horizontal_and_vertical"

_IDENTITY = (1, 0, 0, 0, 1, 0)
_MATRIX, _CONTRAST, _BRIGHTNESS, _POSITION, _NOISE = slice(0, 6), 6, 7, 8, 9
_COEFFICIENTS = 10
"""The columns of the coefficients of an image."""

_LANES = 16
_TABLE = 2**18
"""Number of normal values drawn for an epoch, and the multiple at which an image's noise begins.

Drawing one for each pixel would take longer than training (0.1 s for 1,080 images of 64x64x3).
Each image gets the values from a random position on instead, with a random sign. After the last
value of the table comes the first.
"""


def stages_of(parameters: Parameters) -> tuple[str, ...]:
    """Return the stages of a run in order, of `affine`, `contrast`, `brightness` and `noise`.

    If images are only flipped, `flip` takes the place of `affine`.
    """
    options = parameters.options("augment")
    if not options:
        return ()
    is_moved = any(options[name] for name in ("shift", "rotate", "zoom"))
    is_flipped = options["flip"] != "none"
    first = ["affine"] if is_moved else ["flip"] if is_flipped else []
    return (*first, *(name for name in ("contrast", "brightness", "noise") if options[name]))


@dataclass(frozen=True)
class Augmentation:
    """The changes that a program makes to images: what it is compiled for.

    Attributes:
        stages: those of `stages_of`.
        shape: height, width and channels of an image.
    """

    stages: tuple[str, ...]
    shape: tuple[int, int, int]

    def bytes_per_epoch(self, samples: int) -> int:
        """Return the size of what is drawn for an epoch."""
        return 4 * (samples * _COEFFICIENTS + self._table)

    @property
    def _table(self) -> int:
        return _TABLE if "noise" in self.stages else 1  # XLA does not accept empty arrays.

    def draw(
        self, parameters: Parameters, epochs: range, capacity: int, samples: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return everything random in some epochs of a run, with zeros up to the capacity.

        Returns:
            The coefficients of each sample in the order of its epoch, float32 of (capacity,
            samples, 10), and the normal values for `noise`, float32 of (capacity, values).
        """
        seed, options = parameters.global_seed, parameters.options("augment")
        coefficients = np.zeros((capacity, samples, _COEFFICIENTS), np.float32)
        normal = np.zeros((capacity, self._table), np.float32)
        for row, epoch in enumerate(epochs):
            drawn = drawn_values(seed, epoch, samples)
            coefficients[row] = _coefficients(drawn, options, self.shape)
            if "noise" in self.stages:
                generator(seed, Purpose.NOISE, epoch).standard_normal(
                    out=normal[row], dtype=np.float32
                )
        return coefficients, normal

    def apply(self, images: Any, coefficients: Any, normal: Any, first: Any) -> Any:
        """Return changed images as float32 in the same layout; traced.

        Without noise, values are in [0, 1]; noise is not clipped, as in Keras.

        Args:
            images: uint8 of (n, height, width, channels) or (n, features).
            coefficients: those that `draw` returned for the epoch.
            normal: the normal values that it returned.
            first: number of samples in the epoch before these.
        """
        import tensorflow as tf

        size = images.shape[0]
        coefficients = tf.slice(coefficients, [first, 0], [size, _COEFFICIENTS])
        changed = images
        if self.stages[0] in ("affine", "flip"):
            change = _moved if self.stages[0] == "affine" else _flipped
            matrices = coefficients[:, _MATRIX]
            is_needed = tf.reduce_any(matrices != np.array(_IDENTITY, np.float32))
            changed = _separately(is_needed, change, changed, matrices, self.shape)
        if "contrast" in self.stages:
            factors = coefficients[:, _CONTRAST]
            is_needed = tf.reduce_any(factors != 1)
            changed = _separately(is_needed, _contrasted, changed, factors, self.shape)
        changed = tf.reshape(scaled(changed), (size, -1))
        if "brightness" in self.stages:
            changed = tf.clip_by_value(changed + coefficients[:, _BRIGHTNESS, None], 0.0, 1.0)
        if "noise" in self.stages:
            changed += _noise(normal, coefficients, changed.shape[1])
        return tf.reshape(changed, images.shape)


def drawn_values(seed: int, epoch: int, samples: int) -> dict[str, NDArray[np.float32]]:
    """Return the values behind the coefficients, uniform in [-1, 1), float32 of (samples,) each."""
    uniform = generator(seed, Purpose.AUGMENTATION, epoch).random(
        (samples, len(_DRAWS)), dtype=np.float32
    )
    return dict(zip(_DRAWS, (2 * uniform - 1).T, strict=True))


def _coefficients(
    drawn: Mapping[str, NDArray[np.float32]], options: Mapping[str, Any], shape: Sequence[int]
) -> NDArray[np.float32]:
    """Return the coefficients of each sample, float32 of (samples, 10)."""
    result = np.empty((len(drawn["flip"]), _COEFFICIENTS), np.float32)
    result[:, _MATRIX] = _matrices(drawn, options, shape)
    result[:, _CONTRAST] = 1 + options["contrast"] * drawn["contrast"]
    result[:, _BRIGHTNESS] = options["brightness"] * drawn["brightness"]
    result[:, _POSITION] = np.floor(np.abs(drawn["noise"]) * (_TABLE // _LANES))
    result[:, _NOISE] = options["noise"] * np.where(drawn["noise"] < 0, -1, 1)
    return result


def _matrices(
    drawn: Mapping[str, NDArray[np.float32]], options: Mapping[str, Any], shape: Sequence[int]
) -> NDArray[np.float64]:
    """Return where each image is read: (a, b, c, d, e, f) of x' = ax + by + c, y' = dx + ey + f.

    The maps of the layers are applied from the last to the first, since each says where an output
    pixel comes from: zoom and rotation about the centre, shift, flip.
    """
    centre_x, centre_y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    angle = 2 * np.pi * options["rotate"] * drawn["rotate"].astype(np.float64)
    scale = 1 + options["zoom"] * drawn["zoom"].astype(np.float64)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    right = options["shift"] * shape[1] * drawn["right"]
    down = options["shift"] * shape[0] * drawn["down"]
    is_mirrored = drawn["flip"] < 0
    x = np.where(is_mirrored & (options["flip"] in ("horizontal", _BOTH)), -1, 1)
    y = np.where(is_mirrored & (options["flip"] in ("vertical", _BOTH)), -1, 1)
    return np.stack(
        [
            *(x * cos, -x * sin, x * (-cos * centre_x + sin * centre_y - right) + centre_x),
            *(y * sin, y * cos, y * (-sin * centre_x - cos * centre_y - down) + centre_y),
        ],
        axis=1,
    )


def _separately(is_needed: Any, change: Callable[..., Any], images: Any, *arguments: Any) -> Any:
    """Return changed images, scaled, in the same layout.

    XLA compiles a branch separately. Without a condition, it would repeat parts of a change for
    each tile of a kernel, so that moving images would take twice as long.
    """
    import tensorflow as tf

    return tf.cond(is_needed, lambda: change(images, *arguments), lambda: scaled(images))


def _contrasted(images: Any, factors: Any, shape: tuple[int, int, int]) -> Any:
    """Return images with all differences from the mean of a channel multiplied by a factor."""
    import tensorflow as tf

    pixels = tf.reshape(scaled(images), (images.shape[0], -1, shape[2]))
    mean = tf.reduce_mean(pixels, axis=1, keepdims=True)
    changed = tf.clip_by_value((pixels - mean) * factors[:, None, None] + mean, 0.0, 1.0)
    return tf.reshape(changed, images.shape)


def _flipped(images: Any, matrices: Any, shape: tuple[int, int, int]) -> Any:
    """Return images, scaled and mirrored: faster than reading them at other places."""
    import tensorflow as tf

    pixels = tf.reshape(images, (-1, *shape))
    for column, axis in ((0, 2), (4, 1)):
        is_mirrored = matrices[:, column, None, None, None] < 0
        pixels = tf.where(is_mirrored, tf.reverse(pixels, [axis]), pixels)
    return tf.reshape(scaled(pixels), images.shape)


def _moved(images: Any, matrices: Any, shape: tuple[int, int, int]) -> Any:
    """Return images, scaled and read at other places, with bilinear interpolation.

    Four neighbouring values are packed into a word before one place is read. With XLA on a CPU that
    takes 31 ms for 1,080 images of 64x64x3; reading four places takes 41 ms, and multiplying by
    matrices of weights, which cannot rotate, 62 ms.
    """
    import tensorflow as tf

    height, width, channels = shape
    a, b, c, d, e, f = (matrices[:, column, None, None] for column in range(6))
    x = tf.range(width, dtype=tf.float32)[None, None, :]
    y = tf.range(height, dtype=tf.float32)[None, :, None]
    left, share_x = _whole_and_rest(_reflected(a * x + b * y + c, width))
    top, share_y = _whole_and_rest(_reflected(d * x + e * y + f, height))
    first = tf.range(images.shape[0])[:, None, None] * (height * width)
    words = _neighbours(tf.reshape(images, (-1, height, width, channels)))
    words = tf.gather(
        tf.reshape(words, (-1, channels)), tf.reshape(first + top * width + left, (-1,))
    )
    top_left, top_right, low_left, low_right = (_byte(words, number) for number in range(4))
    share_x, share_y = tf.reshape(share_x, (-1, 1)), tf.reshape(share_y, (-1, 1))
    upper = top_left + (top_right - top_left) * share_x
    lower = low_left + (low_right - low_left) * share_x
    changed = (upper + (lower - upper) * share_y) * np.float32(1 / 255)
    return tf.reshape(changed, images.shape)


def _reflected(places: Any, size: int) -> Any:
    """Return places outside an image as those inside that they mirror: `(c b a | a b c | c b a)`.

    Between the last pixel and its mirror image, all places are those of the last pixel.
    """
    import tensorflow as tf

    period = 2 * size
    places = places + 0.5
    places -= period * tf.floor(places * np.float32(1 / period))
    return tf.clip_by_value(tf.minimum(places, period - places) - 0.5, 0.0, size - 1.0)


def _whole_and_rest(places: Any) -> tuple[Any, Any]:
    import tensorflow as tf

    whole = tf.floor(places)
    return tf.cast(whole, tf.int32), places - whole


def _neighbours(images: Any) -> Any:
    """Return each value with those to its right, below, and below to the right, as a uint32.

    Next to the edge, these are values of the edge itself; they are read with a weight of zero.
    """
    import tensorflow as tf

    shift = tf.bitwise.left_shift
    words = tf.cast(images, tf.uint32)
    right = tf.concat([words[:, :, 1:], words[:, :, -1:]], axis=2)
    words = tf.bitwise.bitwise_or(words, shift(right, np.uint32(8)))
    below = tf.concat([words[:, 1:], words[:, -1:]], axis=1)
    return tf.bitwise.bitwise_or(words, shift(below, np.uint32(16)))


def _byte(words: Any, number: int) -> Any:
    import tensorflow as tf

    moved = tf.bitwise.right_shift(words, np.uint32(8 * number))
    return tf.cast(tf.bitwise.bitwise_and(moved, np.uint32(255)), tf.float32)


def _noise(normal: Any, coefficients: Any, features: int) -> Any:
    """Return the noise of each image, float32 of (n, features)."""
    import tensorflow as tf

    rows = np.arange(-(-features // _LANES), dtype=np.int32)
    position = tf.cast(coefficients[:, _POSITION, None], tf.int32)
    taken = tf.bitwise.bitwise_and(position + rows, _TABLE // _LANES - 1)
    values = tf.gather(tf.reshape(normal, (-1, _LANES)), taken)
    values = tf.reshape(values, (-1, len(rows) * _LANES))[:, :features]
    return values * coefficients[:, _NOISE, None]
