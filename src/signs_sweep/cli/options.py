"""Options of the command line, made from `signs_sweep.commands.options`."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields, is_dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperGroup

from signs_sweep.commands.options import Given, options_in


class Commands(TyperGroup):
    """A group of commands whose help has the whole sentence on each."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands; Typer's own cuts their sentences with `...`."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.help or "") for name, command in commands if command]
            )


def option(group: type, name: str) -> Any:
    """Return an option of a group as the command line knows it."""
    known = options_in(group)[name]
    return typer.Option(*known.flags, metavar=known.metavar, help=known.help)


Data = Annotated[Path | None, option(Given, "data")]
TrackingUri = Annotated[str | None, option(Given, "tracking_uri")]


def expanded(*, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Any]:
    """Give a command the options of every group among its parameters.

    A parameter whose type is a dataclass is a group: the command line has an option for each of
    its fields, and the command gets the group.

    Args:
        without: names of options that the command does not have.
    """

    def decorate(command: Callable[..., None]) -> Any:
        groups: dict[str, type] = {}
        parameters: list[Parameter] = []
        for parameter in signature(command, eval_str=True).parameters.values():
            kind = parameter.annotation
            if isinstance(kind, type) and is_dataclass(kind):
                groups[parameter.name] = kind
                parameters += _options_of(kind, without)
            else:
                parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

        def called(**values: Any) -> None:
            for parameter, group in groups.items():
                names = [name for name in options_in(group) if name in values]
                values[parameter] = group(**{name: values.pop(name) for name in names})
            command(**values)

        called.__name__, called.__doc__ = command.__name__, command.__doc__
        called.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {made.name: made.annotation for made in parameters}
        return called

    return decorate


def _options_of(group: Any, without: Collection[str]) -> list[Parameter]:
    hints = get_type_hints(group)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[_shown(hints[field.name]), option(group, field.name)],
        )
        for field in fields(group)
        if field.name not in without
    ]


def _shown(kind: Any) -> Any:
    """Return the type that an option has on the command line, where a sequence is a list."""
    return list[get_args(kind)[0]] if get_origin(kind) is Sequence else kind  # type: ignore[misc]
