"""What `search` varies, how it chooses, and when it stops: the `search` section, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SamplerName = Literal["tpe", "random", "grid", "qmc", "cmaes", "gp"]
PrunerName = Literal["none", "median", "hyperband", "percentile", "wilcoxon"]
Metric = Literal[
    "val_accuracy", "val_loss", "accuracy", "loss", "final_train_accuracy", "final_train_loss"
]
"""What is recorded of a run and may be an objective; what begins with `final` has no epochs."""
Direction = Literal["maximize", "minimize"]
Aggregate = Literal["mean", "median", "min", "lower_bound"]

EPOCHWISE_PRUNERS: tuple[str, ...] = ("median", "percentile", "hyperband")
"""Pruners that compare trials at the same epoch."""

SAMPLER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "tpe": ("startup",),
    "random": (),
    "grid": (),
    "qmc": (),
    "cmaes": ("startup",),
    "gp": ("startup",),
}
"""By sampler, its options beside the seed that all have."""

PRUNER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "median": ("startup", "warmup", "interval"),
    "hyperband": ("warmup",),
    "percentile": ("startup", "warmup", "percentile", "interval"),
    "wilcoxon": ("startup", "p"),
}
"""By pruner, its options beside `dead` that all have."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that a dimension may take.

    Attributes:
        text: what it is called; no other choice of its dimension is called so.
        values: by parameter; of `hidden` a tuple of unit counts.
    """

    text: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Categories:
    """A dimension of the search that is a list of choices.

    Attributes:
        name: the parameter, or the parameters of `zip` with commas between them, or `cases`.
        choices: at least one, in the order written.
    """

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """A dimension of the search that is an interval of numbers.

    Attributes:
        name: the parameter.
        low: the smallest value.
        high: the largest value, above `low`; with a step, one that steps from `low` reach.
        log: whether values are drawn by their logarithm; then low is above 0 and step is None.
        step: distance of the values, or None.
        is_integer: whether all values are whole numbers.
    """

    name: str
    low: float
    high: float
    log: bool
    step: float | None
    is_integer: bool


@dataclass(frozen=True, slots=True)
class Objective:
    """What the best trial is best at.

    Attributes:
        metric: one of `Metric`.
        maximize: whether more of it is better.
        aggregate: how the replicates of a trial become one number: mean, median, min (the worst
            of them) or lower_bound (the end of the mean's interval on the side of the worse).
    """

    metric: str
    maximize: bool
    aggregate: str


@dataclass(frozen=True, slots=True)
class Sampler:
    """What proposes the next trial.

    Attributes:
        name: one of `SamplerName`.
        seed: of its random numbers, >= 0.
        startup: trials at random before it learns from them, >= 0.
    """

    name: str
    seed: int
    startup: int


@dataclass(frozen=True, slots=True)
class Pruner:
    """What stops a trial early.

    Attributes:
        name: one of `PrunerName`.
        dead: whether a network whose hidden units are all dead is stopped, whatever the name.
        startup: finished trials before any is stopped; of wilcoxon, replicates of a trial.
        warmup: epochs of a trial before it may be stopped; of hyperband, epochs of the first rung.
        percentile: share in percent of trials that are good enough, in (0, 100).
        interval: epochs from one decision to the next, or None to have it chosen.
        p: probability of the signed-rank test below which a trial is worse, in (0, 1).
    """

    name: str
    dead: bool
    startup: int
    warmup: int
    percentile: float
    interval: int | None
    p: float


@dataclass(frozen=True, slots=True)
class Search:
    """The `search` section of a spec, with defaults for what it leaves out.

    Attributes:
        trials: how many at most, >= 1.
        timeout: seconds after which no trial begins, > 0, or None.
        sampler: what proposes the next trial.
        pruner: what stops a trial early.
        objective: what the best trial is best at.
        space: the dimensions, in the order written; none of them has a parameter of `--set`.
        storage: URL of the database for the study, or None for none of its own.
        confirm: fresh seeds for the winner, >= 2, or 0 for none.
    """

    trials: int
    timeout: float | None
    sampler: Sampler
    pruner: Pruner
    objective: Objective
    space: tuple[Categories | Range, ...]
    storage: str | None = field(repr=False)
    confirm: int
