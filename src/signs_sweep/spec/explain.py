"""Messages about the validation errors of pydantic, at their places in the file."""

import re
from collections.abc import Container
from collections.abc import Mapping as MappingType
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from signs_sweep.domain import HIDDEN, SEED_NAMES, Component, Hyperparameter, is_argument
from signs_sweep.spec.components import accepts
from signs_sweep.spec.document import WRONG, Mapping, Node, Scalar, Sequence, find
from signs_sweep.spec.expected import WORDS, expected, of_value
from signs_sweep.spec.fields import NAME_OF_ARGUMENT
from signs_sweep.spec.misplaced import note_unknown_key
from signs_sweep.spec.names import nearest, shorten
from signs_sweep.spec.problems import MOST_SHOWN, Problems
from signs_sweep.spec.reader import parse_value
from signs_sweep.spec.rewriting import rewritten
from signs_sweep.spec.schema import Spec
from signs_sweep.spec.table import TABLE, VARIABLE_NAMES, option_at, options_named

_ITEMS = {"cases": "case", "seeds": "replicate"}
"""The name of an item, by list."""

_RANGE = re.compile(r"\d:[-\d]|\d\.\.|range|space\(", re.IGNORECASE)
"""How other tools write ranges."""
_OF_RANGES = ("low", "high", "min", "max", "start", "stop", "step")
"""Common names for the parts of a range."""

Path = tuple[str | int, ...]


def validate(document: Mapping, problems: Problems) -> Spec | None:
    """Check a document against the schema and report every problem; None if there are any."""
    spec, errors = _validate(document)
    unknown = {path for path, item in errors if _is_unknown(item)}
    _report_empty(document, (), unknown, problems)
    errors = [each for each in errors if each[0] not in unknown or _is_unknown(each[1])]
    errors.sort(key=lambda error: find(document, error[0]).place)
    for number, (path, item) in enumerate(errors):
        _explain(document, path, item, problems, is_shown=number < MOST_SHOWN)
    return spec


def _validate(document: Node) -> tuple[Spec | None, list[tuple[Path, Any]]]:
    """Return the spec, or pydantic's errors with the path of each in the document."""
    try:
        return Spec.model_validate(document.plain()), []
    except ValidationError as error:
        found = [(path_of(document, each), each) for each in error.errors(include_url=False)]
    # The options of an unknown component are unknown as well.
    wrong = {path[:-1] for path, _ in found if _is_of_component(path, "name")}
    return None, [
        (path, item)
        for path, item in found
        if path[:-1] not in wrong or _is_of_component(path, "name")
    ]


def _is_of_component(path: Path, option: str) -> bool:
    found = option_at(path) if path else None
    return found is not None and found[1] == option and path[-1] == option


def path_of(document: Node, item: MappingType[str, Any]) -> Path:
    """Return the path of an error of pydantic in the document.

    Pydantic's own path also has a step for the form of each value that has several forms.
    """
    path: list[str | int] = []
    node: Node | None = document
    *inner, last = item["loc"]
    for step in (*inner, last):
        if isinstance(node, Mapping) and step in node.values:
            node = node.values[str(step)]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        elif item["type"] == "missing" and step is last:
            node = None
        else:
            continue
        path.append(step)
    return tuple(path)


def _report_empty(node: Node, path: Path, skipped: Container[Path], problems: Problems) -> None:
    """Report every null, empty list and empty mapping below the top level."""
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
        _report_empty(child, below, skipped, problems)


def _name(path: Path) -> str:
    """Return how messages refer to the value at a path: by its key, or an item by its number."""
    keys = [step for step in path if isinstance(step, str)]
    if isinstance(path[-1], int) and keys[-1] in _ITEMS:
        return f"{_ITEMS[keys[-1]]} {path[-1] + 1}"
    if (found := option_at(path)) and found[1]:
        name, option = found
        inner = f"{keys[-1]} of " if keys[-1] != option else ""
        return (
            name
            if option == "name" and TABLE[name].each is None
            else f"{inner}{shorten(option)} of {name}"
        )
    if keys[:2] == ["search", "space"] and len(keys) > 3:
        return f"{shorten(keys[3])} of {shorten(keys[2])}"
    is_named = keys[0] == "search" and keys[2:] == ["name"]
    return shorten(keys[1] if is_named else keys[-1])


