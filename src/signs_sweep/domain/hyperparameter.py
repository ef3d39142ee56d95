"""What is known of a hyperparameter: its values as numbers, words, or words with options."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Option = bool | int | float | str

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PAIR = re.compile(rf'\s*({_QUOTED}|[^:,"]+):\s*([^,]+?)\s*(?:,|$)')
_PLAIN_KEY = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Component:
    """The value of a hyperparameter that is a word with options, such as sgd with momentum 0.9.

    `Hyperparameter.component` makes it, so that equal values are equal components.

    Attributes:
        name: the word; empty for a mapping without a name, as of `early_stopping`.
        options: the options that differ from their defaults, sorted by name.
    """

    name: str = ""
    options: tuple[tuple[str, Option], ...] = ()

    def __str__(self) -> str:
        """Return it as written in a spec."""
        if not self.options:
            return self.name
        pairs = (f"{_key(name)}: {as_text(value)}" for name, value in self._items)
        return f"{{{', '.join(pairs)}}}"

    @property
    def _items(self) -> tuple[tuple[str, Option], ...]:
        return (("name", self.name), *self.options) if self.name else self.options

    @property
    def short(self) -> str:
        """It for a table, as in `sgd momentum=0.9`."""
        options = (f"{name}={as_text(value)}" for name, value in self.options)
        return " ".join([*filter(None, [self.name]), *options])

    @property
    def plain(self) -> str | dict[str, Option]:
        """The word, or a mapping with the options that are set, as in a spec."""
        return dict(self._items) if self.options else self.name

    @property
    def identity(self) -> tuple[object, ...]:
        """What decides a result, as part of an id."""
        return (self.name, *self.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameter:
    """An entry of the table: the properties of a hyperparameter, seed, or option of a component.

    Attributes:
        name: its name in code, specs, tables and MLflow.
        kind: type of its values: `float`, `int`, `bool`, `str` for a word, `Component` for a word
            with options, or `tuple` for the layers of the built-in network.
        default: its value if a spec does not set it; None for an option that must be set. Runs
            that were recorded before the parameter existed have this value, so it never changes
            without TRAINING_VERSION.
        meaning: a short description, such as `Step size of the optimizer`.
        counterpart: what corresponds to it in Keras; empty if nothing does.
        least: the smallest number, or None.
        above: the exclusive lower bound, or None.
        most: the largest number, or None.
        below: the exclusive upper bound, or None.
        words: the valid words.
        choices: for each valid word of a component, its options. The empty word is a mapping
            without a name.
        each: for a component whose options are the classes of the data, the value of each; else
            None.
        example: a typical value as written in a spec, or None if the range is clear enough.
        example_list: values to search, as written in a spec.
        example_range: a range to search, as written in a spec.
        synonyms: other names for it.
        decides_trajectory: whether the trajectory of a run depends on it.
        instead: what to do if a function builds the model, for a parameter that only the built-in
            network supports; else None.
    """

    name: str
    kind: type
    default: Any
    meaning: str
    counterpart: str = ""
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    words: tuple[str, ...] = ()
    choices: Mapping[str, tuple["Hyperparameter", ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    each: "Hyperparameter | None" = None
    example: str | None = None
    example_list: str = ""
    example_range: str = ""
    synonyms: tuple[str, ...] = ()
    decides_trajectory: bool = True
    instead: str | None = None

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, which have ranges."""
        return self.kind in (int, float)

    @property
    def range(self) -> str:
        """The valid numbers as text, such as `from 1 to 10,000,000`."""
        is_above = self.above is not None
        low = f"above {self.above:,}" if is_above else f"from {self.least:,}"
        if self.below is not None:
            return f"{low}{',' if is_above else ' to'} below {self._digits(self.below)}"
        return f"{low}{', up to' if is_above else ' to'} {self._digits(self.most)}"

    def _digits(self, value: float | None) -> str:
        is_amount = isinstance(value, int) and not self.name.endswith("_seed")
        return f"{value:,}" if is_amount else str(value).replace("e+", "e")

    def permits(self, value: float) -> bool:
        """Whether a number is in the range."""
        is_low = value < self.least if self.least is not None else value <= (self.above or 0)
        is_high = value >= self.below if self.below is not None else value > (self.most or 0)
        return not is_low and not is_high

    def options_of(self, name: str) -> Mapping[str, "Hyperparameter"]:
        """Return the options of a component with this name, by name."""
        return {option.name: option for option in self.choices[name]}

    def component(self, name: str, given: Mapping[str, Any]) -> Component:
        """Return the component with a name and some options, without those at their defaults."""
        own = self.options_of(name)
        if self.each is not None:
            own = dict.fromkeys(given, self.each)
        values = {key: own[key].kind(value) for key, value in given.items() if value is not None}
        kept = {key: value for key, value in values.items() if value != own[key].default}
        if not name and not kept:
            return Component(self.default.name)
        return Component(name, tuple(sorted(kept.items())))

    def complete(self, component: Component) -> dict[str, Any]:
        """Return all options of a component by name, defaults included."""
        own = self.options_of(component.name).values()
        return {option.name: option.default for option in own} | dict(component.options)

    def parse(self, text: str) -> Any:
        """Return the value that `as_text` gave as text."""
        if self.kind is not Component:
            return self.kind(text)
        if not text.startswith("{"):
            return Component(text)
        pairs = {_unquoted(key): value for key, value in _PAIR.findall(text[1:-1])}
        name = "" if self.each is not None else pairs.pop("name", "")
        own = self.options_of(name)
        return self.component(
            name,
            {
                key: value == "true" if own and own[key].kind is bool else value
                for key, value in pairs.items()
            },
        )


def _key(name: str) -> str:
    """Return a key as written in a spec: names of classes may need quotes."""
    return name if _PLAIN_KEY.fullmatch(name) else json.dumps(name)


def _unquoted(key: str) -> str:
    return str(json.loads(key)) if key.startswith('"') else key


def hyperparameter(default: Any, **entry: Any) -> Any:
    """Declare a field that is an entry of the table: its default, and what it is besides."""
    metadata = {"kind": type(default), "default": default, **entry}
    return field(default=default, metadata=metadata)


def table_of(declared: Any) -> dict[str, Hyperparameter]:
    """Return the entries that the fields of a dataclass declare, by name, in their order."""
    return {each.name: Hyperparameter(name=each.name, **each.metadata) for each in declared}


def as_text(value: object) -> str:
    """Return a value as written in a spec: 0 for 0.0, true for True, a list in brackets.

    Text with characters that affect what is around them, such as line breaks, is quoted.
    """
    if isinstance(value, tuple):
        return f"[{', '.join(map(as_text, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if value.isprintable() else ascii(value)
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
