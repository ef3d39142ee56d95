"""The schema of a spec, for the checks and for the JSON schema."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag
from pydantic.json_schema import GenerateJsonSchema

from signs_sweep.domain import (
    DEFAULT_HIDDEN,
    HIDDEN,
    MOST_REPLICATES,
    NETWORK,
    PARAMETERS,
    SEED_NAMES,
    ComparedMetric,
    Component,
    Growth,
)
from signs_sweep.spec.components import LISTS, VALUES
from signs_sweep.spec.expected import MOST_PARTS
from signs_sweep.spec.fields import (
    Argument,
    Label,
    ListsOfValues,
    OneOrMany,
    Section,
    Values,
    described,
    section,
    without_sign,
)
from signs_sweep.spec.search_schema import SearchSection
from signs_sweep.spec.table import TABLE, VARIABLE_NAMES

_NAME = r"^[A-Za-z0-9_](?:[A-Za-z0-9_. -]{0,98}[A-Za-z0-9_])?$"
_FUNCTION = r"^[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*$"


if TYPE_CHECKING:  # Their keys are those of the table of hyperparameters.
    Base: TypeAlias = Section
    Lists: TypeAlias = Section
    Case: TypeAlias = Section
    Seeds: TypeAlias = Section
    DenseModel: TypeAlias = Section
else:
    Base = section(
        "Base",
        "Values that every run starts from.",
        Values,
        **{
            name: (VALUES[name], entry.default)
            if name in PARAMETERS
            else (VALUES[name] | None, None)
            for name, entry in TABLE.items()
        },
    )
    Lists = section(
        "Lists",
        "Lists of values, by parameter.",
        ListsOfValues,
        **{name: (LISTS[name] | None, None) for name in VARIABLE_NAMES},
    )
    Case = section(
        "Case",
        "Values of one case; omitted values are as in `base`.",
        Values,
        label=(Label | None, None),
        **{name: (VALUES[name] | None, None) for name in VARIABLE_NAMES},
    )
    Seeds = section(
        "Seeds",
        "The seeds of one replicate; omitted seeds are as in `base`.",
        **{name: (VALUES[name] | None, None) for name in SEED_NAMES},
    )
    DenseModel = section(
        "DenseModel",
        "The built-in dense network.",
        **{
            name: (VALUES[name], [*DEFAULT_HIDDEN] if name == HIDDEN else entry.default)
            for name, entry in NETWORK.items()
        },
    )


class Files(Section):
    """A dataset as two or three HDF5 files; their paths are relative to the spec."""

    train: str = Field(min_length=1, description="File with the training set.")
    test: str = Field(min_length=1, description="File with the test set.")
    validation: str | None = Field(
        None, min_length=1, description="File with the validation set, for `validation: given`."
    )


class BuiltModel(Section):
    """A Keras model that your function returns; all other keys are arguments of the function."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Argument]

    build: str = described("build", "The function", pattern=_FUNCTION)


def _is_built(value: Any) -> str:
    return "built" if isinstance(value, dict) and "build" in value else "dense"


Model = Annotated[
    Annotated[DenseModel, Tag("dense")] | Annotated[BuiltModel, Tag("built")],
    Discriminator(_is_built),
]


Validation = Annotated[
    Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), AfterValidator(without_sign), Tag("a")]
    | Annotated[Literal["given"], Tag("b")],
    Discriminator(lambda value: "b" if isinstance(value, str) else "a"),
]

Data = OneOrMany[Annotated[str, Field(min_length=1)], Files]


class SplitSection(Section):
    """Cross-validation on the training set, repeated with different partitions."""

    folds: int = described("folds", "Parts, each held out once", ge=2, le=MOST_PARTS)
    repeats: int = described("repeats", "Partitions", 1, ge=1, le=MOST_PARTS)


class GrowingSeeds(Section):
    """As many seeds as the verdicts need."""

    until: Literal["clear"] = described("until", "When a setting gets no more seeds")
    at_least: int = described(
        "at_least", "Seeds of every setting", Growth().at_least, ge=1, le=MOST_REPLICATES
    )
    at_most: int = described("at_most", "Limit", Growth().at_most, ge=1, le=MOST_REPLICATES)


class VerdictSection(Section):
    """How settings are compared with the baseline."""

    metric: ComparedMetric | None = described(
        "verdict.metric",
        "Metric; by default val_accuracy, or test_accuracy without validation",
        None,
    )
    margin: float | None = described(
        "margin",
        "Largest difference that counts as equivalent; by default 0.02 for accuracies and macro-F1",
        None,
        gt=0,
        allow_inf_nan=False,
    )
    error: float = described(
        "error", "Probability that any two equal settings are called different", 0.05, gt=0, le=0.5
    )


def _form_of_seeds(value: Any) -> str:
    if isinstance(value, dict) and not value.keys().isdisjoint(GrowingSeeds.model_fields):
        return "growing"
    return "many" if isinstance(value, list | dict) else "one"


Replicates = Annotated[
    Annotated[Annotated[int, Field(ge=1, le=MOST_REPLICATES)], Tag("one")]
    | Annotated[Annotated[list[Seeds], Field(min_length=1)], Tag("many")]
    | Annotated[GrowingSeeds, Tag("growing")],
    Discriminator(_form_of_seeds),
]


class Spec(Section):
    """A spec of signs-sweep: one experiment."""

    name: str = described("name", "Name of the experiment, also in MLflow", pattern=_NAME)
    description: str = Field("", description="What it is for.", max_length=4000)
    data: Data = described("data", "The dataset", "signs")
    validation: Validation = described("validation", "The images held out from training", 0.0)
    split: SplitSection | None = described(
        "split", "Cross-validation, instead of a fixed part held out", None
    )
    model: Model = Field(DenseModel(), description="The network.")
    base: Base = Base()
    grid: Lists | None = Field(None, description="Every combination of these values.")
    zip: Lists | None = Field(None, description="Lists of equal length, taken in parallel.")
    cases: list[Case] | None = Field(None, description="An explicit list of points.", min_length=1)
    seeds: Replicates | None = described("seeds", "Replicates of every point", None)
    baseline: Case | None = Field(
        None, description="Values of the points that the others are compared with."
    )
    verdict: VerdictSection = Field(
        VerdictSection(), description="How settings are compared with the baseline."
    )
    search: SearchSection | None = Field(
        None, description="How `signs-sweep search` looks for the best setting."
    )


def schema_json() -> str:
    """Return the JSON schema of a spec, for editors."""
    schema = Spec.model_json_schema(schema_generator=_WithoutNull)
    dialect = {"$schema": GenerateJsonSchema.schema_dialect}
    return json.dumps(dialect | schema, indent=2) + "\n"


class _WithoutNull(GenerateJsonSchema):
    """Leaves null out of types and defaults: a spec omits a key instead."""

    def nullable_schema(self, schema: Any) -> Any:
        """Describe a value that may be None."""
        return self.generate_inner(schema["schema"])

    def encode_default(self, dft: Any) -> Any:
        """Return a default as in a spec."""
        return dft.plain if isinstance(dft, Component) else super().encode_default(dft)

    def default_schema(self, schema: Any) -> Any:
        """Describe a value that has a default."""
        has_none = schema.get("default", 0) is None
        return self.generate_inner(schema["schema"]) if has_none else super().default_schema(schema)
