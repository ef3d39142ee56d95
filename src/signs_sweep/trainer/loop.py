"""Whole epochs as one compiled function.

Compiled by XLA, or by TensorFlow alone if that is faster: in both cases, no step returns to Python.
One compilation serves all runs of the same structure: sizes decide the program, while the images,
learning rate, L2, keep_prob and the seeds are its inputs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import CURVE_METRICS, Parameters
from signs_sweep.errors import TrainingError
from signs_sweep.trainer.network import Network
from signs_sweep.trainer.randomness import sample_order

_MOST_EPOCHS = 32
_MOST_BYTES = 2**25
"""Limits on the values drawn for a call: with large data, a call has fewer epochs."""

_MOST_PADDING = 16
"""At most one row of padding for this many samples of an epoch."""

_EVALUATED_AT_ONCE = 256
"""Number of samples in a step of an evaluation."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their classes.

    Attributes:
        images: uint8 of (n, height, width, channels).
        labels: int64 of (n,).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def tensors(self) -> tuple[Any, Any]:
        """The images, and the labels as int32, as tensors: copied once."""
        import tensorflow as tf

        return tf.constant(self.images), tf.constant(self.labels.astype(np.int32))


class EpochLoop:
    """Trains a network on as many images as it is compiled for, some epochs per call.

    `start` begins a run, `advance` trains it. The state between calls is in the variables of the
    network and the optimizer; no data is kept.

    Attributes:
        network: the network to train.
        capacity: maximum number of epochs in a call: the size of the arrays of drawn values.
        epoch: number of epochs of the run that have been trained.
    """

    def __init__(
        self, network: Network, batch_size: int, training: int, validation: int = 0
    ) -> None:
        """Compile nothing yet: the first call of `advance` does.

        Args:
            network: the network to train.
            batch_size: samples per step.
            training: number of samples to train on.
            validation: number of samples to evaluate after each epoch, 0 for no evaluation.
        """
        import keras
        import tensorflow as tf

        self.network = network
        self._batch_size = batch_size
        self._samples = training
        self._held_out = validation
        self._rows = self._samples + _padding(self._samples, batch_size, network)
        drawn = network.draw(0, 0, self._rows, 1)
        an_epoch = drawn.nbytes + 4 * self._rows
        self.capacity = int(np.clip(_MOST_BYTES // an_epoch, 1, _MOST_EPOCHS))
        self._drawn_like = drawn
        self._optimizer = keras.optimizers.Adam()
        self._optimizer.build(network.variables)
        self._parameters = Parameters()
        self.epoch = 0
        # The loops are written with TensorFlow's; AutoGraph's search for others takes a second.
        self._compiled = tf.function(self._epochs, autograph=False, jit_compile=network.suits_xla)

    def start(self, parameters: Parameters) -> None:
        """Go to the beginning of a run: initial weights, a new optimizer, epoch 0."""
        self.network.initialise(parameters.init_seed)
        for variable in self._optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self._optimizer.learning_rate.assign(parameters.learning_rate)
        self._parameters = parameters
        self.epoch = 0

    def state(self) -> list[NDArray[np.generic]]:
        """Return everything that decides the next epochs, besides the parameters of the run."""
        return [variable.value.numpy() for variable in self._variables()]

    def resume(self, state: Sequence[NDArray[np.generic]], epoch: int) -> None:
        """Resume, after `start`, from the state after an epoch.

        Raises:
            TrainingError: it is the state of a different network.
        """
        variables = self._variables()
        shapes = [tuple(variable.shape) for variable in variables]
        if [values.shape for values in state] != shapes:
            raise TrainingError("the checkpoint belongs to a different network")
        for variable, values in zip(variables, state, strict=True):
            variable.assign(values)
        self.epoch = epoch

    def _variables(self) -> list[Any]:
        return [*self.network.state, *self._optimizer.variables]

    def advance(
        self, epochs: int, training: LabelledImages, validation: LabelledImages | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """Train further epochs, at most `capacity`, and return their metrics.

        Args:
            epochs: number of epochs.
            training: the data to train on, the same in all calls of a run.
            validation: the data to evaluate, if the loop is compiled for any.

        Returns:
            `loss` and `accuracy` as Keras's `fit` defines them (averages over the epoch weighted
            by batch size, penalty included, dropout active), and with validation data `val_loss`
            (penalty included, as in Keras) and `val_accuracy`; float64 of (epochs,).

        Raises:
            TrainingError: the network cannot be compiled.
        """
        import tensorflow as tf

        sizes = len(training), len(validation or ())
        assert sizes == (self._samples, self._held_out), "XLA does not check indices"
        data = [self._arranged(part) for part in (training, validation) if part]
        seed, keep_prob = self._parameters.global_seed, self._parameters.keep_prob
        order = np.zeros((self.capacity, self._rows), np.int32)
        drawn = np.zeros((self.capacity, *self._drawn_like.shape), self._drawn_like.dtype)
        for row in range(epochs):
            epoch = self.epoch + row
            order[row, : self._samples] = sample_order(seed, epoch, self._samples)
            drawn[row] = self.network.draw(seed, epoch, self._rows, keep_prob)
        try:
            table = self._compiled(
                tf.constant(epochs),
                tf.constant(order),
                tf.constant(drawn),
                tf.constant(self._parameters.keep_prob, tf.float32),
                tf.constant(self._parameters.l2, tf.float32),
                *data,
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            reason = error.message.strip().splitlines()[0][:300]
            raise TrainingError(f"this network cannot be compiled: {reason}") from error
        self.epoch += epochs
        columns = np.asarray(table, np.float64)[:epochs].T
        return dict(zip(CURVE_METRICS, columns, strict=False))

    def _arranged(self, data: LabelledImages) -> tuple[Any, Any]:
        images, labels = data.tensors
        return self.network.arrange(images), labels

    def _epochs(
        self,
        epochs: Any,
        order: Any,
        drawn: Any,
        keep_prob: Any,
        l2: Any,
        training: tuple[Any, Any],
        validation: tuple[Any, Any] | None = None,
    ) -> Any:
        """Train `epochs` epochs; return the table of their metrics, float32 (capacity, columns)."""
        import tensorflow as tf

        columns = 2 if validation is None else 4

        def epoch(row: Any, table: Any) -> Any:
            metrics = self._train_epoch(training, order[row], drawn[row], keep_prob, l2)
            if validation is not None:
                metrics += self._validate(validation, l2)
            return row + 1, tf.tensor_scatter_nd_update(table, [[row]], [tf.stack(metrics)])

        table = tf.zeros((self.capacity, columns))
        return _loop(lambda row, _: row < epochs, epoch, (0, table))[1]

    def _train_epoch(
        self, data: tuple[Any, Any], order: Any, drawn: Any, keep_prob: Any, l2: Any
    ) -> list[Any]:
        """Train one epoch; return loss and accuracy. The last batch may be smaller."""
        import tensorflow as tf

        samples = self._samples
        all_images, all_labels = data
        self.network.begin_epoch(drawn)

        def train(first: Any, rows: int) -> tuple[Any, Any]:
            taken = tf.slice(order, [first], [rows])
            counts = tf.cast(first + tf.range(rows) < samples, tf.float32)
            loss, correct = self._step(
                tf.gather(all_labels, taken),
                counts,
                l2,
                lambda: self.network.train(
                    tf.gather(all_images, taken), drawn, first, rows, keep_prob
                ),
            )
            return loss * tf.reduce_sum(counts), correct

        return [total / samples for total in _sums(train, self._rows, self._batch_size)]

    def _step(
        self, labels: Any, counts: Any, l2: Any, outputs_of: Callable[[], Any]
    ) -> tuple[Any, Any]:
        """Update the variables from one batch; return its loss and number of correct predictions.

        Args:
            labels: classes of the samples, int32 of (size,).
            counts: 1 for a sample, 0 for a row of padding, float32 of (size,).
            l2: factor of the penalty.
            outputs_of: returns the outputs for the samples.
        """
        import tensorflow as tf

        variables = self.network.variables
        with tf.GradientTape() as tape:
            outputs = outputs_of()
            losses = self.network.cross_entropy(labels, outputs)
            loss = tf.reduce_sum(losses * counts) / tf.reduce_sum(counts)
            loss += self.network.penalty(l2)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply(gradients, variables)
        return loss, tf.reduce_sum(_is_correct(labels, outputs) * counts)

    def _validate(self, data: tuple[Any, Any], l2: Any) -> list[Any]:
        """Return loss, penalty included, and accuracy on the validation data."""
        import tensorflow as tf

        images, all_labels = data
        samples = self._held_out

        def evaluate_rows(first: Any, count: int) -> tuple[Any, Any]:
            rows = first + tf.range(count)
            labels = tf.gather(all_labels, rows)
            outputs = self.network.predict(tf.gather(images, rows))
            losses = self.network.cross_entropy(labels, outputs)
            return tf.reduce_sum(losses), tf.reduce_sum(_is_correct(labels, outputs))

        loss_sum, correct_sum = _sums(evaluate_rows, samples, _EVALUATED_AT_ONCE)
        return [loss_sum / samples + self.network.penalty(l2), correct_sum / samples]


class Evaluation(NamedTuple):
    """A network on some images, in inference mode.

    Attributes:
        loss: mean cross-entropy without penalty.
        predicted: the predicted classes, int64 of (n,).
        probabilities: float32 of (n, classes).
        dead_units: for each hidden layer, the share of its units that are zero for every image.
    """

    loss: float
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    dead_units: Sequence[float]


def evaluate(network: Network, data: LabelledImages) -> Evaluation:
    """Evaluate a network on at least one image, in inference mode."""
    import tensorflow as tf

    losses, predicted, probabilities, active = [], [], [], []
    for first in range(0, len(data), _EVALUATED_AT_ONCE):
        chosen = slice(first, first + _EVALUATED_AT_ONCE)
        outputs, units = network.respond(tf.constant(network.arrange(data.images[chosen])))
        losses.append(np.asarray(network.cross_entropy(data.labels[chosen], outputs)))
        predicted.append(np.argmax(np.asarray(outputs), axis=1))
        probabilities.append(network.probabilities(outputs))
        active.append(units)
    dead = [float(np.mean(~np.any(of_layer, axis=0))) for of_layer in zip(*active, strict=True)]
    loss = float(np.concatenate(losses).mean(dtype=np.float64))
    return Evaluation(loss, np.concatenate(predicted), np.concatenate(probabilities), dead)


def _sums(batch: Callable[[Any, int], tuple[Any, Any]], rows: int, size: int) -> list[Any]:
    """Return the sums of two values over batches of `size` rows; the last may be smaller.

    Args:
        batch: returns the values of a batch, given its first row and its size.
        rows: number of rows in total.
        size: rows of a batch.
    """
    import tensorflow as tf

    steps, rest = divmod(rows, size)

    def add(first: Any, count: int, sums: Sequence[Any]) -> list[Any]:
        return [total + value for total, value in zip(sums, batch(first, count), strict=True)]

    def step(number: Any, *sums: Any) -> Any:
        return number + 1, *add(number * size, size, sums)

    start = (0, tf.constant(0.0), tf.constant(0.0))
    _, *sums = _loop(lambda number, *_: number < steps, step, start)
    return add(steps * size, rest, sums) if rest else sums


def _loop(condition: Callable[..., Any], body: Callable[..., Any], start: Any) -> Any:
    """Run `tf.while_loop` one iteration at a time, since each changes the variables."""
    import tensorflow as tf

    return tf.while_loop(condition, body, start, parallel_iterations=1)


def _is_correct(labels: Any, outputs: Any) -> Any:
    import tensorflow as tf

    is_correct = tf.equal(tf.argmax(outputs, axis=1, output_type=tf.int32), labels)
    return tf.cast(is_correct, tf.float32)


def _padding(samples: int, batch_size: int, network: Network) -> int:
    """Return how many rows to add to the last batch, so that all batches share a program.

    A program for a smaller batch takes a quarter of the compilation time. If the rows were more
    than a sixteenth of an epoch, it is worth the time, and none are added.
    """
    rows = -samples % batch_size
    return rows if network.allows_padding and rows <= samples / _MOST_PADDING else 0
