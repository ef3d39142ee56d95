"""Single values of a spec: the valid values of each, for the checks and for the JSON schema."""

from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, create_model

from signs_sweep.data import KNOWN_DATASETS
from signs_sweep.domain import (
    HIDDEN,
    MOST_REPLICATES,
    PARAMETERS,
    ComparedMetric,
    Hyperparameter,
    is_argument,
)
from signs_sweep.spec.search import Aggregate, Direction, Metric, PrunerName, SamplerName

MOST_TRIALS = 1_000_000
MOST_EPOCHS = int(PARAMETERS["epochs"].most or 0)
MOST_PARTS = 1000
MOST_CANDIDATES = 100
"""All pairs of them are compared."""
MOST_SEED = int(PARAMETERS["global_seed"].most or 0)
_MOST_UNITS = 100_000
_MOST_LAYERS = 100
_LABEL = r"^[^\x00-\x20](?:[^\x00-\x1f]{0,58}[^\x00-\x20])?$"

WORDS: dict[str, tuple[str, ...]] = {
    "sampler": get_args(SamplerName),
    "pruner": get_args(PrunerName),
    "objective": get_args(Metric),
    "metric": get_args(Metric),
    "direction": get_args(Direction),
    "aggregate": get_args(Aggregate),
    "verdict.metric": get_args(ComparedMetric),
    "until": ("clear",),
}
"""The words that a value may be, by its name or, if names are the same, by dotted path."""


def _one_of(name: str) -> str:
    *others, last = WORDS[name]
    return f"{', '.join(others)} or {last}"


def _of_table(entry: Hyperparameter) -> dict[str, str]:
    """Return the expected values of a hyperparameter, by each key where it may occur."""
    name, is_whole = entry.name, entry.kind is int
    number = f"{'a whole number' if is_whole else 'a number'} {entry.range}"
    number += f", such as {entry.example}" if entry.example else ""
    single = ("{}", "grid.{}[]", "zip.{}[]", "space.{}[]", "space.{}.low", "space.{}.high")
    return {
        **{key.format(name): number for key in single},
        **{f"{section}.{name}": f"a list, each {number}" for section in ("grid", "zip")},
        f"space.{name}": f"a list such as {entry.example_list}, or {entry.example_range}",
        f"space.{name}.step": _EPOCHS if is_whole else "a number above 0",
    }


_SECTIONS_OF_LISTS = ("grid", "zip", "space")
_EPOCHS = f"a whole number from 1 to {MOST_EPOCHS:,}"
_LAYERS = "a list of unit counts, such as [25, 12]"
_LISTS_OF_LAYERS = "a list such as [[25, 12], [50, 25]]"
_UNITS = f"a whole number from 1 to {_MOST_UNITS:,}"
_KEYS = "a mapping such as"
_ARGUMENT = "a number, text, true, false, or a list of these"
_CASE = "{label: m6, keep_prob: 0.8}"
_SEEDS = "{global_seed: 3, init_seed: 0}"
_PARTS = f"to {MOST_PARTS:,}"
_GROWTH = "{until: clear, at_least: 8, at_most: 30}"
_CONFIRMED = f"a whole number from 2 to {MOST_REPLICATES:,}"
_REPLICATES = f"a whole number from 1 to {MOST_REPLICATES:,}"

