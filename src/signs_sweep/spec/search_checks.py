"""Checks of the `search` section that a schema cannot express."""

from decimal import Decimal

from signs_sweep.domain import Growth, Hyperparameter
from signs_sweep.spec.document import Mapping, Node, Scalar
from signs_sweep.spec.problems import Problems
from signs_sweep.spec.repeats import check_duplicates
from signs_sweep.spec.search import PRUNER_OPTIONS, SAMPLER_OPTIONS
from signs_sweep.spec.table import COMPONENTS, TABLE, VARIABLE_NAMES, options_named

_ALL_OPTIONS = {
    "sampler": (SAMPLER_OPTIONS, ("name", "seed")),
    "pruner": (PRUNER_OPTIONS, ("name", "dead", "audit")),
}
"""By section, the options of each sampler or pruner, and the keys that all of them have."""


def check_search(search: Mapping, problems: Problems) -> None:
    """Report every conflict between the parts of the section."""
    for section in _ALL_OPTIONS:
        _check_options(section, search.mapping(section), problems)
    if replicates := search.mapping("replicates"):
        check_growth(replicates, Growth(1, 5), problems)
    if confirm := search.mapping("confirm"):
        check_growth(confirm, Growth(8, 20), problems)
    space = search.mapping("space")
    if space is None:
        return
    check_duplicates(space.lists(), problems)
    for name in VARIABLE_NAMES:
        if interval := space.mapping(name):
            _check_interval(TABLE[name], interval, problems)
    for name in COMPONENTS:
        for component in space.rows(name):
            _check_component(name, component, problems)


def _check_component(name: str, component: Mapping, problems: Problems) -> None:
    """Check the options of a component that are dimensions of their own."""
    check_duplicates(component.lists(), problems)
    for option in component.values:
        entries = options_named(name, option)
        if entries and (interval := component.mapping(option)):
            _check_interval(entries[0], interval, problems)


def _check_options(section: str, node: Mapping | None, problems: Problems) -> None:
    """Check that the named sampler or pruner has every option that is set."""
    options, common = _ALL_OPTIONS[section]
    if node is None:
        return
    default = "tpe" if section == "sampler" else "none"
    name_node = node.values.get("name", Scalar(node.place, default))
    name = name_node.value if isinstance(name_node, Scalar) else None
    if not isinstance(name, str) or name not in options:
        return
    for key, place in node.keys.items():
        owners = [owner for owner, keys in options.items() if key in keys]
        if owners and name not in owners:
            problems.add(
                place,
                f"the {section} {name} has no option {key}",
                f"its options: {', '.join((*common[1:], *options[name]))}. "
                f"{key} is an option of {', '.join(owners)}",
            )


def _check_interval(entry: Hyperparameter, interval: Mapping, problems: Problems) -> None:
    name = entry.name
    low, high, step = (_exact(interval.values.get(key)) for key in ("low", "high", "step"))
    log = interval.values.get("log")
    is_log = isinstance(log, Scalar) and log.value is True
    if low is not None and high is not None and low >= high:
        source = getattr(interval.values["high"], "source", "")
        hint = "swap them" if low > high else f"for a single value, write [{source}]"
        problems.add(
            interval.values["low"].place, f"low of {name} is not below high, {source}", hint
        )
    elif step is not None and low is not None and high is not None and step > high - low:
        problems.add(
            interval.values["step"].place,
            f"step of {name} is larger than the range",
            f"the distance from low to high is {(high - low).normalize():f}",
        )
    if is_log and low is not None and low <= 0 and entry.permits(float(low)):
        problems.add(
            interval.values["low"].place,
            f"low of {name} is {low:g}, which has no logarithm",
            "write a small number such as 1e-4, or remove log",
        )
    if is_log and "step" in interval.keys:
        problems.add(
            interval.keys["step"],
            f"{name} has both log and step",
            "remove one; a logarithmic range has no step",
        )


def _exact(node: Node | None) -> Decimal | None:
    """Return a number exactly as written, so that 0.3 - 0.1 is 0.2."""
    if isinstance(node, Scalar) and type(node.value) in (int, float):
        value = Decimal(node.value if isinstance(node.value, int) else str(node.value))
        return value if value.is_finite() else None
    return None


def check_growth(section: Mapping, default: Growth, problems: Problems) -> None:
    """Check that at_least is not above at_most."""
    least = number(section, "at_least", default.at_least)
    most = number(section, "at_most", default.at_most)
    if least > most and "at_least" in section.values:
        place, hint = section.values["at_least"].place, f"write {most:g} or less, or raise at_most"
        problems.add(place, f"at_least is above at_most, {most:g}", hint)
    elif least > most:
        place, hint = section.values["at_most"].place, f"write at_least: {most:g} as well"
        problems.add(place, f"at_most is below at_least, {least:g}", hint)


def number(section: Mapping, key: str, default: float) -> float:
    """Return the value of a key if it is a number, else the default."""
    node = section.values.get(key)
    if isinstance(node, Scalar) and type(node.value) in (int, float):
        return float(node.value)
    return default
