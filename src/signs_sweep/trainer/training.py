"""Trains a run and yields its events."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data import Dataset, DataSource
from signs_sweep.domain import (
    Checkpoint,
    Curves,
    Dense,
    Event,
    Finished,
    Kinds,
    Model,
    Predictions,
    Progress,
    Run,
    Validation,
    last_kind,
)
from signs_sweep.errors import DataError, DivergedError, TrainingError
from signs_sweep.figures.run import draw_run
from signs_sweep.planning.building import ModelSource
from signs_sweep.process.processor import kind_of
from signs_sweep.statistics.diagnosis import diagnose
from signs_sweep.statistics.guessing import guessing_since
from signs_sweep.statistics.scores import scores
from signs_sweep.trainer import runtime
from signs_sweep.trainer.built import BuiltNetwork
from signs_sweep.trainer.checkpoint import Best, Snapshot
from signs_sweep.trainer.dense import DenseNetwork
from signs_sweep.trainer.evaluation import LabelledImages, evaluate
from signs_sweep.trainer.loop import EpochLoop
from signs_sweep.trainer.network import Network
from signs_sweep.trainer.recipe import Recipe, class_weights

_MOST_LOOPS = 8
"""Most recently used compiled programs that are kept."""

_SHORT_SECONDS = 2.0
_RUNS_BEFORE_DRAWING = 4
"""A worker draws the pictures of runs that take no longer than this, after its first few runs.

