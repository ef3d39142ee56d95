"""Values that stand in a spec twice."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import suppress

from signs_sweep.spec.document import Node, Scalar, Sequence
from signs_sweep.spec.names import shorten
from signs_sweep.spec.problems import Problems

USE_SEEDS = "remove one. To repeat a point, use seeds"


def number_of(node: Node | None, default: Hashable = None) -> Hashable:
    """Return what to compare a value by: a number by its value, a list by its items.

    All else is compared by its place.
    """
    if node is None:
        return default
    if isinstance(node, Sequence):
        return tuple(map(number_of, node.items))
    if isinstance(node, Scalar) and type(node.value) in (int, float):
        with suppress(OverflowError):  # An integer of hundreds of digits; noted before.
            return float(node.value)
    return node.place


def repeated(keys: Iterable[Hashable]) -> Iterator[tuple[int, int]]:
    """Yield the index of every repeated key, and where it was first."""
    seen: dict[Hashable, int] = {}
    for index, key in enumerate(keys):
        first = seen.setdefault(key, index)
        if first != index:
            yield index, first


def check_duplicates(lists: Mapping[str, Sequence], problems: Problems) -> None:
    """Note every value that is in a list twice."""
    for name, node in lists.items():
        items = node.items
        for index, first in repeated(map(number_of, items)):
            item = items[index]
            source = shorten(item.source) if isinstance(item, Scalar) else "this"
            problems.add(
                item.place,
                f"{source} is in {shorten(name)} twice",
                f"it stands at {items[first].place} already; {USE_SEEDS}",
            )
