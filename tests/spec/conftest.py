"""Specs from text, and the problems that are reported for them."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from signs_sweep.errors import SpecError
from signs_sweep.spec import Experiment, load


class Problem(NamedTuple):
    """A problem as shown."""

    place: str
    message: str
    marked: str
    hint: str


@pytest.fixture
def load_text(tmp_path: Path) -> Callable[..., Experiment]:
    """Load a spec with the given text."""

    def load_it(text: str | bytes, overrides: Sequence[str] = ()) -> Experiment:
        path = tmp_path / "spec.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load(path, overrides)

    return load_it


@pytest.fixture
def message_of(load_text) -> Callable[[str | bytes], str]:
    """Load a spec that has problems and return the message, with only the name of the file."""

    def message(text: str | bytes) -> str:
        with pytest.raises(SpecError) as caught:
            load_text(text)
        return re.sub(r"(?m)^.*(?=spec\.yaml)", "", str(caught.value))

    return message


@pytest.fixture
def problems_of_text(message_of) -> Callable[[str | bytes], list[Problem]]:
    """Load a spec that has problems and return its problems."""

    def problems(text: str | bytes) -> list[Problem]:
        lines = message_of(text).splitlines()
        return [read(*lines[first : first + 3]) for first in range(0, len(lines), 3)]

    def read(head: str, source: str, mark: str) -> Problem:
        place, message = re.fullmatch(r"spec\.yaml:(\d+:\d+): (.+)", head).groups()
        start, carets, hint = re.fullmatch(r"( +\| \s*)(\^+) ?(.*)", mark).groups()
        marked = source[len(start) : len(start) + len(carets)]
        return Problem(place, message, marked, hint)

    return problems
