"""A user's Keras model as a network for the compiled loop."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from traceback import walk_tb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import Argument
from signs_sweep.errors import TrainingError
from signs_sweep.trainer.network import saved, scaled, smoothed, taking_pixels
from signs_sweep.trainer.randomness import Purpose, generator

Builder = Callable[..., Any]
"""Called with the shape of an image, the number of classes, and the arguments in the spec."""


class BuiltNetwork:
    """Implements `Network` for any Keras model that maps images to probabilities.

    Layers that draw random numbers (Dropout, augmentation) keep a state: their position in a random
    stream. It is reset in every epoch, from the run's global seed and the number of the epoch, so
    that an epoch depends only on the weights before it.

    Attributes:
        classes: number of classes.
    """

    allows_padding = False
    """Batch normalisation averages over the batch."""

    def __init__(
        self,
        builder: Builder,
        arguments: Sequence[tuple[str, Argument]],
        image_shape: tuple[int, int, int],
        classes: int,
    ) -> None:
        """Build the model once, to check it.

        Args:
            builder: the user's function.
            arguments: its arguments from the spec, by name.
            image_shape: height, width and channels of an image.
            classes: number of probabilities that the model must return.

        Raises:
            TrainingError: it does not return a model that maps images to probabilities.
        """
        self._builder = builder
        self._arguments = {name: _plain(value) for name, value in arguments}
        self.image_shape = image_shape
        self.classes = classes
        self._model = self._build(0)
        _check(self._model, image_shape, classes)
        self._exported = _export(self._model, image_shape)
        weights = self._model.weights
        self._random = [
            state
            for state in self._model.variables
            if not any(state is weight for weight in weights)
        ]
        kernels = [each for each in self._model.trainable_variables if "kernel" in each.name]
        self._hidden_kernels = kernels[:-1]

    @property
    def variables(self) -> Sequence[Any]:
        """The trainable variables of the model."""
        return list(self._model.trainable_variables)

    @property
    def parts(self) -> Sequence[int]:
        """1 for each variable."""
        return [1] * len(self.variables)

    @property
    def state(self) -> Sequence[Any]:
        """All weights, including those that are not trained, such as moving averages."""
        return list(self._model.weights)

    @property
    def suits_xla(self) -> bool:
        """Whether it has no convolution: on a CPU, XLA's gradients of convolutions are slow.

        Measured on `experiments/networks.py`: 4.2 s per epoch with XLA, 0.7 s without.
        """
        import tensorflow as tf

        names = {type(layer).__name__ for layer in _layers(self._model)}
        has_gpu = bool(tf.config.list_logical_devices("GPU"))
        return has_gpu or not any("Conv" in name for name in names)

    def initialise(self, seed: int) -> None:
        """Build the model again with Keras's random seed, and copy its initial values."""
        fresh = self._build(seed)
        self._model.set_weights(fresh.get_weights())

    def arrange(self, images: Any) -> Any:
        """Return the images unchanged."""
        return images

    def draw(self, seed: int, epoch: int, samples: int, keep_prob: float) -> NDArray[np.uint32]:
        """Return the random states of an epoch, one per layer that draws, uint32 of (layers, 2)."""
        del samples, keep_prob
        layers = max(len(self._random), 1)  # XLA does not accept empty arrays.
        draws = generator(seed, Purpose.LAYERS, epoch).integers(0, 2**31, (layers, 2))
        return draws.astype(np.uint32)

    def begin_epoch(self, drawn: Any) -> None:
        """Set the state of every layer that draws random numbers."""
        import tensorflow as tf

        for number, state in enumerate(self._random):
            state.assign(tf.cast(drawn[number], state.dtype))

    def train(self, images: Any, drawn: Any, first: Any, size: int, keep_prob: Any) -> Any:
        """Return the probabilities for a batch in training mode."""
        del drawn, first, size, keep_prob
        return self._model(scaled(images), training=True)

    def predict(self, images: Any) -> Any:
        """Return the probabilities in inference mode."""
        return self._model(scaled(images), training=False)

    def cross_entropy(self, labels: Any, outputs: Any, smoothing: Any = None) -> Any:
        """Return the cross-entropy of each sample, as Keras computes it from probabilities."""
        import keras

        if smoothing is not None:
            labels = smoothed(labels, self.classes, smoothing)
            return keras.losses.categorical_crossentropy(labels, outputs)
        return keras.losses.sparse_categorical_crossentropy(labels, outputs)

    def probabilities(self, outputs: Any) -> NDArray[np.float32]:
        """Return the outputs as an array: they are probabilities."""
        return np.asarray(outputs, np.float32)

    def respond(self, images: Any) -> tuple[Any, Sequence[NDArray[np.bool_]]]:
        """Return the outputs of `predict` alone: the layers are the user's choice."""
        return self.predict(images), ()

    def penalty(self, l2: Any) -> Any:
        """Return L2 on all kernels but the last, plus the losses that the layers add themselves."""
        import tensorflow as tf

        squares = [tf.reduce_sum(tf.square(kernel.value)) for kernel in self._hidden_kernels]
        return l2 * tf.add_n([tf.constant(0.0), *squares]) + tf.add_n(
            [tf.constant(0.0), *self._model.losses]
        )

    def to_bytes(self) -> bytes:
        """Return the network as the content of a `.keras` file; see `Network.to_bytes`.

        The model that the user's function built is its last layer.
        """
        return saved(self._exported)

    def _build(self, seed: int) -> Any:
        import keras

        keras.utils.set_random_seed(seed)
        try:
            return self._builder(self.image_shape, self.classes, **self._arguments)
        except TypeError as error:
            if _is_of_the_call(error, self._builder):
                arguments = ["the input shape", "the number of classes", *self._arguments]
                raise TrainingError(
                    "the function that builds the model cannot be called with "
                    f"{', '.join(arguments)}: {error}"
                ) from error
            raise