EXPECTED = {
    "name": "a name of up to 100 letters, digits, '_', '-', '.' and spaces, such as regularization",
    "description": "text",
    "data": f"{', '.join(KNOWN_DATASETS)}, a folder, or {{train: a.h5, test: b.h5}}",
    "train": "the path of a file",
    "test": "the path of a file",
    "validation": "a fraction from 0 to below 1, such as 0.2",
    "split": f"{_KEYS} {{folds: 5, repeats: 2}}",
    "folds": f"a whole number from 2 {_PARTS}",
    "repeats": f"a whole number from 1 {_PARTS}",
    "model": f"{_KEYS} {{hidden: [25, 12]}}",
    "hidden": _LAYERS,
    "hidden[]": _UNITS,
    "build": "module:function, such as networks:small_cnn",
    "argument": _ARGUMENT,
    "base": f"{_KEYS} {{learning_rate: 1e-4, epochs: 1500}}",
    "grid": f"{_KEYS} {{l2: [0, 0.01]}}",
    "zip": f"{_KEYS} {{learning_rate: [1e-4, 1e-5], epochs: [1500, 3000]}}",
    "cases": f"a list such as [{_CASE}]",
    "cases[]": f"{_KEYS} {_CASE}",
    "label": "one line of up to 60 characters, such as m6",
    "seeds": f"a count from 1 to {MOST_REPLICATES:,}, a list such as [{_SEEDS}], or {_GROWTH}",
    "seeds[]": f"{_KEYS} {_SEEDS}",
    "until": "clear",
    "at_least": _REPLICATES,
    "at_most": _REPLICATES,
    "verdict": f"{_KEYS} {{metric: val_accuracy, margin: 0.02, error: 0.05}}",
    "verdict.metric": _one_of("verdict.metric"),
    "margin": "a number above 0, such as 0.02",
    "error": "a probability above 0, up to 0.5, such as 0.05",
    "baseline": f"{_KEYS} {{l2: 0}}",
    "search": f"{_KEYS} {{trials: 50, objective: val_accuracy}}",
    "trials": f"a whole number from 1 to {MOST_TRIALS:,}",
    "timeout": "a number of seconds above 0, such as 600",
    "sampler": f"{_one_of('sampler')}, or {_KEYS} {{name: tpe, seed: 0}}",
    "sampler.name": _one_of("sampler"),
    "seed": f"a whole number from 0 to {MOST_SEED}",
    "startup": f"a whole number from 0 to {MOST_TRIALS:,}",
    "pruner": f"{_one_of('pruner')}, or {_KEYS} {{name: median, warmup: 20}}",
    "pruner.name": _one_of("pruner"),
    "dead": "true or false",
    "audit": "a share from 0 to 1, such as 0.05",
    "warmup": f"a whole number from 0 to {MOST_EPOCHS:,}",
    "percentile": "a number above 0 and below 100, such as 25",
    "interval": _EPOCHS,
    "p": "a number above 0 and below 1, such as 0.1",
    "objective": f"{_one_of('metric')}, or {_KEYS} {{metric: val_loss, direction: minimize}}",
    "metric": _one_of("metric"),
    "direction": _one_of("direction"),
    "aggregate": _one_of("aggregate"),
    "space": f"{_KEYS} {{l2: {{low: 1e-4, high: 0.3, log: true}}}}",
    **{f"{section}.hidden": _LISTS_OF_LAYERS for section in _SECTIONS_OF_LISTS},
    **{f"{section}.hidden[]": _LAYERS for section in _SECTIONS_OF_LISTS},
    **{f"{section}.hidden[][]": _UNITS for section in _SECTIONS_OF_LISTS},
    "log": "true or false",
    "storage": "the URL of a database, such as sqlite:///mlruns/optuna.db",
    "replicates": f"{_KEYS} {{at_least: 1, at_most: 5}}",
    "confirm": f"a count of seeds from 2 to {MOST_REPLICATES:,}, 0 for none, or {_KEYS} "
    "{candidates: 8, at_least: 8, at_most: 20}",
    "candidates": f"a whole number from 1 to {MOST_CANDIDATES}",
    "confirm.at_least": _CONFIRMED,
    "confirm.at_most": _CONFIRMED,
    **{key: text for entry in PARAMETERS.values() for key, text in _of_table(entry).items()},
}
"""The expected values, by key or, if keys share a name, by dotted path; `[]` is an item."""


