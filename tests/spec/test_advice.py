"""Every suggestion that an error makes can be followed, and fixes the problem.

A hint is read here as a person reads it: what it says to write is written where the carets are.
"""

import random
import re
from itertools import product
from pathlib import Path

import pytest

from signs_sweep.errors import SpecError
from signs_sweep.spec import load
from signs_sweep.spec.problems import Place

Found = list[tuple[Place, str, str]]

SOME = 60
"""How many of each family are tried; all of them were, when this was written."""


def problems_of(path: Path, text: str) -> Found:
    """Load a spec; return its problems, those with a built model and a search included."""
    path.write_text(text, encoding="utf-8")
    try:
        experiment = load(path)
        experiment.check_model()
    except SpecError as error:
        its = error._lay_out.__self__
        return [
            (place, message, hint)
            for (place, message), hint in its._found.items()
            if "no run matches this baseline" not in message  # What it says stands in the rest.
        ]
    return []


# How a hint is followed: by what it says, what to write instead of what is marked.
REPLACEMENTS = {
    r"write a space instead": " ",
    r"remove (?:the spaces|the tag|it)": "",
    r".*; put brackets around it": "[{marked}]",
    r"did you mean '(?P<new>.+?)'\?.*": "{new}",
    r"(?:.*; )?write (?P<new>.+?)(?: without quotes| with a decimal point|, in quotes)?": "{new}",
    r"expected a list, each .*, such as (?P<new>[^;]+)(?:;.*)?": "[{new}]",
    r"expected .*?such as (?P<new>[^;]+?)(?:, or .*)?(?:;.*)?": "{new}",
}

# What has no replacement; followed below.
MOVES = (
    r"write (key: value|it, or .*|<<: \*name|'- ' before .*|. where it ends|.*under seeds)"
    "|^indent keys"
)


def replacement(marked: str, hint: str) -> str | None:
    """Return what a hint says to write instead; None where it says nothing of the kind."""
    if re.search(MOVES, hint):
        return None
    for pattern, new in REPLACEMENTS.items():
        if found := re.fullmatch(pattern, hint):
            return new.format(marked=marked, **found.groupdict())
    assert "write" not in hint, f"a hint that no test follows: {hint}"
    return None


def assert_advice_helps(path: Path, text: str) -> int:
    """Follow every hint about a text; return how many there were to follow."""
    before, number = problems_of(path, text), 0
    for place, message, hint in before:
        if re.search("has no value|is missing|the character", message):
            continue  # What is marked is not what has to be written anew.
        lines = text.split("\n")
        line, start = lines[place.line - 1], place.column - 1
        end = start + place.length
        new = replacement(line[start:end], hint)
        if new is None:
            continue
        lines[place.line - 1] = line[:start] + new + line[end:]
        old = {(other, words) for other, words, _ in before if other > place}
        worse = [
            (str(other), words)
            for other, words, _ in problems_of(path, "\n".join(lines))
            if other.line == place.line
            and 0 <= other.column - place.column < max(len(new), 1)
            and (other, words) not in old
            and "has no value" not in words  # Not looked for under an unknown key.
        ]
        assert not worse, f"{text!r}: {message}: {hint}\n{lines}: {worse}"
        number += 1
    return number


VALUES = (
    *("[1, 2]", "[0.1]", "32 px", "'1,5'", "50%", "'1e-4 '", "'0.1'", "True", "yes", "off"),
    *("None", "~", "2024-01-01", ".5", "1_000", "0x10", "inf", "nan", ".inf", ".nan", "-1", "0"),
    *("1..5", "range(5)", "'linspace(0, 1, 5)'", "{min: 1, max: 2}", "{low: 1, high: 2}", "1/3"),
    *("\u0660.\u0661", "\uff10.\uff11", "\u0663", "\u201c0.1\u201d", "0:0.1:0.01", "'0:0.1:0.01'"),
    *("1 000", "1'000", "'1,000'", "'1,000,000'", "10k", "1e3", "2.0", "1e400", "0.0", "\u22121"),
    *("1\u00a0", "\u00bd", "10\u00b2", "'(0, 1)'", "0 1", "'0, 1'", "'[0, 1]'", "'[]'", "'{}'"),
    *(".%", "0,5 %"),
    *("l2:0.1", "'l2: 0.1'", "l2=0.1", "epochs:5", "nets.small", "nets.py:small", "a/b.py:c", "x"),
    *("tep", "Median", "val_acc", "'true'", "'null'", "''", "' x '", "'\u201cx\u201d'", "!!int x"),
    *("!x 3", "!!str 5", "'@'", "25-12", "'25, 12'", "[]", "{}", "[[1]]", "[x]", "['3']", "[{}]"),
)  # fmt: skip

