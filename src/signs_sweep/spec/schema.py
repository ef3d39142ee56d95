"""What may stand in a spec: one description for the checks and for the JSON schema."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from signs_sweep.data import KNOWN_DATASETS
from signs_sweep.records import Parameters

MOST_SEED = 2**31 - 1
MOST_REPLICATES = 100_000
_MOST_EPOCHS = _MOST_BATCH = 10_000_000
_MOST_UNITS = 100_000
_MOST_LAYERS = 100
_MOST_FACTOR = 1e38
"""What a float32 can hold."""
_NAME = r"^[A-Za-z0-9_](?:[A-Za-z0-9_. -]{0,98}[A-Za-z0-9_])?$"
_LABEL = r"^[^\x00-\x20](?:[^\x00-\x1f]{0,58}[^\x00-\x20])?$"
_FUNCTION = r"^[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*$"
_DEFAULT = Parameters()
_SEED = f"a whole number from 0 to {MOST_SEED}"

EXPECTED = {
    "name": "a name of up to 100 letters, digits, '_', '-', '.' and spaces, such as regularization",
    "description": "a text",
    "data": f"{', '.join(KNOWN_DATASETS)}, a folder, or {{train: a.h5, test: b.h5}}",
    "train": "the path of a file",
    "test": "the path of a file",
    "validation": "a share from 0 to below 1, such as 0.2",
    "hidden": "a list of unit counts, such as [25, 12]",
    "build": "module:function, such as networks:small_cnn",
    "argument": "a number, a text, true, false, or a list of them",
    "units": f"a whole number from 1 to {_MOST_UNITS:,}",
    "learning_rate": "a number above 0 (up to 1e38), such as 1e-4",
    "batch_size": f"a whole number from 1 to {_MOST_BATCH:,}",
    "epochs": f"a whole number from 1 to {_MOST_EPOCHS:,}",
    "l2": "a number from 0 (up to 1e38), such as 0.01",
    "keep_prob": "a number above 0, up to 1",
    "global_seed": _SEED,
    "init_seed": _SEED,
    "label": "a text of one line and up to 60 characters, such as m6",
    "seeds": f"a count from 1 to {MOST_REPLICATES:,}, or a list such as "
    "[{global_seed: 3, init_seed: 0}]",
}
"""By key, what its value should be; shown with errors and in editors."""


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, json_schema_extra={"minProperties": 1}
    )


def _described(name: str, meaning: str, **limits: Any) -> Any:
    return Field(description=f"{meaning}: {EXPECTED[name]}.", **limits)


def _number(name: str, meaning: str, **limits: Any) -> Any:
    return _described(name, meaning, allow_inf_nan=False, **limits)


def _without_sign(value: float) -> float:
    """Turn -0.0 into 0.0, which is the same number by another name."""
    return value + 0.0


def _printable(value: str) -> str:
    """Refuse characters that would change what a terminal or page shows around them."""
    if not value.isprintable():
        raise ValueError
    return value


LearningRate = Annotated[
    float, _number("learning_rate", "Step size of Adam", gt=0, le=_MOST_FACTOR)
]
BatchSize = Annotated[int, _described("batch_size", "Samples a step", ge=1, le=_MOST_BATCH)]
Epochs = Annotated[int, _described("epochs", "Passes over the training set", ge=1, le=_MOST_EPOCHS)]
L2 = Annotated[
    float,
    _number("l2", "Factor of the penalty on hidden kernels", ge=0, le=_MOST_FACTOR),
    AfterValidator(_without_sign),
]
KeepProb = Annotated[
    float, _number("keep_prob", "Share of outputs that dropout keeps; 1 is none", gt=0, le=1)
]
GlobalSeed = Annotated[
    int, _described("global_seed", "Seed of batch order and dropout", ge=0, le=MOST_SEED)
]
InitSeed = Annotated[
    int, _described("init_seed", "Seed of the initial weights", ge=0, le=MOST_SEED)
]
Label = Annotated[
    str,
    _described("label", "Name of the case in tables", pattern=_LABEL),
    AfterValidator(_printable),
]
Units = Annotated[int, Field(ge=1, le=_MOST_UNITS)]


class Base(_Section):
    """Values that every run starts from."""

    learning_rate: LearningRate = _DEFAULT.learning_rate
    batch_size: BatchSize = _DEFAULT.batch_size
    epochs: Epochs = _DEFAULT.epochs
    l2: L2 = _DEFAULT.l2
    keep_prob: KeepProb = _DEFAULT.keep_prob
    global_seed: GlobalSeed = _DEFAULT.global_seed
    init_seed: InitSeed = _DEFAULT.init_seed


class Lists(_Section):
    """A list of values for some parameters."""

    learning_rate: Annotated[list[LearningRate], Field(min_length=1)] | None = None
    batch_size: Annotated[list[BatchSize], Field(min_length=1)] | None = None
    epochs: Annotated[list[Epochs], Field(min_length=1)] | None = None
    l2: Annotated[list[L2], Field(min_length=1)] | None = None
    keep_prob: Annotated[list[KeepProb], Field(min_length=1)] | None = None


class Case(_Section):
    """Values of one case; what it leaves out is as in `base`."""

    label: Label | None = None
    learning_rate: LearningRate | None = None
    batch_size: BatchSize | None = None
    epochs: Epochs | None = None
    l2: L2 | None = None
    keep_prob: KeepProb | None = None


class Seeds(_Section):
    """The seeds of one replicate; what it leaves out is as in `base`."""

    global_seed: GlobalSeed | None = None
    init_seed: InitSeed | None = None


class Files(_Section):
    """A dataset as two HDF5 files, relative to the spec."""

    train: Annotated[str, Field(min_length=1, description="File with the training set.")]
    test: Annotated[str, Field(min_length=1, description="File with the test set.")]


class DenseModel(_Section):
    """The built-in dense network."""

    hidden: Annotated[
        list[Units],
        _described("hidden", "Hidden layers", min_length=1, max_length=_MOST_LAYERS),
    ] = [25, 12]


def _argument(value: Any) -> Any:
    """Refuse what is neither a single value nor a list of such."""
    if isinstance(value, list):
        return [_argument(item) for item in value]
    if not isinstance(value, bool | int | float | str):
        raise ValueError  # noqa: TRY004 - what pydantic turns into a problem
    return value


class BuiltModel(_Section):
    """A Keras model that a function of yours returns; all other keys are its arguments."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[Any, AfterValidator(_argument)]]

    build: Annotated[str, _described("build", "The function", pattern=_FUNCTION)]


