"""From the `search` section of a spec, or its grid, zip and cases, to a `Search`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from signs_sweep.domain import (
    HIDDEN,
    VARIED_NAMES,
    Component,
    Growth,
    Hyperparameter,
    as_text,
    frozen,
    is_higher_better,
)
from signs_sweep.spec import document as documents
from signs_sweep.spec.baseline import Alternative, Factor
from signs_sweep.spec.fields import Section
from signs_sweep.spec.search import (
    Categories,
    Choice,
    Confirm,
    Objective,
    Pruner,
    Range,
    Sampler,
    Search,
    Under,
)
from signs_sweep.spec.search_schema import (
    ConfirmSection,
    ObjectiveSection,
    PrunerSection,
    SamplerSection,
    SearchSection,
    SpaceSection,
)
from signs_sweep.spec.table import TABLE


def read_search(
    section: SearchSection | None,
    document: documents.Mapping,
    factors: Mapping[str, Factor],
    base: Mapping[str, Any],
    forced: Mapping[str, Any],
) -> Search:
    """Return the search of a spec, with defaults for omitted keys, or for the whole section.

    The document has the order of the dimensions; factors are by their parameters, or by `cases`.
    """
    space_node = documents.find(document, ("search", "space"))
    order = space_node.values if isinstance(space_node, documents.Mapping) else ()
    section = section or SearchSection()
    space = (
        [_factor(name, factor, base, forced) for name, factor in factors.items()]
        if section.space is None
        else [
            dimension
            for name in order
            if name not in forced
            for dimension in _dimensions(section.space, name)
        ]
    )
    pruner = _complete(PrunerSection, "name", section.pruner)
    if pruner["startup"] is None:
        pruner["startup"] = 2 if pruner["name"] == "wilcoxon" else 5
    objective = _complete(ObjectiveSection, "metric", section.objective)
    by_default = "maximize" if is_higher_better(objective["metric"]) else "minimize"
    direction = objective.pop("direction") or by_default
    checked = {
        "sampler": Sampler(**_complete(SamplerSection, "name", section.sampler)),
        "pruner": Pruner(**pruner),
        "objective": Objective(maximize=direction == "maximize", **objective),
        "confirm": _confirm(section.confirm),
        "space": tuple(dimension for dimension in space if dimension is not None),
        "replicates": section.replicates and Growth(**dict(section.replicates)),
    }
    return Search(**(dict(section) | checked))


def _confirm(written: int | ConfirmSection) -> Confirm | None:
    """Return how a winner is confirmed; a count is that of the seeds of the best trial alone."""
    if isinstance(written, int):
        return Confirm(0, written, written) if written else None
    return Confirm(**dict(written))


def _complete(kind: type[Section], key: str, written: str | Section) -> dict[str, Any]:
    """Return a section as a dictionary; a single word is the value of `key`."""
    return dict(kind.model_validate({key: written}) if isinstance(written, str) else written)


def _dimensions(space: SpaceSection, name: str) -> Iterator[Categories | Range]:
    """Yield the dimension of a hyperparameter, then those of the options of its components."""
    written = getattr(space, name)
    entry = TABLE.get(name)
    if entry is not None and entry.kind is Component:
        yield from _components(entry, written)
    elif isinstance(written, list):
        choices = [Choice(_text(name, value), {name: value}) for value in map(frozen, written)]
        yield Categories(name, tuple(_distinct(choices)))
    else:
        yield _range(name, written, TABLE[name])


def _range(name: str, written: Any, entry: Hyperparameter, under: Under | None = None) -> Range:
    is_integer = entry.kind is int
    high = written.high
    if written.step is not None:  # Exact: 0.1 + 0.1 + 0.1 is 0.3.
        low, step = Fraction(str(written.low)), Fraction(str(written.step))
        last = low + (Fraction(str(high)) - low) // step * step
        high = int(last) if is_integer else float(last)
    return Range(name, written.low, high, written.log, written.step, is_integer, under)


def _components(entry: Hyperparameter, written: Sequence[Any]) -> Iterator[Categories | Range]:
    """Yield the dimension of a component, then those of its options that vary."""
    alternatives = [_alternative(entry, each) for each in written]
    choices = tuple(_distinct(choice for choice, _ in alternatives))
    yield Categories(entry.name, choices)
    taken: Counter[str] = Counter()
    for choice, (_, varying) in zip(choices, alternatives, strict=True):
        component = choice.values[entry.name]
        prefix = component.name or entry.name
        taken[prefix] += bool(varying)
        prefix += f" {taken[prefix]}" if taken[prefix] > 1 else ""  # As MLflow allows in names.
        for option, values in varying.items():
            under, name = Under(entry.name, choice.text, option), f"{prefix}.{option}"
            if isinstance(values, list):
                of_option = [Choice(as_text(value), {name: value}) for value in values]
                yield Categories(name, tuple(_distinct(of_option)), under)
            else:
                yield _range(name, values, entry.options_of(component.name)[option], under)


def _alternative(entry: Hyperparameter, written: Any) -> tuple[Choice, dict[str, Any]]:
    """Return a component as a choice, with its fixed options, and the options that vary."""
    if not isinstance(written, Section):
        return Choice(written, {entry.name: entry.component(written, {})}), {}
    options = dict(written) | (written.model_extra or {})
    name = options.pop("name", "")
    varying = {key: value for key, value in options.items() if isinstance(value, list | Section)}
    fixed = {key: value for key, value in options.items() if key not in varying}
    component = entry.component(name, fixed)
    if varying and component.name != name:  # Without its fixed options, it would be off.
        component = Component(name)
    text = str(component) or f"{{{', '.join(varying)}}}"
    return Choice(text, {entry.name: component}), varying


def _factor(
    name: str, factor: Factor, base: Mapping[str, Any], forced: Mapping[str, Any]
) -> Categories | None:
    """Return a factor of the spec as a dimension, or None if overrides set all of it."""
    varied = dict.fromkeys(parameter for choice in factor for parameter in choice.values)
    names = [
        each for each in {**dict.fromkeys(VARIED_NAMES), **varied} if each in varied.keys() - forced
    ]
    if not names:
        return None
    equal: dict[tuple[Any, ...], list[Alternative]] = {}
    for alternative in factor:
        complete = tuple(alternative.values.get(key, base.get(key)) for key in names)
        equal.setdefault(complete, []).append(alternative)
    choices = []
    for complete, alternatives in equal.items():
        values = {key: value for key, value in alternatives[0].values.items() if key in names}
        if name == "cases":
            text = _case_text(alternatives, values or dict(zip(names, complete, strict=True)))
        else:
            text = ", ".join(map(_text, names, complete))
        choices.append(Choice(text, values))
    return Categories(name if name == "cases" else ", ".join(names), tuple(_distinct(choices)))


def _case_text(cases: Sequence[Alternative], values: Mapping[str, Any]) -> str:
    """Return the labels of equal cases, or their values if they have no label."""
    labels = [case.label for case in cases if case.label]
    return ", ".join(labels or [f"{name}={_text(name, value)}" for name, value in values.items()])


def _text(name: str, value: Any) -> str:
    """Return the value of a parameter as written in a spec; layers have no brackets."""
    return ", ".join(map(str, value)) if name == HIDDEN else as_text(value)


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