PLACES = (
    *("name: {}", "description: {}", "data: {}", "data: {{train: {}, test: b}}", "validation: {}"),
    *("model: {}", "model: {{hidden: {}}}", "model: {{hidden: [{}]}}", "model: {{build: {}}}"),
    *("base: {}", "base:\n  l2: {}", "base: {{epochs: {}}}", "base: {{keep_prob: {}}}"),
    *("base: {{init_seed: {}}}", "base: {{learning_rate: {}}}", "base:\n  batch_size: {}"),
    *("grid: {}", "grid:\n  l2: {}", "grid: {{epochs: {}}}", "grid: {{l2: [{}]}}"),
    *("zip: {}", "zip:\n  keep_prob: {}", "zip: {{epochs: [{}]}}", "cases: {}", "cases: [{}]"),
    *("cases: [{{label: {}}}]", "cases: [{{l2: {}}}]", "cases:\n  - epochs: {}"),
    *("seeds: {}", "seeds: [{}]", "seeds: [{{global_seed: {}}}]", "baseline: {}"),
    *("baseline: {{l2: {}}}", "search: {}", "search: {{trials: {}}}", "search: {{timeout: {}}}"),
    *("search: {{sampler: {}}}", "search: {{sampler: {{name: {}}}}}", "search: {{pruner: {}}}"),
    *("search: {{sampler: {{seed: {}}}}}", "search: {{pruner: {{dead: {}}}}}"),
    *("search: {{pruner: {{name: wilcoxon, p: {}}}}}", "search: {{objective: {}}}"),
    *("search: {{objective: {{metric: {}}}}}", "search: {{objective: {{direction: {}}}}}"),
    *("search: {{space: {}}}", "search: {{space: {{l2: {}}}}}", "search: {{space: {{l2: [{}]}}}}"),
    *("search: {{space: {{hidden: {}}}}}", "search: {{space: {{hidden: [{}]}}}}"),
    *("search: {{space: {{epochs: {{low: {}, high: 9000000}}}}}}", "search: {{confirm: {}}}"),
    *("search: {{space: {{l2: {{low: 0.1, high: 1, log: {}}}}}}}", "search: {{storage: {}}}"),
    *("search: {{space: {{l2: {{low: 0.1, high: 1e7, step: {}}}}}}}",),
)  # fmt: skip

KEYS = (
    *("lambda", "lr", "dropout", "Dropout", "keep", "seed", "batch", "epoch", "layers", "dataset"),
    *("params", "network", "replicates", "title", "val_split", "sweep", "control", "n_trials"),
    *("seconds", "algorithm", "goal", "monitor", "min", "max", "l2", "hidden", "epochs", "label"),
    *("trials", "metric", "direction", "startup", "name", "l2:0.1", "l2=0.1", "keep_prob", "grid"),
    *("global_seed", "\u201cname\u201d", "\u00a0\u00a0l2", "l2:\u00a01", "foo", "sed", "Epochs"),
)  # fmt: skip

SECTIONS = (
    *("{}: [1]", "{}: 1", "base: {{{}: 1}}", "base: {{{}}}"),
    *("base: {{l2: 1, epochs: 3, {}: 1}}",),
    *("grid: {{{}: [1]}}", "zip: {{{}: [1]}}", "cases: [{{{}: 1}}]", "baseline: {{{}: 1}}"),
    *("seeds: [{{{}: 1}}]", "model: {{{}: 1}}", "model: {{hidden: [3], {}: [4]}}"),
    *("data: {{train: a, test: b, {}: c}}", "search: {{{}: 1}}", "search: {{sampler: {{{}: 1}}}}"),
    *("search: {{pruner: {{{}: 1}}}}", "search: {{objective: {{{}: 1}}}}"),
    *("search: {{space: {{{}: [1]}}}}", "search: {{space: {{l2: {{low: 0, high: 1, {}: 1}}}}}}"),
    *("model: {{build: 'a:b'}}\ngrid: {{{}: [0.2]}}", "model: {{build: 'a:b'}}\n{}: 1"),
    *("model: {{build: 'a:b'}}\nbase: {{{}: 0.2}}",),
    *("model: {{build: 'a:b'}}\nsearch: {{space: {{{}: [0.2]}}}}",),
)  # fmt: skip

TEXTS = (
    *("seeds:\t3", "seeds: 3\t", "data: {train: a\tb, test: c}", "seeds:3"),
    *("seeds = 3", "data: !x y", "grid: !!set {l2: [1]}", "!x data: a", "base: {l2: !!int x}"),
    *("base: {l2: &a !b 1}", "cases: {l2: 1}", "seeds: {init_seed: 3}"),
)  # fmt: skip


def some(places: tuple[str, ...], things: tuple[str, ...], number: int) -> list[str]:
    every = [place.format(thing) for place, thing in product(places, things)]
    return random.Random(7).sample(every, number)


@pytest.mark.parametrize(
    ("texts", "least"),
    [(some(PLACES, VALUES, 150), 60), (some(SECTIONS, KEYS, 120), 15), (TEXTS, len(TEXTS))],
    ids=["values", "keys", "texts"],
)
def test_what_a_hint_says_to_write_fixes_the_problem(
    tmp_path: Path, texts: list[str], least: int
) -> None:
    path = tmp_path / "spec.yaml"
    number = sum(assert_advice_helps(path, f"name: x\n{text}\n") for text in texts)
    assert number >= least


