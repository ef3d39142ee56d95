"""The options of commands, each written down once: for the command line, for `api`, for checks.

A dataclass is a group of options. The annotation of a field holds its `Option`: what it means and
its range. `signs_sweep.cli.options` makes options of the command line from it.
"""

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, Self, TypedDict, TypeVar, get_type_hints

from signs_sweep.domain.masking import mask
from signs_sweep.errors import UsageError

_MOST_WORKERS = 256
_DAY = 86400

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Option:
    """What is known of an option beside its name, type and default.

    Attributes:
        help: what it means, with a default that is no fixed value.
        metavar: what stands for its value in the help.
        low: smallest value of a number; None where it is no number.
        high: largest value of a number.
        flags: how the command line spells it, where not like its name.
    """

    help: str
    metavar: str | None = None
    low: float | None = None
    high: float | None = None
    flags: tuple[str, ...] = ()


def options_in(group: type) -> dict[str, Option]:
    """Return the options of a group, by name, in order."""
    hints = get_type_hints(group, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


@dataclass(frozen=True)
class Options:
    """How to train: what `run` and `search` leave to the user beside the plan.

    Raises:
        UsageError: one of them is out of range.
    """

    workers: Annotated[
        int | None,
        Option(
            "Processes that train; 0 trains in this one, for a debugger. "
            "[default: one per GPU, else one per core, or fewer for little work]",
            *("N", 0, _MOST_WORKERS),
        ),
    ] = None
    workers_per_gpu: Annotated[
        int, Option("Processes that share a GPU.", "N", 1, _MOST_WORKERS)
    ] = 1
    retries: Annotated[
        int, Option("Maximum restarts of a run whose process died.", "N", 0, 1000)
    ] = 2
    checkpoint_seconds: Annotated[
        float, Option("Seconds between two checkpoints of a run.", "S", 0, _DAY)
    ] = 10.0
    stall_seconds: Annotated[
        float, Option("Seconds of silence after which a worker is killed.", "S", 1, _DAY)
    ] = 600.0
    force: Annotated[
        bool, Option("Train finished runs again, from their beginning.", flags=("--force",))
    ] = False

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, option in options_in(Options).items():
            value = getattr(self, name)
            if value is None or option.low is None or option.high is None:
                continue
            if not isinstance(value, int | float) or not option.low <= value <= option.high:
                raise UsageError(
                    f"--{name.replace('_', '-')} {value}: "
                    f"a number from {option.low} to {option.high} was expected"
                )

    @classmethod
    def of(cls, function: Callable[..., Any], keywords: Mapping[str, Any]) -> Self:
        """Return the options that a function was given, which `takes_options` is applied to.

        Raises:
            TypeError: it has no option of a name.
            UsageError: an option is out of range.
        """
        names = list(signature(function).parameters)
        for name in keywords:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                question = f". Did you mean '{near[0]}'?" if near else ""
                raise TypeError(
                    f"{function.__name__}() got an unexpected keyword argument '{name}'{question}"
                )
        return cls(**keywords)


NOT_IN_SEARCH = frozenset({"force"})
"""Options of `run` that `search` does not have: a study keeps the values that it has."""


class SearchKeywords(TypedDict, total=False):
    """The options of a search, for type checkers; `Options` says what they are."""

    workers: int | None
    workers_per_gpu: int
    retries: int
    checkpoint_seconds: float
    stall_seconds: float


class RunKeywords(SearchKeywords, total=False):
    """The options of a run, for type checkers; `Options` says what they are."""

    force: bool


def takes_options(*, without: Collection[str] = ()) -> Callable[[_Function], _Function]:
    """Show the options of `Options` in the signature of a function that takes them as keywords.

    Args:
        without: names of those that it does not take.
    """

    def decorate(function: _Function) -> _Function:
        own = signature(function)
        options = [
            Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default)
            for field in fields(Options)
            if field.name not in without
        ]
        kept = [
            parameter
            for parameter in own.parameters.values()
            if parameter.kind is not Parameter.VAR_KEYWORD
        ]
        shown = own.replace(parameters=[*kept, *options])
        function.__signature__ = shown  # type: ignore[attr-defined]
        return function

    return decorate


@dataclass(frozen=True)
class Given:
    """What all commands that read a spec take: values to set, where the data is, and the store.

    The commands that a command shows need them as well.
    """

    overrides: Annotated[
        Sequence[str],
        Option("Set a parameter of every run; may be repeated.", "KEY=VALUE", flags=("--set",)),
    ] = ()
    data: Annotated[
        Path | None, Option("Folder of the photos. [default: $SIGNS_DATA, else data]", "DIR")
    ] = None
    tracking_uri: Annotated[
        str | None,
        Option(
            "MLflow store. [default: $MLFLOW_TRACKING_URI, else sqlite:///mlruns/mlflow.db]", "URI"
        ),
    ] = None

    def command(self, name: str, *arguments: str | Path) -> str:
        """Return a command with these options, as it can be pasted into a shell."""
        words = ["signs-sweep", name]
        words += [
            f"./{argument}"
            if isinstance(argument, Path) and str(argument).startswith("-")
            else str(argument)
            for argument in arguments
        ]
        if name != "ui":
            words += [word for override in self.overrides for word in ("--set", override)]
            words += ["--data", str(self.data)] if self.data is not None else []
        words += ["--tracking-uri", self.tracking_uri] if self.tracking_uri is not None else []
        return shlex.join(map(mask, words))
