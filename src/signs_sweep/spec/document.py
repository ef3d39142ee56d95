"""A YAML file as a tree of values, each with its place in the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from signs_sweep.spec.problems import Place

WRONG: Final = object()
"""Replaces a value whose problem has been reported."""


@dataclass(frozen=True)
class Scalar:
    """A single value: str, int, float, bool, None, or WRONG; `source` is how it is written."""

    place: Place
    value: Any
    source: str = ""

    def plain(self) -> Any:
        """Return the value."""
        return self.value


@dataclass(frozen=True)
class Sequence:
    """A list."""

    place: Place
    items: "tuple[Node, ...]"

    def plain(self) -> Any:
        """Return a Python list."""
        return [item.plain() for item in self.items]


@dataclass(frozen=True)
class Mapping:
    """Keys with their values, in the order of the file."""

    place: Place
    keys: dict[str, Place]
    values: "dict[str, Node]"

    def plain(self) -> Any:
        """Return a Python dict."""
        return {key: value.plain() for key, value in self.values.items()}

    def mapping(self, key: str) -> "Mapping | None":
        """Return the value of a key if it is a mapping."""
        node = self.values.get(key)
        return node if isinstance(node, Mapping) else None

    def items(self, key: str) -> "tuple[Node, ...]":
        """Return the items of a key's value if it is a list, else an empty tuple."""
        node = self.values.get(key)
        return node.items if isinstance(node, Sequence) else ()

    def rows(self, key: str) -> "list[Mapping]":
        """Return the mappings among the items of a key's value, if it is a list."""
        return [item for item in self.items(key) if isinstance(item, Mapping)]

    def lists(self) -> dict[str, Sequence]:
        """Return the values that are lists."""
        return {key: node for key, node in self.values.items() if isinstance(node, Sequence)}


Node = Scalar | Sequence | Mapping


def sections_of_values(document: Mapping) -> "list[tuple[str, Mapping]]":
    """Return every mapping by name of a parameter, with the name of its section, in a spec."""
    search = document.mapping("search")
    sections = [(name, document.mapping(name)) for name in ("base", "grid", "zip", "baseline")]
    sections += [("cases", case) for case in document.rows("cases")]
    sections += [("space", search.mapping("space") if search else None)]
    return [(name, section) for name, section in sections if section]


def mappings_of(document: Mapping, name: str) -> Iterator[Mapping]:
    """Yield every mapping that a spec writes as a value of a parameter, also in lists."""
    for _, section in sections_of_values(document):
        node = section.values.get(name)
        for each in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(each, Mapping):
                yield each


def find(root: Node, path: "tuple[str | int, ...]") -> Node:
    """Return the node at a path of keys and indices; steps that do not exist are skipped."""
    node = root
    for step in path:
        if isinstance(node, Mapping) and step in node.values:
            node = node.values[str(step)]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
    return node
