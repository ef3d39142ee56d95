"""`--set KEY=VALUE`: values for every run, checked like the spec itself."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from signs_sweep.domain import HIDDEN, PARAMETER_NAMES, frozen, is_argument
from signs_sweep.errors import UsageError
from signs_sweep.spec.document import Scalar, find
from signs_sweep.spec.document import Sequence as List
from signs_sweep.spec.explain import wrong_value
from signs_sweep.spec.fields import expected
from signs_sweep.spec.names import shorten, suggestion
from signs_sweep.spec.problems import printable
from signs_sweep.spec.reader import parse_value
from signs_sweep.spec.schema import Base

_NAMES = (*PARAMETER_NAMES, HIDDEN)


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
        if key not in _NAMES and not is_argument(key):
            hint = suggestion(key, _NAMES, "Parameters")
            raise UsageError(f"{option}: unknown parameter '{shorten(printable(key))}'; {hint}")
        if key in values:
            raise UsageError(f"{option}: {key} is set twice")
        values[key] = _value(option, key, text)
    return values


def _value(option: str, key: str, text: str) -> Any:
    node = parse_value(text)
    is_list = isinstance(node, List) and node.items and key not in PARAMETER_NAMES
    if not is_list and (not isinstance(node, Scalar) or node.value is None):
        raise UsageError(f"{option}: expected {key} to be {expected(('base', key))}")
    assert node is not None
    try:
        return frozen(getattr(Base.model_validate({key: node.plain()}), key))
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        if item["loc"] == (key,) and is_argument(key) and item["type"] != "value_error":
            raise UsageError(f"{option}: '{shorten(key)}' does not name an argument") from None
        place = find(node, item["loc"][1:])
        message, hint = wrong_value(("base", *item["loc"]), place, item)
        raise UsageError(f"{option}: {printable(message)}; {hint}") from None