def _key(path: Path) -> str:
    """Return the last key of a path."""
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _instead(path: Path) -> str:
    wanted = expected(path)
    return f"expected {wanted}" if wanted else "give it a value, or remove it"


def _explain(
    document: Mapping,
    path: Path,
    item: MappingType[str, Any],
    problems: Problems,
    *,
    is_shown: bool,
) -> None:
    """Report an error of pydantic; only with advice, which takes time, if it is shown."""
    if _is_unknown(item):
        note_unknown_key(document, path, problems, is_advised=is_shown)
    elif item["type"] == "missing":
        parent = find(document, path[:-1])
        if parent is document or parent.plain():
            problems.add(parent.place, f"{_name(path)} is missing", f"expected {expected(path)}")
    else:
        node = find(document, path)
        if not _is_reported(node):
            problems.add(node.place, *wrong_value(path, node, item, is_advised=is_shown))


def _is_unknown(item: MappingType[str, Any]) -> bool:
    """Whether pydantic's error is about a key that is neither known nor names an argument."""
    is_of_key: bool = item.get("ctx", {}).get("pattern") == NAME_OF_ARGUMENT
    return is_of_key or item["type"] == "extra_forbidden"


def _is_reported(node: Node) -> bool:
    if isinstance(node, Scalar):
        return node.value is None or node.value is WRONG
    return not node.plain()


def wrong_value(
    path: Path, node: Node, item: MappingType[str, Any], *, is_advised: bool = True
) -> tuple[str, str]:
    """Return what is wrong with the value at a path, and what was expected.

    The item is pydantic's error; `is_advised` is whether to suggest a correction.
    """
    name, kind = _name(path), item["type"]
    if kind == "too_long":
        return f"{name} has too many entries", f"at most {item['ctx']['max_length']:,}"
    if kind == "string_too_long":
        return f"{name} is too long", f"at most {item['ctx']['max_length']:,} characters"
    if kind == "literal_error" and isinstance(node.plain(), str):
        return _unknown_word(path, node.plain())
    if kind == "missing":
        return f"{name} is missing", f"expected {expected(path)}"
    advice = _advice(path, node, kind) if is_advised else ""
    return f"{name} is {_shown(node)}", f"expected {_expected(path, node)}{advice}"


def _expected(path: Path, node: Node) -> str:
    """Return the values expected at a path; for an option, those of a word that refuses it."""
    found, value = option_at(path), node.plain()
    if found and found[1] == path[-1] and path[0] != "search" and isinstance(value, int | float):
        options = [option for option in options_named(*found) if option.is_number]
        refusing = [option for option in options if not option.permits(value)]
        return of_value(refusing[0]) if refusing else expected(path)
    return expected(path)


def _unknown_word(path: Path, word: str) -> tuple[str, str]:
    """Return what is wrong with a word that is not among the options, and what was meant."""
    name = _name(path)
    key = "verdict.metric" if path == ("verdict", "metric") else name
    if key in ("objective", "metric") and word.startswith("test_"):
        return (
            f"{shorten(word)} cannot be the objective: the test set is used once, for the winner",
            "choose val_accuracy or val_loss",
        )
    valid: tuple[str, ...] = WORDS.get(key, ())
    if found := option_at(path) or (key in TABLE and (key, "")):
        entry, options = TABLE[found[0]], options_named(*found)
        valid = options[0].words if options else tuple(filter(None, entry.choices)) or entry.words
        if word in valid and entry.kind is Component and found[1] in ("", "name"):
            return _incomplete(entry, word)
    near = nearest(word, valid)
    question = f"did you mean '{near}'? E" if near else "e"
    return f"{name} is the text '{shorten(word)}'", f"{question}xpected {expected(path)}"