The orchestrator draws the others while the workers train; with short runs it could not keep up.
"""

_SECONDS_A_CALL = 0.4
"""How long a call of the compiled loop should take: the interval of progress and stop requests."""


@dataclass(frozen=True, eq=False)
class _Split:
    """The training set in two parts.

    Attributes:
        training: the images to train on.
        held_out: the other images; none without validation.
    """

    training: LabelledImages
    held_out: LabelledImages


class Trainer:
    """Trains runs one after the other, and keeps data and compiled programs between them.

    Not thread-safe. The same run gives the same bits, whatever was trained before.
    """

    def __init__(
        self,
        sources: Mapping[str, DataSource],
        models: Mapping[str, ModelSource] | None = None,
        *,
        is_worker: bool = False,
        draws: bool = False,
        checkpoint_seconds: float | None = None,
    ) -> None:
        """Set up TensorFlow; no data is loaded yet.

        Args:
            sources: locations of the datasets, by fingerprint.
            models: locations of the functions that build models, by fingerprint.
            is_worker: whether the process only trains.
            draws: whether to draw the pictures of every run, for an orchestrator with so many
                workers that it could not draw them itself.
            checkpoint_seconds: time between two checkpoints of a run; None for no checkpoints.
        """
        runtime.prepare(is_worker=is_worker)
        self._sources = sources
        self._models = models or {}
        self._checkpoint_seconds = checkpoint_seconds
        self._is_worker = is_worker
        self._draws = draws
        self._runs_finished = 0
        self._course: _Course | None = None
        self._dataset = cache(self._load)
        self._images = cache(self._label)
        self._loop = lru_cache(_MOST_LOOPS)(self._compile)

    def environment(self) -> Mapping[str, str]:
        """Return what the bits of a result depend on besides the run."""
        return runtime.describe()

    def train(
        self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True
    ) -> Iterator[Event]:
        """Train a run; yield `Progress` as epochs complete, and `Finished` at the end.

        Args:
            run: the run to train.
            checkpoint: content of a `Checkpoint` of its trajectory to resume from. If it is not
                usable, for example of an older format, the run starts from its beginning.
            is_tested: whether to evaluate it on the test set at its end.

        Raises:
            DivergedError: the loss is no longer finite; the epochs before have been yielded.
            DataError: the data of the run is missing or has changed.
        """
        started = time.perf_counter()
        dataset = self._dataset(run.data)
        seed = run.parameters.split_seed
        split = self._divide(run.data, run.validation, run.folds, seed)
        if not isinstance(run.model, Dense):
            self._models[run.model.source].prepare_imports()
        loop = self._loop(
            run.model,
            dataset.image_shape,
            dataset.classes,
            run.parameters.batch_size,
            len(split.training),
            len(split.held_out),
            Recipe.of(run.parameters),
        )
        loop.start(run.parameters)
        course = self._course = _Course(run, split, loop, started, kind_of(self.environment()))
        if checkpoint is not None and (before := course.resume(checkpoint)):
            yield before
        every = self._checkpoint_seconds
        for progress in _epochs(course, dataset.chance):
            yield course.add(progress)
            if every is not None and course.seconds_since_checkpoint >= every and course.is_whole:
                yield course.checkpoint()
        if every is not None:
            yield course.checkpoint()
        self._course = None  # The weights may soon be those of another epoch than the last.
        finished = _finish(course, dataset, is_tested=is_tested)
        is_short = finished.seconds <= _SHORT_SECONDS
        is_usual = self._is_worker and is_short and self._runs_finished >= _RUNS_BEFORE_DRAWING
        if self._draws or is_usual:
            history, rate = course.curves.history(), run.parameters.learning_rate
            pictures = draw_run(
                rate, history, finished.confusion, dataset.classes, finished.chosen_epoch
            )
            finished = replace(finished, pictures=pictures)
        self._runs_finished += 1
        yield finished

    def checkpoint(self) -> Checkpoint | None:
        """Return the state of the run in progress, or None if there is nothing to keep."""
        course = self._course
        if self._checkpoint_seconds is None or course is None or not course.is_whole:
            return None
        return course.checkpoint()

    def _load(self, fingerprint: str) -> Dataset:
        source = self._sources[fingerprint]
        dataset = source.load()
        if dataset.fingerprint != fingerprint:
            raise DataError(
                f"the data in {source.train} and {source.test} has changed since the sweep "
                f"began: its fingerprint was {fingerprint}, now it is {dataset.fingerprint}. "
                "Run the command again to train on the new data."
            )
        return dataset

    def _label(self, data: str) -> LabelledImages:
        dataset = self._dataset(data)
        return LabelledImages(dataset.train_images, dataset.train_labels)

    def _divide(self, data: str, validation: Validation, folds: int, seed: int) -> _Split:
        images = self._images(data)
        parts = self._dataset(data).split(validation, folds, seed)
        return _Split(*map(images.take, parts))

    def _compile(
        self,
        model: Model,
        shape: tuple[int, int, int],
        classes: tuple[str, ...],
        batch_size: int,
        training: int,
        validation: int,
        recipe: Recipe,
    ) -> EpochLoop:
        """Return the loop for runs with these sizes and this recipe, whatever their data."""
        network = self._network(model, shape, len(classes))
        return EpochLoop(network, batch_size, training, validation, recipe, classes)

    def _network(self, model: Model, shape: tuple[int, int, int], classes: int) -> Network:
        if isinstance(model, Dense):
            return DenseNetwork(shape, model, classes)
        builder = self._models[model.source].load()
        return BuiltNetwork(builder, model.arguments, shape, classes)


class _Course:
    """The progress of a run so far, for its checkpoints."""

    def __init__(self, run: Run, split: _Split, loop: EpochLoop, started: float, kind: str) -> None:
        self.run = run
        self._kind = kind
        self.kinds: Kinds = {}
        self.rule = run.early_stopping
        self.split = split
        self.loop = loop
        self._started = started
        self._spent_before = 0.0
        self.curves = Curves()
        self._last_checkpoint = time.monotonic()

    @property
    def is_whole(self) -> bool:
        """Whether the network is in the state after the last reported epoch.

        It is not if the loss diverged within a call: the call then trained further epochs.
        """
        return 0 < self.curves.epochs == self.loop.epoch

    @property
    def has_ended(self) -> bool:
        """Whether there is no further epoch to train."""
        return self.loop.stopped or self.curves.epochs == self.run.parameters.epochs

    @property
    def stopped_at(self) -> int | None:
        """The epoch after which its rule ended it; None if it reached the last."""
        epochs = self.curves.epochs
        return epochs if epochs < self.run.parameters.epochs else None

    @property
    def seconds(self) -> float:
        """Time in seconds that workers have spent on the run."""
        return self._spent_before + time.perf_counter() - self._started

    @property
    def seconds_since_checkpoint(self) -> float:
        """Time in seconds since the last checkpoint, or since the start."""
        return time.monotonic() - self._last_checkpoint

    def resume(self, content: bytes) -> Progress | None:
        """Resume from a checkpoint; return the epochs before it, or None if it is not usable."""
        try:
            snapshot = Snapshot.from_bytes(content, self.run.trajectory_id)
            best = snapshot.best_of(self.run)
            weights = None if best is None else best.weights
            self.loop.resume(snapshot.state, snapshot.epoch, snapshot.history, weights)
        except TrainingError:
            self.loop.start(self.run.parameters)
            return None
        self._spent_before = snapshot.seconds
        self.kinds = snapshot.kinds
        before = Progress(
            *(self.run.run_id, 1, snapshot.history, snapshot.times),
            is_replay=True,
            kinds=snapshot.kinds,
        )
        return self.curves.add(before)

    def add(self, progress: Progress) -> Progress:
        """Add epochs that were trained here, and return them with the kinds so far."""
        if self._kind != last_kind(self.kinds):
            self.kinds = {**self.kinds, progress.first_epoch: self._kind}
        progress = replace(progress, kinds=self.kinds)
        self.curves.add(progress)
        return progress

    def checkpoint(self) -> Checkpoint:
        """Return the state after the last epoch."""
        past, rule, best, patience = self.curves.joined(), self.rule, None, None
        if rule is not None:
            best = Best(rule.state_key, self.loop.best_epoch, self.loop.best())
            patience = rule.follow(past.metrics).least_patience
        snapshot = Snapshot(
            trajectory=self.run.trajectory_id,
            state=self.loop.state(),
            history=past.metrics,
            times=past.times,
            seconds=self.seconds,
            best=best,
            kinds=self.kinds,
        )
        self._last_checkpoint = time.monotonic()
        return Checkpoint(
            *(self.run.run_id, snapshot.epoch, snapshot.to_bytes(), self.has_ended, patience),
            kinds=self.kinds,
        )

    def keep_chosen(self) -> int | None:
        """Put the weights of the chosen epoch into the network; return it, or None for the last.

        No checkpoint can be made after that.
        """
        if self.rule is None or not self.rule.restores_best:
            return None
        self.loop.restore_best()
        return self.loop.best_epoch


def _epochs(course: _Course, chance: float) -> Iterator[Progress]:
    """Train the rest of a run, in calls of about equal duration, or until its rule stops it.

    Raises:
        DivergedError: the loss is no longer finite; it gets `chance`, the accuracy of guessing.
    """
    run, loop, split = course.run, course.loop, course.split
    size = 1
    done, total = course.curves.epochs, run.parameters.epochs
    while done < total and not loop.stopped:
        began = time.time()
        metrics = loop.advance(min(size, total - done), split.training, split.held_out)
        duration, count = time.time() - began, len(metrics["loss"])
        ends = (began + duration * np.arange(1, count + 1) / count) * 1000
        losses = metrics["loss"] + metrics.get("val_loss", 0)
        broken = np.flatnonzero(~np.isfinite(losses))
        finite = int(broken[0]) if len(broken) else count
        if finite:
            yield Progress(
                run.run_id,
                first_epoch=done + 1,
                metrics={name: values[:finite] for name, values in metrics.items()},
                times=ends[:finite].astype(np.int64),
            )
        if len(broken):
            raise DivergedError(done + finite + 1, float(losses[finite]), chance)
        done += count
        size = int(np.clip(_SECONDS_A_CALL * count / max(duration, 1e-6), 1, loop.capacity))


def _finish(course: _Course, dataset: Dataset, *, is_tested: bool) -> Finished:
    """Evaluate a trained network in inference mode and return the final event.

    Raises:
        DivergedError: the last steps made the weights infinite or NaN, after their epoch's loss.
    """
    chosen, epochs = course.keep_chosen(), course.curves.epochs
    network, split = course.loop.network, course.split
    training, held_out = split.training, split.held_out
    history = {name: values[:chosen] for name, values in course.curves.history().items()}
    loss, predicted, _, dead_units = evaluate(network, training)
    if not np.isfinite(loss):
        raise DivergedError(epochs, loss, dataset.chance)
    weights = class_weights(course.run.parameters, training.labels, dataset.classes)
    since = guessing_since(
        course.curves.history(),
        training.labels,
        predicted,
        loss,
        weights,
        is_stopped=course.stopped_at is not None,
    )
    metrics = {
        "final_train_loss": loss,
        "final_train_accuracy": float((predicted == training.labels).mean()),
        **{f"dead_units_{layer}": share for layer, share in enumerate(dead_units, start=1)},
    }
    predictions: dict[str, Predictions] = {}
    if held_out:
        probabilities = evaluate(network, held_out).probabilities
        # The positions in the set that they come from: a given validation set is a file of its own.
        first = len(dataset.train_labels) - dataset.given if dataset.given else 0
        rows = held_out.rows - first
        predictions["validation"] = Predictions(rows, held_out.labels, probabilities)
    confusion = None
    if is_tested:
        test = LabelledImages(dataset.test_images, dataset.test_labels)
        test_loss, predicted, probabilities, _ = evaluate(network, test)
        predictions["test"] = Predictions(np.arange(len(test)), test.labels, probabilities)
        metrics["test_loss"] = test_loss
        metrics["test_accuracy"] = float((predicted == test.labels).mean())
        confusion = _confusion(test.labels, predicted, len(dataset.classes))
    metrics |= scores(predictions)
    return Finished(
        run_id=course.run.run_id,
        metrics=metrics,
        confusion=confusion,
        model=network.to_bytes(),
        seconds=course.seconds,
        time=time.time(),
        guessing_since=since,
        diagnosis=diagnose(
            history, metrics, since, was_continued=chosen is not None and course.loop.stopped
        ),
        predictions=predictions,
        stopped_at=course.stopped_at,
        chosen_epoch=chosen,
        kinds=course.kinds,
    )


def _confusion(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Return the confusion matrix: rows are true classes, columns predicted ones."""
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)
