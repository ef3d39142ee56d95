"""The interface between networks and the compiled loop, implemented in `dense` and `built`."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Network(Protocol):
    """An image classifier with trainable variables.

    `begin_epoch`, `train`, `predict`, `cross_entropy` and `penalty` are called while the
    loop is traced and add to the compiled program. The others compute immediately.
    """

    @property
    def variables(self) -> Sequence[Any]:
        """The Keras variables that training changes."""

    @property
    def parts(self) -> Sequence[int]:
        """How many of `variables`, in their order, are the parts of each variable of Keras."""

    @property
    def state(self) -> Sequence[Any]:
        """All Keras variables that an epoch changes and the next epoch reads."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""

    @property
    def classes(self) -> int:
        """Number of classes."""

    @property
    def suits_xla(self) -> bool:
        """Whether XLA computes it faster than TensorFlow's own kernels do."""

    @property
    def allows_padding(self) -> bool:
        """Whether the outputs for a sample do not depend on the rest of its batch."""

    def initialise(self, seed: int) -> None:
        """Set all variables to the initial values of a run, which depend only on the seed."""

    def arrange(self, images: Any) -> Any:
        """Return images, array or tensor of (n, height, width, channels), as `train` takes them.

        A tensor is not copied.
        """

    def draw(self, seed: int, epoch: int, samples: int, keep_prob: float) -> NDArray[Any]:
        """Return all random values of an epoch except the order: an array of a fixed shape."""

    def begin_epoch(self, drawn: Any) -> None:
        """Use the values drawn for an epoch, before its first step."""

    def train(self, images: Any, drawn: Any, first: Any, size: int, keep_prob: Any) -> Any:
        """Return the outputs for a batch in training mode, float32 of (size, classes).

        Args:
            images: some of those that `arrange` returned.
            drawn: the values that `draw` returned for the epoch.
            first: number of samples in the epoch before this batch.
            size: number of samples in the batch.
            keep_prob: share of a hidden layer's outputs that dropout keeps.
        """

    def predict(self, images: Any) -> Any:
        """Return the outputs in inference mode for images in the layout of `arrange`."""

    def cross_entropy(self, labels: Any, outputs: Any, smoothing: Any = None) -> Any:
        """Return the cross-entropy of each sample, float32 of (n,).

        Args:
            labels: classes of the samples, int32 or int64 of (n,).
            outputs: those of `train` or `predict`.
            smoothing: share of each label that is spread over all classes; None for none.
        """

    def probabilities(self, outputs: Any) -> NDArray[np.float32]:
        """Return outputs of `predict` as probabilities, float32 of (n, classes)."""

    def respond(self, images: Any) -> tuple[Any, Sequence[NDArray[np.bool_]]]:
        """Return the outputs of `predict`, and the active units of each hidden layer.

        Active units are above zero for any of the images: a bool for each unit, (units,). There are
        no layers in it if the network's layers are not known to have relu units.
        """

    def penalty(self, l2: Any) -> Any:
        """Return the penalty added to the mean cross-entropy, with the L2 factor `l2`."""

    def to_bytes(self) -> bytes:
        """Return the network as the content of a `.keras` file.

        The model in it is that of `taking_pixels`.
        """


def scaled(images: Any) -> Any:
    """Return images as float32 in [0, 1]; traced. Those that are float32 already are."""
    import tensorflow as tf

    if images.dtype == tf.float32:
        return images
    return tf.cast(images, tf.float32) * np.float32(1 / 255)


def smoothed(labels: Any, classes: int, smoothing: Any) -> Any:
    """Return labels as probabilities of the classes, float32 of (n, classes); traced."""
    import tensorflow as tf

    return tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes


def squares(tensors: Sequence[Any]) -> list[Any]:
    """Return the squares of tensors, those of equal shapes added to each other; traced.

    They are added elementwise before they are summed because XLA does not vectorise a sum of
    squares.
    """
    import tensorflow as tf

    by_shape: dict[tuple[int, ...], list[Any]] = {}
    for tensor in tensors:
        by_shape.setdefault(tuple(tensor.shape), []).append(tf.square(tensor))
    return [tf.add_n(of_shape) for of_shape in by_shape.values()]


def taking_pixels(layers: Sequence[Any], image_shape: tuple[int, int, int]) -> Any:
    """Return a Keras model that scales images, with the bits of `scaled`, and calls some layers.

    It takes uint8 images of (n, height, width, channels) and returns probabilities of (n, classes).

    Args:
        layers: they are called in this order, and share their weights with the model.
        image_shape: height, width and channels.
    """
    import keras

    image = keras.layers.Input(image_shape, dtype="uint8", name="uint8_image")
    # Users may have changed the default dtype of layers.
    scaling = keras.layers.Rescaling(1 / 255, dtype="float32", name="divided_by_255")
    return keras.Sequential([image, scaling, *layers])


def saved(model: Any) -> bytes:
    """Return a Keras model as the content of a `.keras` file.

    Keras can only write to a path; the file is removed again.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        return path.read_bytes()
