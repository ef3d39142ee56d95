"""Whole epochs as one compiled function.

Compiled by XLA, or by TensorFlow alone if that is faster: in both cases, no step returns to Python.
One compilation serves all runs of the same structure: sizes and a `Recipe` decide the program,
while the images, the learning rate of each step, the `Strengths` and the seeds are its inputs.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import CURVE_METRICS, EarlyStopping, History, Parameters, is_higher_better
from signs_sweep.errors import TrainingError
from signs_sweep.trainer.augmentation import Augmentation
from signs_sweep.trainer.evaluation import EVALUATED_AT_ONCE, LabelledImages
from signs_sweep.trainer.network import Network
from signs_sweep.trainer.optimizer import Optimizer
from signs_sweep.trainer.randomness import sample_order
from signs_sweep.trainer.recipe import Recipe, Strengths, class_weights
from signs_sweep.trainer.schedule import rates

_MOST_EPOCHS = 32
_MOST_BYTES = 2**25
"""Limits on the values drawn for a call: with large data, a call has fewer epochs."""

_MOST_PADDING = 16
"""At most one row of padding for this many samples of an epoch."""


class _Drawn(NamedTuple):
    """What NumPy computes for each epoch of a call: arrays whose first dimension is the epoch.

    Attributes:
        order: the samples in their order, as rows of the images, int32 of (rows,).
        network: what `Network.draw` returned.
        rates: the learning rate of each step, float32 of (steps,).
        augmentation: what `Augmentation.draw` returned; nothing without augmentation.
    """

    order: Any
    network: Any
    rates: Any
    augmentation: tuple[Any, ...]


class _Watched(NamedTuple):
    """What a stopping rule remembers of the epochs of a run; see `EarlyStopping.follow`.

    Attributes:
        best: number (1-based) of the last epoch that improved the metric, or 0, int32.
        record: the metric in that epoch, negative if less is better, float32.
        stops: whether training stops.
    """

    best: Any
    record: Any
    stops: Any


_NOTHING_WATCHED = _Watched(np.int32(0), np.float32(-np.inf), np.False_)


class EpochLoop:
    """Trains a network on as many images as it is compiled for, some epochs per call.

    `start` begins a run, `advance` trains it. The state between calls is in the variables of the
    network and the optimizer, and with a stopping rule in the best weights; no data is kept.

    Attributes:
        network: the network to train.
        capacity: maximum number of epochs in a call: the size of the arrays of drawn values.
        epoch: number of epochs of the run that have been trained.
    """

    def __init__(
        self,
        network: Network,
        batch_size: int,
        training: int,
        validation: int = 0,
        recipe: Recipe | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        """Compile nothing yet: the first call of `advance` does.

        Args:
            network: the network to train.
            batch_size: samples per step.
            training: number of samples to train on.
            validation: number of samples to evaluate after each epoch, 0 for no evaluation.
            recipe: that of the runs; by default, that of `Parameters()`.
            classes: the names of the classes; by default, their numbers from 0.
        """
        import tensorflow as tf

        self.network = network
        self._recipe = recipe or Recipe.of(Parameters())
        self._classes = classes or [str(number) for number in range(network.classes)]
        self._batch_size = batch_size
        self._samples = training
        self._held_out = validation
        self._rows = self._samples + _padding(self._samples, batch_size, network)
        self._steps = -(-self._rows // batch_size)
        drawn = network.draw(0, 0, self._rows, 1)
        stages = self._recipe.augmentation
        self._augmentation = Augmentation(stages, network.image_shape) if stages else None
        changes = self._augmentation.bytes_per_epoch(self._rows) if self._augmentation else 0
        an_epoch = drawn.nbytes + 4 * self._rows + changes
        self.capacity = int(np.clip(_MOST_BYTES // an_epoch, 1, _MOST_EPOCHS))
        self._drawn_like = drawn
        self._optimizer = Optimizer(self._recipe, network)
        kept = network.state if self._recipe.watched else ()
        self._best = [
            tf.Variable(variable.value, name=f"best_{variable.name}") for variable in kept
        ]
        self._parameters = Parameters()
        self._rule: EarlyStopping | None = None
        self._watched = _NOTHING_WATCHED
        self.epoch = 0
        # The loops are written with TensorFlow's; AutoGraph's search for others takes a second.
        self._compiled = tf.function(self._epochs, autograph=False, jit_compile=network.suits_xla)

    def start(self, parameters: Parameters) -> None:
        """Go to the beginning of a run: initial weights, a new optimizer, epoch 0."""
        assert Recipe.of(parameters) == self._recipe, "compiled for other runs"
        self.network.initialise(parameters.init_seed)
        self._optimizer.reset(parameters.learning_rate)
        self._parameters = parameters
        self._rule = EarlyStopping.of(parameters)
        self._watched = _NOTHING_WATCHED
        self.epoch = 0

    @property
    def stopped(self) -> bool:
        """Whether the stopping rule has ended the run."""
        return bool(self._watched.stops)

    @property
    def best_epoch(self) -> int:
        """Number (1-based) of the best epoch by the stopping rule; 0 before the first epoch."""
        return int(self._watched.best)

    def best(self) -> list[NDArray[np.generic]]:
        """Return the values of `network.state` after the best epoch; none without a rule."""
        return [variable.numpy() for variable in self._best]

    def restore_best(self) -> None:
        """Set the network to its weights after the best epoch; training cannot continue."""
        _set(self.network.state, self.best())

    def state(self) -> list[NDArray[np.generic]]:
        """Return everything that decides the next epochs, besides the parameters of the run.

        What the stopping rule remembers is not in it: it follows from the history and `best`.
        """
        return [variable.value.numpy() for variable in self._variables()]

    def resume(
        self,
        state: Sequence[NDArray[np.generic]],
        epoch: int,
        history: History | None = None,
        best: Sequence[NDArray[np.generic]] | None = None,
    ) -> None:
        """Resume, after `start`, from the state after an epoch.

        Args:
            state: what `state` returned.
            epoch: number of epochs trained.
            history: by metric, its values from the first epoch; needed with a stopping rule.
            best: what `best` returned; needed with a stopping rule.

        Raises:
            TrainingError: it is the state of a different network, or the best weights are missing.
        """
        _set(self._variables(), state)
        if self._best:
            if best is None:
                raise TrainingError("the checkpoint has no best weights")
            _set(self._best, best)
        if self._rule:
            course = self._rule.follow(history or {})
            record = course.value if self._rule.maximizes else -course.value
            self._watched = _Watched(
                np.int32(course.best), np.float32(record), np.bool_(course.stop is not None)
            )
        self.epoch = epoch

    def _variables(self) -> list[Any]:
        return [*self.network.state, *self._optimizer.variables]

    def advance(
        self, epochs: int, training: LabelledImages, validation: LabelledImages | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """Train further epochs, at most `capacity`, and return their metrics.

        With a stopping rule, training ends after the epoch at which the rule stops; see `stopped`.

        Args:
            epochs: number of epochs.
            training: the data to train on, the same in all calls of a run.
            validation: the data to evaluate, if the loop is compiled for any.

        Returns:
            `loss` and `accuracy` as Keras's `fit` defines them (averages over the epoch weighted
            by batch size, penalty included, dropout active), and with validation data `val_loss`
            (penalty included, as in Keras) and `val_accuracy`; float64 of (epochs trained,).

        Raises:
            TrainingError: the network cannot be compiled.
        """
        import tensorflow as tf

        sizes = len(training), len(validation or ())
        assert sizes == (self._samples, self._held_out), "XLA does not check indices"
        assert not self.stopped
        images, labels = self._arranged(training)
        held_out = (
            (*self._arranged(validation), tf.constant(validation.rows.astype(np.int32)))
            if validation
            else None
        )
        weights = class_weights(self._parameters, training.labels, self._classes)
        watch = (
            (_Watched(*map(tf.constant, self._watched)), tf.constant(self.epoch))
            if self._rule
            else None
        )
        try:
            table, watched = self._compiled(
                tf.constant(epochs),
                tf.nest.map_structure(tf.constant, self._draw(epochs, training.rows)),
                Strengths.of(self._parameters, weights),
                watch,
                (images, labels),
                held_out,
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            reason = error.message.strip().splitlines()[0][:300]
            raise TrainingError(f"this network cannot be compiled: {reason}") from error
        if watched is not None:
            *values, trained = (value.numpy() for value in watched)
            self._watched, epochs = _Watched(*values), int(trained)
        self.epoch += epochs
        columns = np.asarray(table, np.float64)[:epochs].T
        return dict(zip(CURVE_METRICS, columns, strict=False))

    def _draw(self, epochs: int, samples: NDArray[np.int64]) -> _Drawn:
        """Return what NumPy computes for the next epochs, filled up to the capacity.

        `samples` are the rows of the images to train on; the first of them is the padding.
        """
        seed, keep_prob = self._parameters.global_seed, self._parameters.keep_prob
        order = np.full((self.capacity, self._rows), samples[0], np.int32)
        drawn = np.zeros((self.capacity, *self._drawn_like.shape), self._drawn_like.dtype)
        rate = np.zeros((self.capacity, self._steps), np.float32)
        rate[:epochs] = rates(self._parameters, self.epoch, epochs, self._steps)
        numbers = range(self.epoch, self.epoch + epochs)
        for row, epoch in enumerate(numbers):
            order[row, : self._samples] = samples[sample_order(seed, epoch, self._samples)]
            drawn[row] = self.network.draw(seed, epoch, self._rows, keep_prob)
        changes: tuple[Any, ...] = ()
        if self._augmentation:
            changes = self._augmentation.draw(self._parameters, numbers, self.capacity, self._rows)
        return _Drawn(order, drawn, rate, changes)

    def _arranged(self, data: LabelledImages) -> tuple[Any, Any]:
        images, labels = data.tensors
        return self.network.arrange(images), labels

    def _epochs(
        self,
        epochs: Any,
        drawn: _Drawn,
        strengths: Strengths,
        watch: tuple[_Watched, Any] | None,
        training: tuple[Any, Any],
        validation: tuple[Any, Any, Any] | None = None,
    ) -> Any:
        """Train at most `epochs` epochs.

        Args:
            epochs: number of epochs.
            drawn: what NumPy computed for them.
            strengths: the inputs that are the same in all of them.
            watch: what the stopping rule remembers, and the number of epochs before these.
            training: images and labels, among them those to train on.
            validation: images and labels, and the rows of those to evaluate.

        Returns:
            The table of their metrics, float32 of (capacity, columns), and with a stopping rule
            what it remembers, followed by the number of epochs trained.
        """
        import tensorflow as tf

        columns = 2 if validation is None else 4

        def epoch(row: Any, table: Any) -> Any:
            of_epoch = tf.nest.map_structure(lambda values: values[row], drawn)
            metrics = self._train_epoch(training, of_epoch, strengths)
            if validation is not None:
                metrics += self._validate(validation, strengths)
            return row + 1, tf.tensor_scatter_nd_update(table, [[row]], [tf.stack(metrics)])

        table = tf.zeros((self.capacity, columns))
        if watch is None:
            return _loop(lambda row, _: row < epochs, epoch, (0, table))[1], None
        watched, before = watch

        def watched_epoch(row: Any, table: Any, watched: _Watched) -> Any:
            row, table = epoch(row, table)
            return row, table, self._follow(watched, before + row, table[row - 1], strengths)

        row, table, watched = _loop(
            lambda row, _, watched: (row < epochs) & ~watched.stops,
            watched_epoch,
            (0, table, watched),
        )
        return table, (*watched, row)

    def _follow(
        self, watched: _Watched, epoch: Any, metrics: Any, strengths: Strengths
    ) -> _Watched:
        """Follow the stopping rule after an epoch, and keep its weights if it is the best."""
        import tensorflow as tf

        assert self._recipe.watched is not None
        value = metrics[CURVE_METRICS.index(self._recipe.watched)]
        signed = value if is_higher_better(self._recipe.watched) else -value
        improves = (watched.best == 0) | (signed - watched.record > strengths.min_delta)
        for best, variable in zip(
            self._best, self.network.state if self._best else (), strict=True
        ):
            best.assign(tf.where(improves, variable.value, best))
        best = tf.where(improves, epoch, watched.best)
        record = tf.where(improves, signed, watched.record)
        return _Watched(best, record, epoch - best >= strengths.patience)

    def _train_epoch(self, data: tuple[Any, Any], drawn: _Drawn, strengths: Strengths) -> list[Any]:
        """Train one epoch; return loss and accuracy. The last batch may be smaller."""
        import tensorflow as tf

        samples = self._samples
        all_images, all_labels = data
        self.network.begin_epoch(drawn.network)

        def train(first: Any, rows: int) -> tuple[Any, Any]:
            taken = tf.slice(drawn.order, [first], [rows])
            images = tf.gather(all_images, taken)
            if self._augmentation:
                coefficients, normal = drawn.augmentation
                images = self._augmentation.apply(images, coefficients, normal, first)
            counts = tf.cast(first + tf.range(rows) < samples, tf.float32)
            loss, correct = self._step(
                tf.gather(all_labels, taken),
                counts,
                drawn.rates[first // self._batch_size],
                strengths,
                lambda: self.network.train(images, drawn.network, first, rows, strengths.keep_prob),
            )
            return loss * tf.reduce_sum(counts), correct

        return [total / samples for total in _sums(train, self._rows, self._batch_size)]

    def _step(
        self,
        labels: Any,
        counts: Any,
        rate: Any,
        strengths: Strengths,
        outputs_of: Callable[[], Any],
    ) -> tuple[Any, Any]:
        """Update the variables from one batch; return its loss and number of correct predictions.

        Args:
            labels: classes of the samples, int32 of (size,).
            counts: 1 for a sample, 0 for a row of padding, float32 of (size,).
            rate: the learning rate.
            strengths: the inputs of the program.
            outputs_of: returns the outputs for the samples.
        """
        import tensorflow as tf

        variables = self.network.variables
        weights = counts
        if self._recipe.weighs:
            weights *= tf.gather(strengths.class_weights, labels)
        with tf.GradientTape() as tape:
            outputs = outputs_of()
            losses = self._cross_entropy(labels, outputs, strengths)
            loss = tf.reduce_sum(losses * weights) / tf.reduce_sum(counts)
            loss += self.network.penalty(strengths.l2)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply(gradients, rate, strengths)
        return loss, tf.reduce_sum(_is_correct(labels, outputs) * counts)

    def _cross_entropy(self, labels: Any, outputs: Any, strengths: Strengths) -> Any:
        smoothing = strengths.smoothing if self._recipe.smooths else None
        return self.network.cross_entropy(labels, outputs, smoothing)

    def _validate(self, data: tuple[Any, Any, Any], strengths: Strengths) -> list[Any]:
        """Return loss, penalty included, and accuracy on the validation data."""
        import tensorflow as tf

        images, all_labels, held_out = data
        samples = self._held_out

        def evaluate_rows(first: Any, count: int) -> tuple[Any, Any]:
            rows = tf.gather(held_out, first + tf.range(count))
            labels = tf.gather(all_labels, rows)
            outputs = self.network.predict(tf.gather(images, rows))
            losses = self._cross_entropy(labels, outputs, strengths)
            return tf.reduce_sum(losses), tf.reduce_sum(_is_correct(labels, outputs))

        loss_sum, correct_sum = _sums(evaluate_rows, samples, EVALUATED_AT_ONCE)
        penalty = self.network.penalty(strengths.l2)
        return [loss_sum / samples + penalty, correct_sum / samples]


def _set(variables: Sequence[Any], values: Sequence[NDArray[np.generic]]) -> None:
    """Set variables to the values in a checkpoint.

    Raises:
        TrainingError: the shapes differ.
    """
    if [of.shape for of in values] != [tuple(variable.shape) for variable in variables]:
        raise TrainingError("the checkpoint belongs to a different network")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


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
