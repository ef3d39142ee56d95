"""Between the dimensions of a spec and Optuna's distributions."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from signs_sweep.spec import Categories, Choice, Range

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Space = Sequence[Categories | Range]


def distributions(
    space: Space, known: "Iterable[Mapping[str, BaseDistribution]]" = ()
) -> "dict[str, BaseDistribution]":
    """Return Optuna's distributions by the name of the dimension.

    A choice of one number is that number, any other its text. Studies of earlier versions have the
    text of numbers too. They keep it, since Optuna allows a parameter one set of choices per study.

    Args:
        space: the dimensions.
        known: the distributions of each trial that the study has.
    """
    used = list(known)
    return {
        one.name: _distribution(one, [of[one.name] for of in used if one.name in of])
        for one in space
    }


def _distribution(
    dimension: Categories | Range, known: "Sequence[BaseDistribution]"
) -> "BaseDistribution":
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(dimension, Categories):
        texts = CategoricalDistribution([choice.text for choice in dimension.choices])
        if texts in known:
            return texts
        return CategoricalDistribution([_stored(dimension, one) for one in dimension.choices])
    if dimension.is_integer:
        step = int(dimension.step or 1)
        return IntDistribution(int(dimension.low), int(dimension.high), dimension.log, step)
    low, high = float(dimension.low), float(dimension.high)
    return FloatDistribution(low, high, dimension.log, dimension.step)


def _stored(dimension: Categories, choice: Choice) -> int | float | str:
    """Return what stands for a choice in a study."""
    value = choice.values.get(dimension.name)
    return value if isinstance(value, int | float) else choice.text


def values_of(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by parameter, given what Optuna chose; of `hidden` a tuple of unit counts."""
    values: dict[str, Any] = {}
    for dimension in space:
        chosen = _found(dimension, params[dimension.name])
        assert chosen is not None, "params are in the space"
        values.update(chosen.values if isinstance(chosen, Choice) else {dimension.name: chosen})
    return values


def settled(dimension: Categories | Range, distribution: "BaseDistribution", chosen: object) -> Any:
    """Return a value as a study has it, or None where it is outside of the dimension.

    Args:
        dimension: the dimension.
        distribution: the one that the study has for it.
        chosen: what anybody wrote: of a choice its text, its number, or of `hidden` its list.
    """
    found = _found(dimension, chosen)
    if isinstance(found, Choice):
        assert isinstance(dimension, Categories)
        return distribution.to_external_repr(dimension.choices.index(found))
    return None if found is None else chosen


def _found(dimension: Categories | Range, chosen: object) -> Choice | float | None:
    """Return the choice or the number that is meant, or None where it is outside."""
    is_number = isinstance(chosen, int | float) and not isinstance(chosen, bool)
    if isinstance(dimension, Categories):
        value = tuple(chosen) if isinstance(chosen, list) else chosen
        for one in dimension.choices:
            if value == one.text or (
                (is_number or isinstance(value, tuple)) and value == one.values.get(dimension.name)
            ):
                return one
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
    """Return a value as a person writes it: 0.7 + 2 * 0.1 is 0.9, and the same run as 0.9."""
    if dimension.is_integer:
        return int(chosen)
    if dimension.step is None:
        return float(chosen)
    low, step = Fraction(str(dimension.low)), Fraction(str(dimension.step))
    return float(low + round((Fraction(chosen) - low) / step) * step)


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Yield every point as a new study has it, the first dimension varying slowest."""
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
        return [_stored(dimension, choice) for choice in dimension.choices]
    assert dimension.step is not None
    count = round((dimension.high - dimension.low) / dimension.step) + 1
    values = [dimension.low + number * dimension.step for number in range(count)]
    return [_number(dimension, value) for value in values]
