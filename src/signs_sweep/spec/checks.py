"""Checks that a schema cannot express: whether the parts of a spec fit together."""

import re
from collections import Counter
from collections.abc import Hashable, Iterator
from math import prod

from signs_sweep.domain import (
    DEFAULT_HIDDEN,
    GIVEN,
    HIDDEN,
    MOST_REPLICATES,
    NETWORK,
    OF_ARGUMENTS,
    Component,
    Growth,
    is_argument,
)
from signs_sweep.spec.document import Mapping, Node, Scalar, Sequence, find, sections_of_values
from signs_sweep.spec.expected import MOST_PARTS
from signs_sweep.spec.names import misfit, shorten
from signs_sweep.spec.problems import Place, Problems
from signs_sweep.spec.repeats import (
    USE_SEEDS,
    check_duplicates,
    comparable,
    repeated,
)
from signs_sweep.spec.search_checks import check_growth, check_search, number
from signs_sweep.spec.table import EXCLUSIVE, TABLE, VARIABLE_NAMES
from signs_sweep.spec.training_checks import check_components, check_losses

MOST_RUNS = 1_000_000

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""File names that Windows reserves."""


def check(document: Mapping, problems: Problems) -> None:
    """Report every conflict between parts. Values of the wrong type are reported by the schema."""
    grid, paired = document.mapping("grid"), document.mapping("zip")
    lists = grid.lists() if grid else {}
    pairs = paired.lists() if paired else {}
    cases = document.rows("cases")
    _check_name(document, problems)
    check_duplicates(lists, problems)
    _check_lengths(pairs, problems)
    _check_pairs(list(pairs.values()), problems)
    _check_cases_and_seeds(document, problems)
    _check_network(document, problems)
    _check_labels(cases, problems)
    _check_places([("grid", grid), ("zip", paired), *(("cases", row) for row in cases)], problems)
    _check_size(document, lists, pairs, problems)
    _check_split(document, problems)
    _check_verdict(document, problems)
    check_components(document, problems, is_validated=_is_validated(document))
    check_losses(document, problems)
    if search := document.mapping("search"):
        check_search(search, problems)


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
    for index, first in repeated(tuple(map(comparable, row)) for row in rows):
        problems.add(
            lists[0].items[index].place,
            f"entries {first + 1} and {index + 1} of zip are the same",
            USE_SEEDS,
        )


def _check_cases_and_seeds(document: Mapping, problems: Problems) -> None:
    for row, numbers in _repeated_rows(document, "cases"):
        problems.add(row.place, f"cases {numbers} are the same", USE_SEEDS)
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
    defaults: dict[str, Hashable] = {
        name: (str, str(entry.default)) if entry.kind in (str, Component) else entry.default
        for name, entry in TABLE.items()
    }
    defaults[HIDDEN] = DEFAULT_HIDDEN
    common = {
        name: comparable(_in_base(document, name) or _in_model(document, name), defaults.get(name))
        for name in names
    }
    keys = [tuple(comparable(row.values.get(name), common[name]) for name in names) for row in rows]
    for index, first in repeated(keys):
        if rows[index].values:
            yield rows[index], f"{first + 1} and {index + 1}"


def _in_base(document: Mapping, name: str) -> Node | None:
    base = document.mapping("base")
    return base.values.get(name) if base else None


def _in_model(document: Mapping, name: str) -> Node | None:
    """Return the value under `model` that a parameter has the name of, if it is there."""
    model = document.mapping("model")
    is_of_network = name in NETWORK or is_argument(name)
    return model.values.get(name.removeprefix(OF_ARGUMENTS)) if model and is_of_network else None


def _check_network(document: Mapping, problems: Problems) -> None:
    """Check that the model has what varies, and that nothing is written under two names."""
    model = document.mapping("model")
    is_built = model is not None and "build" in model.values
    written: dict[str, Place] = {}
    for section, node in sections_of_values(document):
        for name, place in node.keys.items():
            if name in EXCLUSIVE:
                written.setdefault(name, place)
            if wrong := misfit(name, is_built=is_built):
                problems.add(place, *wrong)
            elif section == "base" and model and _in_model(document, name):
                first = model.keys[name.removeprefix(OF_ARGUMENTS)]
                problems.add(
                    place,
                    f"{shorten(name)} is in base and under model",
                    f"first used at {first}; keep one of them",
                )
    if len(written) > 1:
        [(name, at), (other, again)] = written.items()
        problems.add(
            again,
            f"{other} and {name} are the same hyperparameter",
            f"first used at {at}; write only one of them: dropout is 1 - keep_prob",
        )


def _check_labels(cases: list[Mapping], problems: Problems) -> None:
    written = [row.values["label"] for row in cases if "label" in row.values]
    labels = [node for node in written if isinstance(node, Scalar) and isinstance(node.value, str)]
    for index, first in repeated(label.value for label in labels):
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
            is_varied = name in VARIABLE_NAMES or is_argument(name)
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
        parts = (number(split, "folds", 1), number(split, "repeats", 1))
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


def _holds_out(document: Mapping) -> bool:
    """Return whether a fraction of the training set is held out, or a validation set is used."""
    return number(document, "validation", 0) > 0 or _is_given(document)


def _is_given(document: Mapping) -> bool:
    node = document.values.get("validation")
    return isinstance(node, Scalar) and node.value == GIVEN


def _is_validated(document: Mapping) -> bool:
    return _holds_out(document) or "split" in document.keys


def _check_split(document: Mapping, problems: Problems) -> None:
    """Check that there is one kind of split, and that a seed of the split has an effect."""
    has_folds = "split" in document.keys
    if has_folds and _holds_out(document):
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
        elif _is_given(document):
            problems.add(
                section.keys["split_seed"],
                "validation: given always holds out the same samples",
                "remove split_seed, or write validation: 0.2",
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
    check_growth(growing, Growth(), problems)
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
