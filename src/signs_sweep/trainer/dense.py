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

from signs_sweep.domain import Dense
from signs_sweep.trainer.network import saved, scaled, smoothed, squares, taking_pixels
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


def initial_kernel(
    init: str, seed: int, shape: tuple[int, int], repeats: int = 0
) -> NDArray[np.float32]:
    """Return the initial kernel of a dense layer, float32 of (inputs, units).

    It is the kernel of Keras's initializer, such as `keras.initializers.GlorotUniform(seed)`, as in
    the published series, where it decides the outcome of some runs. Initializers depend only on
    seed and shape, so that layers of equal shape would start with equal weights; each repeat of a
    shape gets a seed of its own instead.

    Args:
        init: name of the initializer, such as `glorot_uniform`.
        seed: the initial seed of a run.
        shape: inputs and units.
        repeats: number of earlier layers with the same shape.
    """
    import keras

    if repeats:
        seed = int(np.random.SeedSequence([repeats, seed]).generate_state(1)[0] >> 1)
    initializer = type(keras.initializers.get(init))
    return np.asarray(initializer(seed=seed)(shape), np.float32)


class DenseNetwork:
    """Implements `Network`: `features -> hidden layers -> classes softmax`.

    A hidden layer is a dense layer, a normalisation, an activation and dropout.

    Attributes:
        image_shape: height, width and channels of an image.
        model: its hidden layers.
        classes: number of classes.
        suits_xla: True, because XLA is 5 times faster.
    """

    suits_xla = True

    def __init__(self, image_shape: tuple[int, int, int], model: Dense, classes: int) -> None:
        """Create the variables; `initialise` sets them to a run's initial values."""
        import keras
        import tensorflow as tf

        self.image_shape = image_shape
        self.model = model
        self.classes = classes
        self._sizes = (int(np.prod(image_shape)), *model.hidden, classes)
        self._widths = tile_widths(*self._sizes[:2])
        self._tiles = [
            keras.Variable(np.zeros((self._sizes[1], width), np.float32), name=f"kernel_0_{number}")
            for number, width in enumerate(self._widths)
        ]
        self._kernels = [
            keras.Variable(np.zeros(shape, np.float32)) for shape in pairwise(self._sizes[1:])
        ]
        self._biases = [keras.Variable(np.zeros(size, np.float32)) for size in self._sizes[1:]]
        self._norms = [self._norm() for _ in model.hidden] if model.norm != "none" else []
        for norm, units in zip(self._norms, model.hidden, strict=False):
            norm.build((None, units))
        is_relu = model.activation == "relu"
        self._activation = tf.nn.relu if is_relu else keras.activations.get(model.activation)

    def _norm(self) -> Any:
        import keras

        is_batch = self.model.norm == "batch"
        return keras.layers.BatchNormalization() if is_batch else keras.layers.LayerNormalization()

    @property
    def allows_padding(self) -> bool:
        """Whether each row is computed independently: not with batch normalisation."""
        return self.model.norm != "batch"

    @property
    def variables(self) -> Sequence[Any]:
        """The trainable variables among those of `state`."""
        return [variable for variable in self.state if variable.trainable]

    @property
    def parts(self) -> Sequence[int]:
        """The first kernel has several parts."""
        return [len(self._tiles), *[1] * (len(self.variables) - len(self._tiles))]

    @property
    def state(self) -> Sequence[Any]:
        """The tiles of the first kernel, float32 of (units, width), then `_others`."""
        return [*self._tiles, *self._others]

    @property
    def _others(self) -> Sequence[Any]:
        """All variables but the first kernel, in Keras's order.

        Of each layer its kernel, float32 of (inputs, units), its bias and the weights of its
        normalisation.
        """
        ordered = [self._biases[0]]
        for number, kernel in enumerate(self._kernels):
            norm = self._norms[number].weights if self._norms else []
            ordered += [*norm, kernel, self._biases[number + 1]]
        return ordered

    def initialise(self, seed: int) -> None:
        """Set the variables to the initial values of a run.

        Kernels are drawn, biases are zero, and normalisations scale by 1.
        """
        shapes = list(pairwise(self._sizes))
        first, *kernels = (
            initial_kernel(self.model.init, seed, shape, shapes[:number].count(shape))
            for number, shape in enumerate(shapes)
        )
        self._set_first(first)
        for kernel, values in zip(self._kernels, kernels, strict=True):
            kernel.assign(values)
        for bias in self._biases:
            bias.assign(np.zeros(bias.shape, np.float32))
        for norm in self._norms:
            for weight in norm.weights:
                is_scale = weight.name in ("gamma", "moving_variance")
                weight.assign(np.full(weight.shape, is_scale, np.float32))

    def set_weights(self, weights: Sequence[NDArray[np.float32]]) -> None:
        """Set the variables from arrays in Keras's layout and order: kernels (inputs, units)."""
        first, *others = weights
        self._set_first(first)
        for variable, value in zip(self._others, others, strict=True):
            variable.assign(value)

    def _set_first(self, kernel: NDArray[np.float32]) -> None:
        """Set the tiles from a kernel of (inputs, units)."""
        tiles = np.split(kernel.T, np.cumsum(self._widths)[:-1], axis=1)
        for variable, value in zip(self._tiles, tiles, strict=True):
            variable.assign(np.ascontiguousarray(value))

    def weights(self) -> list[NDArray[np.float32]]:
        """Return the variables as arrays in Keras's layout and order."""
        tiles = [np.asarray(tile.value) for tile in self._tiles]
        first = np.ascontiguousarray(np.concatenate(tiles, axis=1).T)
        return [first, *(np.asarray(variable.value) for variable in self._others)]

    def arrange(self, images: Any) -> Any:
        """Return images of (n, height, width, channels) as rows of (n, features)."""
        import tensorflow as tf

        return tf.reshape(images, (len(images), -1))

    def draw(self, seed: int, epoch: int, samples: int, keep_prob: float) -> NDArray[np.uint8]:
        """Return the dropout mask of an epoch, uint8 of (samples, sum(hidden))."""
        return dropout_mask(seed, epoch, samples, sum(self.model.hidden), keep_prob)

    def begin_epoch(self, drawn: Any) -> None:
        """Do nothing: each step reads its part of the mask."""

    def train(self, images: Any, drawn: Any, first: Any, size: int, keep_prob: Any) -> Any:
        """Return the logits for a batch in training mode; see `Network.train`."""
        import tensorflow as tf

        mask = tf.slice(drawn, [first, 0], [size, sum(self.model.hidden)])
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
        """Return the logits in inference mode, and the active units if they are relu units."""
        layers: list[Any] = []
        logits = self._logits(images, layers=layers)
        has_relu = self.model.activation == "relu"
        active = [np.asarray(np.any(outputs, axis=0)) for outputs in layers if has_relu]
        return logits, active

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
        outputs = tf.transpose(tf.add_n(products)) + self._biases[0].value
        start = 0
        for number, units in enumerate(self.model.hidden):
            if self._norms:
                outputs = self._norms[number](outputs, training=mask is not None)
            outputs = self._activation(outputs)
            if layers is not None:
                layers.append(outputs)
            if mask is not None:
                outputs = outputs * mask[:, start : start + units] / keep_prob
            start += units
            outputs = outputs @ self._kernels[number].value + self._biases[number + 1].value
        return outputs

    def penalty(self, l2: Any) -> Any:
        """Return `l2` times the sum of the squares of all hidden kernels."""
        import tensorflow as tf

        parts = squares([tile.value for tile in self._tiles])
        parts += [tf.square(kernel.value) for kernel in self._kernels[:-1]]
        total = tf.add_n([tf.reduce_sum(part) for part in parts])
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
        for units in self.model.hidden:
            if self._norms:
                layers += [keras.layers.Dense(units), self._norm()]
                layers += [keras.layers.Activation(self.model.activation)]
            else:
                layers += [keras.layers.Dense(units, activation=self.model.activation)]
        layers += [keras.layers.Dense(self._sizes[-1], activation="softmax")]
        return keras.Sequential(layers)

    def to_bytes(self) -> bytes:
        """Return the network as the content of a `.keras` file; see `Network.to_bytes`."""
        self.to_keras()
        return saved(self._exported)

    @cached_property
    def _exported(self) -> Any:
        """The layers of the model that receives the weights, for images that are not scaled."""
        return taking_pixels(self._keras_model.layers, self.image_shape)