def _is_of_the_call(error: TypeError, builder: Builder) -> bool:
    """Return whether an error was raised by the call of a function, not in its body."""
    own = getattr(inspect.unwrap(builder), "__code__", None)
    _, *inner = (frame.f_code for frame, _ in walk_tb(error.__traceback__))
    return not inner or (own is not None and own not in inner)


def _check(model: Any, image_shape: tuple[int, int, int], classes: int) -> None:
    """Raise TrainingError if a model does not map images to probabilities."""
    import keras

    if not isinstance(model, keras.Model):
        raise TrainingError(
            f"the function that builds the model returned {type(model).__name__}, not a keras.Model"
        )
    try:
        outputs = np.asarray(model(np.full((2, *image_shape), 0.5, np.float32), training=False))
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise TrainingError(
            f"the model does not accept images of {image_shape}: {reason}"
        ) from error
    if outputs.shape != (2, classes):
        raise TrainingError(
            f"the model returns {outputs.shape[1:]} for an image instead of a probability for each "
            f"of {classes} classes"
        )
    if outputs.min() < 0 or not np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        raise TrainingError(
            "the model does not return probabilities: set activation='softmax' in its last layer"
        )
    if not model.trainable_variables:
        raise TrainingError("the model has no trainable variables")


def _export(model: Any, image_shape: tuple[int, int, int]) -> Any:
    """Return the model to save; raise TrainingError, before any training, if it cannot be saved."""
    try:
        return taking_pixels([model], image_shape)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TrainingError(
            "the model cannot be kept, because it does not accept a batch of unknown size: do not "
            "use x.shape[0] in its layers (Flatten and Reshape do not need it)"
        ) from error


def _layers(model: Any) -> Iterator[Any]:
    """Yield all layers of a model, including those of nested models."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _layers(layer)


def _plain(value: Argument) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
