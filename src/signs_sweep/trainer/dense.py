"""The dense network: its variables in the layout that trains fast, and as plain Keras.

The layout of the first kernel decides the speed: XLA on CPU multiplies a (12288, 25) matrix 2 to 3
times slower than the same numbers in tiles of (24, 25, 512), with the products of the tiles added
up. Images are kept in the same tiles, as uint8, and scaled to [0, 1] where they are used.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.trainer.network import saved, scaled
from signs_sweep.trainer.randomness import dropout_mask

_BEST, _NARROWEST, _WIDEST = 512, 64, 1024
"""Widths of a tile, in features."""


def tile_count(features: int) -> int:
    """Return into how many tiles of equal width the first kernel is cut.

    The width is the divisor nearest to 512, of those from 64 to 1,024. Where there is none, and up
    to 1,024 features, the kernel stays whole.
    """
    if features <= _WIDEST:
        return 1
    widths = [width for width in range(_NARROWEST, _WIDEST + 1) if features % width == 0]
    return features // min(widths, key=lambda width: abs(log(width / _BEST)), default=features)


def glorot_uniform(seed: int, shape: tuple[int, int], repeats: int) -> NDArray[np.float32]:
    """Return the initial kernel of a dense layer, float32 of (inputs, units).

    It is the kernel of `keras.initializers.GlorotUniform(seed)`, as in the published series: what
    becomes of some of its runs is decided there. That initializer depends on seed and shape alone,
    so that layers of equal shape would start with equal weights; each repeat of a shape gets a seed
    of its own instead.

    Args:
        seed: the run's `init_seed`.
        shape: inputs and units.
        repeats: how many earlier layers have the same shape.
    """
    import keras

    if repeats:
        seed = int(np.random.SeedSequence([repeats, seed]).generate_state(1)[0] >> 1)
    return np.asarray(keras.initializers.GlorotUniform(seed=seed)(shape), np.float32)


class DenseNetwork:
    """Implements `Network`: `features -> hidden[0] relu -> ... -> classes softmax`.

    Attributes:
        variables: Keras variables: kernel and bias of each layer, input side first. The first
            kernel is float32 of (tiles, units, features / tiles), the others (inputs, units).
    """

    def __init__(
        self, image_shape: tuple[int, int, int], hidden: tuple[int, ...], classes: int
    ) -> None:
        """Create the variables, all zero; `initialise` gives them a run's first values.

        Args:
            image_shape: height, width and channels of an image.
            hidden: units of each hidden layer.
            classes: units of the output layer.
        """
        import keras

        self.image_shape = image_shape
        self.hidden = hidden
        self._features = int(np.prod(image_shape))
        self._tiles = tile_count(self._features)
        self._sizes = (self._features, *hidden, classes)
        self.variables: list[Any] = []
        for number, (inputs, outputs) in enumerate(pairwise(self._sizes)):
            kernel = np.zeros((inputs, outputs), np.float32)
            values = self._to_tiles(kernel) if number == 0 else kernel
            self.variables += [
                keras.Variable(values, name=f"kernel_{number}"),
                keras.Variable(np.zeros(outputs, np.float32), name=f"bias_{number}"),
            ]

    @property
    def state(self) -> Sequence[Any]:
        """The trainable variables: there are no others."""
        return self.variables

    @property
    def suits_xla(self) -> bool:
        """Yes: 5 times faster."""
        return True

    def initialise(self, seed: int) -> None:
        """Give the variables the initial values of a run: Glorot-uniform kernels, zero biases."""
        weights: list[NDArray[np.float32]] = []
        shapes = list(pairwise(self._sizes))
        for number, shape in enumerate(shapes):
            repeats = shapes[:number].count(shape)
            weights += [glorot_uniform(seed, shape, repeats), np.zeros(shape[1], np.float32)]
        self.set_weights(weights)

    def set_weights(self, weights: Sequence[NDArray[np.float32]]) -> None:
        """Set the variables from arrays in Keras's layout: kernels (inputs, units), biases."""
        for position, (variable, value) in enumerate(zip(self.variables, weights, strict=True)):
            variable.assign(self._to_tiles(value) if position == 0 else value)

    def weights(self) -> list[NDArray[np.float32]]:
        """Return the variables as arrays in Keras's layout."""
        values = [np.asarray(variable.value) for variable in self.variables]
        values[0] = values[0].transpose(0, 2, 1).reshape(self._features, -1)
        return values

    def arrange(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return images of (n, height, width, channels) as tiles of (tiles, n, width)."""
        flat = images.reshape(len(images), self._tiles, -1)
        return np.ascontiguousarray(flat.transpose(1, 0, 2))

    def take(self, images: Any, rows: Any) -> Any:
        """Return some images, by their numbers: uint8 of (tiles, size, width)."""
        import tensorflow as tf

        return tf.gather(images, rows, axis=1)

    def draw(self, seed: int, epoch: int, samples: int, keep_prob: float) -> NDArray[np.uint8]:
        """Return the dropout mask of an epoch, uint8 of (samples, sum(hidden))."""
        return dropout_mask(seed, epoch, samples, sum(self.hidden), keep_prob)

    def begin_epoch(self, drawn: Any) -> None:
        """Do nothing: the mask is used step by step."""

    def train(self, images: Any, drawn: Any, first: Any, size: int, keep_prob: Any) -> Any:
        """Return the logits for a batch in training mode; see `Network.train`."""
        import tensorflow as tf

        mask = tf.slice(drawn, [first, 0], [size, sum(self.hidden)])
        return self._logits(images, tf.cast(mask, tf.float32), keep_prob)

    def predict(self, images: Any) -> Any:
        """Return the logits in inference mode."""
        return self._logits(images)

    def cross_entropy(self, labels: Any, outputs: Any) -> Any:
        """Return the cross-entropy of each sample, from logits."""
        import tensorflow as tf

        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)

    def _logits(self, tiles: Any, mask: Any = None, keep_prob: Any = None) -> Any:
        """Return the outputs before the softmax, float32 of (n, classes).

        Args:
            tiles: images as `take` gives them, uint8 of (tiles, n, width).
            mask: which outputs of the hidden layers are kept, float32 of (n, sum(hidden)); None in
                inference mode. Kept outputs are divided by `keep_prob`, as in Keras's Dropout.
            keep_prob: share that is kept.
        """
        import tensorflow as tf

        values = [variable.value for variable in self.variables]
        products = tf.matmul(scaled(tiles), values[0], transpose_b=True)
        outputs = tf.reduce_sum(products, axis=0) + values[1]
        start = 0
        for number, units in enumerate(self.hidden, start=1):
            outputs = tf.nn.relu(outputs)
            if mask is not None:
                outputs = outputs * mask[:, start : start + units] / keep_prob
            start += units
            outputs = outputs @ values[2 * number] + values[2 * number + 1]
        return outputs

    def penalty(self, l2: Any) -> Any:
        """Return `l2` times the sum of the squares of all hidden kernels.

        The sum costs a tenth of a step and is left out where `l2` is 0. It goes over the tiles
        first: one sum over everything does not vectorise.
        """
        import tensorflow as tf

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def weighted(*kernels: Any) -> Any:
            def squares() -> Any:
                first = tf.reduce_sum(tf.reduce_sum(tf.square(kernels[0]), axis=0))
                others = [tf.reduce_sum(tf.square(kernel)) for kernel in kernels[1:]]
                return l2 * tf.add_n([first, *others])

            def gradient(upstream: Any) -> list[Any]:
                return [upstream * 2 * l2 * kernel for kernel in kernels]

            return tf.cond(l2 > 0, squares, lambda: tf.constant(0.0)), gradient

        return weighted(*(self.variables[2 * number].value for number in range(len(self.hidden))))

    def to_keras(self) -> Any:
        """Return the network as a Keras model of ordinary layers with the current weights.

        It takes float32 images of (n, height, width, channels) scaled to [0, 1] and returns
        probabilities of (n, classes).
        """
        import keras

        layers = [keras.layers.Input(self.image_shape, name="image"), keras.layers.Flatten()]
        layers += [keras.layers.Dense(units, activation="relu") for units in self.hidden]
        layers += [keras.layers.Dense(self._sizes[-1], activation="softmax")]
        model = keras.Sequential(layers)
        model.set_weights(self.weights())
        return model

    def to_bytes(self) -> bytes:
        """Return `to_keras()` as the content of a `.keras` file."""
        return saved(self.to_keras())

    def _to_tiles(self, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
        cut = kernel.reshape(self._tiles, self._features // self._tiles, -1)
        return np.ascontiguousarray(cut.transpose(0, 2, 1))
