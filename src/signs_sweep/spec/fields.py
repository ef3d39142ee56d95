"""Single values of a spec: the type of each, for the checks and for the JSON schema."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, create_model

from signs_sweep.domain import HIDDEN, Hyperparameter
from signs_sweep.spec.expected import ARGUMENT, EXPECTED, MOST_LAYERS, MOST_UNITS, of_value

_LABEL = r"^[^\x00-\x20](?:[^\x00-\x1f]{0,58}[^\x00-\x20])?$"


class Section(BaseModel):
    """A mapping of known keys; those without a default are required."""

    model_config = ConfigDict(
        defer_build=True,  # Checks are built for the outermost section alone: 0.1 s a command.
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"minProperties": 1},
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
        _Name, Annotated[Argument, Field(description=f"Argument of the function: {ARGUMENT}.")]
    ]


class ListsOfValues(Section):
    """Lists of values by parameter; further keys are arguments, as in `model.filters`."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_arguments_alone)
    __pydantic_extra__: dict[
        _Name,
        Annotated[
            list[Argument],
            Field(min_length=1, description=f"Argument of the function: a list, each {ARGUMENT}."),
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


Layers = Annotated[
    list[Annotated[int, Field(ge=1, le=MOST_UNITS)]],
    described(HIDDEN, "Hidden layers", min_length=1, max_length=MOST_LAYERS),
]


def number(entry: Hyperparameter, expected: str) -> Any:
    """Return the type of the numbers of an entry, described by its meaning and a text."""
    limits = {"ge": entry.least, "gt": entry.above, "le": entry.most, "lt": entry.below}
    bounds: Any = {key: limit for key, limit in limits.items() if limit is not None}
    description = f"{entry.meaning}: {expected}."
    if entry.kind is int:
        return Annotated[int, Field(description=description, **bounds)]
    field = Field(description=description, allow_inf_nan=False, **bounds)
    return Annotated[float, field, AfterValidator(without_sign)]


def single(entry: Hyperparameter) -> Any:
    """Return the type of the values of an entry that are no components."""
    if entry.kind is tuple:
        return Layers
    if entry.is_number:
        return number(entry, of_value(entry))
    kind = bool if entry.kind is bool else Literal[entry.words]
    return Annotated[kind, Field(description=f"{entry.meaning}: {of_value(entry)}.")]


Label = Annotated[
    str,
    described("label", "Name of the case in tables", pattern=_LABEL),
    AfterValidator(_printable),
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
