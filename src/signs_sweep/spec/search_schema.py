"""What may stand in the `search` section of a spec."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag

from signs_sweep.domain import PARAMETERS, VARIED_NAMES
from signs_sweep.spec.fields import (
    MOST_EPOCHS,
    MOST_REPLICATES,
    MOST_SEED,
    MOST_TRIALS,
    VALUES,
    Layers,
    OneOrMany,
    Section,
    described,
    section,
)
from signs_sweep.spec.search import Aggregate, Direction, Metric, PrunerName, SamplerName

_URL = r"^[A-Za-z][A-Za-z0-9+.-]*://\S+$"


def _not_one(value: int) -> int:
    """Refuse the count that leads to no interval."""
    if value == 1:
        raise ValueError
    return value


class SamplerSection(Section):
    """What proposes the next trial."""

    name: Annotated[SamplerName, described("sampler.name", "Its name")] = "tpe"
    seed: Annotated[int, described("seed", "Seed of its random numbers", ge=0, le=MOST_SEED)] = 0
    startup: Annotated[
        int, described("startup", "Trials at random at the start", ge=0, le=MOST_TRIALS)
    ] = 10


class PrunerSection(Section):
    """What stops a trial early."""

    name: Annotated[PrunerName, described("pruner.name", "Its name")] = "none"
    dead: Annotated[
        bool, described("dead", "Whether to stop a network whose units are all dead")
    ] = False
    startup: Annotated[
        int | None,
        described(
            "startup",
            "Finished trials before any is stopped (5); of wilcoxon, replicates (2)",
            ge=0,
            le=MOST_TRIALS,
        ),
    ] = None
    warmup: Annotated[
        int, described("warmup", "Epochs before a trial may be stopped", ge=0, le=MOST_EPOCHS)
    ] = 0
    percentile: Annotated[
        float, described("percentile", "Percent of trials that are good enough", gt=0, lt=100)
    ] = 25.0
    interval: Annotated[
        int | None, described("interval", "Epochs between decisions", ge=1, le=MOST_EPOCHS)
    ] = None
    p: Annotated[float, described("p", "Probability below which a trial is worse", gt=0, lt=1)] = (
        0.1
    )


class ObjectiveSection(Section):
    """What the best trial is best at."""

    metric: Annotated[Metric, described("metric", "What is recorded of a run")] = "val_accuracy"
    direction: Annotated[
        Direction | None, described("direction", "By default more accuracy, and less loss")
    ] = None
    aggregate: Annotated[
        Aggregate, described("aggregate", "What the replicates of a trial become")
    ] = "mean"


def _range(name: str) -> Any:
    """Make the section of a hyperparameter that is searched between two ends."""
    kind, value = PARAMETERS[name].kind, VALUES[name]
    limits: Any = {"ge": 1, "le": MOST_EPOCHS} if kind is int else {"gt": 0, "allow_inf_nan": False}
    step = described(f"space.{name}.step", "Distance of the values", **limits)
    return section(
        f"{name.title().replace('_', '')}Range",
        f"A range of `{name}`.",
        low=(value, ...),
        high=(value, ...),
        log=(bool, described("log", "Whether values are drawn by their logarithm", default=False)),
        step=(Annotated[kind, step] | None, None),
    )


def _list_or_range(written: Any) -> str:
    return "range" if isinstance(written, dict) else "list"


def _dimension(name: str) -> Any:
    """Return the type of what may be tried of a hyperparameter: a list of values or a range.

    They are told apart before validation, so that an error is about the form that was written.
    """
    value, interval = VALUES[name], _range(name)
    values = Annotated[list[value], Field(min_length=1), Tag("list")]  # type: ignore[valid-type]
    either = values | Annotated[interval, Tag("range")]  # type: ignore[valid-type]
    return Annotated[
        Annotated[either, Discriminator(_list_or_range)] | None,
        described(f"space.{name}", "What to try"),
    ]


if TYPE_CHECKING:
    SpaceSection = Section
else:
    SpaceSection = section(
        "SpaceSection",
        "The dimensions of the search.",
        **{name: (_dimension(name), None) for name in VARIED_NAMES},
        hidden=(
            Annotated[
                list[Layers] | None, described("space.hidden", "What to try"), Field(min_length=1)
            ],
            None,
        ),
    )


class SearchSection(Section):
    """What `signs-sweep search` varies, how it chooses, and when it stops."""

    trials: Annotated[int, described("trials", "Trials at most", ge=1, le=MOST_TRIALS)] = 50
    timeout: Annotated[
        float | None,
        described("timeout", "Time after which no trial begins", gt=0, allow_inf_nan=False),
    ] = None
    sampler: Annotated[
        OneOrMany[SamplerName, SamplerSection], described("sampler", "What proposes the next trial")
    ] = "tpe"
    pruner: Annotated[
        OneOrMany[PrunerName, PrunerSection], described("pruner", "What stops a trial early")
    ] = "none"
    objective: Annotated[
        OneOrMany[Metric, ObjectiveSection],
        described("objective", "What the best trial is best at"),
    ] = "val_accuracy"
    space: Annotated[
        SpaceSection | None,
        described("space", "What to vary; by default, what grid, zip and cases do"),
    ] = None
    storage: Annotated[
        str | None, described("storage", "Where the study is kept", pattern=_URL)
    ] = None
    confirm: Annotated[
        int,
        described("confirm", "Fresh seeds for the winner", ge=0, le=MOST_REPLICATES),
        AfterValidator(_not_one),
    ] = 5
