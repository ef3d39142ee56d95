"""The hyperparameters and seeds of a run."""

from dataclasses import dataclass, fields


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

    def text(self, name: str) -> str:
        """Return a value as a person writes it in a spec, with all its digits: `0.01`, `1`."""
        return str(getattr(self, name)).removesuffix(".0")


PARAMETER_NAMES: tuple[str, ...] = tuple(field.name for field in fields(Parameters))
"""All parameters, in the order in which tables show them."""

SEED_NAMES: tuple[str, ...] = ("global_seed", "init_seed")
"""The parameters that tell replicates of one trial apart."""
