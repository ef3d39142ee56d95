"""What decides a compiled program, besides sizes and the network; and what it gets as inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from signs_sweep.domain import EarlyStopping, Parameters
from signs_sweep.errors import TrainingError
from signs_sweep.trainer.augmentation import stages_of

_OF_ALL = ("weight_decay", "clipnorm", "global_clipnorm")
"""The options that every optimizer has."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The structure of the training steps. Runs with equal recipes share a program.

    Attributes:
        optimizer: name of the optimizer.
        nesterov: whether it looks ahead along the momentum.
        tuned: the names of its own options that are inputs of the program; none if all of them
            have their defaults, which are then constants.
        decays: whether there is weight decay.
        clips: whether the gradient of each variable is clipped.
        clips_together: whether all gradients are clipped together.
        smooths: whether labels are smoothed.
        weighs: whether the classes have weights.
        augmentation: the stages of the changes of training images; see `stages_of`.
        watched: the metric of the rule that stops a run, or None without a rule.
    """

    optimizer: str
    nesterov: bool
    tuned: tuple[str, ...]
    decays: bool
    clips: bool
    clips_together: bool
    smooths: bool
    weighs: bool
    augmentation: tuple[str, ...]
    watched: str | None

    @classmethod
    def of(cls, parameters: Parameters) -> "Recipe":
        """Return the recipe of a run."""
        options = parameters.options("optimizer")
        decays, clips, clips_together = (options.pop(name) > 0 for name in _OF_ALL)
        rule = EarlyStopping.of(parameters)
        return cls(
            optimizer=parameters.optimizer.name,
            nesterov=options.get("nesterov", False),
            tuned=_tuned(parameters),
            decays=decays,
            clips=clips,
            clips_together=clips_together,
            smooths=parameters.label_smoothing > 0,
            weighs=parameters.class_weights.name != "none",
            augmentation=stages_of(parameters),
            watched=rule.metric if rule else None,
        )


def _tuned(parameters: Parameters) -> tuple[str, ...]:
    """Return the own options of a run's optimizer, if any differs from its default.

    Without momentum, an optimizer computes and remembers less, so that 0 is not an input.
    """
    numbers = {
        name: value
        for name, value in parameters.options("optimizer").items()
        if name not in (*_OF_ALL, "nesterov") and (name, value) != ("momentum", 0)
    }
    is_tuned = any(name in numbers for name, _ in parameters.optimizer.options)
    return tuple(numbers) if is_tuned else ()


class Strengths(NamedTuple):
    """The inputs of a program that are the same in all steps of a run, as tensors.

    Attributes:
        keep_prob: share of a hidden layer's outputs that dropout keeps.
        l2: factor of the penalty.
        tuned: the options of the optimizer in `Recipe.tuned`.
        weight_decay: share of each weight, times the rate, removed in a step.
        limit: largest norm of a gradient, or of all gradients together.
        smoothing: share of each label that is spread over all classes.
        class_weights: float32 of (classes,).
        patience: epochs without improvement after which training stops, int32.
        min_delta: an improvement is larger than this.
    """

    keep_prob: Any
    l2: Any
    tuned: Sequence[Any]
    weight_decay: Any
    limit: Any
    smoothing: Any
    class_weights: Any
    patience: Any
    min_delta: Any

    @classmethod
    def of(cls, parameters: Parameters, weights: NDArray[np.float32]) -> "Strengths":
        """Return the strengths of a run, given the weights of its classes."""
        import tensorflow as tf

        optimizer = parameters.options("optimizer")
        rule = EarlyStopping.of(parameters)
        return cls(
            keep_prob=tf.constant(parameters.keep_prob, tf.float32),
            l2=tf.constant(parameters.l2, tf.float32),
            tuned=[tf.constant(optimizer[name], tf.float32) for name in _tuned(parameters)],
            weight_decay=tf.constant(optimizer["weight_decay"], tf.float32),
            limit=tf.constant(optimizer["clipnorm"] or optimizer["global_clipnorm"], tf.float32),
            smoothing=tf.constant(parameters.label_smoothing, tf.float32),
            class_weights=tf.constant(weights),
            patience=tf.constant(rule.patience if rule else 0, tf.int32),
            min_delta=tf.constant(rule.min_delta if rule else 0, tf.float32),
        )


def class_weights(
    parameters: Parameters, labels: NDArray[np.int64], classes: Sequence[str]
) -> NDArray[np.float32]:
    """Return the weight of each class in the training loss, float32 of (classes,).

    A balanced weight is `samples / (classes * samples of the class)`; 1 for a class without any.

    Args:
        parameters: those of a run.
        labels: the classes of the training samples, as indices.
        classes: the names of the classes.

    Raises:
        TrainingError: a weight is for a class that the data does not have.
    """
    weights = np.ones(len(classes))
    if parameters.class_weights.name == "balanced":
        counts = np.bincount(labels, minlength=len(classes))
        weights[counts > 0] = len(labels) / (len(classes) * counts[counts > 0])
    for name, weight in parameters.class_weights.options:
        if name not in classes:
            raise TrainingError(f"class_weights: the data has no class '{name}'")
        weights[classes.index(name)] = weight
    return weights.astype(np.float32)
