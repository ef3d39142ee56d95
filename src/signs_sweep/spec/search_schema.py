"""What may stand in the `search` section of a spec."""

from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, Discriminator, Field, Tag

from signs_sweep.spec.fields import (
    L2,
    MOST_EPOCHS,
    MOST_REPLICATES,
    MOST_SEED,
    SEED,
    BatchSize,
    Epochs,
    KeepProb,
    Layers,
    LearningRate,
    Section,
)
from signs_sweep.spec.search import Aggregate, Direction, Metric, PrunerName, SamplerName

_MOST_TRIALS = 1_000_000
_URL = r"^[A-Za-z][A-Za-z0-9+.-]*://\S+$"
_WHOLE = f"a whole number from 0 to {_MOST_TRIALS:,}"


def _one_of(names: Any) -> str:
    *others, last = get_args(names)
    return f"{', '.join(others)} or {last}"


_SAMPLERS, _PRUNERS, _METRICS = _one_of(SamplerName), _one_of(PrunerName), _one_of(Metric)

EXPECTED_IN_SEARCH = {
    "trials": f"a whole number from 1 to {_MOST_TRIALS:,}",
    "timeout": "a number of seconds above 0, such as 600",
    "sampler": f"{_SAMPLERS}, or keys such as {{name: tpe, seed: 0}}",
    "sampler.name": _SAMPLERS,
    "sampler.seed": SEED,
    "sampler.startup": _WHOLE,
    "pruner": f"{_PRUNERS}, or keys such as {{name: median, warmup: 20}}",
    "pruner.name": _PRUNERS,
    "pruner.dead": "true or false",
    "pruner.startup": _WHOLE,
    "pruner.warmup": f"a whole number from 0 to {MOST_EPOCHS:,}",
    "pruner.percentile": "a number above 0 and below 100, such as 25",
    "pruner.interval": f"a whole number from 1 to {MOST_EPOCHS:,}",
    "pruner.p": "a number above 0 and below 1, such as 0.1",
    "objective": f"{_METRICS}, or keys such as {{metric: val_loss, direction: minimize}}",
    "objective.metric": _METRICS,
    "objective.direction": _one_of(Direction),
    "objective.aggregate": _one_of(Aggregate),
    "space": "keys with values, such as {l2: {low: 1e-4, high: 0.3, log: true}}",
    "space.learning_rate": "a list such as [1e-4, 5e-4], or {low: 1e-5, high: 1e-3, log: true}",
    "space.batch_size": "a list such as [16, 32], or {low: 16, high: 64, step: 16}",
    "space.epochs": "a list such as [750, 1500], or {low: 500, high: 2000, step: 250}",
    "space.l2": "a list such as [0, 0.01], or {low: 1e-4, high: 0.3, log: true}",
    "space.keep_prob": "a list such as [0.8, 1], or {low: 0.5, high: 1}",
    "space.hidden": "a list such as [[25, 12], [50, 25]]",
    "log": "true or false",
    "step": "a number above 0",
    "whole step": f"a whole number from 1 to {MOST_EPOCHS:,}",
    "storage": "the URL of a database, such as sqlite:///mlruns/optuna.db",
    "confirm": f"a count from 2 to {MOST_REPLICATES:,}, or 0 for none",
}
"""By way below `search`, what the value should be; of a range's own keys, by key."""


def _described(name: str, meaning: str, **limits: Any) -> Any:
    return Field(description=f"{meaning}: {EXPECTED_IN_SEARCH[name]}.", **limits)


def _not_one(value: int) -> int:
    """Refuse the count that leads to no interval."""
    if value == 1:
        raise ValueError
    return value


def _kind(value: Any) -> str:
    return "many" if isinstance(value, list | dict) else "one"


def _kind_of_dimension(value: Any) -> str:
    return "range" if isinstance(value, dict) else "list"


class SamplerSection(Section):
    """What proposes the next trial."""

    name: Annotated[SamplerName, _described("sampler.name", "Its name")] = "tpe"
    seed: Annotated[
        int, _described("sampler.seed", "Seed of its random numbers", ge=0, le=MOST_SEED)
    ] = 0
    startup: Annotated[
        int,
        _described("sampler.startup", "Trials at random at the start", ge=0, le=_MOST_TRIALS),
    ] = 10


