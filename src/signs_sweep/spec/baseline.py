"""The baseline: which points the others are compared with."""

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from signs_sweep.domain import Parameters
from signs_sweep.spec.document import Mapping, Scalar
from signs_sweep.spec.problems import Problems

LABEL = "label"


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the values that a factor takes.

    Attributes:
        values: by parameter.
        label: the name that `cases` gave it, or None.
        is_baseline: whether the baseline says nothing against it.
    """

    values: MappingType[str, Any]
    label: str | None = None
    is_baseline: bool = False


Factor = tuple[Alternative, ...]
"""One way in which points differ."""


def mark_baseline(
    factors: Sequence[Factor], base: Parameters, node: Mapping, problems: Problems
) -> list[Factor]:
    """Mark what belongs to the baseline. That no run does is a problem.

    No parameter is in two factors, so that each can be looked at alone.

    Args:
        factors: what is combined by product.
        base: values of what a factor or one of its alternatives leaves out.
        node: the baseline, as written.
        problems: where to note it when a value is in no run, or none has all of them.
    """
    wanted = node.plain()
    marked: list[Factor] = []
    fixed = dict(wanted)
    for factor in factors:
        names = {name for one in factor for name in one.values} & set(wanted)
        names |= {LABEL} & set(wanted) if any(one.label for one in factor) else set()
        there = [{name: _value(one, name, base) for name in names} for one in factor]
        here = {name: fixed.pop(name) for name in names}
        for name in here:
            _check_value(name, [values[name] for values in there], node, problems)
        marked.append(
            tuple(
                Alternative(one.values, one.label, values == here)
                for one, values in zip(factor, there, strict=True)
            )
        )
    for name in fixed:
        _check_value(name, [_value(Alternative({}), name, base)], node, problems)
    if not problems and not all(any(one.is_baseline for one in factor) for factor in marked):
        problems.add(
            node.place, "no run matches this baseline", "each value is there, but in no run all"
        )
    return marked


def _value(alternative: Alternative, name: str, base: Parameters) -> Any:
    if name == LABEL:
        return alternative.label
    return alternative.values.get(name, getattr(base, name))


def _check_value(name: str, there: Sequence[Any], node: Mapping, problems: Problems) -> None:
    value = node.values[name]
    assert isinstance(value, Scalar)
    if value.value in there:
        return
    distinct = [_said(one) for one in dict.fromkeys(there) if one is not None]
    shown = ", ".join(distinct[:8]) + (", ..." if len(distinct) > 8 else "")
    verb = "can be" if len(distinct) > 1 else "is"
    problems.add(
        value.place,
        f"no run matches this baseline: none has {name} {value.source}",
        f"{name} {verb} {shown} in this spec" if distinct else "no case has a label",
    )


def _said(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)
