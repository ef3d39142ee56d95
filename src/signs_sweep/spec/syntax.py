"""Messages about text that the YAML parser refuses."""

import re
from collections.abc import Sequence
from typing import Any

from signs_sweep.spec.names import as_pair
from signs_sweep.spec.problems import Place, lines_of

_MESSAGES = (
    (
        "but found another document",
        "a second document begins here",
        "a spec is one document; put other documents into separate files",
    ),
    (
        "expected <document start>",
        "the spec ends before this",
        "put it inside the braces of the spec, or remove it",
    ),
    (
        "found undefined alias (.+)",
        "the anchor &{0} is not defined above",
        "put text that begins with * in quotes, or write &{0} before the value to repeat",
    ),
    ("found character (.+) that cannot start", "text cannot begin with {0}", "put it in quotes"),
    (
        "unknown escape character|escape sequence of",
        r"a \ in double quotes begins an escape sequence",
        "put the text in single quotes",
    ),
    (
        "sequence entries are not allowed",
        "a list cannot begin on the line of its key",
        "begin the list on the next line, or put text in quotes",
    ),
    (
        "mapping keys are not allowed|expected the node content",
        "a value is missing before this",
        "write the value, or put text that begins with punctuation in quotes",
    ),
    (
        "expected <block end>, but found -",
        "a list item is not allowed here",
        "a list goes below a key without another value; indent its items equally",
    ),
    (
        "expected <block end>",
        "there is more text after the value",
        "remove it, or put the whole text in double quotes",
    ),
)
"""Patterns of the parser's messages (without quotes), what is wrong, and what to do."""

_CLOSING = {"[": "]", "{": "}", "'": "'", '"': '"'}

Problem = tuple[Place, str, str]
"""A place, what is wrong there, and what to do."""


def syntax_problem(error: Any, text: str) -> Problem:
    """Return the problem that an error of the parser, which has marks, is about."""
    mark, opening = error.problem_mark or error.context_mark, error.context_mark
    message = " ".join(str(part) for part in (error.context, error.problem) if part)
    message = re.sub(r"\('(<.*>)',\)|'", r"\1", message)
    if mark is None:
        return Place(1, 1), f"this is not valid YAML: {message}", ""
    lines, place = lines_of(text), Place(mark.line + 1, mark.column + 1)
    problem = _tab(lines[mark.line], place) or _indented_first_key(message, lines, place)
    if opening is not None:
        opened = lines[opening.line][opening.column :]
        start = Place(opening.line + 1, opening.column + 1)
        problem = problem or _open(message, start, opened, place)
    return problem or _misplaced_key(message, lines, place) or _known_message(message, place)


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
            return place, "a tab is not allowed here", "write a space instead"
    return None


def _indented_first_key(error: str, lines: Sequence[str], place: Place) -> Problem | None:
    """Return the problem of a first key that is indented more than the key at a place."""
    keys = (
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.split("#")[0].strip() and not line.startswith(("---", "%"))
    )
    number, line = next(keys, (1, ""))
    indent = len(line) - len(line.lstrip(" "))
    if "<document start>" not in error or not indent:
        return None
    message = f"the first key is indented, unlike the key at {place}"
    return Place(number, 1, indent), message, "remove the spaces"


def _open(error: str, start: Place, opened: str, place: Place) -> Problem | None:
    """Return the problem of a key, bracket or quote at `start` that is incomplete at `place`."""
    if "could not find expected" in error:
        return _no_pair(start, opened)
    closing = _CLOSING.get(opened[:1])
    if closing and re.search("end of stream|<stream end>|document separator", error):
        kind = "bracket" if closing in "]}" else "quote"
        return start, f"this {kind} is not closed", f"write {closing} where it ends"
    if closing and "expected , or" in error:
        hint = f"for the '{opened[0]}' at {start}; put text with brackets or ': ' in quotes"
        return place, f"a ',' or '{closing}' is missing before this", hint
    return None


def _no_pair(start: Place, line: str) -> Problem:
    text = line.partition(" #")[0].strip()
    pair = as_pair(text) or "key: value"
    hint = "write '- ' before each item of a list" if text[:1] == "-" else f"write {pair}"
    place = Place(start.line, start.column, max(len(text), 1))
    return place, "this is not a key with a value", hint


def _misplaced_key(error: str, lines: Sequence[str], place: Place) -> Problem | None:
    """Return the problem of a key that is where a key cannot be."""
    line, above = lines[place.line - 1], lines[place.line - 2] if place.line > 1 else ""
    before, after = line[: place.column - 1], line[place.column - 1 :]
    if "mapping values are not allowed" in error and ": " in before:
        return place, "a second ': ' in one line", "put text in quotes, or keys in braces"
    is_key = "<block end>" in error and not before.strip() and re.match(r"[\w\"']", after)
    if not is_key and "mapping values are not allowed" not in error:
        return None
    start = len(line) - len(line.lstrip())
    if as_pair(above.strip()) and ": " not in above:
        start = len(above) - len(above.lstrip())
        return _no_pair(Place(place.line - 1, start + 1), above)
    length = max(len(line[start:].partition(":")[0]), 1)
    return (
        Place(place.line, start + 1, length),
        "this key does not fit the line above",
        "indent keys of one level equally, and write each as key: value; a comment begins with #",
    )


def _known_message(error: str, place: Place) -> Problem:
    for pattern, message, hint in _MESSAGES:
        if match := re.search(pattern, error):
            return place, message.format(*match.groups()), hint.format(*match.groups())
    return place, f"this is not valid YAML: {error}", ""
