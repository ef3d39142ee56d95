"""The dense network: its variables in a layout that trains fast, and as a plain Keras model.

The layout of the first kernel decides the speed. It is stored as (units, features), which XLA on
CPU multiplies faster than (features, units), and split into tiles of about 200 KiB, each a separate
variable: a tile, its gradient and its two Adam moments then fit in the cache.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.trainer.network import saved, scaled, smoothed
from signs_sweep.trainer.randomness import dropout_mask

_TILE_BYTES = 200 * 1024
_MOST_TILES = 12
"""Each tile adds a tenth of a second to the compilation."""

_LANES = 16
"""Tiles start at multiples of this many features: floats in the widest vector register."""


def tile_widths(features: int, units: int) -> list[int]:
    """Return the number of features in each tile of the first kernel.

    All but the last are equally wide; the last may be narrower.
    """
    count = int(np.clip(4 * features * units // _TILE_BYTES, 1, _MOST_TILES))
    width = -(-features // (count * _LANES)) * _LANES
    starts = range(0, features, width)
    return [min(width, features - start) for start in starts]


def glorot_uniform(seed: int, shape: tuple[int, int], repeats: int) -> NDArray[np.float32]:
    """Return the initial kernel of a dense layer, float32 of (inputs, units).

    It is the kernel of `keras.initializers.GlorotUniform(seed)`, as in the published series, where
    it decides the outcome of some runs. That initializer depends only on seed and shape, so that
    layers of equal shape would start with equal weights; each repeat of a shape gets a seed of its
    own instead. `repeats` is the number of earlier layers with the same shape.
    """
    import keras

    if repeats:
        seed = int(np.random.SeedSequence([repeats, seed]).generate_state(1)[0] >> 1)
    return np.asarray(keras.initializers.GlorotUniform(seed=seed)(shape), np.float32)


class DenseNetwork:
    """Implements `Network`: `features -> hidden[0] relu -> ... -> classes softmax`.

    Attributes:
        variables: Keras variables: the tiles of the first kernel, float32 of (units, width), the
            first bias, then the kernel, float32 of (inputs, units), and bias of each further layer.
        suits_xla: True, because XLA is 5 times faster.
        allows_padding: True, because each row is computed independently.
    """

    suits_xla = True
    allows_padding = True

    def __init__(
        self, image_shape: tuple[int, int, int], hidden: tuple[int, ...], classes: int
    ) -> None:
        """Create the variables, all zero; `initialise` sets them to a run's initial values.

        The shape of an image is its height, width and channels; `hidden` are units of each layer.
        """
        import keras

        self.image_shape = image_shape
        self.hidden = hidden
        self.classes = classes
        self._features = int(np.prod(image_shape))
        self._sizes = (self._features, *hidden, classes)
        self._widths = tile_widths(self._features, self._sizes[1])
        shapes = [(self._sizes[1], width) for width in self._widths]
        self._tiles = [
            keras.Variable(np.zeros(shape, np.float32), name=f"kernel_0_{number}")
            for number, shape in enumerate(shapes)
        ]
        self._further: list[Any] = [keras.Variable(np.zeros(self._sizes[1], np.float32))]
        for inputs, outputs in pairwise(self._sizes[1:]):
            self._further += [
                keras.Variable(np.zeros((inputs, outputs), np.float32)),
                keras.Variable(np.zeros(outputs, np.float32)),
            ]

    @property
    def variables(self) -> Sequence[Any]:
        """The trainable variables, in the order described above."""
        return [*self._tiles, *self._further]

    @property
    def parts(self) -> Sequence[int]:
        """The first kernel has several parts."""
        return [len(self._tiles), *[1] * len(self._further)]

    @property
    def state(self) -> Sequence[Any]:
        """The trainable variables; there are no others."""
        return self.variables

    def initialise(self, seed: int) -> None:
        """Set the variables to the initial values of a run: Glorot-uniform kernels, zero biases."""
        weights: list[NDArray[np.float32]] = []
        shapes = list(pairwise(self._sizes))
        for number, shape in enumerate(shapes):
            repeats = shapes[:number].count(shape)
            weights += [glorot_uniform(seed, shape, repeats), np.zeros(shape[1], np.float32)]
        self.set_weights(weights)

    def set_weights(self, weights: Sequence[NDArray[np.float32]]) -> None:
        """Set the variables from arrays in Keras's layout: kernels (inputs, units), biases."""
        first, *further = weights
        tiles = np.split(first.T, np.cumsum(self._widths)[:-1], axis=1)
        for variable, value in zip(self.variables, [*tiles, *further], strict=True):
            variable.assign(np.ascontiguousarray(value))

    def weights(self) -> list[NDArray[np.float32]]:
        """Return the variables as arrays in Keras's layout."""
        tiles = [np.asarray(tile.value) for tile in self._tiles]
        first = np.ascontiguousarray(np.concatenate(tiles, axis=1).T)
        return [first, *(np.asarray(variable.value) for variable in self._further)]

    def arrange(self, images: Any) -> Any:
        """Return images of (n, height, width, channels) as rows of (n, features)."""
        import tensorflow as tf

        return tf.reshape(images, (len(images), -1))

    def draw(self, seed: int, epoch: int, samples: int, keep_prob: float) -> NDArray[np.uint8]:
        """Return the dropout mask of an epoch, uint8 of (samples, sum(hidden))."""
        return dropout_mask(seed, epoch, samples, sum(self.hidden), keep_prob)

    def begin_epoch(self, drawn: Any) -> None:
        """Do nothing: each step reads its part of the mask."""

    def train(self, images: Any, drawn: Any, first: Any, size: int, keep_prob: Any) -> Any:
        """Return the logits for a batch in training mode; see `Network.train`."""
        import tensorflow as tf

        mask = tf.slice(drawn, [first, 0], [size, sum(self.hidden)])
        return self._logits(images, tf.cast(mask, tf.float32), keep_prob)

    def predict(self, images: Any) -> Any:
        """Return the logits in inference mode."""
        return self._logits(images)

    def cross_entropy(self, labels: Any, outputs: Any, smoothing: Any = None) -> Any:
        """Return the cross-entropy of each sample, from logits."""
        import tensorflow as tf

        if smoothing is not None:
            labels = smoothed(labels, self.classes, smoothing)
            return tf.nn.softmax_cross_entropy_with_logits(labels, outputs)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)

    def probabilities(self, outputs: Any) -> NDArray[np.float32]:
        """Return logits as probabilities, float32 of (n, classes)."""
        import tensorflow as tf

        return np.asarray(tf.nn.softmax(outputs), np.float32)

    def respond(self, images: Any) -> tuple[Any, Sequence[NDArray[np.bool_]]]:
        """Return the logits in inference mode, and the active units; see `Network.respond`."""
        layers: list[Any] = []
        logits = self._logits(images, layers=layers)
        return logits, [np.asarray(np.any(outputs, axis=0)) for outputs in layers]

    def _logits(
        self, images: Any, mask: Any = None, keep_prob: Any = None, layers: list[Any] | None = None
    ) -> Any:
        """Return the outputs before the softmax, float32 of (n, classes).

        Args:
            images: uint8 of (n, features).
            mask: 1 for hidden outputs that are kept, else 0, float32 of (n, sum(hidden)); None in
                inference mode. Kept outputs are divided by `keep_prob`, as in Keras's Dropout.
            keep_prob: share of outputs that are kept.
            layers: receives the outputs of each hidden layer, float32 of (n, units).
        """
        import tensorflow as tf

        parts = tf.split(images, self._widths, axis=1)
        products = [
            tf.matmul(tile.value, scaled(part), transpose_b=True)
            for tile, part in zip(self._tiles, parts, strict=True)
        ]
        bias, *further = (variable.value for variable in self._further)
        outputs = tf.transpose(tf.add_n(products)) + bias
        start = 0
        for number, units in enumerate(self.hidden):
            outputs = tf.nn.relu(outputs)
            if layers is not None:
                layers.append(outputs)
            if mask is not None:
                outputs = outputs * mask[:, start : start + units] / keep_prob
            start += units
            outputs = outputs @ further[2 * number] + further[2 * number + 1]
        return outputs

    def penalty(self, l2: Any) -> Any:
        """Return `l2` times the sum of the squares of all hidden kernels.

        The squares of equally wide tiles are added elementwise before they are summed: XLA does not
        vectorise a sum of squares.
        """
        import tensorflow as tf

        by_width: dict[int, list[Any]] = {}
        for width, tile in zip(self._widths, self._tiles, strict=True):
            by_width.setdefault(width, []).append(tf.square(tile.value))
        squares = [tf.add_n(tiles) for tiles in by_width.values()]
        squares += [tf.square(self._further[2 * n - 1].value) for n in range(1, len(self.hidden))]
        total = tf.add_n([tf.reduce_sum(part) for part in squares])
        return tf.math.multiply_no_nan(total, l2)  # The sum may be infinite when l2 is 0.

    def to_keras(self) -> Any:
        """Return a Keras model of ordinary layers with the current weights, always the same object.

        It takes float32 images of (n, height, width, channels) scaled to [0, 1] and returns
        probabilities of (n, classes).
        """
        self._keras_model.set_weights(self.weights())
        return self._keras_model

    @cached_property
    def _keras_model(self) -> Any:
        """The model that receives the weights, built once: building takes longer than saving."""
        import keras

        layers = [keras.layers.Input(self.image_shape, name="image"), keras.layers.Flatten()]
        layers += [keras.layers.Dense(units, activation="relu") for units in self.hidden]
        layers += [keras.layers.Dense(self._sizes[-1], activation="softmax")]
        return keras.Sequential(layers)

    def to_bytes(self) -> bytes:
        """Return `to_keras()` as the content of a `.keras` file."""
        return saved(self.to_keras())
