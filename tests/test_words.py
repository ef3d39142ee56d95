"""The language of code and docs: words that are never used, and what to write instead."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BANNED = {
    "told": "passed, reported, given",
    "said": "printed, written, stated",
    "hears?|heard": "receives, is called with",
    "whoever|somebody|anybody|everybody": "name who it is: the caller, the user, another process",
    "mend(s|ed|ing)?": "fix, repair",
    "anew": "again",
    "of late": "recently",
    "in words": "as text, in a sentence",
    "(is|are) (?-i:none)": "does not exist, is not one",
    "(is|are) no (?!longer|more|better)": "is not",
    "(goes|go|going|went|gone) on": "continue, resume",
    "(came|comes|come) of": "result",
    "no end of": "continuous, unlimited",
    "with another": "with a different",
    "at work on": "using, working on",
    "lacks? of": "missing",
    "aside of|beside of": "besides, next to",
    "stands at": "is at",
    "cut short": "truncated",
    "in other words": "say it once",
    "two of one name": "the same name",
    "may stand": "may be",
    "at once": "immediately, at the same time",
    "by itself": "name what does it, or leave it out",
    "takes? in": "processes",
    "gives? up": "abandons, stops",
    "nobody": "no process, no user",
    "cannot be followed": "is not valid",
}
"""By pattern, what to write instead. Parts of identifiers count: `_told` is refused too."""

FILES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("experiments/*"),
    *ROOT.glob("src/signs_sweep/**/*.py"),
    *ROOT.glob("bench/**/*.py"),
]
CODE = [file for file in FILES if file.suffix == ".py"]


def shown(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_no_banned_word_is_used(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = [
        f"{shown(file)}:{text.count(chr(10), 0, match.start()) + 1}: "
        f"'{match.group()}': write {instead}"
        for words, instead in BANNED.items()
        for match in re.finditer(rf"(?<![A-Za-z])({words})(?![A-Za-z])", text, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


def names(file: Path) -> Iterator[tuple[str, int]]:
    """Yield every name that a file binds, with its line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno


@pytest.mark.parametrize("file", CODE, ids=shown)
def test_a_variable_is_named_after_what_it_holds(file: Path) -> None:
    found = [f"{shown(file)}:{line}" for name, line in names(file) if name in ("one", "ones")]
    assert not found, "call it what it is, not 'one': " + ", ".join(found)


def test_the_glossary_has_each_word_once_in_order() -> None:
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    words = [line.split("|")[1].strip() for line in lines if line.startswith("|")][2:]
    assert len(words) > 30
    assert words == sorted(words)
    assert len(set(words)) == len(words)
