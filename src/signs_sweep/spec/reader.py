"""From YAML 1.2 to values with their places."""

import re
import warnings
from itertools import count
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from signs_sweep.errors import SpecError
from signs_sweep.spec.document import WRONG, Mapping, Node, Scalar, Sequence
from signs_sweep.spec.file import NOT_TEXT
from signs_sweep.spec.names import as_pair, shorten
from signs_sweep.spec.problems import Place, Problems
from signs_sweep.spec.syntax import syntax_problem

_MOST_VALUES = 100_000
"""With aliases expanded."""
_TOO_MANY = f"a spec has at most {_MOST_VALUES:,} values, with aliases expanded"
_DEEPEST = 50
_NESTED = re.compile(rf"(?:[\[{{]\s*){{{_DEEPEST + 1}}}")
"""More brackets in a row than allowed; the parser takes seconds for a thousand."""
_OLD_YAML = re.compile(r"^%YAML (?!1\.2\b)", re.MULTILINE)

_STANDARD = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "value", "merge"})


def parse(text: str, problems: Problems) -> Mapping:
    """Parse YAML 1.2 into a mapping. Duplicate keys and unsupported tags are added to `problems`.

    Raises:
        SpecError: the text is not valid YAML, or not a mapping.
    """
    if found := _NESTED.search(text):
        place = Place.at(text, found.start())
        raise problems.error_with(place, f"values are nested more than {_DEEPEST} levels deep")
    if found := _OLD_YAML.search(text):
        place = Place.at(text, found.start())
        raise problems.error_with(place, "a spec must be YAML 1.2", "remove this line")
    yaml = YAML(typ="safe", pure=True)
    root = _compose(yaml, text, problems)
    if root is None:
        raise problems.about_file("the file is empty; a spec begins with `name: ...`")
    document = _Reader(yaml, problems).read(root)
    if not isinstance(document, Mapping):
        pair = as_pair(document.source) if isinstance(document, Scalar) else None
        hint = f"write {pair}" if pair else "begin with `name: ...`"
        raise problems.error_with(document.place, "a spec must be a mapping", hint)
    return document


def parse_value(text: str) -> Node | None:
    """Parse a single value, as on a command line; None if it is not valid."""
    yaml, problems = YAML(typ="safe", pure=True), Problems(Path(), text)
    try:
        root = yaml.compose(text)
        value = None if root is None else _Reader(yaml, problems).read(root)
    except (YAMLError, ValueError, RecursionError, SpecError):
        return None
    return None if problems else value


def _compose(yaml: Any, text: str, problems: Problems) -> Any:
    """Return the root node of ruamel.yaml, or None for an empty file."""
    _limit(yaml.composer, problems)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # An anchor may be redefined.
            return yaml.compose(text)
    except MarkedYAMLError as error:
        raise problems.error_with(*syntax_problem(error, text)) from None
    except (YAMLError, ValueError) as error:
        raise problems.about_file(f"this is not valid YAML: {error}") from None
    except RecursionError:
        raise problems.about_file("values are nested too deeply") from None


def _limit(composer: Any, problems: Problems) -> None:
    """Stop the composer when there are too many values: each takes it 80 us."""
    compose_node, number = composer.compose_node, count(1)

    def compose_limited(parent: Any, index: Any) -> Any:
        if next(number) > _MOST_VALUES:
            mark = composer.parser.peek_event().start_mark
            raise problems.error_with(Place(mark.line + 1, mark.column + 1), _TOO_MANY)
        return compose_node(parent, index)

    composer.compose_node = compose_limited


