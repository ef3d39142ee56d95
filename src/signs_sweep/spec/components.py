"""The types of hyperparameters in a spec, also of those that are words with options."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    TypeAdapter,
    ValidationError,
)

from signs_sweep.domain import Component, Hyperparameter
from signs_sweep.spec.expected import of_value
from signs_sweep.spec.fields import Section, section, single
from signs_sweep.spec.table import TABLE

_WORD = "<word>"


def _form_of(entry: Hyperparameter) -> Discriminator:
    """Return how the form is determined before validation, so that errors refer to it."""

    def form(value: Any) -> str:
        if not isinstance(value, dict):
            return _WORD
        if "" in entry.choices:
            return "<>"
        name = value.get("name", entry.default.name)
        is_known = isinstance(name, str) and name in entry.choices
        return f"<{name}>" if is_known else f"<{entry.default.name}>"

    return Discriminator(form)


def _title(*parts: str) -> str:
    return "".join(part.title().replace("_", "") for part in parts)


def _mapping(entry: Hyperparameter, name: str, kind_of: Callable[..., Any], end: str) -> Any:
    """Return the section of a component that is written as a mapping, with a name or without."""
    title, meaning = _title(entry.name, name, end), f"{entry.meaning}."
    if entry.each is not None:
        fields = {"model_config": ConfigDict(extra="allow")}
        kinds = {"__pydantic_extra__": dict[str, single(entry.each)]}  # type: ignore[misc]
        return type(title, (Section,), {"__doc__": meaning, "__annotations__": kinds, **fields})
    options: dict[str, Any] = {}
    if name:
        kind: Any = Literal[name]
        word = Annotated[kind, Field(description="The choice.")]
        options["name"] = (word, name if name == entry.default.name else ...)
    for option in entry.choices[name]:
        kind = kind_of(option)
        options[option.name] = (kind, ...) if option.default is None else (kind | None, None)
    return section(title, meaning, **options)


def accepts(entry: Hyperparameter, value: Any) -> bool:
    """Return whether a value is valid for an entry that is no component."""
    try:
        TypeAdapter(single(entry)).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def read(value: Any, entry: Hyperparameter) -> Component:
    """Return the component that a spec wrote as a word or as a section."""
    if not isinstance(value, BaseModel):
        return entry.component(value, {})
    given = dict(value) | (value.model_extra or {})
    name = "" if entry.each is not None else given.pop("name", "")
    return entry.component(name, given)


def component(entry: Hyperparameter, kind_of: Callable[..., Any] = single, end: str = "") -> Any:
    """Return the type of a component: a word, or a mapping with its options, as written.

    Args:
        entry: the hyperparameter.
        kind_of: returns the type of the values of an option.
        end: end of the titles of sections in the JSON schema.
    """
    needs = {name: any(o.default is None for o in own) for name, own in entry.choices.items()}
    words = tuple(name for name in entry.choices if name and not needs[name])
    forms = [Annotated[Literal[words], Tag(_WORD)]]
    for name, options in entry.choices.items():
        if options or not name:
            forms.append(Annotated[_mapping(entry, name, kind_of, end), Tag(f"<{name}>")])
    described = Field(description=f"{entry.meaning}: {of_value(entry)}.")
    return Annotated[Union[tuple(forms)], _form_of(entry), described]  # noqa: UP007


def _value(entry: Hyperparameter) -> Any:
    if entry.kind is not Component:
        return single(entry)
    written = PlainSerializer(lambda value: value.plain, return_type=str | dict[str, Any])
    return Annotated[component(entry), AfterValidator(partial(read, entry=entry)), written]


VALUES: dict[str, Any] = {name: _value(entry) for name, entry in TABLE.items()}
"""The type of values, by name."""

LISTS: dict[str, Any] = {
    name: Annotated[list[VALUES[name]], Field(min_length=1)]  # type: ignore[valid-type]
    for name in TABLE
}
"""The type of lists of values, by name."""
