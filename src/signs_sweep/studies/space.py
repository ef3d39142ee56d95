"""Between the dimensions of a spec and Optuna's distributions."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from signs_sweep.spec import Categories, Range

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Space = Sequence[Categories | Range]


def distributions(space: Space) -> "dict[str, BaseDistribution]":
    """Return Optuna's distributions by the name of the dimension; a choice stands as its text."""
    return {one.name: _distribution(one) for one in space}


def _distribution(dimension: Categories | Range) -> "BaseDistribution":
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(dimension, Categories):
        return CategoricalDistribution([choice.text for choice in dimension.choices])
    if dimension.is_integer:
        step = int(dimension.step or 1)
        return IntDistribution(int(dimension.low), int(dimension.high), dimension.log, step)
    low, high = float(dimension.low), float(dimension.high)
    return FloatDistribution(low, high, dimension.log, dimension.step)


def values_of(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by parameter, given what Optuna chose; of `hidden` a tuple of unit counts."""
    values: dict[str, Any] = {}
    for dimension in space:
        chosen = params[dimension.name]
        if isinstance(dimension, Categories):
            (choice,) = [one for one in dimension.choices if one.text == chosen]
            values.update(choice.values)
        else:
            values[dimension.name] = _number(dimension, chosen)
    return values


def _number(dimension: Range, chosen: float) -> float:
    """Return a value as a person writes it: 0.7 + 2 * 0.1 is 0.9, and the same run as 0.9."""
    if dimension.is_integer:
        return int(chosen)
    if dimension.step is None:
        return float(chosen)
    low, step = Fraction(str(dimension.low)), Fraction(str(dimension.step))
    return float(low + round((Fraction(chosen) - low) / step) * step)


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Yield every point in Optuna's terms, the first dimension varying slowest."""
    names = [one.name for one in space]
    for combination in product(*map(_all_of, space)):
        yield dict(zip(names, combination, strict=True))


def grid_size(space: Space) -> int:
    """Return how many points there are; 0 where a range has no end of them."""
    if any(isinstance(one, Range) and one.step is None for one in space):
        return 0
    return prod(len(_all_of(one)) for one in space)


def _all_of(dimension: Categories | Range) -> list[Any]:
    """Return all values of a dimension; a range has a step and no logarithm here."""
    if isinstance(dimension, Categories):
        return [choice.text for choice in dimension.choices]
    assert dimension.step is not None
    count = round((dimension.high - dimension.low) / dimension.step) + 1
    values = [dimension.low + number * dimension.step for number in range(count)]
    return [_number(dimension, value) for value in values]
