"""The options of commands, each declared once: for the command line, for `api`, for checks.

A dataclass is a group of options. The annotation of a field holds its `Option`: its meaning and
its range. `signs_sweep.cli.options` makes options of the command line from it.
"""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, StrEnum
from inspect import Parameter, signature
from math import inf
from pathlib import Path
from typing import Annotated, Any, Self, TypedDict, TypeVar, get_type_hints

from signs_sweep.domain.masking import mask
from signs_sweep.domain.parameters import MOST_REPLICATES
from signs_sweep.errors import UsageError

MOST_WORKERS = 1024
_DAY = 86400
_TIME = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?"
)

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Option:
    """An option, apart from its name, type and default.

    Attributes:
        help: its meaning, with a default that is not a fixed value.
        metavar: the name of its value in the help; empty if it has none.
        low: smallest value of a number.
        high: largest value of a number.
        flag: how the command line spells it, if not like its name.
    """

    help: str
    metavar: str
    low: float = 0
    high: float = inf
    flag: str | None = None


def options_in(group: type) -> dict[str, Option]:
    """Return the options of a group, by name, in order."""
    hints = get_type_hints(group, include_extras=True)
    return {
        name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")
    }


@dataclass(frozen=True)
class Sharing:
    """What several machines may share besides the tracking store.

    Attributes:
        checkpoints: folder of the checkpoints.
        claims: the PostgreSQL database in which the sweeps claim what they train.
    """

    checkpoints: Annotated[
        Path | None,
        Option(
            "Folder of the checkpoints, which machines may share. "
            "[default: $SIGNS_SWEEP_CHECKPOINTS, else mlruns/checkpoints]",
            "DIR",
        ),
    ] = None
    claims: Annotated[
        str | None,
        Option(
            "PostgreSQL database through which sweeps on several machines train each run once. "
            "[default: $SIGNS_SWEEP_CLAIMS, else the tracking store]",
            "URI",
        ),
    ] = None

    @property
    def arguments(self) -> list[str]:
        """These options on a command line that is shown."""
        checkpoints = [] if self.checkpoints is None else ["--checkpoints", str(self.checkpoints)]
        return checkpoints + ([] if self.claims is None else ["--claims", self.claims])


class Place(StrEnum):
    """Where workers are."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True)
class Cluster:
    """Where to train, if not on this machine.

    Attributes:
        executor: where the workers are.
        ray_address: the Ray cluster.
    """

    executor: Annotated[
        Place,
        Option("Where to train: on this machine, or on the nodes of a Ray cluster.", "local|ray"),
    ] = Place.LOCAL
    ray_address: Annotated[
        str | None,
        Option(
            "Ray cluster, as HOST:PORT or auto. "
            "[default: $RAY_ADDRESS, else Ray is started on this machine]",
            "ADDRESS",
        ),
    ] = None

    @property
    def is_cluster(self) -> bool:
        """Whether the workers are those of a Ray cluster."""
        return self.executor == Place.RAY


@dataclass(frozen=True)
class Options(Cluster, Sharing):
    """How to train: the options of `run` and `search`.

    Attributes:
        force: whether to train settled runs again, from their beginning; for `run` only, since a
            study keeps its values.
        budget: seconds, for `run` only: no seed begins that would foreseeably end later.

    Raises:
        UsageError: an option is out of range.
    """

    workers: Annotated[
        int | None,
        Option(
            "Processes that train; 0 trains in this process, for a debugger. "
            "[default: one per GPU, else one per core, or fewer for little work]",
            *("N", 0, MOST_WORKERS),
        ),
    ] = None
    workers_per_gpu: Annotated[int, Option("Processes that share a GPU.", "N", 1, MOST_WORKERS)] = 1
    retries: Annotated[
        int, Option("Maximum restarts of a run whose process died.", "N", 0, 1000)
    ] = 2
    checkpoint_seconds: Annotated[
        float, Option("Seconds between two checkpoints of a run.", "S", 0, _DAY)
    ] = 10.0
    stall_seconds: Annotated[
        float, Option("Seconds of silence after which a worker is killed.", "S", 1, _DAY)
    ] = 600.0
    same_processor: Annotated[
        bool,
        Option(
            "Resume a run on the kind of processor that began it, or else from its beginning.",
            "",
            flag="--same-processor",
        ),
    ] = False
    report: Annotated[
        bool,
        Option("Write a report to the sweep's record in MLflow.", "", flag="--report/--no-report"),
    ] = True
    force: bool = False
    budget: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.executor not in set(Place):
            raise UsageError(f"--executor {self.executor}: expected {' or '.join(Place)}")
        if self.is_cluster and self.workers == 0:
            raise UsageError("--workers 0 trains in this process, --executor ray does not")
        if self.ray_address is not None and not self.is_cluster:
            raise UsageError("--ray-address needs --executor ray")
        is_time = isinstance(self.budget, int | float) and self.budget > 0
        if self.budget is not None and not is_time:
            raise UsageError(f"--budget {self.budget}: expected a number of seconds above 0")
        others = options_in(Sharing) | options_in(Cluster)
        for name, option in options_in(Options).items():
            if name in others:
                continue
            value = getattr(self, name)
            is_number = isinstance(value, int | float)
            if value is not None and not (is_number and option.low <= value <= option.high):
                raise UsageError(
                    f"--{name.replace('_', '-')} {value}: "
                    f"expected a number from {option.low} to {option.high}"
                )

    @classmethod
    def of(cls, function: Callable[..., Any], keywords: Mapping[str, Any]) -> Self:
        """Return the options among the keywords of a function that has `takes_options`.

        Raises:
            TypeError: a keyword does not exist; the message has the nearest name.
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