class _Reader:
    """Converts nodes of ruamel.yaml to `Node`s, and counts the values that aliases expand to."""

    def __init__(self, yaml: Any, problems: Problems) -> None:
        self._yaml = yaml
        self._problems = problems
        self._count = 0
        self._open: list[Any] = []

    def read(self, node: Any) -> Node:
        """Convert a node and everything in it.

        Raises:
            SpecError: the node is too large, too deeply nested, or contains itself.
        """
        place = Place.of(node)
        self._count += 1
        if self._count > _MOST_VALUES:
            raise self._problems.error_with(place, _TOO_MANY)
        if any(node is outer for outer in self._open):
            raise self._problems.error_with(place, "this anchor contains itself")
        if len(self._open) == _DEEPEST:
            message = f"values are nested more than {_DEEPEST} levels deep"
            raise self._problems.error_with(place, message)
        kind = type(node).__name__
        if kind == "ScalarNode":
            return self._scalar(node, place)
        expected = "seq" if kind == "SequenceNode" else "map"
        if _tag(node) != expected:
            return self._wrong_tag(node, place)
        self._open.append(node)
        result = (
            Sequence(place, tuple(self.read(item) for item in node.value))
            if kind == "SequenceNode"
            else self._mapping(node, place)
        )
        self._open.pop()
        return result

    def _mapping(self, node: Any, place: Place) -> Mapping:
        keys: dict[str, Place] = {}
        values: dict[str, Node] = {}
        merged: list[Mapping] = []
        for key, value in node.value:
            key_place = Place.of(key)
            read = self.read(value)
            if type(key).__name__ != "ScalarNode":
                self._problems.add(key_place, "a key is a single word", "write key: value")
            elif _tag(key) == "merge":
                merged += self._merged(read)
            elif _tag(key) not in _PLAIN_TAGS:
                self._wrong_tag(key, key_place)
            elif key.value in keys:
                self._problems.add(
                    key_place,
                    f"duplicate key '{shorten(key.value)}'",
                    f"first used at {keys[key.value]}; keep one of them",
                )
            else:
                keys[key.value] = key_place
                values[key.value] = read
        for source in merged:
            keys |= {key: at for key, at in source.keys.items() if key not in keys}
            values |= {key: node for key, node in source.values.items() if key not in values}
        return Mapping(place, keys, values)

    def _merged(self, value: Node) -> list[Mapping]:
        """Return the mappings that `<<: *name` or `<<: [*name, *other]` merges."""
        parts = value.items if isinstance(value, Sequence) else (value,)
        mappings = [part for part in parts if isinstance(part, Mapping)]
        if len(mappings) < len(parts):
            self._problems.add(value.place, "<< needs a mapping", "write <<: *name")
        return mappings

    def _scalar(self, node: Any, place: Place) -> Scalar:
        tag, source = _tag(node), str(node.value)
        if tag not in _PLAIN_TAGS:
            return self._wrong_tag(node, place)
        if tag in ("timestamp", "value", "merge"):  # Only YAML 1.1 has them; text in YAML 1.2.
            return Scalar(place, source, source)
        try:
            value = self._yaml.constructor.construct_object(node)
        except Exception:  # noqa: BLE001 - ruamel.yaml raises various errors for `!!int x`
            hint = "remove the tag" if self._tag_place(place) else "write a smaller number"
            self._problems.add(place, f"'{shorten(source)}' is not a value of type {tag}", hint)
            return Scalar(place, WRONG, source)
        if isinstance(value, str) and (odd := NOT_TEXT.search(value)):
            message = f"the character {odd.group()!a} is not allowed"
            self._problems.add(place, message, "remove it")
            return Scalar(place, WRONG, source)
        return Scalar(place, value, source)

    def _wrong_tag(self, node: Any, place: Place) -> Scalar:
        tag = str(node.tag).replace(_STANDARD, "!!")
        self._problems.add(
            self._tag_place(place) or place,
            f"the tag {shorten(tag)} is not supported",
            "remove it",
        )
        return Scalar(place, WRONG)

    def _tag_place(self, place: Place) -> Place | None:
        """Return the place of a node's tag, or None."""
        found = re.match(r"((?:&\S+\s+)?)(![^\s,\[\]{}]*)", self._problems.source(place))
        if found is None:
            return None
        return Place(place.line, place.column + len(found.group(1)), len(found.group(2)))


def _tag(node: Any) -> str:
    return str(node.tag).removeprefix(_STANDARD)
