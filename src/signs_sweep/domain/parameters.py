"""The hyperparameters and seeds of a run."""

from dataclasses import dataclass, fields, replace
from typing import NamedTuple


class Seeds(NamedTuple):
    """What tells the replicates of a setting apart.

    Attributes:
        global_seed: decides the order of the samples and the dropout masks, >= 0.
        init_seed: decides the initial weights, >= 0.
    """

    global_seed: int
    init_seed: int

    def __str__(self) -> str:
        return f"{self.global_seed}, {self.init_seed}"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a spec may vary. The spec's validation guarantees the ranges given here.

    Attributes:
        learning_rate: step size of Adam, > 0.
        batch_size: samples a step, from 1 to the size of the training set.
        epochs: passes over the training set, >= 1. A reading point on the trajectory: nothing
            in training depends on the total.
        l2: factor of the penalty `l2 * sum(w ** 2)` on each hidden kernel, >= 0.
        keep_prob: share of each hidden layer's outputs that dropout keeps, in (0, 1]; 1 is none.
        global_seed: decides the order of the samples and the dropout masks, >= 0.
        init_seed: decides the initial weights, >= 0.
    """

    learning_rate: float = 1e-4
    batch_size: int = 32
    epochs: int = 1500
    l2: float = 0.0
    keep_prob: float = 1.0
    global_seed: int = 0
    init_seed: int = 0

    @property
    def seeds(self) -> Seeds:
        """The seeds alone."""
        return Seeds(self.global_seed, self.init_seed)

    def with_seeds(self, seeds: Seeds) -> "Parameters":
        """Return the same hyperparameters with these seeds."""
        return replace(self, **seeds._asdict())

    def text(self, name: str) -> str:
        """Return a value as a person writes it in a spec, with all its digits: `0.01`, `1`."""
        return as_text(getattr(self, name))


def as_text(value: object) -> str:
    """Return a value as a person writes it in a spec: 0 for 0.0, all else as Python does."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


PARAMETER_NAMES: tuple[str, ...] = tuple(field.name for field in fields(Parameters))
"""All parameters, in the order in which tables show them."""

SEED_NAMES: tuple[str, ...] = Seeds._fields
"""The parameters that tell the replicates of a setting apart."""
