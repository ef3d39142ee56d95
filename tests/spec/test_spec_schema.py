"""The JSON schema that editors use."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from signs_sweep.domain import NETWORK, PARAMETERS, SEED_NAMES, Parameters
from signs_sweep.spec import schema_json
from signs_sweep.spec.search import PRUNER_OPTIONS, SAMPLER_OPTIONS
from signs_sweep.spec.table import COMPONENTS, TABLE, VARIABLE_NAMES

SCHEMA = json.loads(schema_json())
TOP = (
    *("name", "description", "data", "validation", "split", "model", "base", "grid", "zip"),
    *("cases", "seeds", "baseline", "verdict", "search"),
)
KEYWORDS = {
    *("$schema", "$defs", "$ref", "type", "title", "description", "default", "properties", "items"),
    *("required", "additionalProperties", "minProperties", "patternProperties"),
    *("anyOf", "oneOf", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("minLength", "maxLength", "minItems", "maxItems", "enum", "const"),
}
TYPES = {"object", "array", "string", "integer", "number", "boolean"}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A schema with what it refers to."""
    if "$ref" in node:
        return node | resolved(SCHEMA["$defs"][node["$ref"].removeprefix("#/$defs/")])
    return node


def schemas(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and all that are in it."""
    yield node
    for inner in (*node.get("properties", {}).values(), *node.get("$defs", {}).values()):
        yield from schemas(inner)
    for inner in (*node.get("anyOf", []), *node.get("oneOf", [])):
        yield from schemas(inner)
    if "items" in node:
        yield from schemas(node["items"])


def test_it_is_of_the_draft_that_it_names_and_pretty() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema_json().count("\n") > 100
    assert schema_json().endswith("}\n")


def test_every_part_of_it_is_sound() -> None:
    for node in schemas(SCHEMA):
        assert set(node) <= KEYWORDS
        assert node.get("type", "object") in TYPES
        assert {"type", "$ref", "anyOf", "oneOf"} & set(node)
        assert "null" not in json.dumps(node.get("type", ""))
        re.compile(node.get("pattern", ""))
        if node.get("type") == "object":
            # Two have further keys: arguments of a function, and classes of the data.
            is_open = node["title"].startswith(("BuiltModel", "ClassWeights"))
            assert (node["additionalProperties"] is False) != is_open
            assert node["minProperties"] == 1
        if "$ref" in node:
            assert resolved(node).get("type", "object") == "object"
    assert "discriminator" not in schema_json()


def test_every_key_is_in_it_and_described() -> None:
    assert tuple(SCHEMA["properties"]) == TOP
    assert SCHEMA["required"] == ["name"]
    for node in SCHEMA["properties"].values():
        assert resolved(node)["description"]
    varied = [*VARIABLE_NAMES]
    expected = {
        "base": [*TABLE],
        "grid": varied,
        "zip": varied,
        "baseline": ["label", *varied],
    }
    for section, names in expected.items():
        properties = resolved(SCHEMA["properties"][section])["properties"]
        assert list(properties) == names
        for node in properties.values():
            assert node.get("description") or node["items"]["description"]
    case = resolved(SCHEMA["properties"]["cases"]["items"])["properties"]
    assert list(case) == ["label", *varied]


@pytest.mark.parametrize("name", [name for name in TABLE if TABLE[name].is_number])
def test_defaults_and_limits_are_those_of_the_code(name: str) -> None:
    node, entry = resolved(SCHEMA["properties"]["base"])["properties"][name], TABLE[name]
    if name in PARAMETERS:
        default = getattr(Parameters(), name)
        assert node["default"] == entry.default == default
    assert node["type"] == ("integer" if entry.kind is int else "number")
    assert node.get("minimum") == entry.least
    assert node.get("exclusiveMinimum") == entry.above
    assert node.get("maximum") == entry.most
    assert node.get("exclusiveMaximum") == entry.below
    assert node["description"].startswith(f"{entry.meaning}: a ")


@pytest.mark.parametrize("name", COMPONENTS)
def test_words_and_their_options_are_those_of_the_code(name: str) -> None:
    node, entry = resolved(SCHEMA["properties"]["base"])["properties"][name], TABLE[name]
    assert node["default"] == str(entry.default)
    words, *mappings = node["oneOf"]
    words = words.get("enum", [words.get("const")])
    forms = map(resolved, mappings)
    mappings = {form.get("properties", {}).get("name", {}).get("const", ""): form for form in forms}
    for word, options in entry.choices.items():
        assert (word in words) == bool(word and all(o.default is not None for o in options))
        if options:
            properties = mappings[word]["properties"]
            assert [key for key in properties if key != "name"] == [o.name for o in options]
            needed = {option.name for option in options if option.default is None}
            is_default = word in ("", entry.default.name)
            assert {*mappings[word].get("required", [])} == needed | {"name"} - (
                {"name"} if is_default else set()
            )


def test_data_model_and_seeds_have_several_forms() -> None:
    data, model, seeds = (
        SCHEMA["properties"][name]["oneOf"] for name in ("data", "model", "seeds")
    )
    assert [list(resolved(form)["properties"]) for form in model] == [[*NETWORK], ["build"]]
    assert [resolved(form)["type"] for form in data] == ["string", "object"]
    assert [resolved(form)["type"] for form in seeds] == ["integer", "array", "object"]
    assert list(resolved(seeds[1]["items"])["properties"]) == list(SEED_NAMES)


def inner(node: dict[str, Any]) -> dict[str, Any]:
    """The properties of a section, or of its form that is a mapping."""
    return resolved(node["oneOf"][1] if "oneOf" in node else node)["properties"]


def test_the_search_section_is_in_it_and_described() -> None:
    search = inner(SCHEMA["properties"]["search"])
    assert list(search) == [
        *("trials", "timeout", "sampler", "pruner", "objective", "space", "storage"),
        *("replicates", "confirm"),
    ]
    sections = [search, *(inner(search[name]) for name in ("sampler", "pruner", "objective"))]
    for node in (node for section in sections for node in section.values()):
        assert node["description"]
    assert search["sampler"]["oneOf"][0]["enum"] == list(SAMPLER_OPTIONS)
    assert search["pruner"]["oneOf"][0]["enum"] == list(PRUNER_OPTIONS)
    assert inner(search["sampler"])["name"]["enum"] == list(SAMPLER_OPTIONS)


@pytest.mark.parametrize("name", [n for n in VARIABLE_NAMES if TABLE[n].is_number])
def test_bounds_of_the_space_are_those_of_the_parameter(name: str) -> None:
    base = resolved(SCHEMA["properties"]["base"])["properties"][name]
    dimension = inner(inner(SCHEMA["properties"]["search"])["space"])[name]
    values, interval = dimension["oneOf"]
    properties = resolved(interval)["properties"]
    assert list(properties) == ["low", "high", "log", "step"]
    limits = {key: base[key] for key in base if key.startswith(("type", "min", "max", "excl"))}
    for node in (values["items"], properties["low"], properties["high"]):
        assert node.items() >= limits.items()
    assert properties["step"]["type"] == base["type"]


def test_what_varies_of_the_network_is_lists_alone() -> None:
    model = SCHEMA["$defs"]["DenseModel"]["properties"]["hidden"]
    space = inner(SCHEMA["properties"]["search"])["space"]
    for section in (space, SCHEMA["properties"]["grid"], SCHEMA["properties"]["zip"]):
        hidden = inner(section)["hidden"]
        assert hidden["items"]["items"] == model["items"]
        assert hidden["minItems"] == 1
        ((name, arguments),) = resolved(section)["patternProperties"].items()
        assert re.search(name, "model.filters")
        assert (arguments["type"], arguments["minItems"]) == ("array", 1)