def _is_built(value: Any) -> str:
    return "built" if isinstance(value, dict) and "build" in value else "dense"


Model = Annotated[
    Annotated[DenseModel, Tag("dense")] | Annotated[BuiltModel, Tag("built")],
    Discriminator(_is_built),
]


def _kind(value: Any) -> str:
    return "many" if isinstance(value, list | dict) else "one"


# Told apart before validation, so that an error is about the kind that was written.
Data = Annotated[
    Annotated[str, Field(min_length=1), Tag("one")] | Annotated[Files, Tag("many")],
    Discriminator(_kind),
]
Replicates = Annotated[
    Annotated[int, Field(ge=1, le=MOST_REPLICATES), Tag("one")]
    | Annotated[list[Seeds], Field(min_length=1), Tag("many")],
    Discriminator(_kind),
]


class Spec(_Section):
    """A spec of signs-sweep: one experiment."""

    name: Annotated[
        str, _described("name", "Name of the experiment, also in MLflow", pattern=_NAME)
    ]
    description: Annotated[str, Field(description="What it is for.", max_length=4000)] = ""
    data: Annotated[Data, _described("data", "The dataset")] = "signs"
    validation: Annotated[
        float,
        _number("validation", "Share of the training set held out", ge=0, lt=1),
        AfterValidator(_without_sign),
    ] = 0.0
    model: Annotated[Model, Field(description="The network.")] = DenseModel()
    base: Base = Base()
    grid: Annotated[Lists | None, Field(description="Every combination of these values.")] = None
    zip: Annotated[Lists | None, Field(description="Lists of one length, taken in parallel.")] = (
        None
    )
    cases: Annotated[
        list[Case] | None, Field(description="An explicit list of points.", min_length=1)
    ] = None
    seeds: Annotated[Replicates | None, _described("seeds", "Replicates of every point")] = None
    baseline: Annotated[
        Case | None, Field(description="Values of the points that the others are compared with.")
    ] = None


def schema_json() -> str:
    """Return the JSON schema of a spec, for editors."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Spec.model_json_schema()}
    return json.dumps(_without_null(schema), indent=2) + "\n"


def _without_null(schema: Any) -> Any:
    """Leave out that an absent key is None inside: a spec never says null."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _without_null(value) for key, value in schema.items()}
    options = [option for option in result.get("anyOf", []) if option != {"type": "null"}]
    if result.get("default", 0) is None:
        del result["default"]
    if "anyOf" in result and len(options) < len(result["anyOf"]):
        del result["anyOf"]
        if len(options) == 1:
            return options[0] | result
        result["anyOf"] = options
    return result
