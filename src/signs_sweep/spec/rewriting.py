"""Corrections of invalid values: other ways to write what was probably meant."""

import re
from collections.abc import Iterator
from unicodedata import decimal

from signs_sweep.spec.document import Node, Scalar, Sequence
from signs_sweep.spec.names import as_pair

_MOST_LETTERS = 60
"""Maximum length of a suggested value."""

_ASCII = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
        **dict.fromkeys("\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
        "\u066b": ".",
        "\u066c": ",",
        **{chr(0xFF00 + code): chr(0x20 + code) for code in range(1, 0x5F)},
    }
)
"""Characters that look like ASCII spaces and punctuation, and full-width characters."""

_WORDS = {
    **dict.fromkeys(("yes", "on", "y", "true", "1"), "true"),
    **dict.fromkeys(("no", "off", "n", "false", "0"), "false"),
}


def in_ascii(text: str) -> str:
    """Return a text with its digits, spaces and punctuation in ASCII."""
    letters = text.translate(_ASCII)
    return "".join(
        letter if letter.isascii() else str(decimal(letter, letter)) for letter in letters
    )


def rewritten(node: Node) -> Iterator[str]:
    """Yield YAML for what a value was probably meant to be, the most likely first.

    The caller checks whether it is valid in its place.
    """
    is_list = isinstance(node, Sequence) and len(node.items) == 1
    item = node.items[0] if isinstance(node, Sequence) and is_list else node
    if isinstance(item, Scalar) and len(item.source) <= _MOST_LETTERS:
        for text in (item.source if is_list else "", *_scalars(item)):
            is_bare = ": " in text and text[0] not in "[{"  # Only valid as a whole line.
            if text.isprintable() and 0 < len(text) <= _MOST_LETTERS and not is_bare:
                yield text


def _scalars(node: Scalar) -> Iterator[str]:
    text = in_ascii(node.source).strip().strip("'").strip()
    if isinstance(node.value, str):
        yield node.source.strip(" \n")
        yield from _numbers(text)
        if pair := as_pair(text):
            yield f"{{{pair}}}"
        if ".py" in text:
            yield text.replace(".py", "").replace("/", ".")
        yield ":".join(text.rsplit(".", 1))
    elif isinstance(node.value, float) and node.value.is_integer() and abs(node.value) < 1e15:
        yield str(int(node.value))
        yield f"[{int(node.value)}]"
    yield _WORDS.get(text.lower(), "")
    if not isinstance(node.value, str):
        yield f'"{node.source}"'
    yield from _lists(text)


def _lists(text: str) -> Iterator[str]:
    items = re.split(r"[\s,;]+", text.strip("()[], "))
    if len(set(items)) == len(items) and not any(re.match(r"0\d", item) for item in items):
        yield f"[{', '.join(items)}]"
        yield f"[[{', '.join(items)}]]"
    yield from (f"[{number}]" for number in _numbers(text) if "," not in number)


def _numbers(text: str) -> Iterator[str]:
    """Yield a text as a number: with a decimal point, without separators, or from a percentage."""
    yield text
    yield text.replace(",", ".")
    yield re.sub(r"(?<=\d)[ ',](?=\d{3}(?!\d))", "", text)
    if percent := re.fullmatch(r"(\d*\.?\d+) *%", text.replace(",", ".")):
        yield f"{float(percent.group(1)) / 100:g}"
