"""Whole epochs as one compiled function.

One compilation serves every run of the same structure: sizes decide the program, while learning
rate, L2, keep_prob and the seeds are its inputs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.records import Parameters
from signs_sweep.trainer.network import DenseNetwork
from signs_sweep.trainer.randomness import dropout_mask, sample_order

CAPACITY = 32
"""Most epochs in one call: the size of the arrays of orders and masks that go in."""


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


class EpochLoop:
    """Trains a network on fixed data, some epochs a call.

    `start` begins a run, `advance` trains. The state between calls is in the variables of the
    network and of the optimizer.
    """

    def __init__(
        self,
        network: DenseNetwork,
        training: LabelledImages,
        validation: LabelledImages | None,
        batch_size: int,
    ) -> None:
        import keras
        import tensorflow as tf

        self.network = network
        self._batch_size = batch_size
        self._training = _to_tensors(network, training)
        self._validation = None if validation is None else _to_tensors(network, validation)
        self._samples = len(training)
        self._units = sum(network.hidden)
        self._optimizer = keras.optimizers.Adam()
        self._optimizer.build(network.variables)
        self._parameters = Parameters()
        self._epoch = 0
        self._compiled = tf.function(self._epochs, jit_compile=True)

    def start(self, parameters: Parameters) -> None:
        """Go to the beginning of a run: initial weights, a fresh optimizer, epoch 0."""
        self.network.initialise(parameters.init_seed)
        for variable in self._optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self._optimizer.learning_rate.assign(parameters.learning_rate)
        self._parameters = parameters
        self._epoch = 0

    def advance(self, epochs: int) -> dict[str, NDArray[np.float64]]:
        """Train some more epochs, at most CAPACITY, and return their metrics.

        Returns:
            `loss` and `accuracy` as Keras's `fit` defines them (averages over the epoch weighted
            by batch size, penalty included, dropout active), and with validation data `val_loss`
            (penalty included, as in Keras) and `val_accuracy`; float64 of (epochs,).
        """
        import tensorflow as tf

        seed, keep_prob = self._parameters.global_seed, self._parameters.keep_prob
        order = np.zeros((CAPACITY, self._samples), np.int32)
        mask = np.zeros((CAPACITY, self._samples, self._units), np.uint8)
        for row in range(epochs):
            epoch = self._epoch + row
            order[row] = sample_order(seed, epoch, self._samples)
            mask[row] = dropout_mask(seed, epoch, self._samples, self._units, keep_prob)
        table = self._compiled(
            tf.constant(epochs),
            tf.constant(order),
            tf.constant(mask),
            tf.constant(self._parameters.keep_prob, tf.float32),
            tf.constant(self._parameters.l2, tf.float32),
        )
        self._epoch += epochs
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        columns = np.asarray(table, np.float64)[:epochs].T
        return dict(zip(names, columns, strict=False))

    def _epochs(self, epochs: Any, order: Any, mask: Any, keep_prob: Any, l2: Any) -> Any:
        """Train `epochs` epochs; return the table of their metrics, float32 (CAPACITY, columns)."""
        import tensorflow as tf

        columns = 2 if self._validation is None else 4

        def epoch(row: Any, table: Any) -> Any:
            metrics = self._train_epoch(order[row], mask[row], keep_prob, l2)
            if self._validation is not None:
                metrics += self._validate(l2)
            return row + 1, tf.tensor_scatter_nd_update(table, [[row]], [tf.stack(metrics)])

        table = tf.zeros((CAPACITY, columns))
        return tf.while_loop(lambda row, _: row < epochs, epoch, (0, table))[1]

    def _train_epoch(self, order: Any, mask: Any, keep_prob: Any, l2: Any) -> list[Any]:
        """Train one epoch; return loss and accuracy. The last batch may be a smaller one."""
        import tensorflow as tf

        size, samples = self._batch_size, self._samples
        steps, rest = divmod(samples, size)

        def step(number: Any, loss_sum: Any, correct_sum: Any) -> Any:
            first = number * size
            rows = tf.slice(order, [first], [size])
            kept = tf.slice(mask, [first, 0], [size, self._units])
            loss, correct = self._step(rows, kept, keep_prob, l2)
            return number + 1, loss_sum + loss * size, correct_sum + correct

        start = (0, tf.constant(0.0), tf.constant(0.0))
        _, loss_sum, correct_sum = tf.while_loop(lambda number, *_: number < steps, step, start)
        if rest:
            first = steps * size
            loss, correct = self._step(order[first:], mask[first:], keep_prob, l2)
            loss_sum, correct_sum = loss_sum + loss * rest, correct_sum + correct
        return [loss_sum / samples, correct_sum / samples]

    def _step(self, rows: Any, mask: Any, keep_prob: Any, l2: Any) -> tuple[Any, Any]:
        """Update the variables from one batch; return its loss and how many were right."""
        import tensorflow as tf

        tiles, all_labels = self._training
        labels = tf.gather(all_labels, rows)
        variables = self.network.variables
        with tf.GradientTape() as tape:
            logits = self.network.logits(
                tf.gather(tiles, rows, axis=1), tf.cast(mask, tf.float32), keep_prob
            )
            loss = _cross_entropy(labels, logits) + l2 * self.network.penalty()
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply(gradients, variables)
        return loss, _count_correct(labels, logits)

    def _validate(self, l2: Any) -> list[Any]:
        import tensorflow as tf

        assert self._validation is not None
        tiles, labels = self._validation
        logits = self.network.logits(tiles)
        loss = _cross_entropy(labels, logits) + l2 * self.network.penalty()
        return [loss, _count_correct(labels, logits) / tf.cast(len(labels), tf.float32)]


def evaluate(network: DenseNetwork, data: LabelledImages) -> tuple[float, NDArray[np.int64]]:
    """Return the mean cross-entropy without penalty, and the predicted classes, int64 of (n,)."""
    import tensorflow as tf

    losses, predicted = [], []
    for first in range(0, len(data), 256):
        tiles = network.arrange(data.images[first : first + 256])
        logits = network.logits(tf.constant(tiles))
        labels = data.labels[first : first + 256]
        losses.append(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits).numpy())
        predicted.append(np.argmax(logits.numpy(), axis=1))
    return float(np.concatenate(losses).mean(dtype=np.float64)), np.concatenate(predicted)


def _to_tensors(network: DenseNetwork, data: LabelledImages) -> tuple[Any, Any]:
    import tensorflow as tf

    return tf.constant(network.arrange(data.images)), tf.constant(data.labels.astype(np.int32))


def _cross_entropy(labels: Any, logits: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def _count_correct(labels: Any, logits: Any) -> Any:
    import tensorflow as tf

    right = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels)
    return tf.reduce_sum(tf.cast(right, tf.float32))
