"""What a spec may set by name: the hyperparameters, the network, and `dropout`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from signs_sweep.domain import (
    NETWORK,
    PARAMETERS,
    SEED_NAMES,
    Component,
    Hyperparameter,
)

_KEEP_PROB = PARAMETERS["keep_prob"]

DROPOUT = Hyperparameter(
    name="dropout",
    kind=float,
    default=0.0,
    meaning="Fraction of each hidden layer's outputs that dropout removes: 1 - keep_prob",
    counterpart="rate of Dropout",
    least=0,
    below=1,
    example_list="[0, 0.2]",
    example_range="{low: 0, high: 0.5}",
    synonyms=("dropout_rate", "drop_prob", "dropout_prob", "rate_dropout"),
    instead=_KEEP_PROB.instead,
)
"""Another way to write keep_prob: `dropout: 0.2` and `keep_prob: 0.8` are the same run."""

TABLE: Mapping[str, Hyperparameter] = {**PARAMETERS, **NETWORK, DROPOUT.name: DROPOUT}
"""Everything that a spec may set by name, besides the arguments of a function."""

BASE_NAMES: tuple[str, ...] = tuple(TABLE)
"""What `base` may set."""

VARIABLE_NAMES: tuple[str, ...] = tuple(name for name in TABLE if name not in SEED_NAMES)
"""What may vary."""

COMPONENTS: tuple[str, ...] = tuple(n for n, entry in TABLE.items() if entry.kind is Component)
"""What is a word with options."""

OF_DENSE: dict[str, str] = {name: entry.instead for name, entry in TABLE.items() if entry.instead}
"""What only the built-in network supports, and what to do if a function builds the model."""

EXCLUSIVE = (_KEEP_PROB.name, DROPOUT.name)
"""Two names of the same hyperparameter: a spec writes only one of them."""


def settled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by name with keep_prob for dropout, exact as written: 1 - 0.7 is 0.3."""
    if DROPOUT.name not in values:
        return {**values}
    others = {name: value for name, value in values.items() if name != DROPOUT.name}
    return others | {_KEEP_PROB.name: _complement(values[DROPOUT.name])}


def dropout_of(keep_prob: float) -> float:
    """Return the dropout that is the same as keep_prob."""
    return _complement(keep_prob)


def _complement(share: float) -> float:
    return float(1 - Decimal(str(share)))


def option_at(path: tuple[str | int, ...]) -> tuple[str, str] | None:
    """Return the parameter and the option of a component at a path of keys and indices, or None.

    The option is empty at the component itself.
    """
    steps = path[2:] if path[:2] == ("search", "space") else path[1:]
    keys = [step for step in steps if isinstance(step, str)]
    if path[0] in ("cases", "grid", "zip", "base", "baseline", "search") and keys:
        name, *options = keys
        if name in COMPONENTS:
            return name, options[0] if options else ""
    return None


def options_named(name: str, option: str) -> list[Hyperparameter]:
    """Return the options of a parameter that have a name, of any of its words."""
    entry = TABLE[name]
    if entry.each is not None and option:
        return [entry.each]
    of_all = [each for options in entry.choices.values() for each in options]
    return [each for each in of_all if each.name == option]
