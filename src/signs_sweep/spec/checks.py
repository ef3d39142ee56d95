"""What a schema cannot say: what the parts of a spec must be to each other."""

import re
from collections import Counter
from math import prod

from signs_sweep.domain import SEED_NAMES, Parameters
from signs_sweep.spec.document import Mapping, Scalar, Sequence
from signs_sweep.spec.fields import MOST_REPLICATES
from signs_sweep.spec.names import VARIED_NAMES, shorten
from signs_sweep.spec.problems import Place, Problems
from signs_sweep.spec.repeats import USE_SEEDS, check_duplicates, number_of, repeated
from signs_sweep.spec.search_checks import check_search_section

MOST_RUNS = 1_000_000

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that no file can have on Windows."""


def check(document: Mapping, problems: Problems) -> None:
    """Note every problem between the parts. Parts of a wrong kind have been noted before."""
    grid, paired = document.mapping("grid"), document.mapping("zip")
    lists = grid.lists() if grid else {}
    pairs = paired.lists() if paired else {}
    cases = [item for item in document.items("cases") if isinstance(item, Mapping)]
    _check_name(document, problems)
    check_duplicates(lists, problems)
    _check_lengths(pairs, problems)
    _check_pairs(list(pairs.values()), problems)
    _check_cases(cases, document.mapping("base"), problems)
    _check_labels(cases, problems)
    _check_places([("grid", grid), ("zip", paired), *(("cases", row) for row in cases)], problems)
    _check_seeds(document, problems)
    _check_size(document, lists, pairs, problems)
    check_search_section(document.mapping("search"), problems)


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
    said = ", ".join(f"{shorten(name)} has {length:,}" for name, length in lengths.items())
    for name, node in lists.items():
        if lengths[name] != usual and node.items:
            problems.add(
                node.place, "the lists in zip have different lengths", f"{said}; make them equal"
            )


def _check_pairs(lists: list[Sequence], problems: Problems) -> None:
    rows = zip(*(node.items for node in lists), strict=False)
    for index, first in repeated(tuple(map(number_of, row)) for row in rows):
        problems.add(
            lists[0].items[index].place,
            f"the entries {first + 1} and {index + 1} of zip are the same",
            USE_SEEDS,
        )


def _check_cases(cases: list[Mapping], base: Mapping | None, problems: Problems) -> None:
    common = {
        name: number_of(base.values.get(name) if base else None, getattr(Parameters(), name))
        for name in VARIED_NAMES
    }
    rows = [
        tuple(number_of(row.values.get(name), common[name]) for name in VARIED_NAMES)
        for row in cases
    ]
    for index, first in repeated(rows):
        if cases[index].values:
            problems.add(
                cases[index].place,
                f"the cases {first + 1} and {index + 1} are the same",
                USE_SEEDS,
            )


def _check_labels(cases: list[Mapping], problems: Problems) -> None:
    labels: dict[str, Place] = {}
    for row in cases:
        label = row.values.get("label")
        if isinstance(label, Scalar) and isinstance(label.value, str):
            first = labels.setdefault(label.value, label.place)
            if first is not label.place:
                problems.add(
                    label.place,
                    f"the label '{shorten(label.value)}' is there twice",
                    f"it stands at {first} already; give each case a label of its own",
                )


def _check_places(sections: list[tuple[str, Mapping | None]], problems: Problems) -> None:
    """Check that a parameter is varied in one section only."""
    seen: dict[str, tuple[str, Place]] = {}
    for section, part in sections:
        for name, place in part.keys.items() if part else ():
            other, first = seen.setdefault(name, (section, place))
            if other != section and name in VARIED_NAMES:
                problems.add(
                    place,
                    f"{name} is in {section} and in {other}",
                    f"it stands at {first} already; a parameter may stand in one of grid, zip "
                    "and cases only",
                )


def _check_seeds(document: Mapping, problems: Problems) -> None:
    """Compare the pairs of seeds with each other. What one leaves out is as in `base`."""
    base = document.mapping("base")
    common = {
        name: number_of(base.values.get(name) if base else None, getattr(Parameters(), name))
        for name in SEED_NAMES
    }
    entries = [item for item in document.items("seeds") if isinstance(item, Mapping)]
    pairs = [
        tuple(number_of(entry.values.get(name), common[name]) for name in SEED_NAMES)
        for entry in entries
    ]
    for index, first in repeated(pairs):
        if entries[index].values:
            problems.add(
                entries[index].place,
                f"the replicates {first + 1} and {index + 1} have the same seeds",
                "the same seeds give the same bits; remove one",
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
    if isinstance(seeds, Scalar) and type(seeds.value) is int:
        sizes["seeds"] = min(seeds.value, MOST_REPLICATES)  # More is a problem of its own.
    sizes = {name: size for name, size in sizes.items() if size > 1}
    total = prod(sizes.values())
    if total > MOST_RUNS:
        section = next(name for name in ("grid", "zip", "cases", "seeds") if name in document.keys)
        said = " x ".join(f"{shorten(name)} {size:,}" for name, size in sizes.items())
        problems.add(
            document.keys[section],
            f"the spec asks for {total:,} runs, {said}",
            f"at most {MOST_RUNS:,} are allowed",
        )
