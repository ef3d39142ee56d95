"""`--set KEY=VALUE`: values for every run, checked like the spec itself."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from signs_sweep.domain import Component, frozen, is_argument
from signs_sweep.errors import UsageError
from signs_sweep.spec.document import Mapping, Scalar, find
from signs_sweep.spec.document import Sequence as List
from signs_sweep.spec.expected import expected
from signs_sweep.spec.explain import path_of, wrong_value
from signs_sweep.spec.misplaced import home_of_option, unknown_option
from signs_sweep.spec.names import shorten, suggestion
from signs_sweep.spec.problems import printable
from signs_sweep.spec.reader import parse_value
from signs_sweep.spec.schema import Base
from signs_sweep.spec.table import BASE_NAMES, EXCLUSIVE, TABLE


def parse_overrides(arguments: Sequence[str]) -> dict[str, Any]:
    """Return values by parameter.

    Raises:
        UsageError: an argument is not KEY=VALUE, its value is not valid, or its parameter is
            unknown or set twice.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        option = f"--set {shorten(printable(argument), 80)}"
        key, separator, text = (part.strip() for part in argument.partition("="))
        if not separator:
            raise UsageError(f"{option}: expected KEY=VALUE, such as --set epochs=20")
        if key not in BASE_NAMES and not is_argument(key):
            hint = home_of_option(key) + suggestion(key, BASE_NAMES, "Parameters")
            raise UsageError(f"{option}: unknown parameter '{shorten(printable(key))}'; {hint}")
        if key in values:
            raise UsageError(f"{option}: {key} is set twice")
        if key in EXCLUSIVE and values.keys() & {*EXCLUSIVE}:
            raise UsageError(f"{option}: {' and '.join(EXCLUSIVE)} are the same; set one of them")
        values[key] = _value(option, key, text)
    return values


def _value(option: str, key: str, text: str) -> Any:
    node = parse_value(text)
    entry = TABLE.get(key)
    takes_list = entry is None or entry.kind is tuple
    takes_mapping = entry is not None and entry.kind is Component
    is_complete = (
        (isinstance(node, Scalar) and node.value is not None)
        or (isinstance(node, List) and node.items and takes_list)
        or (isinstance(node, Mapping) and node.values and takes_mapping)
    )
    if node is None or not is_complete:
        raise UsageError(f"{option}: expected {key} to be {expected(('base', key))}")
    try:
        return frozen(getattr(Base.model_validate({key: node.plain()}), key))
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        if item["loc"] == (key,) and is_argument(key) and item["type"] != "value_error":
            raise UsageError(f"{option}: '{shorten(key)}' does not name an argument") from None
        path = ("base", *path_of(Mapping(node.place, {key: node.place}, {key: node}), item))
        place = find(node, path[2:])
        if item["type"] == "extra_forbidden":
            message, hint = unknown_option(path, node)
        else:
            message, hint = wrong_value(path, place, item)
        raise UsageError(f"{option}: {printable(message)}; {hint}") from None
