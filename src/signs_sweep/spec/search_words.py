"""What to say about a value of the `search` section that is wrong."""

from typing import get_args

from signs_sweep.spec.fields import EXPECTED
from signs_sweep.spec.names import nearest, shorten
from signs_sweep.spec.search import Aggregate, Direction, Metric, PrunerName, SamplerName
from signs_sweep.spec.search_schema import EXPECTED_IN_SEARCH

_WORDS: dict[str, tuple[str, ...]] = {
    "sampler": get_args(SamplerName),
    "pruner": get_args(PrunerName),
    "objective": get_args(Metric),
    "metric": get_args(Metric),
    "direction": get_args(Direction),
    "aggregate": get_args(Aggregate),
}
"""By what a value is called, the words that it may be."""

_WHOLE_NUMBERS = ("batch_size", "epochs")

Path = tuple[str | int, ...]


def path_in_search(location: Path) -> Path:
    """Leave out the name that pydantic gives to one form of a value that has two."""
    if location[1:2] == ("space",) and location[2:3] != ("hidden",):
        return (*location[:3], *location[4:])
    if location[1:2] in (("sampler",), ("pruner",), ("objective",)):
        return (*location[:2], *location[3:])
    return location


def name_in_search(path: Path) -> str:
    """Return what to call the value at a path of the document."""
    keys = [step for step in path if isinstance(step, str)]
    if len(keys) > 3 and keys[1] == "space":
        return f"{shorten(keys[3])} of {shorten(keys[2])}"
    return shorten(keys[1] if keys[2:] == ["name"] else keys[-1])


def expected_in_search(path: Path) -> str:
    """Return what should stand at a path of the document, or an empty text."""
    if path[1] == "space" and len(path) > 3:
        return _expected_in_space(path)
    way = ".".join(step for step in path[1:] if isinstance(step, str))
    return EXPECTED_IN_SEARCH.get(way, "")


def _expected_in_space(path: Path) -> str:
    name, inner = str(path[2]), path[3]
    if inner == "log":
        return EXPECTED_IN_SEARCH["log"]
    if inner == "step":
        return EXPECTED_IN_SEARCH["whole step" if name in _WHOLE_NUMBERS else "step"]
    return EXPECTED.get("units" if name == "hidden" and len(path) > 4 else name, "")


def unknown_word(path: Path, word: str, expected: str) -> tuple[str, str]:
    """Say what is wrong with a text where only some are possible, and what was meant."""
    name = name_in_search(path)
    if name in ("objective", "metric") and word.startswith("test_"):
        return (
            f"{shorten(word)} cannot be the objective: the test set is used once, for the winner",
            "choose val_accuracy or val_loss",
        )
    near = nearest(word, _WORDS[name])
    question = f"did you mean '{near}'? E" if near else "e"
    return f"{name} is the text '{shorten(word)}'", f"{question}xpected {expected}"
