"""The hyperparameters and seeds of a run: one table, from which everything else is derived.

A new hyperparameter is one field of `Parameters`, and its use in the trainer. The checks of a spec
and their messages, the JSON schema, the ranges of a search, the identity of a run, the params in
MLflow, the columns of tables and the tests of all these read `PARAMETERS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from signs_sweep.domain import vocabulary
from signs_sweep.domain.hyperparameter import (
    Component,
    Hyperparameter,
    as_text,
    hyperparameter,
    table_of,
)

_LARGEST_FLOAT = 1e38
"""A limit that fits into a float32."""
_LARGEST_SEED = 2**31 - 1

MOST_REPLICATES = 100_000
"""The largest number of seeds of a setting."""


class Seeds(NamedTuple):
    """The seeds of a run. The replicates of a setting differ only in their seeds.

    Attributes:
        global_seed: determines the order of the samples, the dropout masks and the changes of
            images, >= 0.
        init_seed: determines the initial weights, >= 0.
        split_seed: determines which samples are held out for validation, >= 0.
    """

    global_seed: int
    init_seed: int
    split_seed: int = 0

    def __str__(self) -> str:
        pair = f"{self.global_seed}, {self.init_seed}"
        return f"{pair}, split {self.split_seed}" if self.split_seed else pair

    @property
    def pair(self) -> "Seeds":
        """The seeds of the training alone, with split seed 0."""
        return self._replace(split_seed=0)


SEED_NAMES: tuple[str, ...] = Seeds._fields
"""The names of the seeds."""

PAIR_NAMES = ("global_seed", "init_seed")
"""The names of the seeds of the training, which a count of seeds sets."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The table of hyperparameters and seeds. The validation of specs guarantees the ranges.

    The order of the fields determines the order of columns in tables, and nothing else.
    """

    learning_rate: float = hyperparameter(
        1e-4,
        meaning="Step size of the optimizer",
        counterpart="learning_rate of the optimizer",
        above=0,
        most=_LARGEST_FLOAT,
        example="1e-4",
        example_list="[1e-4, 5e-4]",
        example_range="{low: 1e-5, high: 1e-3, log: true}",
        synonyms=("lr", "rate", "alpha", "eta", "step_size"),
    )
    optimizer: Component = hyperparameter(
        Component("adam"),
        meaning="How a step follows from the gradients",
        counterpart="keras.optimizers",
        choices=vocabulary.OPTIMIZERS,
        example="{name: sgd, momentum: 0.9}",
        example_list="[adam, {name: sgd, momentum: 0.9}]",
        synonyms=("optimiser", "solver", "optim"),
    )
    schedule: Component = hyperparameter(
        Component("constant"),
        meaning="How the learning rate changes from step to step",
        counterpart="keras.optimizers.schedules",
        choices=vocabulary.SCHEDULES,
        example="{name: cosine, warmup: 10}",
        example_list="[constant, cosine]",
        synonyms=("lr_schedule", "scheduler", "decay", "learning_rate_schedule", "lr_scheduler"),
    )
    batch_size: int = hyperparameter(
        32,
        meaning="Samples per training step, at most the size of the training set",
        counterpart="batch_size of fit",
        least=1,
        most=10_000_000,
        example_list="[16, 32]",
        example_range="{low: 16, high: 64, step: 16}",
        synonyms=("batch", "batchsize", "minibatch", "minibatch_size"),
    )
    epochs: int = hyperparameter(
        1500,
        meaning="Passes over the training set",
        counterpart="epochs of fit",
        least=1,
        most=10_000_000,
        example_list="[750, 1500]",
        example_range="{low: 500, high: 2000, step: 250}",
        synonyms=("epoch", "num_epochs", "n_epochs", "iterations"),
        decides_trajectory=False,  # Nothing in training depends on the total.
    )
    l2: float = hyperparameter(
        0.0,
        meaning="Coefficient of the penalty `l2 * sum(w^2)` on each hidden kernel",
        counterpart="keras.regularizers.L2",
        least=0,
        most=_LARGEST_FLOAT,
        example="0.01",
        example_list="[0, 0.01]",
        example_range="{low: 1e-4, high: 0.3, log: true}",
        synonyms=("lambda", "lambd", "lamda", "regularization", "l2_regularization"),
    )
    keep_prob: float = hyperparameter(
        1.0,
        meaning="Fraction of each hidden layer's outputs that dropout keeps; 1 turns dropout off",
        above=0,
        most=1,
        example_list="[0.8, 1]",
        example_range="{low: 0.5, high: 1}",
        counterpart="1 - rate of Dropout",
        synonyms=("keep", "keep_probability"),
        instead="put keras.layers.Dropout into the function that builds the model",
    )
    label_smoothing: float = hyperparameter(
        0.0,
        meaning="Share of each label that is spread over all classes",
        counterpart="label_smoothing of CategoricalCrossentropy",
        least=0,
        below=1,
        example="0.1",
        example_list="[0, 0.1]",
        example_range="{low: 0, high: 0.2}",
        synonyms=("smoothing",),
    )
    class_weights: Component = hyperparameter(
        Component("none"),
        meaning="Weights of the classes in the training loss",
        counterpart="class_weight of fit",
        choices=vocabulary.CLASS_WEIGHTS,
        each=vocabulary.CLASS_WEIGHT,
        example="{0: 2, 5: 0.5}",
        example_list="[none, balanced]",
        synonyms=("class_weight", "weights"),
    )
    augment: Component = hyperparameter(
        Component("none"),
        meaning="Random changes of the training images",
        counterpart="the layers named Random...",
        choices=vocabulary.AUGMENTATIONS,
        example="{shift: 0.1, rotate: 0.05}",
        example_list="[none, {shift: 0.1}]",
        synonyms=("augmentation", "data_augmentation", "augmentations"),
    )
    early_stopping: Component = hyperparameter(
        Component("none"),
        meaning="When training stops before the last epoch",
        counterpart="keras.callbacks.EarlyStopping",
        choices=vocabulary.EARLY_STOPPING,
        example="{metric: val_loss, patience: 50}",
        example_list="[none, {patience: 50}]",
        synonyms=("early_stop", "earlystopping", "stopping"),
        decides_trajectory=False,
    )
    global_seed: int = hyperparameter(
        0, meaning="Seed of the sample order, dropout and augmentation", least=0, most=_LARGEST_SEED
    )
    init_seed: int = hyperparameter(
        0, meaning="Seed of the initial weights", least=0, most=_LARGEST_SEED
    )
    split_seed: int = hyperparameter(
        0, meaning="Seed of the split into training and validation", least=0, most=_LARGEST_SEED
    )

    @property
    def seeds(self) -> Seeds:
        """The seeds."""
        return Seeds(*(getattr(self, name) for name in SEED_NAMES))

    @property
    def significant(self) -> tuple[str, ...]:
        """The names of the original parameters, then of those added later that are not at default.

        A parameter that was added later is left out at its default, so that adding a parameter
        changes no identity. The original parameters have a fixed order; later ones are sorted.
        """
        values = ((name, getattr(self, name), default) for name, default in _LATER)
        # Most values are the defaults themselves, and thousands of runs ask for their ids.
        differing = [n for n, value, default in values if value is not default and value != default]
        return (*_FIRST_NAMES, *differing)

    @property
    def identity(self) -> tuple[object, ...]:
        """The values that decide the trajectory, for the id of a run, whatever the table's order.

        The original parameters are values by position, later ones pairs of name and value. The
        number of epochs is one of them for a schedule that depends on it.
        """
        names = [name for name in self.significant if PARAMETERS[name].decides_trajectory]
        length = self.schedule.name in vocabulary.SCHEDULES_TO_AN_END
        return (
            *(self._identity(n) if n in _FIRST_NAMES else (n, self._identity(n)) for n in names),
            *([("epochs", self.epochs)] if length else []),
        )

    @property
    def reading(self) -> tuple[tuple[str, object], ...]:
        """What decides where a trajectory is read, besides the number of epochs: the rules."""
        names = [name for name in self.significant if not PARAMETERS[name].decides_trajectory]
        return tuple((name, self._identity(name)) for name in names if name not in _FIRST_NAMES)

    def _identity(self, name: str) -> object:
        value = getattr(self, name)
        return value.identity if isinstance(value, Component) else PARAMETERS[name].kind(value)

    @property
    def values(self) -> dict[str, Any]:
        """All values by name, in the order of the table."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def options(self, name: str) -> dict[str, Any]:
        """Return all options of a value that is a component, defaults included."""
        return PARAMETERS[name].complete(getattr(self, name))

    def with_seeds(self, seeds: Seeds) -> "Parameters":
        """Return the same hyperparameters with these seeds."""
        return replace(self, **seeds._asdict())

    def text(self, name: str) -> str:
        """Return a value as written in a spec, with all its digits: `0.01`, `1`."""
        return as_text(getattr(self, name))


PARAMETERS: Mapping[str, Hyperparameter] = table_of(fields(Parameters))
"""The table by name, in the order in which tables show it."""

PARAMETER_NAMES: tuple[str, ...] = tuple(PARAMETERS)
"""All parameters."""

VARIED_NAMES: tuple[str, ...] = tuple(name for name in PARAMETERS if name not in SEED_NAMES)
"""The hyperparameters: what a grid or a search may vary, besides the network."""

_FIRST_NAMES = (
    *("learning_rate", "batch_size", "epochs", "l2", "keep_prob"),
    *("global_seed", "init_seed"),
)
"""The original parameters, which are part of every identity. Frozen."""

_LATER = [(n, PARAMETERS[n].default) for n in sorted(PARAMETERS.keys() - set(_FIRST_NAMES))]
