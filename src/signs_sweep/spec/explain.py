"""What pydantic found wrong, in words, at the place where it stands."""

import re
from collections.abc import Container
from collections.abc import Mapping as MappingType
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from signs_sweep.domain import PARAMETER_NAMES, SEED_NAMES
from signs_sweep.spec.document import WRONG, Mapping, Node, Scalar, Sequence, find
from signs_sweep.spec.fields import EXPECTED
from signs_sweep.spec.misplaced import note_unknown_key
from signs_sweep.spec.names import VARIED_NAMES, shorten
from signs_sweep.spec.problems import MOST_SHOWN, Problems
from signs_sweep.spec.reader import parse_value
from signs_sweep.spec.rewriting import rewritten
from signs_sweep.spec.schema import Spec
from signs_sweep.spec.search_words import (
    expected_in_search,
    name_in_search,
    path_in_search,
    unknown_word,
)

_EXAMPLES = {
    "model": "{hidden: [25, 12]}",
    "base": "{learning_rate: 1e-4, epochs: 1500}",
    "grid": "{l2: [0, 0.01]}",
    "zip": "{learning_rate: [1e-4, 1e-5], epochs: [1500, 3000]}",
    "cases": "{label: m6, keep_prob: 0.8}",
    "seeds": "{global_seed: 3, init_seed: 0}",
    "baseline": "{l2: 0}",
    "data": "{train: a.h5, test: b.h5}",
    "search": "{trials: 50, objective: val_accuracy}",
}
"""By key, a mapping that may stand there, or in the list that does."""

_ITEMS = {"cases": "case", "seeds": "replicate"}
"""What an item of a list is called."""

_RANGE = re.compile(r"\d:[-\d]|\d\.\.|range|space\(", re.IGNORECASE)
"""How ranges are written elsewhere."""
_OF_RANGES = ("low", "high", "min", "max", "start", "stop", "step")
"""What people call the parts of a range."""

_ITEM_IN_BRACES = "put brackets around it"
_ITEM = "write '- ' before its first key, and indent the others as far"
"""How to make a mapping the item of a list."""

Path = tuple[str | int, ...]


def validate(document: Mapping, problems: Problems) -> Spec | None:
    """Check a document against the schema; note every problem. None where there is any."""
    spec, found = _validate(document.plain())
    unknown = {path for path, item in found if item["type"] == "extra_forbidden"}
    _note_nothings(document, (), unknown, problems)
    found.sort(key=lambda one: find(document, one[0]).place)
    for number, (path, item) in enumerate(found):
        _explain(document, path, item, problems, is_shown=number < MOST_SHOWN)
    return spec


def _validate(values: Any) -> tuple[Spec | None, list[tuple[Path, Any]]]:
    """Return the spec, or pydantic's errors with the path of each in the document."""
    try:
        return Spec.model_validate(values), []
    except ValidationError as error:
        return None, [(_path(item["loc"]), item) for item in error.errors(include_url=False)]


def _path(location: Path) -> Path:
    """Leave out the name that pydantic gives to one form of a value that has two."""
    if location[0] in ("data", "seeds", "model"):
        return (location[0], *location[2:])
    return path_in_search(location) if location[0] == "search" else location


def _note_nothings(node: Node, path: Path, skipped: Container[Path], problems: Problems) -> None:
    """Note every null, empty list and empty mapping below the top."""
    if path in skipped:
        return
    if isinstance(node, Mapping):
        children = [((*path, key), node.keys[key], value) for key, value in node.values.items()]
    elif isinstance(node, Sequence):
        children = [((*path, index), item.place, item) for index, item in enumerate(node.items)]
    else:
        return
    if not children and path:
        problems.add(node.place, f"{_name(path)} is empty", _instead(path))
    for below, place, child in children:
        if isinstance(child, Scalar) and child.value is None and below not in skipped:
            problems.add(place, f"{_name(below)} has no value", _instead(below))
        _note_nothings(child, below, skipped, problems)


def _name(path: Path) -> str:
    """Return what to call the value at a path: its key, or an item of a list by its number."""
    key = _key(path)
    if isinstance(path[-1], int) and key in _ITEMS:
        return f"{_ITEMS[key]} {path[-1] + 1}"
    return name_in_search(path) if path[0] == "search" else shorten(key)


def _key(path: Path) -> str:
    """Return the last key of a path."""
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _expected(path: Path) -> str:
    """Return what should stand at a path."""
    key, in_list = _key(path), isinstance(path[-1], int)
    if path[0] == "search" and len(path) > 1:
        return expected_in_search(path)
    if path[0] == "model" and len(path) > 1 and path[1] not in ("hidden", "build"):
        key = "argument"
    elif key == "hidden" and in_list:
        key = "units"
    if key in PARAMETER_NAMES and path[0] in ("grid", "zip") and not in_list:
        return f"a list, each {EXPECTED[key]}"
    if key == "cases" and not in_list:
        return f"a list such as [{_EXAMPLES[key]}]"
    if key in EXPECTED and not (key in _EXAMPLES and in_list):
        return EXPECTED[key]
    return f"keys with values, such as {_EXAMPLES[key]}" if key in _EXAMPLES else ""