def _incomplete(entry: Hyperparameter, word: str) -> tuple[str, str]:
    """Return what a component lacks whose options have to be set, and how to write them."""
    needed = [option for option in entry.choices[word] if option.default is None]
    shown = ", ".join(f"{option.name}: {option.example}" for option in needed)
    names = ", ".join(option.name for option in needed)
    return f"{entry.name} {word} needs {names}", f"write {{name: {word}, {shown}}}"


def _shown(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node.value, str):
        return f"the text '{shorten(node.value)}'"
    return shorten(node.source)


def _advice(path: Path, node: Node, kind: str) -> str:
    """Return the correction of a value that is nearly right, or an empty string."""
    key = _key(path)
    for text in rewritten(node):
        value = parse_value(text)
        if value is not None and _fits(path, value):
            return f"; write {text}{_manner(node, text)}"
    if isinstance(node, Mapping):
        return _advice_on_mapping(path, node, kind)
    if isinstance(node, Sequence) and (where := _place_of_values(path, node)):
        return f"; {where}"
    if path[0] in ("grid", "zip") and isinstance(node, Scalar) and _RANGE.search(node.source):
        return f"; {path[0]} has no ranges: list the values"
    if key in SEED_NAMES and kind.startswith("less_than"):
        return "; any smaller number works as well"
    return ""


def _place_of_values(path: Path, node: Sequence) -> str:
    """Return where several values of a parameter belong, or an empty string."""
    key, found = _key(path), option_at(path)
    if found and found[1]:
        return "write a mapping for each value"
    is_seed = key in SEED_NAMES
    fits = is_seed or key == HIDDEN or _fits(("grid", key), node)
    if path[0] not in ("base", "cases") or key not in TABLE or not fits:
        return ""
    return f"put values to try under {'seeds, as in [{global_seed: 0}]' if is_seed else 'grid'}"


def _advice_on_mapping(path: Path, node: Mapping, kind: str) -> str:
    if kind == "list_type" and _fits(path, Sequence(node.place, (node,))):
        start, key = node.place, next(iter(node.keys.values()))
        if (start.line, start.column) != (key.line, key.column):  # In braces.
            return "; put brackets around it"
        return "; write '- ' before its first key, and indent the other keys to match"
    name = _key(path)
    if name in TABLE and TABLE[name].kind is str:
        word = node.values.get("name")
        return f"; write {word.source}" if isinstance(word, Scalar) else "; it has no options"
    if is_argument(name) or (name in TABLE and not TABLE[name].is_number):
        return f"; {shorten(name)} has no ranges"
    is_range = name in VARIABLE_NAMES and not node.keys.keys().isdisjoint(_OF_RANGES)
    return "; a range belongs in search, under space" if is_range else ""


def _fits(path: Path, node: Node) -> bool:
    """Return whether the schema accepts a value at a path."""
    if (found := option_at(path)) and found[1]:
        is_value = path[-1] in (found[1], "low", "high")
        return is_value and any(accepts(each, node.plain()) for each in options_named(*found))
    empty = Problems(FilePath())
    _report_empty(node, path, (), empty)
    steps = tuple(0 if isinstance(step, int) else step for step in path)
    value = node
    for step in reversed(steps):
        key = step if isinstance(step, str) else ""
        value = (
            Mapping(node.place, {key: node.place}, {key: value})
            if isinstance(step, str)
            else Sequence(node.place, (value,))
        )
    return not empty and not any(at[: len(steps)] == steps for at, _ in _validate(value)[1])


def _manner(node: Node, text: str) -> str:
    """Describe how a suggested text differs from the written value."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        if text == node.value.strip(" "):
            return " without quotes"
        return " with a decimal point" if text == node.value.strip(" ").replace(",", ".") else ""
    return ", in quotes" if text.startswith('"') else ""
