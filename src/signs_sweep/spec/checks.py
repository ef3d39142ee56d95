"""Checks that a schema cannot express: whether the parts of a spec fit together."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from math import prod

from signs_sweep.domain import (
    DEFAULT_HIDDEN,
    HIDDEN,
    MOST_REPLICATES,
    OF_ARGUMENTS,
    PARAMETERS,
    VARIED_NAMES,
    Growth,
    is_argument,
)
from signs_sweep.spec.document import Mapping, Node, Scalar, Sequence, find, sections_of_values
from signs_sweep.spec.fields import MOST_PARTS
from signs_sweep.spec.names import misfit, shorten
from signs_sweep.spec.problems import Place, Problems
from signs_sweep.spec.search import PRUNER_OPTIONS, SAMPLER_OPTIONS

MOST_RUNS = 1_000_000

_USE_SEEDS = "remove one. To repeat a point, use seeds"
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""File names that Windows reserves."""

_ALL_OPTIONS = {
    "sampler": (SAMPLER_OPTIONS, ("name", "seed")),
    "pruner": (PRUNER_OPTIONS, ("name", "dead", "audit")),
}
"""By section, the options of each sampler or pruner, and the keys that all of them have."""


def check(document: Mapping, problems: Problems) -> None:
    """Report every conflict between parts. Values of the wrong type are reported by the schema."""
    grid, paired = document.mapping("grid"), document.mapping("zip")
    lists = grid.lists() if grid else {}
    pairs = paired.lists() if paired else {}
    cases = document.rows("cases")
    _check_name(document, problems)
    _check_duplicates(lists, problems)
    _check_lengths(pairs, problems)
    _check_pairs(list(pairs.values()), problems)
    _check_cases_and_seeds(document, problems)
    _check_network(document, problems)
    _check_labels(cases, problems)
    _check_places([("grid", grid), ("zip", paired), *(("cases", row) for row in cases)], problems)
    _check_size(document, lists, pairs, problems)
    _check_split(document, problems)
    _check_verdict(document, problems)
    _check_search(document.mapping("search"), problems)


def _check_name(document: Mapping, problems: Problems) -> None:
    node = document.values.get("name")
    if isinstance(node, Scalar) and _RESERVED.fullmatch(str(node.value)):
        problems.add(
            node.place, f"{node.value} is not a valid file name on Windows", "choose another name"
        )


def _check_lengths(lists: dict[str, Sequence], problems: Problems) -> None:
    lengths = {name: len(node.items) for name, node in lists.items()}
    if len(set(lengths.values())) < 2:
        return
    usual = Counter(lengths.values()).most_common(1)[0][0]
    shown = ", ".join(f"{shorten(name)} has {length:,}" for name, length in lengths.items())
    for name, node in lists.items():
        if lengths[name] != usual and node.items:
            problems.add(
                node.place,
                "the lists in zip have different lengths",
                f"{shown}; give all the same length",
            )


def _check_pairs(lists: list[Sequence], problems: Problems) -> None:
    rows = zip(*(node.items for node in lists), strict=False)
    for index, first in _repeated(tuple(map(_comparable, row)) for row in rows):
        problems.add(
            lists[0].items[index].place,
            f"entries {first + 1} and {index + 1} of zip are the same",
            _USE_SEEDS,
        )


def _check_cases_and_seeds(document: Mapping, problems: Problems) -> None:
    for row, numbers in _repeated_rows(document, "cases"):
        problems.add(row.place, f"cases {numbers} are the same", _USE_SEEDS)
    for row, numbers in _repeated_rows(document, "seeds"):
        problems.add(
            row.place,
            f"replicates {numbers} have the same seeds",
            "the same seeds give the same result; remove one",
        )


def _repeated_rows(document: Mapping, section: str) -> Iterator[tuple[Mapping, str]]:
    """Yield the mappings in a list that equal an earlier mapping, with both numbers: `1 and 3`.

    Parameters that a mapping does not set are as in `base` or `model`.
    """
    rows = document.rows(section)
    names = dict.fromkeys(name for row in rows for name in row.values if name != "label")
    defaults: dict[str, Hashable] = {name: entry.default for name, entry in PARAMETERS.items()}
    defaults[HIDDEN] = DEFAULT_HIDDEN
    common = {
        name: _comparable(_in_base(document, name) or _in_model(document, name), defaults.get(name))
        for name in names
    }
    keys = [
        tuple(_comparable(row.values.get(name), common[name]) for name in names) for row in rows
    ]
    for index, first in _repeated(keys):
        if rows[index].values:
            yield rows[index], f"{first + 1} and {index + 1}"