@pytest.mark.parametrize("text", ["  name: x\nseeds: 3\n", "name = x\n", "name:x\n", "name:\tx\n"])
def test_advice_on_the_first_line_helps(tmp_path: Path, text: str) -> None:
    assert assert_advice_helps(tmp_path / "spec.yaml", text) == 1


@pytest.mark.parametrize(
    ("text", "hint", "mended"),
    [
        ("l2: 1", "l2 belongs under base, as in base: {l2: ...}", "base: {l2: 1}"),
        ("lr: [1, 2]", "under grid, as in grid: {learning_", "grid: {learning_rate: [1, 2]}"),
        ("init_seed: [1, 2]", "init_seed belongs under seeds", "seeds: [{init_seed: 1}]"),
        ("l2: {low: 0, high: 1}", "under space, in search",
         "search: {space: {l2: {low: 0, high: 1}}}"),
        ("layers: [3]", "under model, as in model: {hidden: [25, 12]}", "model: {hidden: [3]}"),
        ("base: {data: x}", "data belongs at the top level", "data: x"),
        ("base: {trials: 5}", "trials belongs under search", "search: {trials: 5}"),
        ("metric: loss", "metric belongs under verdict or, for a search, under obj",
         "verdict: {metric: loss}"),
        ("margin: 0.01", "margin belongs under verdict", "verdict: {margin: 0.01}"),
        ("validation: 0.2\nbaseline: {l2: 0}\nat_most: 20", "at_most belongs under seeds",
         "validation: 0.2\nbaseline: {l2: 0}\nseeds: {until: clear, at_most: 20}"),
        ("search: {seed: 1}", "seed belongs under sampler", "search: {sampler: {seed: 1}}"),
        ("search: {startup: 1}", "under sampler or pruner", "search: {sampler: {startup: 1}}"),
        ("search: {l2: [1]}", "l2 belongs under space, in search", "search: {space: {l2: [1]}}"),
        ("grid: {seed: [1, 2]}", "write them under seeds", "seeds: [{global_seed: 1}]"),
        ("base: {l2: [0, 1]}", "put values to try under grid", "grid: {l2: [0, 1]}"),
        ("base: {init_seed: [0, 1]}", "under seeds, as in", "seeds: [{init_seed: 0}]"),
        ("grid: {l2: {min: 0, max: 1}}", "a range belongs in search, under space",
         "search: {space: {l2: {low: 0, high: 1}}}"),
        ("grid: {l2: 0:0.1:0.01}", "grid has no ranges: list the values", "grid: {l2: [0, 0.01]}"),
        ("zip: {l2: ['1..5']}", "zip has no ranges: list the values", "zip: {l2: [1, 2, 3]}"),
        ("cases:\n  l2: 1\n  epochs: 3", "write '- ' before its first key, and indent the oth",
         "cases:\n  - l2: 1\n    epochs: 3"),
        ("base: {lr: 1, learning_rate: 2}", "is already at 2:15; remove this key",
         "base: {learning_rate: 2}"),
        ("model: {build: 'a:b'}\ngrid: {dropout: [0.1]}", "put keras.layers.Dropout into the",
         "model: {build: 'a:b'}"),
        ("model: {build: 'a:b'}\nunits: [3]", "the arguments of the function go under model",
         "model: {build: 'a:b', units: [3]}"),
        ("base:\n\u00a0\u00a0l2: 1", "characters that only look like spaces", "base:\n  l2: 1"),
        ("data: 'x", "write ' where it ends", "data: 'x'"),
        ("grid: {l2: [0]", "write } where it ends", "grid: {l2: [0]}"),
        ("data: @x", "put it in quotes", "data: '@x'"),
        ("data: *x", "put text that begins with * in quotes", "data: '*x'"),
        ("data: *x", "write &x before the value to repeat", "description: &x y\ndata: *x"),
        ("data: a: b", "put text in quotes", "data: 'a: b'"),
        ("base: l2: 1", "or keys in braces", "base: {l2: 1}"),
        ("data: [a] b", "put the whole text in double quotes", 'data: "[a] b"'),
        ("data: 'it's'", "put the whole text in double quotes", 'data: "it\'s"'),
        ("data: ?", "put text that begins with punctuation in quotes", "data: '?'"),
        ('data: "C:\\Users"', "put the text in single quotes", "data: 'C:\\Users'"),
        ("grid:\n  l2:\n  -0\n  -1", "write '- ' before each item", "grid:\n  l2:\n  - 0\n  - 1"),
        ("grid: {l2: [0, 1}", "for the '[' at 2:12", "grid: {l2: [0, 1]}"),
        ("base:\n\tl2: 1", "indent with spaces, not with tabs", "base:\n  l2: 1"),
        ("base: {<<: 3}", "write <<: *name", "base: {<<: {l2: 1}}"),
    ],
)  # fmt: skip
def test_advice_without_a_replacement_can_be_followed(
    tmp_path: Path, text: str, hint: str, mended: str
) -> None:
    path = tmp_path / "spec.yaml"
    hints = [shown for _, _, shown in problems_of(path, f"name: x\n{text}\n")]
    assert any(hint in shown for shown in hints), hints
    assert problems_of(path, f"name: x\n{mended}\n") == []
