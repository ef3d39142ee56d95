"""Convert between the dimensions of a spec and Optuna's distributions."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any

from signs_sweep.domain import PARAMETERS, frozen
from signs_sweep.spec import Categories, Choice, Range, Under

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

Space = Sequence[Categories | Range]


def distributions(
    space: Space, known: "Iterable[Mapping[str, BaseDistribution]]" = ()
) -> "dict[str, BaseDistribution]":
    """Return Optuna's distributions by name of the dimension.

    A choice that is a number is stored as that number, any other as its text. Studies of earlier
    versions store numbers as text too and keep it: Optuna allows one set of choices per study.
    `known` are the distributions of each trial in the study.
    """
    used = list(known)
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


def has_options(space: Space) -> bool:
    """Whether some dimensions exist only under a choice of another."""
    return any(dimension.under for dimension in space)


def existing(space: Space, params: Mapping[str, Any]) -> list[Categories | Range]:
    """Return the dimensions that exist with some of Optuna's params.

    The options of a component exist only under the choice that has them.
    """
    by_name = {dimension.name: dimension for dimension in space}
    return [part for part in space if part.under is None or _is_chosen(part.under, by_name, params)]


def _is_chosen(
    under: Under, by_name: Mapping[str, Categories | Range], params: Mapping[str, Any]
) -> bool:
    chosen = _resolved(by_name[under.dimension], params.get(under.dimension))
    return isinstance(chosen, Choice) and chosen.text == under.choice


def is_complete(space: Space, params: Mapping[str, Any]) -> bool:
    """Whether Optuna's params have a value of exactly the dimensions that exist with them."""
    return params.keys() == {dimension.name for dimension in existing(space, params)}


def values_of(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by parameter, with tuples for lists, given Optuna's params."""
    values: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {}
    for dimension in existing(space, params):
        chosen = _resolved(dimension, params[dimension.name])
        assert chosen is not None, "params are in the space"
        own = chosen.values if isinstance(chosen, Choice) else {dimension.name: chosen}
        if under := dimension.under:
            options.setdefault(under.dimension, {})[under.option] = own[dimension.name]
        else:
            values.update(own)
    for name, given in options.items():
        component = values[name]
        complete = dict(component.options) | given
        values[name] = PARAMETERS[name].component(component.name, complete)
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


def suggest(trial: "optuna.Trial", name: str, distribution: "BaseDistribution") -> None:
    """Let Optuna choose a value of a dimension for a trial."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        trial.suggest_categorical(name, distribution.choices)
        return
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if isinstance(distribution, IntDistribution):
        trial.suggest_int(name, int(low), int(high), step=int(step or 1), log=distribution.log)
    else:
        trial.suggest_float(name, low, high, step=step, log=distribution.log)


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Yield every point as a new study stores it, the first dimension varying slowest."""
    points: Iterator[dict[str, Any]] = iter([{}])
    for dimension in space:
        points = _extended(points, space, dimension)
    yield from points


def _extended(
    points: Iterable[dict[str, Any]], space: Space, dimension: Categories | Range
) -> Iterator[dict[str, Any]]:
    """Yield points with each value of a further dimension, where it exists."""
    for point in points:
        values = _all_of(dimension) if dimension in existing(space, point) else []
        yield from ({**point, dimension.name: value} for value in values)
        if not values:
            yield point


def grid_size(space: Space) -> int:
    """Return the number of points; 0 if a range is continuous."""
    if any(isinstance(part, Range) and part.step is None for part in space):
        return 0
    sizes = {part.name: len(_all_of(part)) for part in space}
    return prod(
        sum(_size_under(space, part, choice, sizes) for choice in part.choices)
        if isinstance(part, Categories)
        else sizes[part.name]
        for part in space
        if part.under is None
    )


def _size_under(
    space: Space, dimension: Categories | Range, choice: Choice, sizes: Mapping[str, int]
) -> int:
    """Return the number of combinations of the options that exist under a choice."""
    return prod(
        sizes[part.name]
        for part in space
        if part.under and (part.under.dimension, part.under.choice) == (dimension.name, choice.text)
    )


def _all_of(dimension: Categories | Range) -> list[Any]:
    """Return all values of a dimension; a range must have a step and a linear scale."""
    if isinstance(dimension, Categories):
        return [_stored(dimension, choice) for choice in dimension.choices]
    assert dimension.step is not None
    count = round((dimension.high - dimension.low) / dimension.step) + 1
    values = [dimension.low + number * dimension.step for number in range(count)]
    return [_number(dimension, value) for value in values]