def _in_base(document: Mapping, name: str) -> Node | None:
    base = document.mapping("base")
    return base.values.get(name) if base else None


def _in_model(document: Mapping, name: str) -> Node | None:
    """Return the value under `model` that a parameter has the name of, if it is there."""
    model = document.mapping("model")
    is_of_network = name == HIDDEN or is_argument(name)
    return model.values.get(name.removeprefix(OF_ARGUMENTS)) if model and is_of_network else None


def _check_network(document: Mapping, problems: Problems) -> None:
    """Check that the model has what varies, and that `base` repeats nothing of it."""
    model = document.mapping("model")
    is_built = model is not None and "build" in model.values
    for section, node in sections_of_values(document):
        for name, place in node.keys.items():
            if wrong := misfit(name, is_built=is_built):
                problems.add(place, *wrong)
            elif section == "base" and model and _in_model(document, name):
                first = model.keys[name.removeprefix(OF_ARGUMENTS)]
                problems.add(
                    place,
                    f"{shorten(name)} is in base and under model",
                    f"first used at {first}; keep one of them",
                )


def _check_labels(cases: list[Mapping], problems: Problems) -> None:
    written = [row.values["label"] for row in cases if "label" in row.values]
    labels = [node for node in written if isinstance(node, Scalar) and isinstance(node.value, str)]
    for index, first in _repeated(label.value for label in labels):
        problems.add(
            labels[index].place,
            f"the label '{shorten(labels[index].value)}' is used twice",
            f"first used at {labels[first].place}; give each case a different label",
        )


def _check_places(sections: list[tuple[str, Mapping | None]], problems: Problems) -> None:
    """Check that a parameter is varied in one section only."""
    seen: dict[str, tuple[str, Place]] = {}
    for section, part in sections:
        for name, place in part.keys.items() if part else ():
            first_section, first = seen.setdefault(name, (section, place))
            is_varied = name in VARIED_NAMES or name == HIDDEN or is_argument(name)
            if first_section != section and is_varied:
                problems.add(
                    place,
                    f"{name} is in {section} and in {first_section}",
                    f"first used at {first}; a parameter may be in only one of grid, zip and cases",
                )


def _check_size(
    document: Mapping,
    lists: dict[str, Sequence],
    pairs: dict[str, Sequence],
    problems: Problems,
) -> None:
    sizes = {name: len(node.items) for name, node in lists.items()}
    sizes["zip"] = max((len(node.items) for node in pairs.values()), default=0)
    sizes["cases"] = len(document.items("cases"))
    sizes["seeds"] = len(document.items("seeds"))
    seeds = document.values.get("seeds")
    if isinstance(seeds, Mapping):
        seeds = seeds.values.get("at_most")
    if isinstance(seeds, Scalar) and type(seeds.value) is int:
        sizes["seeds"] = min(seeds.value, MOST_REPLICATES)  # The schema reports larger counts.
    if split := document.mapping("split"):
        parts = (_number(split, "folds", 1), _number(split, "repeats", 1))
        sizes |= {"splits": int(prod(min(max(number, 1), MOST_PARTS) for number in parts))}
    sizes = {name: size for name, size in sizes.items() if size > 1}
    total = prod(sizes.values())
    if total > MOST_RUNS:
        sections = ("grid", "zip", "cases", "seeds", "split")
        section = next(name for name in sections if name in document.keys)
        shown = " x ".join(f"{shorten(name)} {size:,}" for name, size in sizes.items())
        problems.add(
            document.keys[section],
            f"the spec asks for {total:,} runs, {shown}",
            f"at most {MOST_RUNS:,} are allowed",
        )


def _is_validated(document: Mapping) -> bool:
    return _number(document, "validation", 0) > 0 or "split" in document.keys


def _check_split(document: Mapping, problems: Problems) -> None:
    """Check that there is one kind of split, and that a seed of the split has an effect."""
    has_folds = "split" in document.keys
    if has_folds and _number(document, "validation", 0) > 0:
        problems.add(
            document.keys["split"],
            "split and validation both hold out samples",
            "remove validation: each fold is held out once",
        )
    base = document.mapping("base")
    for section in (*([base] if base else []), *document.rows("seeds")):
        if "split_seed" not in section.keys:
            continue
        if has_folds:
            problems.add(
                section.keys["split_seed"],
                "split trains every fold, so there is no split to choose",
                "remove split_seed",
            )
        elif not _is_validated(document):
            problems.add(
                section.keys["split_seed"],
                "split_seed has no effect, since no samples are held out",
                "write validation: 0.2, or remove split_seed",
            )