class PrunerSection(Section):
    """What stops a trial early."""

    name: Annotated[PrunerName, _described("pruner.name", "Its name")] = "none"
    dead: Annotated[
        bool, _described("pruner.dead", "Whether to stop a network whose units are all dead")
    ] = False
    startup: Annotated[
        int | None,
        _described(
            "pruner.startup",
            "Finished trials before any is stopped (5); of wilcoxon, replicates (2)",
            ge=0,
            le=_MOST_TRIALS,
        ),
    ] = None
    warmup: Annotated[
        int,
        _described("pruner.warmup", "Epochs before a trial may be stopped", ge=0, le=MOST_EPOCHS),
    ] = 0
    percentile: Annotated[
        float,
        _described("pruner.percentile", "Percent of trials that are good enough", gt=0, lt=100),
    ] = 25.0
    interval: Annotated[
        int | None,
        _described("pruner.interval", "Epochs between decisions", ge=1, le=MOST_EPOCHS),
    ] = None
    p: Annotated[
        float, _described("pruner.p", "Probability below which a trial is worse", gt=0, lt=1)
    ] = 0.1


class ObjectiveSection(Section):
    """What the best trial is best at."""

    metric: Annotated[Metric, _described("objective.metric", "What is recorded of a run")] = (
        "val_accuracy"
    )
    direction: Annotated[
        Direction | None,
        _described("objective.direction", "By default more accuracy, and less loss"),
    ] = None
    aggregate: Annotated[
        Aggregate,
        _described("objective.aggregate", "What the replicates of a trial become"),
    ] = "mean"


Log = Annotated[bool, _described("log", "Whether values are drawn by their logarithm")]
Step = Annotated[float, _described("step", "Distance of the values", gt=0, allow_inf_nan=False)]
WholeStep = Annotated[int, _described("whole step", "Distance of the values", ge=1, le=MOST_EPOCHS)]


class LearningRateRange(Section):
    """An interval of step sizes."""

    low: LearningRate
    high: LearningRate
    log: Log = False
    step: Step | None = None


class BatchSizeRange(Section):
    """An interval of batch sizes."""

    low: BatchSize
    high: BatchSize
    log: Log = False
    step: WholeStep | None = None


class EpochsRange(Section):
    """An interval of epochs."""

    low: Epochs
    high: Epochs
    log: Log = False
    step: WholeStep | None = None


class L2Range(Section):
    """An interval of factors of the penalty."""

    low: L2
    high: L2
    log: Log = False
    step: Step | None = None


class KeepProbRange(Section):
    """An interval of the share that dropout keeps."""

    low: KeepProb
    high: KeepProb
    log: Log = False
    step: Step | None = None


Values = TypeVar("Values")
Interval = TypeVar("Interval")
# Told apart before validation, so that an error is about the kind that was written.
Dimension = Annotated[
    Annotated[list[Values], Field(min_length=1), Tag("list")] | Annotated[Interval, Tag("range")],
    Discriminator(_kind_of_dimension),
]


def _dimension(name: str) -> Any:
    return _described(f"space.{name}", "What to try")


class SpaceSection(Section):
    """The dimensions of the search."""

    learning_rate: Annotated[
        Dimension[LearningRate, LearningRateRange] | None, _dimension("learning_rate")
    ] = None
    batch_size: Annotated[Dimension[BatchSize, BatchSizeRange] | None, _dimension("batch_size")] = (
        None
    )
    epochs: Annotated[Dimension[Epochs, EpochsRange] | None, _dimension("epochs")] = None
    l2: Annotated[Dimension[L2, L2Range] | None, _dimension("l2")] = None
    keep_prob: Annotated[Dimension[KeepProb, KeepProbRange] | None, _dimension("keep_prob")] = None
    hidden: Annotated[list[Layers] | None, _dimension("hidden"), Field(min_length=1)] = None


class SearchSection(Section):
    """What `signs-sweep search` varies, how it chooses, and when it stops."""

    trials: Annotated[int, _described("trials", "Trials at most", ge=1, le=_MOST_TRIALS)] = 50
    timeout: Annotated[
        float | None,
        _described("timeout", "Time after which no trial begins", gt=0, allow_inf_nan=False),
    ] = None
    sampler: Annotated[
        Annotated[SamplerName, Tag("one")] | Annotated[SamplerSection, Tag("many")],
        Discriminator(_kind),
        _described("sampler", "What proposes the next trial"),
    ] = "tpe"
    pruner: Annotated[
        Annotated[PrunerName, Tag("one")] | Annotated[PrunerSection, Tag("many")],
        Discriminator(_kind),
        _described("pruner", "What stops a trial early"),
    ] = "none"
    objective: Annotated[
        Annotated[Metric, Tag("one")] | Annotated[ObjectiveSection, Tag("many")],
        Discriminator(_kind),
        _described("objective", "What the best trial is best at"),
    ] = "val_accuracy"
    space: Annotated[
        SpaceSection | None,
        _described("space", "What to vary; by default, what grid, zip and cases do"),
    ] = None
    storage: Annotated[
        str | None, _described("storage", "Where the study is kept", pattern=_URL)
    ] = None
    confirm: Annotated[
        int,
        _described("confirm", "Fresh seeds for the winner", ge=0, le=MOST_REPLICATES),
        AfterValidator(_not_one),
    ] = 5
