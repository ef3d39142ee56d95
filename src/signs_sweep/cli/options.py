"""Options of the command line, made from `signs_sweep.commands.options`."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperGroup

from signs_sweep.commands.options import SharedOptions, options_in
from signs_sweep.errors import UsageError


class Commands(TyperGroup):
    """A group of commands whose help has whole sentences."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands; Typer cuts their sentences with `...`."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.help or "") for name, command in commands if command]
            )


def option(group: type, name: str) -> Any:
    """Return an option of a group for Typer."""
    option = options_in(group)[name]
    return typer.Option(
        *filter(None, [option.flag]), metavar=option.metavar or None, help=option.help
    )


def positive(value: float | None) -> float | None:
    """Return the value of an option; it must be a number above 0, if it is given.

    Raises:
        typer.BadParameter: it is not.
    """
    if value is not None and not 0 < value < math.inf:
        raise typer.BadParameter("expected a number above 0")
    return value


def image_size(text: str, least: int, most: int) -> tuple[int, int]:
    """Return the height and width that an option such as `64` or `64x48` gives.

    Raises:
        UsageError: it is not of this form, or a side is not from `least` to `most` pixels.
    """
    match = re.fullmatch(r"([0-9]{1,4})(?:x([0-9]{1,4}))?", text)
    sides = [int(side) for side in match.groups() if side] if match else [0]
    if not least <= min(sides) <= max(sides) <= most:
        raise UsageError(
            f"--size {text}: expected pixels, as in 64 or 48x64 (height x width), from {least} to "
            f"{most}"
        )
    return sides[0], sides[-1]


Data = Annotated[Path | None, option(SharedOptions, "data")]
TrackingUri = Annotated[str | None, option(SharedOptions, "tracking_uri")]


def expanded(command: Callable[..., None]) -> Any:
    """Give a command the options of every group among its parameters.

    A parameter whose type is a dataclass is a group: the command line has an option for each of
    its options, and the command is called with an instance of the group.
    """
    groups: dict[str, Any] = {}
    parameters: list[Parameter] = []
    for parameter in signature(command, eval_str=True).parameters.values():
        if is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _parameters_of(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    def called(**values: Any) -> None:
        for parameter, group in groups.items():
            values[parameter] = group(**{name: values.pop(name) for name in options_in(group)})
        command(**values)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _parameters_of(group: Any) -> list[Parameter]:
    """Return the options of a group as parameters; on the command line, a sequence is a list."""
    hints = get_type_hints(group)
    return [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=getattr(group, name),
            annotation=Annotated[_listed(hints[name]), option(group, name)],
        )
        for name in options_in(group)
    ]


def _listed(kind: Any) -> Any:
    return list[get_args(kind)[0]] if get_origin(kind) is Sequence else kind  # type: ignore[misc]
