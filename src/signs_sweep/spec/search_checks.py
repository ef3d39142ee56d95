"""What the schema cannot say of the `search` section: what its values must be to each other."""

from decimal import Decimal

from signs_sweep.spec.document import Mapping, Node, Scalar
from signs_sweep.spec.names import VARIED_NAMES
from signs_sweep.spec.problems import Problems
from signs_sweep.spec.repeats import check_duplicates
from signs_sweep.spec.search import PRUNER_OPTIONS, SAMPLER_OPTIONS

_ALL_OPTIONS = {
    "sampler": (SAMPLER_OPTIONS, ("name", "seed")),
    "pruner": (PRUNER_OPTIONS, ("name", "dead")),
}
"""By section, the options of each name, and the keys that go with every name."""


def check_search_section(search: Mapping | None, problems: Problems) -> None:
    """Note every problem between the values of the section.

    Args:
        search: the section as written; None where there is none, or no mapping.
        problems: where to note them.
    """
    if search is None:
        return
    for section in _ALL_OPTIONS:
        _check_options(section, search.mapping(section), problems)
    space = search.mapping("space")
    if space is None:
        return
    check_duplicates(space.lists(), problems)
    for name in VARIED_NAMES:
        if interval := space.mapping(name):
            _check_interval(name, interval, problems)


def _check_options(section: str, node: Mapping | None, problems: Problems) -> None:
    """Check that every option has a meaning for the sampler or pruner that is named."""
    options, common = _ALL_OPTIONS[section]
    if node is None:
        return
    default = "tpe" if section == "sampler" else "none"
    name_node = node.values.get("name", Scalar(node.place, default))
    name = name_node.value if isinstance(name_node, Scalar) else None
    if not isinstance(name, str) or name not in options:
        return
    known = {option for others in options.values() for option in others}
    for key, place in node.keys.items():
        if key in known and key not in options[name]:
            having = [other for other, its in options.items() if key in its]
            problems.add(
                place,
                f"the {section} {name} has no {key}",
                f"its options: {', '.join((*common[1:], *options[name]))}. "
                f"{key} is an option of {', '.join(having)}",
            )


def _check_interval(name: str, interval: Mapping, problems: Problems) -> None:
    low, high, step = (_exact(interval.values.get(key)) for key in ("low", "high", "step"))
    log = interval.values.get("log")
    is_log = isinstance(log, Scalar) and log.value is True
    if low is not None and high is not None and low >= high:
        source = getattr(interval.values["high"], "source", "")
        hint = "exchange them" if low > high else f"for a single value, write [{source}]"
        problems.add(
            interval.values["low"].place, f"low of {name} is not below high, {source}", hint
        )
    elif step is not None and low is not None and high is not None and step > high - low:
        problems.add(
            interval.values["step"].place,
            f"step of {name} is larger than the range",
            f"from low to high it is {(high - low).normalize():f}",
        )
    if is_log and low == 0 and name == "l2":  # Of the others, low is above 0 anyway.
        problems.add(
            interval.values["low"].place,
            f"low of {name} is 0, which has no logarithm",
            "write a small number such as 1e-4, or remove log",
        )
    if is_log and "step" in interval.keys:
        problems.add(
            interval.keys["step"], f"{name} has log and step", "remove one; log has no steps"
        )


def _exact(node: Node | None) -> Decimal | None:
    """Return a number as it is written, so that 0.3 - 0.1 is 0.2."""
    if isinstance(node, Scalar) and type(node.value) in (int, float):
        value = Decimal(node.value if isinstance(node.value, int) else str(node.value))
        return value if value.is_finite() else None
    return None