def _instead(path: Path) -> str:
    expected = _expected(path)
    return f"expected {expected}" if expected else "give it a value, or remove it"


def _explain(
    document: Mapping,
    path: Path,
    item: MappingType[str, Any],
    problems: Problems,
    *,
    is_shown: bool,
) -> None:
    """Note one of pydantic's errors; how to mend it costs time, and only if it is shown."""
    if item["type"] == "extra_forbidden":
        note_unknown_key(document, path, problems, is_advised=is_shown)
    elif item["type"] == "missing":
        parent = find(document, path[:-1])
        if parent is document or parent.plain():
            problems.add(parent.place, f"{_name(path)} is missing", f"expected {_expected(path)}")
    else:
        node = find(document, path)
        if not _is_noted(node):
            problems.add(node.place, *wrong_value(path, node, item, is_advised=is_shown))


def _is_noted(node: Node) -> bool:
    if isinstance(node, Scalar):
        return node.value is None or node.value is WRONG
    return not node.plain()


def wrong_value(
    path: Path, node: Node, item: MappingType[str, Any], *, is_advised: bool = True
) -> tuple[str, str]:
    """Say what is wrong with a value, and what was expected.

    Args:
        path: where in the spec it stands.
        node: the value.
        item: pydantic's error.
        is_advised: whether to say how to mend it, too.
    """
    name, kind = _name(path), item["type"]
    if kind == "too_long":
        return f"{name} has too many entries", f"at most {item['ctx']['max_length']:,}"
    if kind == "string_too_long":
        return f"{name} is too long", f"at most {item['ctx']['max_length']:,} characters"
    if kind == "literal_error" and isinstance(node.plain(), str):
        return unknown_word(path, node.plain(), _expected(path))
    advice = _advice(path, node, kind) if is_advised else ""
    return f"{name} is {_shown(node)}", f"expected {_expected(path)}{advice}"


def _shown(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping of keys"
    if isinstance(node.value, str):
        return f"the text '{shorten(node.value)}'"
    return shorten(node.source)


def _advice(path: Path, node: Node, kind: str) -> str:
    """Say how to mend a value that is nearly right."""
    key = _key(path)
    for text in rewritten(node):
        value = parse_value(text)
        if value is not None and _fits(path, value):
            return f"; write {text}{_manner(node, text)}"
    if isinstance(node, Mapping):
        return _advice_on_mapping(path, node, kind)
    if isinstance(node, Sequence) and path[0] in ("base", "cases") and key in PARAMETER_NAMES:
        where = "seeds, as in [{global_seed: 0}]" if key in SEED_NAMES else "grid"
        return f"; values to try stand under {where}"
    if path[0] in ("grid", "zip") and isinstance(node, Scalar) and _RANGE.search(node.source):
        return f"; {path[0]} has no ranges: list the values"
    if key in SEED_NAMES and kind.startswith("less_than"):
        return "; a smaller number does as well"
    return ""


def _advice_on_mapping(path: Path, node: Mapping, kind: str) -> str:
    if kind == "list_type" and _fits(path, Sequence(node.place, (node,))):
        start, key = node.place, next(iter(node.keys.values()))
        in_braces = (start.line, start.column) != (key.line, key.column)
        return f"; {_ITEM_IN_BRACES if in_braces else _ITEM}"
    if _key(path) == "hidden":
        return "; hidden has no ranges"
    is_range = _key(path) in VARIED_NAMES and not node.keys.keys().isdisjoint(_OF_RANGES)
    return "; a range stands in search, under space" if is_range else ""


def _fits(path: Path, node: Node) -> bool:
    """Return whether the schema takes a value at a path."""
    nothings = Problems(FilePath())
    _note_nothings(node, path, (), nothings)
    steps = tuple(0 if isinstance(step, int) else step for step in path)
    value = node.plain()
    for step in reversed(steps):
        value = {step: value} if isinstance(step, str) else [value]
    return not nothings and not any(
        found[: len(steps)] == steps for found, _ in _validate(value)[1]
    )


def _manner(node: Node, text: str) -> str:
    """Say in what a text that is to be written differs from the one that is there."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        if text == node.value.strip(" "):
            return " without quotes"
        return " with a decimal point" if text == node.value.strip(" ").replace(",", ".") else ""
    return ", in quotes" if text.startswith('"') else ""
