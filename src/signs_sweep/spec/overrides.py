"""`--set KEY=VALUE`: values for every run, checked like the spec itself."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from signs_sweep.domain import PARAMETER_NAMES
from signs_sweep.errors import UsageError
from signs_sweep.spec.document import Scalar
from signs_sweep.spec.explain import wrong_value
from signs_sweep.spec.fields import expected
from signs_sweep.spec.names import shorten, suggestion
from signs_sweep.spec.problems import printable
from signs_sweep.spec.reader import parse_value
from signs_sweep.spec.schema import Base


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
        if key not in PARAMETER_NAMES:
            hint = suggestion(key, PARAMETER_NAMES, "Parameters")
            raise UsageError(f"{option}: unknown parameter '{shorten(printable(key))}'; {hint}")
        if key in values:
            raise UsageError(f"{option}: {key} is set twice")
        values[key] = _value(option, key, text)
    return values


def _value(option: str, key: str, text: str) -> Any:
    node = parse_value(text)
    if not isinstance(node, Scalar) or node.value is None:
        raise UsageError(f"{option}: expected {key} to be {expected((key,))}")
    try:
        return getattr(Base.model_validate({key: node.value}), key)
    except ValidationError as error:
        message, hint = wrong_value(("base", key), node, error.errors(include_url=False)[0])
        raise UsageError(f"{option}: {printable(message)}; {hint}") from None