def parse_time(option: str, text: str | None) -> float | None:
    """Return a time such as `90s`, `1h30m` or `30d` in seconds; None for None.

    Raises:
        UsageError: it is not a time above 0.
    """
    if text is None:
        return None
    found = _TIME.fullmatch(text.strip())
    parts = [float(part or 0) for part in found.groups()] if found else []
    seconds = sum(part * unit for part, unit in zip(parts, (_DAY, 3600, 60, 1), strict=False))
    if not seconds:
        raise UsageError(f"{option} {text}: expected a time such as 90s, 30m, 1h30m or 7d")
    return seconds


class Keywords(TypedDict, total=False):
    """The options in `Options` as keywords of a function, for type checkers."""

    checkpoints: Path | str | None
    claims: str | None
    executor: Place | str
    ray_address: str | None
    workers: int | None
    workers_per_gpu: int
    retries: int
    checkpoint_seconds: float
    stall_seconds: float
    same_processor: bool
    report: bool


def takes_options(function: _Function) -> _Function:
    """Show the options in the signature of a function that has `**options: Unpack[Keywords]`."""
    own = signature(function)
    parameters = [own.parameters[name] for name in own.parameters if name != "options"]
    parameters += [
        Parameter(name, Parameter.KEYWORD_ONLY, default=getattr(Options, name))
        for name in options_in(Options)
    ]
    function.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return function


@dataclass(frozen=True)
class SharedOptions:
    """The options of all commands that read specs; commands that are shown need them as well."""

    overrides: Annotated[
        Sequence[str],
        Option("Set a parameter of every run; may be repeated.", "KEY=VALUE", flag="--set"),
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
        """Return a command with these options that can be pasted into a shell."""
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


@dataclass(frozen=True)
class SeedOptions(SharedOptions):
    """The options of the commands that train or show the replicates of settings."""

    seeds: Annotated[
        int | None,
        Option(
            "Number of seeds: those of the spec, in order, then further pairs. "
            "[default: all of the spec]",
            *("N", 1, MOST_REPLICATES),
        ),
    ] = None

    def __post_init__(self) -> None:
        """Check the range."""
        is_whole = isinstance(self.seeds, int) and not isinstance(self.seeds, bool)
        if self.seeds is not None and not (is_whole and 1 <= self.seeds <= MOST_REPLICATES):
            raise UsageError(
                f"--seeds {self.seeds}: expected a whole number from 1 to {MOST_REPLICATES:,}"
            )

    def command(self, name: str, *arguments: str | Path) -> str:
        """Return a command with these options that can be pasted into a shell."""
        more = [] if self.seeds is None or name == "ui" else ["--seeds", str(self.seeds)]
        return super().command(name, *arguments, *more)


class Form(StrEnum):
    """The form of a report."""

    HTML = "html"
    MD = "md"
    LATEX = "latex"


class PredictionFormat(Enum):
    """Format in which `predict` writes."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


class Format(Enum):
    """Format in which `compare` writes the table."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MD = "md"


class DoctorFormat(Enum):
    """Format in which `doctor` writes."""

    TEXT = "text"
    JSON = "json"