def expected(path: tuple[str | int, ...]) -> str:
    """Return the values expected at a path of keys and indices, or an empty string."""
    if path[0] == "model" and len(path) > 1 and path[1] not in (HIDDEN, "build"):
        return EXPECTED["argument"]
    steps = path[1:] if path[0] == "search" and len(path) > 1 else path
    if any(isinstance(step, str) and is_argument(step) for step in steps):
        is_list = steps[0] in _SECTIONS_OF_LISTS and len(steps) == 2
        return f"a list, each {EXPECTED['argument']}" if is_list else EXPECTED["argument"]
    key = "".join("[]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    while True:
        last = key.rpartition(".")[2]
        if key in EXPECTED or last in EXPECTED or not key.endswith("[]"):
            return EXPECTED.get(key, EXPECTED.get(last, ""))
        key = key.removesuffix("[]")


class Section(BaseModel):
    """A mapping of known keys; those without a default are required."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, json_schema_extra={"minProperties": 1}
    )


def _argument(value: Any) -> Any:
    """Refuse anything but single values and lists of them."""
    if isinstance(value, list):
        return [_argument(item) for item in value]
    if not isinstance(value, bool | int | float | str):
        raise ValueError  # noqa: TRY004 - pydantic reports a ValueError
    return value


Argument = Annotated[Any, AfterValidator(_argument)]

NAME_OF_ARGUMENT = r"^model\.[^\W\d]\w*$"
_Name = Annotated[str, Field(pattern=NAME_OF_ARGUMENT)]


def _arguments_alone(schema: dict[str, Any]) -> None:
    """Describe further keys by their names."""
    schema["patternProperties"] = {NAME_OF_ARGUMENT: schema["additionalProperties"]}
    schema |= {"additionalProperties": False, "minProperties": 1}


class Values(Section):
    """Values by parameter; further keys are arguments of a function, as in `model.filters`."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_arguments_alone)
    __pydantic_extra__: dict[
        _Name, Annotated[Argument, Field(description=f"Argument of the function: {_ARGUMENT}.")]
    ]


class ListsOfValues(Section):
    """Lists of values by parameter; further keys are arguments, as in `model.filters`."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_arguments_alone)
    __pydantic_extra__: dict[
        _Name,
        Annotated[
            list[Argument],
            Field(min_length=1, description=f"Argument of the function: a list, each {_ARGUMENT}."),
        ],
    ]


def section(name: str, doc: str, base: type[Section] = Section, /, **fields: Any) -> Any:
    """Create the class of a section: for each key its type and its default, `...` for none."""
    return create_model(name, __base__=base, __doc__=doc, **fields)


def described(key: str, meaning: str, default: Any = ..., **limits: Any) -> Any:
    """Declare a value of a section, described by its meaning and the expected values."""
    return Field(default, description=f"{meaning}: {EXPECTED[key]}.", **limits)


def without_sign(value: float) -> float:
    """Turn -0.0 into 0.0, which is the same number."""
    return value + 0.0


def _printable(value: str) -> str:
    """Refuse characters that affect the text around them on a terminal or page."""
    if not value.isprintable():
        raise ValueError
    return value


def _value(entry: Hyperparameter) -> Any:
    """Return the type of a hyperparameter's values."""
    limits = {"ge": entry.least, "gt": entry.above, "le": entry.most}
    bounds = {key: limit for key, limit in limits.items() if limit is not None}
    if entry.kind is int:
        return Annotated[int, described(entry.name, entry.meaning, **bounds)]
    field = described(entry.name, entry.meaning, allow_inf_nan=False, **bounds)
    return Annotated[float, field, AfterValidator(without_sign)]


VALUES: dict[str, Any] = {name: _value(entry) for name, entry in PARAMETERS.items()}
"""The type of values, by hyperparameter or seed."""

Label = Annotated[
    str,
    described("label", "Name of the case in tables", pattern=_LABEL),
    AfterValidator(_printable),
]
Layers = Annotated[
    list[Annotated[int, Field(ge=1, le=_MOST_UNITS)]],
    described("hidden", "Hidden layers", min_length=1, max_length=_MOST_LAYERS),
]
ListOfLayers = Annotated[
    list[Layers], described("space.hidden", "Values to try"), Field(min_length=1)
]


def _form(value: Any) -> str:
    return "many" if isinstance(value, list | dict) else "one"


One = TypeVar("One")
Many = TypeVar("Many")
# The form is determined before validation, so that an error refers to the form that was written.
OneOrMany = Annotated[
    Annotated[One, Tag("one")] | Annotated[Many, Tag("many")], Discriminator(_form)
]
"""A single value, or a list or mapping."""
