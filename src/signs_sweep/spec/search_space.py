"""From the `search` section of a spec, or its grid, zip and cases, to a `Search`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from signs_sweep.domain import PARAMETERS, VARIED_NAMES, Parameters
from signs_sweep.spec.baseline import Alternative, Factor
from signs_sweep.spec.fields import Section
from signs_sweep.spec.search import (
    Categories,
    Choice,
    Objective,
    Pruner,
    Range,
    Sampler,
    Search,
)
from signs_sweep.spec.search_schema import (
    ObjectiveSection,
    PrunerSection,
    SamplerSection,
    SearchSection,
    SpaceSection,
)

_CASES = "cases"


def read_search(
    section: SearchSection | None,
    factors: Mapping[str, Factor],
    base: Parameters,
    forced: Mapping[str, Any],
    order: Iterable[str],
) -> Search:
    """Return the search of a spec, with defaults for omitted keys.

    Args:
        section: the validated section, or None if the spec has none.
        factors: the factors of the spec, by their parameters, or by `cases`.
        base: values of the parameters that a case does not set.
        forced: overrides, by parameter.
        order: the parameters of the section's space, in the order written.
    """
    section = section or SearchSection()
    space = (
        [_factor(name, factor, base, forced) for name, factor in factors.items()]
        if section.space is None
        else [_dimension(section.space, name) for name in order if name not in forced]
    )
    checked = {
        "sampler": _sampler(section.sampler),
        "pruner": _pruner(section.pruner),
        "objective": _objective(section.objective),
        "space": tuple(dimension for dimension in space if dimension is not None),
    }
    return Search(**(dict(section) | checked))


def _sampler(written: str | SamplerSection) -> Sampler:
    return Sampler(**_complete(SamplerSection, "name", written))


def _pruner(written: str | PrunerSection) -> Pruner:
    options = _complete(PrunerSection, "name", written)
    if options["startup"] is None:
        options["startup"] = 2 if options["name"] == "wilcoxon" else 5
    return Pruner(**options)


def _objective(written: str | ObjectiveSection) -> Objective:
    options = _complete(ObjectiveSection, "metric", written)
    is_accuracy = options["metric"].endswith("accuracy")
    direction = options.pop("direction") or ("maximize" if is_accuracy else "minimize")
    return Objective(maximize=direction == "maximize", **options)


def _complete(kind: type[Section], key: str, written: str | Section) -> dict[str, Any]:
    """Return a section as a dictionary; a single word is the value of `key`."""
    return dict(kind.model_validate({key: written}) if isinstance(written, str) else written)


def _dimension(space: SpaceSection, name: str) -> Categories | Range:
    """Return a dimension of the section."""
    written = getattr(space, name)
    if name == "hidden":
        return Categories(
            name,
            tuple(Choice(", ".join(map(str, layers)), {name: tuple(layers)}) for layers in written),
        )
    if isinstance(written, list):
        return Categories(
            name, tuple(Choice(_text(name, value), {name: value}) for value in written)
        )
    is_integer = PARAMETERS[name].kind is int
    high = written.high
    if written.step is not None:  # Exact: 0.1 + 0.1 + 0.1 is 0.3.
        low, step = Fraction(str(written.low)), Fraction(str(written.step))
        last = low + (Fraction(str(high)) - low) // step * step
        high = int(last) if is_integer else float(last)
    return Range(name, written.low, high, written.log, written.step, is_integer)


def _factor(
    name: str, factor: Factor, base: Parameters, forced: Mapping[str, Any]
) -> Categories | None:
    """Return a factor of the spec as a dimension, or None if overrides set all of it."""
    varied = {parameter for choice in factor for parameter in choice.values} - set(forced)
    names = [parameter for parameter in VARIED_NAMES if parameter in varied]
    if not names:
        return None
    equal: dict[tuple[Any, ...], list[Alternative]] = {}
    for alternative in factor:
        complete = tuple(alternative.values.get(key, getattr(base, key)) for key in names)
        equal.setdefault(complete, []).append(alternative)
    choices = []
    for complete, alternatives in equal.items():
        values = {key: value for key, value in alternatives[0].values.items() if key in varied}
        if name == _CASES:
            text = _case_text(alternatives, values or dict(zip(names, complete, strict=True)))
        else:
            text = ", ".join(map(_text, names, complete))
        choices.append(Choice(text, values))
    return Categories(name if name == _CASES else ", ".join(names), tuple(_distinct(choices)))


def _case_text(cases: Sequence[Alternative], values: Mapping[str, Any]) -> str:
    """Return the labels of equal cases, or their values if they have no label."""
    labels = [case.label for case in cases if case.label]
    return ", ".join(labels or [f"{name}={_text(name, value)}" for name, value in values.items()])


def _text(name: str, value: Any) -> str:
    """Return the value of a parameter as written in a spec."""
    return Parameters(**{name: value}).text(name)


def _distinct(choices: Iterable[Choice]) -> Iterator[Choice]:
    """Number the choices whose text repeats an earlier text, as labels may."""
    taken: set[str] = set()
    for choice in choices:
        text, number = choice.text, 1
        while text in taken:
            number += 1
            text = f"{choice.text} ({number})"
        taken.add(text)
        yield replace(choice, text=text)
