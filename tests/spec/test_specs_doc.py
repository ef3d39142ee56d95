"""docs/specs.md describes what the code does."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from signs_sweep.domain import Component, Hyperparameter, as_text
from signs_sweep.errors import SpecError
from signs_sweep.spec import load, schema_json
from signs_sweep.spec.search import PRUNER_OPTIONS, SAMPLER_OPTIONS
from signs_sweep.spec.table import TABLE

DOCS = Path(__file__).parents[2] / "docs"
DOC = (DOCS / "specs.md").read_text(encoding="utf-8")
PARAMETERS = (DOCS / "parameters.md").read_text(encoding="utf-8")
SCHEMA = json.loads(schema_json())
SEARCH = re.search(r"^### search\n(.*?)^## ", DOC, re.MULTILINE | re.DOTALL).group(1)
BLOCKS = re.findall(r"```yaml\n(.*?)```", DOC + PARAMETERS, re.DOTALL)


def row(name: str) -> list[str]:
    """The cells of the line of a table that begins with a name."""
    (line,) = re.findall(rf"^\| \[?`{re.escape(name)}`.*$", DOC, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def limit(text: str) -> float:
    return float(text.replace(",", ""))


@pytest.mark.parametrize("key", SCHEMA["properties"])
def test_every_key_has_a_heading_a_row_and_an_example(key: str) -> None:
    section = re.search(rf"^### {key}\n(.*?)^##", DOC, re.MULTILINE | re.DOTALL)
    assert section is not None
    assert f"```yaml\n{key}:" in section.group(1)
    assert row(key)[0] == f"[`{key}`](#{key})"


def test_no_other_key_is_described() -> None:
    assert re.findall(r"^### (.+)$", DOC, re.MULTILINE) == list(SCHEMA["properties"])
    elsewhere = DOC.replace(SEARCH, "")
    assert not re.findall(r"^\| `(\w+)`", elsewhere, re.MULTILINE)
    assert re.findall(r"^\| `(\w+)`", PARAMETERS, re.MULTILINE) == list(TABLE)
    shown = re.findall(r"^\| `(\w+\.\w+)`", PARAMETERS, re.MULTILINE)
    assert shown == [row.split("`")[1] for row in rows_of_options()]


def code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words if word)


def cells(entry: Hyperparameter) -> list[str]:
    """Kind, default, values and meaning of an entry as a table shows them."""
    kinds = {int: "whole number", float: "number", bool: "truth value", tuple: "list"}
    kind = kinds.get(entry.kind, "word or mapping" if entry.kind is Component else "word")
    if entry.kind is Component:
        values = code(entry.choices) + (", or a mapping" if "" in entry.choices else "")
    elif entry.is_number:
        values = entry.range
    else:
        layers = "1 to 100 layers of 1 to 100,000 units"
        values = code(entry.words) or {bool: "`true`, `false`", tuple: layers}[entry.kind]
    default = "required" if entry.default is None else f"`{as_text(entry.default)}`"
    return [kind, default, values, entry.meaning[0].lower() + entry.meaning[1:]]


def rows_of_options() -> list[str]:
    """The rows of all options; words that share an option with all of its properties share it."""
    words_by_row: dict[tuple[str, ...], list[str]] = {}
    for name, entry in TABLE.items():
        for word, options in entry.choices.items():
            for option in options:
                kind, default, values, meaning = cells(option)
                row = (f"`{name}.{option.name}`", kind, default, values)
                same = (*row, meaning, option.counterpart or option.name)
                words_by_row.setdefault(same, []).append(word)
    return [
        f"| {' | '.join(row)} | {meaning}{f' ({code(words)})' if any(words) else ''} | {keras} |"
        for (*row, meaning, keras), words in words_by_row.items()
    ]


@pytest.mark.parametrize("name", TABLE)
def test_every_parameter_has_the_row_that_the_table_of_the_code_gives_it(name: str) -> None:
    entry = TABLE[name]
    expected = f"| `{name}` | {' | '.join([*cells(entry), entry.counterpart])} |".replace("  ", " ")
    assert expected in PARAMETERS.splitlines(), f"write into docs/parameters.md: {expected}"


@pytest.mark.parametrize("row", rows_of_options())
def test_every_option_has_the_row_that_the_table_of_the_code_gives_it(row: str) -> None:
    assert row in PARAMETERS.splitlines(), f"write into docs/parameters.md: {row}"


def test_defaults_of_the_keys_are_right() -> None:
    properties = SCHEMA["properties"]
    assert row("data")[2] == f"`{properties['data']['default']}`"
    assert float(row("validation")[2].strip("`")) == properties["validation"]["default"]
    assert (
        row("model")[2]
        == f"`{{hidden: {SCHEMA['$defs']['DenseModel']['properties']['hidden']['default']}}}`"
    )
    assert row("name")[2] == "required"


def search_keys() -> dict[str, dict[str, Any]]:
    """The keys of the search section by their way, and what the schema says of each."""
    definitions, keys = SCHEMA["$defs"], {}
    for name, node in definitions["SearchSection"]["properties"].items():
        keys[name] = node
        if "oneOf" in node:
            form = node["oneOf"][1]["$ref"].removeprefix("#/$defs/")
            inner = definitions[form]["properties"]
            keys |= {f"{name}.{key}": value for key, value in inner.items()}
    return keys


def test_every_key_of_a_search_has_a_row() -> None:
    assert re.findall(r"^\| `([\w.]+)`", SEARCH, re.MULTILINE) == list(search_keys())


@pytest.mark.parametrize("name", search_keys())
def test_default_and_range_of_every_key_of_a_search_are_right(name: str) -> None:
    node = search_keys()[name]
    _, default, shown, meaning = row(name)
    if "default" in node:
        assert default == f"`{json.dumps(node['default'])}`".replace('"', "").replace(".0`", "`")
    else:
        assert "`" not in default.replace("`wilcoxon`", "").replace("`grid`, `zip` and `cases`", "")
    words = node.get("oneOf", [node])[0].get("enum")
    if words and not shown.startswith("as "):
        assert re.findall(r"`(\w+)`", shown) == words
    bounds = [limit(number) for number in re.findall(r"\b\d[\d,]*", shown)]
    kinds = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    form = node.get("oneOf", [node])[0]
    limits = [form[kind] for kind in kinds if kind in form]
    assert [bound for bound in bounds if bound != 2 or name != "confirm"] == limits
    assert shown.startswith("above") == ("exclusiveMinimum" in node)
    assert meaning


def test_the_options_of_samplers_and_pruners_are_those_of_the_code() -> None:
    for section, options in (("sampler", SAMPLER_OPTIONS), ("pruner", PRUNER_OPTIONS)):
        for key in {option for its in options.values() for option in its}:
            shown = set(re.findall(r"`(\w+)`", row(f"{section}.{key}")[3]))
            assert shown == {name for name, its in options.items() if key in its}


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_a_spec(load_text, block: str) -> None:
    text = block if "\nname:" in f"\n{block}" else f"name: example\n{block}"
    if block.startswith("baseline"):
        text += "grid: {l2: [0, 1]}\n"
    experiment = load_text(text)
    for count in re.findall(r"# (?:\d+ x \d+ = )?(\d+) points", block):
        assert experiment.point_count == int(count)


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", SEARCH, re.DOTALL))
def test_every_search_that_is_shown_can_be_made(load_text, block: str) -> None:
    load_text(f"name: example\nvalidation: 0.2\n{block}").check_search()


def test_the_order_of_points_is_as_described(load_text) -> None:
    (block,) = (block for block in BLOCKS if "label: a" in block)
    points = load_text(f"name: x\n{block}").points
    shown = ", ".join(f"{point.label} l2={point.parameters.l2:g}" for point in points)
    assert f"# {shown}\n" in block


def test_the_error_is_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = re.search(r"\$ signs-sweep plan typo\.yaml\n(.*?)\n```", DOC, re.DOTALL).group(1)
    lines = dict(re.findall(r"^ +(\d+) \| (.*)$", shown, re.MULTILINE))
    text = f"name: typo\n\n{lines['3']}\ngrid:\n{lines['5']}\n"
    Path("typo.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(Path("typo.yaml"))
    assert str(caught.value) == shown