def _check_verdict(document: Mapping, problems: Problems) -> None:
    """Check the metric of verdicts, and what seeds need whose number depends on verdicts."""
    is_validated = _is_validated(document)
    metric = find(document, ("verdict", "metric"))
    name = metric.value if isinstance(metric, Scalar) else None
    if isinstance(name, str) and name.startswith("val_") and not is_validated:
        problems.add(
            metric.place,
            f"{name} is only recorded if samples are held out",
            f"write validation: 0.2, or choose {name.replace('val', 'test')}",
        )
    growing = document.mapping("seeds")
    if growing is None or "until" not in growing.values:
        return
    _check_growth(growing, Growth(), problems)
    if "baseline" not in document.keys:
        problems.add(
            growing.place,
            "until: clear needs a baseline, with which the other settings are compared",
            "write one, as in baseline: {l2: 0}",
        )
    if not is_validated and name is None:
        problems.add(
            growing.place,
            "the number of seeds would depend on the test set, by default",
            "write validation: 0.2, or verdict: {metric: test_accuracy} if that is intended",
        )


def _check_growth(section: Mapping, default: Growth, problems: Problems) -> None:
    """Check that at_least is not above at_most."""
    least = _number(section, "at_least", default.at_least)
    most = _number(section, "at_most", default.at_most)
    if least > most and "at_least" in section.values:
        place, hint = section.values["at_least"].place, f"write {most:g} or less, or raise at_most"
        problems.add(place, f"at_least is above at_most, {most:g}", hint)
    elif least > most:
        place, hint = section.values["at_most"].place, f"write at_least: {most:g} as well"
        problems.add(place, f"at_most is below at_least, {least:g}", hint)


def _number(section: Mapping, key: str, default: float) -> float:
    """Return the value of a key if it is a number, else the default."""
    node = section.values.get(key)
    if isinstance(node, Scalar) and type(node.value) in (int, float):
        return float(node.value)
    return default


def _check_search(search: Mapping | None, problems: Problems) -> None:
    if search is None:
        return
    for section in _ALL_OPTIONS:
        _check_options(section, search.mapping(section), problems)
    if replicates := search.mapping("replicates"):
        _check_growth(replicates, Growth(1, 5), problems)
    if confirm := search.mapping("confirm"):
        _check_growth(confirm, Growth(8, 20), problems)
    space = search.mapping("space")
    if space is None:
        return
    _check_duplicates(space.lists(), problems)
    for name in VARIED_NAMES:
        if interval := space.mapping(name):
            _check_interval(name, interval, problems)


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


def _check_interval(name: str, interval: Mapping, problems: Problems) -> None:
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
    if is_log and low is not None and low <= 0 and PARAMETERS[name].permits(float(low)):
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


def _comparable(node: Node | None, default: Hashable = None) -> Hashable:
    """Return a key that is equal for equal values, and for lists of equal values.

    The key of a mapping, or of a value whose problem is reported, is its place.
    """
    if node is None:
        return default
    if isinstance(node, Sequence):
        return tuple(map(_comparable, node.items))
    if isinstance(node, Scalar) and type(node.value) in (int, float):
        with suppress(OverflowError):  # Hundreds of digits; the schema reports them.
            return float(node.value)
    if isinstance(node, Scalar) and isinstance(node.value, str | bool):
        return type(node.value), node.value
    return node.place


def _repeated(keys: Iterable[Hashable]) -> Iterator[tuple[int, int]]:
    """Yield the index of every repeated key, and the index of its first occurrence."""
    seen: dict[Hashable, int] = {}
    for index, key in enumerate(keys):
        first = seen.setdefault(key, index)
        if first != index:
            yield index, first


def _check_duplicates(lists: dict[str, Sequence], problems: Problems) -> None:
    """Report every value that is in a list twice."""
    for name, node in lists.items():
        items = node.items
        for index, first in _repeated(map(_comparable, items)):
            item = items[index]
            source = shorten(item.source) if isinstance(item, Scalar) else "this"
            problems.add(
                item.place,
                f"{source} is in {shorten(name)} twice",
                f"first used at {items[first].place}; {_USE_SEEDS}",
            )
