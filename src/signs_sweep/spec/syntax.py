"""What to say about text that the YAML parser refuses."""

import re
from collections.abc import Sequence
from typing import Any

from signs_sweep.spec.names import as_pair
from signs_sweep.spec.problems import Place, lines_of

_SAID = (
    (
        "but found another document",
        "a second document begins here",
        "a spec is one document; put the others into files of their own",
    ),
    (
        "expected <document start>",
        "the spec ends before this",
        "put it inside the braces of the spec, or remove it",
    ),
    (
        "found undefined alias (.+)",
        "there is no anchor &{0} above",
        "put a text that begins with * in quotes, or write &{0} before the value that is meant",
    ),
    ("found character (.+) that cannot start", "a text cannot begin with {0}", "put it in quotes"),
    (
        "unknown escape character|escape sequence of",
        r"a \ in double quotes begins the code of a character",
        "put the text in single quotes",
    ),
    (
        "sequence entries are not allowed",
        "a list cannot begin beside its key",
        "begin it on the next line, or put a text in quotes",
    ),
    (
        "mapping keys are not allowed|expected the node content",
        "a value is missing before this",
        "write it, or put a text that begins with punctuation in quotes",
    ),
    (
        "expected <block end>, but found -",
        "an item of a list cannot stand here",
        "a list stands below a key that has no other value; indent its items alike",
    ),
    (
        "expected <block end>",
        "there is more text after the value",
        "remove it, or put the whole text in double quotes",
    ),
)
"""What the parser says (without quotes), what is wrong in other words, and what to do."""

_CLOSING = {"[": "]", "{": "}", "'": "'", '"': '"'}

Problem = tuple[Place, str, str]
"""A place, what is wrong there, and what to do."""


def syntax_problem(error: Any, text: str) -> Problem:
    """Return an error of the parser, with a mark, in words that help."""
    mark, opening = error.problem_mark or error.context_mark, error.context_mark
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    said = re.sub(r"\('(<.*>)',\)|'", r"\1", said)
    if mark is None:
        return Place(1, 1), f"this is not valid YAML: {said}", ""
    lines, place = lines_of(text), Place(mark.line + 1, mark.column + 1)
    found = _tab(lines[mark.line], place) or _indented_alone(said, lines, place)
    if opening is not None:
        opened = lines[opening.line][opening.column :]
        start = Place(opening.line + 1, opening.column + 1)
        found = found or _open(said, start, opened, place)
    return found or _not_alike(said, lines, place) or _in_other_words(said, place)


def _tab(line: str, place: Place) -> Problem | None:
    for tabs in re.finditer("\t+", line):
        if tabs.start() < place.column <= tabs.end() + 1:
            place = Place(place.line, tabs.start() + 1, len(tabs.group()))
            if not line[: tabs.start()].strip():
                return (
                    place,
                    "this line is indented with a tab",
                    "indent with spaces, not with tabs",
                )
            return place, "a tab cannot stand here", "write a space instead"
    return None


def _indented_alone(said: str, lines: Sequence[str], place: Place) -> Problem | None:
    """Return the problem that the first key is indented more than the one at a place."""
    keys = (
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.split("#")[0].strip() and not line.startswith(("---", "%"))
    )
    number, line = next(keys, (1, ""))
    indent = len(line) - len(line.lstrip(" "))
    if "<document start>" not in said or not indent:
        return None
    message = f"the first key is indented, unlike that at {place}"
    return Place(number, 1, indent), message, "remove the spaces"


def _open(said: str, start: Place, opened: str, place: Place) -> Problem | None:
    """Return the problem of what began at `start` and is not complete at `place`."""
    if "could not find expected" in said:
        return _no_pair(start, opened)
    closing = _CLOSING.get(opened[:1])
    if closing and re.search("end of stream|<stream end>|document separator", said):
        kind = "bracket" if closing in "]}" else "quote"
        return start, f"this {kind} is not closed", f"write {closing} where it ends"
    if closing and "expected , or" in said:
        hint = f"for the '{opened[0]}' at {start}; put a text with brackets or ': ' in quotes"
        return place, f"a ',' or '{closing}' is missing before this", hint
    return None


def _no_pair(start: Place, line: str) -> Problem:
    text = line.partition(" #")[0].strip()
    pair = as_pair(text) or "key: value"
    hint = "write '- ' before each item of a list" if text[:1] == "-" else f"write {pair}"
    place = Place(start.line, start.column, max(len(text), 1))
    return place, "this is not a key with a value", hint


def _not_alike(said: str, lines: Sequence[str], place: Place) -> Problem | None:
    """Return the problem of a key that is not where a key can stand."""
    line, above = lines[place.line - 1], lines[place.line - 2] if place.line > 1 else ""
    before, after = line[: place.column - 1], line[place.column - 1 :]
    if "mapping values are not allowed" in said and ": " in before:
        return place, "a second ': ' in one line", "put a text in quotes, or keys in braces"
    is_key = "<block end>" in said and not before.strip() and re.match(r"[\w\"']", after)
    if not is_key and "mapping values are not allowed" not in said:
        return None
    start = len(line) - len(line.lstrip())
    if as_pair(above.strip()) and ": " not in above:
        start = len(above) - len(above.lstrip())
        return _no_pair(Place(place.line - 1, start + 1), above)
    length = max(len(line[start:].partition(":")[0]), 1)
    return (
        Place(place.line, start + 1, length),
        "this key does not go together with the line above",
        "indent keys of one level alike, and write each as key: value; a comment begins with #",
    )


def _in_other_words(said: str, place: Place) -> Problem:
    for pattern, message, hint in _SAID:
        if found := re.search(pattern, said):
            return place, message.format(*found.groups()), hint.format(*found.groups())
    return place, f"this is not valid YAML: {said}", ""
