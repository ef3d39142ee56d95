"""The schema of the `search` section of a spec."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from signs_sweep.domain import MOST_REPLICATES, Component, Hyperparameter
from signs_sweep.spec.components import LISTS, component
from signs_sweep.spec.expected import (
    MOST_CANDIDATES,
    MOST_EPOCHS,
    MOST_SEED,
    MOST_TRIALS,
)
from signs_sweep.spec.fields import (
    ListsOfValues,
    OneOrMany,
    Section,
    described,
    section,
    single,
)
from signs_sweep.spec.search import Aggregate, Direction, Metric, PrunerName, SamplerName
from signs_sweep.spec.table import TABLE, VARIABLE_NAMES

_URL = r"^[A-Za-z][A-Za-z0-9+.-]*://\S+$"


def _not_one(value: int) -> int:
    """Refuse 1, because a single replicate gives no confidence interval."""
    if value == 1:
        raise ValueError
    return value


class SamplerSection(Section):
    """The sampler, which proposes trials."""

    name: SamplerName = described("sampler.name", "Name of the sampler", "tpe")
    seed: int = described("seed", "Seed of its random numbers", 0, ge=0, le=MOST_SEED)
    startup: int = described("startup", "Random trials at the start", 10, ge=0, le=MOST_TRIALS)


class PrunerSection(Section):
    """The pruner, which stops trials early."""

    name: PrunerName = described("pruner.name", "Name of the pruner", "none")
    dead: bool = described(
        "dead", "Whether to stop a network whose units are all dead", default=False
    )
    audit: float = described(
        "audit", "Share of the trials to be stopped that are trained to their end", 0.05, ge=0, le=1
    )
    startup: int | None = described(
        "startup",
        "Finished trials before any is stopped (5); for wilcoxon, replicates (2)",
        None,
        ge=0,
        le=MOST_TRIALS,
    )
    warmup: int = described(
        "warmup", "Epochs before a trial may be stopped", 0, ge=0, le=MOST_EPOCHS
    )
    percentile: float = described(
        "percentile", "Percentage of trials that are good enough to continue", 25.0, gt=0, lt=100
    )
    interval: int | None = described(
        "interval", "Epochs between decisions", None, ge=1, le=MOST_EPOCHS
    )
    p: float = described("p", "p-value below which a trial counts as worse", 0.1, gt=0, lt=1)


class ObjectiveSection(Section):
    """The value that a search optimizes."""

    metric: Metric = described("metric", "Metric of a run", "val_accuracy")
    direction: Direction | None = described(
        "direction", "By default, accuracies and macro-F1 are maximized", None
    )
    aggregate: Aggregate = described("aggregate", "How replicates become one value", "mean")


class ReplicatesSection(Section):
    """How many seeds a trial gets, which depends on its results."""

    at_least: int = described("at_least", "Seeds of every trial", 1, ge=1, le=MOST_REPLICATES)
    at_most: int = described("at_most", "Seeds of the best trials", 5, ge=1, le=MOST_REPLICATES)


def _range(entry: Hyperparameter, title: str = "") -> Any:
    """Create the section for a range of a hyperparameter, or of an option."""
    value = single(entry)
    limits: Any = {"ge": 1, "le": MOST_EPOCHS} if entry.kind is int else {"gt": 0}
    if entry.kind is float:
        limits["allow_inf_nan"] = False
    expected = f"{'a whole number from 1' if entry.kind is int else 'a number above 0'}"
    step = Field(description=f"Distance between values: {expected}.", **limits)
    return section(
        f"{title or entry.name.title().replace('_', '')}Range",
        f"A range of `{entry.name}`.",
        low=(value, ...),
        high=(value, ...),
        log=(bool, described("log", "Whether to sample on a log scale", default=False)),
        step=(Annotated[entry.kind, step] | None, None),
    )


def _form(written: Any) -> str:
    if isinstance(written, dict):
        return "range"
    return "list" if isinstance(written, list) else "value"


def _list_or_range(written: Any) -> str:
    return "range" if isinstance(written, dict) else "list"


_options: dict[object, Any] = {}
"""The types of options in the space, by all that decides them: each is in the JSON schema once."""


def _option(entry: Hyperparameter) -> Any:
    """Return the type of an option in the space: a value, a list of values, or a range.

    A list or a range is a dimension of its own, which exists only under the choice.
    """
    limits = (entry.least, entry.above, entry.most, entry.below)
    key = (entry.name, entry.kind, entry.meaning, entry.words, *limits)
    if key not in _options:
        value = single(entry)
        forms: Any = (
            Annotated[value, Tag("value")]
            | Annotated[list[value], Field(min_length=1), Tag("list")]  # type: ignore[valid-type]
        )
        title = f"{entry.name.title().replace('_', '')}{len(_options) + 1}"
        if entry.is_number:
            forms |= Annotated[_range(entry, title), Tag("range")]
        kind: Any = Annotated[forms, Discriminator(_form)]
        _options[key] = TypeAliasType(f"{title}Option", kind)
    return _options[key]


def _dimension(name: str) -> Any:
    """Return the type of the dimension of a hyperparameter: a list of values or a range.

    The form is determined before validation, so that an error refers to the form that was written.
    """
    entry, about = TABLE[name], described(f"space.{name}", "Values to try")
    if entry.kind is Component:
        items = component(entry, _option, "Space")
        kind: Any = Annotated[list[items], Field(min_length=1)]  # type: ignore[valid-type]
    elif entry.is_number:
        either: Any = Annotated[LISTS[name], Tag("list")] | Annotated[_range(entry), Tag("range")]
        kind = Annotated[either, Discriminator(_list_or_range)]
    else:
        kind = LISTS[name]
    dimension: Any = Annotated[kind | None, about]
    return dimension


if TYPE_CHECKING:
    SpaceSection = Section
else:
    SpaceSection = section(
        "SpaceSection",
        "The dimensions of the search.",
        ListsOfValues,
        **{name: (_dimension(name), None) for name in VARIABLE_NAMES},
    )


class ConfirmSection(Section):
    """How the winner is found among the best trials and the default, over fresh seeds."""

    candidates: int = described(
        "candidates", "Best trials that race with the default", 8, ge=1, le=MOST_CANDIDATES
    )
    at_least: int = described(
        "confirm.at_least",
        "Fresh seeds of each in the race, and further seeds of the winner and the default",
        8,
        ge=2,
        le=MOST_REPLICATES,
    )
    at_most: int = described("confirm.at_most", "Limit of the race", 20, ge=2, le=MOST_REPLICATES)


def _count_or_race(written: Any) -> str:
    return "race" if isinstance(written, dict) else "count"


_Count = Annotated[int, Field(ge=0, le=MOST_REPLICATES), AfterValidator(_not_one), Tag("count")]


class SearchSection(Section):
    """What `signs-sweep search` varies, how it chooses, and when it stops."""

    trials: int = described("trials", "Maximum number of trials", 50, ge=1, le=MOST_TRIALS)
    timeout: float | None = described(
        "timeout", "Time after which no trial starts", None, gt=0, allow_inf_nan=False
    )
    sampler: OneOrMany[SamplerName, SamplerSection] = described(
        "sampler", "How trials are proposed", "tpe"
    )
    pruner: OneOrMany[PrunerName, PrunerSection] = described(
        "pruner", "How trials are stopped early", "none"
    )
    objective: OneOrMany[Metric, ObjectiveSection] = described(
        "objective", "The value to optimize", "val_accuracy"
    )
    space: SpaceSection | None = described(
        "space", "Dimensions; by default, those that grid, zip and cases vary", None
    )
    storage: str | None = described("storage", "Where the study is stored", None, pattern=_URL)
    replicates: ReplicatesSection | None = described(
        "replicates", "Seeds of a trial; by default, all seeds of the spec", None
    )
    confirm: Annotated[
        _Count | Annotated[ConfirmSection, Tag("race")], Discriminator(_count_or_race)
    ] = described("confirm", "How the winner is confirmed over fresh seeds", ConfirmSection())
