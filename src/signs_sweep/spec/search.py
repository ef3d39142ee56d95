"""The `search` section of a spec, checked: its dimensions, sampler, pruner and objective."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from signs_sweep.domain import Growth

SamplerName = Literal["tpe", "random", "grid", "qmc", "cmaes", "gp"]
PrunerName = Literal["none", "median", "hyperband", "percentile", "wilcoxon"]
Metric = Literal[
    "val_accuracy",
    "val_loss",
    "accuracy",
    "loss",
    "final_train_accuracy",
    "final_train_loss",
    "val_macro_f1",
    "val_balanced_accuracy",
    "val_top2_accuracy",
    "val_nll",
    "val_brier",
    "val_ece",
]
"""The metrics that may be an objective."""
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
"""The options of each sampler, besides the seed that all have."""

PRUNER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "median": ("startup", "warmup", "interval"),
    "hyperband": ("warmup",),
    "percentile": ("startup", "warmup", "percentile", "interval"),
    "wilcoxon": ("startup", "p"),
}
"""The options of each pruner, besides `dead` and `audit` that all have."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the choices of a dimension.

    Attributes:
        text: its name, unique within the dimension.
        values: the values that it sets, by parameter; that of `hidden` is a tuple of unit counts.
    """

    text: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Under:
    """Where a dimension belongs that is an option of a component.

    Attributes:
        dimension: name of the dimension whose choices are components.
        choice: text of the choice that has the option; the dimension exists only under it.
        option: name of the option.
    """

    dimension: str
    choice: str
    option: str


@dataclass(frozen=True, slots=True)
class Categories:
    """A dimension of the search that is a list of choices.

    Attributes:
        name: the parameter, or the parameters of `zip` separated by commas, or `cases`; for an
            option of a component as in `sgd.momentum`.
        choices: at least one, in the order written; of an option, each sets it by the dimension's
            name.
        under: for an option, the component that it belongs to; else None.
    """

    name: str
    choices: tuple[Choice, ...]
    under: Under | None = None

    @property
    def names(self) -> set[str]:
        """The parameters that it varies."""
        if self.under:
            return {self.under.dimension}
        return {name for choice in self.choices for name in choice.values}


@dataclass(frozen=True, slots=True)
class Range:
    """A dimension of the search that is an interval of numbers.

    Attributes:
        name: the parameter, or an option of a component as in `sgd.momentum`.
        low: the smallest value.
        high: the largest value, above `low`; with a step, `low` plus a multiple of the step.
        log: whether values are sampled on a log scale; then low is above 0 and step is None.
        step: distance between values, or None.
        is_integer: whether all values are whole numbers.
        under: for an option, the component that it belongs to; else None.
    """

    name: str
    low: float
    high: float
    log: bool
    step: float | None
    is_integer: bool
    under: Under | None = None

    @property
    def names(self) -> set[str]:
        """The parameter that it varies."""
        return {self.under.dimension if self.under else self.name}


@dataclass(frozen=True, slots=True)
class Objective:
    """The value that a search optimizes.

    Attributes:
        metric: one of `Metric`.
        maximize: whether larger is better.
        aggregate: how the replicates of a trial become one number: mean, median, min (the worst
            of them) or lower_bound (the worse end of the mean's confidence interval).
    """

    metric: str
    maximize: bool
    aggregate: str


@dataclass(frozen=True, slots=True)
class Sampler:
    """The sampler, which proposes trials.

    Attributes:
        name: one of `SamplerName`.
        seed: seed of its random numbers, >= 0.
        startup: random trials before it learns from results, >= 0.
    """

    name: str
    seed: int
    startup: int


@dataclass(frozen=True, slots=True)
class Pruner:
    """The pruner, which stops trials early.

    Attributes:
        name: one of `PrunerName`.
        dead: whether a network whose hidden units are all dead is stopped, by every pruner.
        audit: share of the trials to be stopped that are trained to their end, in [0, 1].
        startup: finished trials before any is stopped; for wilcoxon, replicates of a trial.
        warmup: epochs of a trial before it may be stopped; for hyperband, of the first rung.
        percentile: percentage of trials that are good enough to continue, in (0, 100).
        interval: epochs between decisions, or None for a default that depends on the run.
        p: p-value of the signed-rank test below which a trial counts as worse, in (0, 1).
    """

    name: str
    dead: bool
    audit: float
    startup: int
    warmup: int
    percentile: float
    interval: int | None
    p: float


@dataclass(frozen=True, slots=True)
class Confirm:
    """How the winner of a search is found among its best trials, and confirmed, over fresh seeds.

    Attributes:
        candidates: number of best trials that race with the default, or 0 for no race: the best
            trial wins.
        at_least: fresh seeds of each candidate in the race, and further seeds of the winner and the
            default after it, >= 2.
        at_most: largest number of seeds of a candidate in the race, >= `at_least`.
    """

    candidates: int
    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True)
class Search:
    """The `search` section of a spec, with defaults for what it leaves out.

    Attributes:
        trials: maximum number of trials, >= 1.
        timeout: seconds after which no trial starts, > 0, or None.
        sampler: the sampler.
        pruner: the pruner.
        objective: the objective.
        space: the dimensions, in the order written, without the parameters of overrides.
        storage: URL of the study's database, or None for the default.
        replicates: how many seeds a trial gets, which depends on its results; None if it gets all.
        confirm: how the winner is found and confirmed, or None for neither: the best trial wins.
    """

    trials: int
    timeout: float | None
    sampler: Sampler
    pruner: Pruner
    objective: Objective
    space: tuple[Categories | Range, ...]
    storage: str | None = field(repr=False)
    replicates: Growth | None
    confirm: Confirm | None
