"""The baseline: the points that the others are compared with."""

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from signs_sweep.domain import as_text
from signs_sweep.spec.document import Mapping
from signs_sweep.spec.problems import Problems

LABEL = "label"


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the choices of a factor.

    Attributes:
        values: the values that it sets, by parameter.
        label: its label in `cases`, or None.
        is_baseline: whether it agrees with the baseline.
    """

    values: MappingType[str, Any]
    label: str | None = None
    is_baseline: bool = False


Factor = tuple[Alternative, ...]
"""What varies together: a parameter of `grid`, the rows of `zip`, or the cases."""


def mark_baseline(
    factors: Sequence[Factor],
    base: MappingType[str, Any],
    wanted: MappingType[str, Any],
    node: Mapping,
    problems: Problems,
) -> list[Factor]:
    """Mark the alternatives that agree with the baseline, whose values and node are given.

    A baseline that no run matches is a problem. No parameter is in two factors, so each factor is
    checked separately. Parameters that an alternative does not set are as in `base`.
    """
    marked: list[Factor] = []
    fixed = dict(wanted)
    for factor in factors:
        names = {name for alternative in factor for name in alternative.values} & set(wanted)
        names |= {LABEL} & set(wanted) if any(choice.label for choice in factor) else set()
        rows = [{name: _value(choice, name, base) for name in names} for choice in factor]
        baseline = {name: fixed.pop(name) for name in names}
        for name, value in baseline.items():
            _check_value(name, value, [row[name] for row in rows], node, problems)
        marked.append(
            tuple(
                Alternative(choice.values, choice.label, row == baseline)
                for choice, row in zip(factor, rows, strict=True)
            )
        )
    for name, value in fixed.items():
        _check_value(name, value, [_value(Alternative({}), name, base)], node, problems)
    if not problems and not all(any(choice.is_baseline for choice in factor) for factor in marked):
        problems.add(
            node.place, "no run matches this baseline", "each value occurs, but no run has them all"
        )
    return marked


def _value(alternative: Alternative, name: str, base: MappingType[str, Any]) -> Any:
    if name == LABEL:
        return alternative.label
    return alternative.values.get(name, base.get(name))


def _check_value(
    name: str, value: Any, values: Sequence[Any], node: Mapping, problems: Problems
) -> None:
    if value in values:
        return
    distinct = [_shown(option) for option in dict.fromkeys(values) if option is not None]
    shown = ", ".join(distinct[:8]) + (", ..." if len(distinct) > 8 else "")
    verb = "can be" if len(distinct) > 1 else "is"
    written = getattr(node.values[name], "source", as_text(value))
    otherwise = "no case has a label" if name == LABEL else f"no run has {name}"
    problems.add(
        node.values[name].place,
        f"no run matches this baseline: none has {name} {written}",
        f"{name} {verb} {shown} in this spec" if distinct else otherwise,
    )


def _shown(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else as_text(value)
