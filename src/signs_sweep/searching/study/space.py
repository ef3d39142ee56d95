"""Convert between the dimensions of a spec and Optuna's distributions."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from signs_sweep.domain import frozen
from signs_sweep.spec import Categories, Choice, Range

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Space = Sequence[Categories | Range]


def distributions(
    space: Space, existing: "Iterable[Mapping[str, BaseDistribution]]" = ()
) -> "dict[str, BaseDistribution]":
    """Return Optuna's distributions by name of the dimension.

    A choice that is a number is stored as that number, any other as its text. Studies of earlier
    versions store numbers as text too and keep it: Optuna allows one set of choices per study.
    `existing` are the distributions of each trial in the study.
    """
    used = list(existing)
    return {
        part.name: _distribution(part, [trial[part.name] for trial in used if part.name in trial])
        for part in space
    }


def _distribution(
    dimension: Categories | Range, existing: "Sequence[BaseDistribution]"
) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Categories):
        texts = CategoricalDistribution([choice.text for choice in dimension.choices])
        if texts in existing:
            return texts
        return CategoricalDistribution([_stored(dimension, choice) for choice in dimension.choices])
    if dimension.is_integer:
        step = int(dimension.step or 1)
        return IntDistribution(int(dimension.low), int(dimension.high), dimension.log, step)
    low, high = float(dimension.low), float(dimension.high)
    return FloatDistribution(low, high, dimension.log, dimension.step)


def _stored(dimension: Categories, choice: Choice) -> int | float | str:
    """Return the value that represents a choice in a study."""
    value = choice.values.get(dimension.name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return choice.text


def values_of(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by parameter, with tuples for lists, given Optuna's params."""
    values: dict[str, Any] = {}
    for dimension in space:
        chosen = _resolved(dimension, params[dimension.name])
        assert chosen is not None, "params are in the space"
        values.update(chosen.values if isinstance(chosen, Choice) else {dimension.name: chosen})
    return values


def as_stored(
    dimension: Categories | Range, distribution: "BaseDistribution", value: object
) -> Any:
    """Return a value as a study stores it, or None if it is outside the dimension.

    The value is as a user may write it: the text, number, truth value or list of a choice.
    """
    resolved = _resolved(dimension, value)
    if isinstance(resolved, Choice):
        assert isinstance(dimension, Categories)
        return distribution.to_external_repr(dimension.choices.index(resolved))
    return None if resolved is None else value


def _resolved(dimension: Categories | Range, chosen: object) -> Choice | float | None:
    """Return the choice or number that a value denotes, or None if it is outside the dimension."""
    is_number = isinstance(chosen, int | float) and not isinstance(chosen, bool)
    if isinstance(dimension, Categories):
        value = frozen(chosen)
        for choice in dimension.choices:
            own = choice.values.get(dimension.name)
            is_same = value == own and isinstance(value, bool) == isinstance(own, bool)
            if value == choice.text or (value is not None and is_same):
                return choice
        return None
    if not is_number:
        return None
    assert isinstance(chosen, int | float)
    slack = 0.0 if dimension.step is None else 1e-9 * dimension.step  # Optuna adds up steps.
    if not dimension.low - slack <= chosen <= dimension.high + slack:
        return None
    number = _number(dimension, chosen)
    step = int(dimension.step or 1) if dimension.is_integer else 1
    is_reached = not dimension.is_integer or (number - int(dimension.low)) % step == 0
    return (
        number
        if is_reached and math.isclose(number, chosen, abs_tol=1e-9 * abs(dimension.step or 0))
        else None
    )


def _number(dimension: Range, chosen: float) -> float:
    """Return a value without rounding errors: 0.7 + 2 * 0.1 becomes 0.9, which is the same run."""
    if dimension.is_integer:
        return int(chosen)
    if dimension.step is None:
        return float(chosen)
    low, step = Fraction(str(dimension.low)), Fraction(str(dimension.step))
    return float(low + round((Fraction(chosen) - low) / step) * step)


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Yield every point as a new study stores it, the first dimension varying slowest."""
    names = [dimension.name for dimension in space]
    for combination in product(*map(_all_of, space)):
        yield dict(zip(names, combination, strict=True))


def grid_size(space: Space) -> int:
    """Return the number of points; 0 if a range is continuous."""
    if any(isinstance(part, Range) and part.step is None for part in space):
        return 0
    return prod(len(_all_of(dimension)) for dimension in space)


def _all_of(dimension: Categories | Range) -> list[Any]:
    """Return all values of a dimension; a range must have a step and a linear scale."""
    if isinstance(dimension, Categories):
        return [_stored(dimension, choice) for choice in dimension.choices]
    assert dimension.step is not None
    count = round((dimension.high - dimension.low) / dimension.step) + 1
    values = [dimension.low + number * dimension.step for number in range(count)]
    return [_number(dimension, value) for value in values]
