"""Values that a spec writes twice."""

from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress

from signs_sweep.spec.document import Mapping, Node, Scalar, Sequence
from signs_sweep.spec.names import shorten
from signs_sweep.spec.problems import Problems

USE_SEEDS = "remove one. To repeat a point, use seeds"


def comparable(node: Node | None, default: Hashable = None) -> Hashable:
    """Return a key that is equal for equal values, and for lists of equal values.

    A mapping with only a name equals the name. The key of a value whose problem is reported is its
    place.
    """
    if node is None:
        return default
    if isinstance(node, Sequence):
        return tuple(map(comparable, node.items))
    if isinstance(node, Mapping):
        if set(node.values) == {"name"}:
            return comparable(node.values["name"])
        return frozenset((key, comparable(value)) for key, value in node.values.items())
    if type(node.value) in (int, float):
        with suppress(OverflowError):  # Hundreds of digits; the schema reports them.
            return float(node.value)
    is_word = isinstance(node.value, str | bool)
    return (type(node.value), node.value) if is_word else node.place


def repeated(keys: Iterable[Hashable]) -> Iterator[tuple[int, int]]:
    """Yield the index of every repeated key, and the index of its first occurrence."""
    seen: dict[Hashable, int] = {}
    for index, key in enumerate(keys):
        first = seen.setdefault(key, index)
        if first != index:
            yield index, first


def check_duplicates(lists: dict[str, Sequence], problems: Problems) -> None:
    """Report every value that is in a list twice."""
    for name, node in lists.items():
        items = node.items
        for index, first in repeated(map(comparable, items)):
            item = items[index]
            source = shorten(item.source) if isinstance(item, Scalar) else "this"
            problems.add(
                item.place,
                f"{source} is in {shorten(name)} twice",
                f"first used at {items[first].place}; {USE_SEEDS}",
            )
