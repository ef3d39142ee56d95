"""The hyperparameters and seeds of a run: one table, from which everything else is derived.

A new hyperparameter is one field of `Parameters`, and its use in the trainer. The checks of a spec
and their messages, the JSON schema, the ranges of a search, the identity of a run, the params in
MLflow, the columns of tables and the tests of all these read `PARAMETERS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, TypeVar

_Value = TypeVar("_Value", bound=float)

_LARGEST_FLOAT = 1e38
"""A limit that fits into a float32."""
_LARGEST_SEED = 2**31 - 1

MOST_REPLICATES = 100_000
"""The largest number of seeds of a setting."""


class Seeds(NamedTuple):
    """The seeds of a run. The replicates of a setting differ only in their seeds.

    Attributes:
        global_seed: determines the order of the samples and the dropout masks, >= 0.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameter:
    """An entry of the table: the properties of a hyperparameter or seed.

    Attributes:
        name: its name in code, specs, tables and MLflow.
        kind: type of its values, `float` or `int`.
        default: its value if a spec does not set it. Runs that were recorded before the parameter
            existed have this value, so it never changes without TRAINING_VERSION.
        meaning: a short description, such as `Step size of Adam`.
        least: the smallest value; None if `above` is set.
        above: the exclusive lower bound; None if `least` is set.
        most: the largest value.
        example: a typical value as written in a spec, or None if the range is clear enough.
        example_list: values to search, as written in a spec.
        example_range: a range to search, as written in a spec.
        synonyms: other names for it.
        decides_trajectory: whether the trajectory of a run depends on it.
        instead: what to do if a function builds the model, for a parameter that only the built-in
            network supports; else None.
    """

    name: str
    kind: type[float] | type[int]
    default: float
    meaning: str
    least: float | None = None
    above: float | None = None
    most: float
    example: str | None = None
    example_list: str = ""
    example_range: str = ""
    synonyms: tuple[str, ...] = ()
    decides_trajectory: bool = True
    instead: str | None = None

    @property
    def range(self) -> str:
        """The valid values as text, such as `from 1 to 10,000,000`."""
        most = self._digits(self.most)
        if self.above is not None:
            return f"above {self.above:,}, up to {most}"
        return f"from {self.least:,} to {most}"

    def _digits(self, value: float) -> str:
        is_amount = isinstance(value, int) and self.name not in SEED_NAMES
        return f"{value:,}" if is_amount else str(value).replace("e+", "e")

    def permits(self, value: float) -> bool:
        """Whether a number is in the range."""
        is_low = value < self.least if self.least is not None else value <= (self.above or 0)
        return not is_low and value <= self.most


def hyperparameter(default: _Value, **entry: Any) -> _Value:
    """Declare a field of `Parameters`: its default, and other attributes of `Hyperparameter`."""
    metadata = {"kind": type(default), "default": default, **entry}
    declared: _Value = field(default=default, metadata=metadata)
    return declared


@dataclass(frozen=True, slots=True)
class Parameters:
    """The table of hyperparameters and seeds. The validation of specs guarantees the ranges.

    The order of the fields determines the order of columns in tables, and nothing else.
    """

    learning_rate: float = hyperparameter(
        1e-4,
        meaning="Step size of Adam",
        above=0,
        most=_LARGEST_FLOAT,
        example="1e-4",
        example_list="[1e-4, 5e-4]",
        example_range="{low: 1e-5, high: 1e-3, log: true}",
        synonyms=("lr", "rate", "alpha", "eta", "step_size"),
    )
    batch_size: int = hyperparameter(
        32,
        meaning="Samples per training step, at most the size of the training set",
        least=1,
        most=10_000_000,
        example_list="[16, 32]",
        example_range="{low: 16, high: 64, step: 16}",
        synonyms=("batch", "batchsize", "minibatch", "minibatch_size"),
    )
    epochs: int = hyperparameter(
        1500,
        meaning="Passes over the training set",
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
        least=0,
        most=_LARGEST_FLOAT,
        example="0.01",
        example_list="[0, 0.01]",
        example_range="{low: 1e-4, high: 0.3, log: true}",
        synonyms=(
            *("lambda", "lambd", "lamda", "weight_decay"),
            *("regularization", "l2_regularization"),
        ),
    )
    keep_prob: float = hyperparameter(
        1.0,
        meaning="Fraction of each hidden layer's outputs that dropout keeps; 1 turns dropout off",
        above=0,
        most=1,
        example_list="[0.8, 1]",
        example_range="{low: 0.5, high: 1}",
        synonyms=("dropout", "dropout_rate", "drop_prob", "keep", "keep_probability"),
        instead="put keras.layers.Dropout into the function that builds the model",
    )
    global_seed: int = hyperparameter(
        0, meaning="Seed of the sample order and the dropout masks", least=0, most=_LARGEST_SEED
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
        differing = [n for n in _LATER_NAMES if getattr(self, n) != PARAMETERS[n].default]
        return (*_FIRST_NAMES, *differing)

    @property
    def identity(self) -> tuple[object, ...]:
        """The values that decide the trajectory, for the id of a run, whatever the table's order.

        The original parameters are values by position, later ones pairs of name and value.
        """
        names = [name for name in self.significant if PARAMETERS[name].decides_trajectory]
        values = {name: PARAMETERS[name].kind(getattr(self, name)) for name in names}
        return tuple(
            values[name] if name in _FIRST_NAMES else (name, values[name]) for name in names
        )

    def with_seeds(self, seeds: Seeds) -> "Parameters":
        """Return the same hyperparameters with these seeds."""
        return replace(self, **seeds._asdict())

    def text(self, name: str) -> str:
        """Return a value as written in a spec, with all its digits: `0.01`, `1`."""
        return as_text(getattr(self, name))


def as_text(value: object) -> str:
    """Return a value as written in a spec: 0 for 0.0, true for True, a list in brackets.

    Text with characters that affect what is around them, such as line breaks, is quoted.
    """
    if isinstance(value, tuple):
        return f"[{', '.join(map(as_text, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if value.isprintable() else ascii(value)
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


PARAMETERS: Mapping[str, Hyperparameter] = {
    declared.name: Hyperparameter(name=declared.name, **declared.metadata)
    for declared in fields(Parameters)
}
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

_LATER_NAMES = tuple(sorted(PARAMETERS.keys() - set(_FIRST_NAMES)))
