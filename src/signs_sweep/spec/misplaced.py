"""What to say about a key that has no business where it stands."""

from signs_sweep.records import PARAMETER_NAMES, SEED_NAMES
from signs_sweep.spec.document import Mapping, find
from signs_sweep.spec.names import VARIED_NAMES, nearest, shorten, suggestion
from signs_sweep.spec.problems import Problems
from signs_sweep.spec.schema import Spec
from signs_sweep.spec.search_schema import (
    L2Range,
    ObjectiveSection,
    PrunerSection,
    SamplerSection,
    SearchSection,
    SpaceSection,
)

_VALID: dict[str, tuple[str, ...]] = {
    "": tuple(Spec.model_fields),
    "base": PARAMETER_NAMES,
    "grid": VARIED_NAMES,
    "zip": VARIED_NAMES,
    "cases": ("label", *VARIED_NAMES),
    "baseline": ("label", *VARIED_NAMES),
    "model": ("hidden", "build"),
    "data": ("train", "test"),
    "seeds": SEED_NAMES,
    "search": tuple(SearchSection.model_fields),
    "sampler": tuple(SamplerSection.model_fields),
    "pruner": tuple(PrunerSection.model_fields),
    "objective": tuple(ObjectiveSection.model_fields),
    "space": tuple(SpaceSection.model_fields),
    "a range": tuple(L2Range.model_fields),
}
"""By section, the keys that may stand in it."""

_OF_PARAMETERS = ("base", "grid", "zip", "cases", "baseline", "space")


def note_unknown_key(document: Mapping, path: tuple[str | int, ...], problems: Problems) -> None:
    """Note that the key at the end of a path is not known there, and what was probably meant."""
    key = str(path[-1])
    parent = find(document, path[:-1])
    assert isinstance(parent, Mapping)
    section = _section(path)
    place = parent.keys[key]
    if section in _OF_PARAMETERS and section != "base" and nearest(key, SEED_NAMES):
        problems.add(
            place,
            f"{key} is a seed and cannot be in {section}",
            "seeds are replicates: write them under seeds",
        )
        return
    kind = "parameter" if section in _OF_PARAMETERS else "key"
    where = f" in {section}" if section else ""
    valid = _VALID[section]
    hint = suggestion(key, valid, f"{kind.capitalize()}s")
    if nearest(key, valid) is None and (home := _home(key)):
        hint = f"{home}. {hint}"
    problems.add(place, f"unknown {kind} '{shorten(key)}'{where}", hint)


def _section(path: tuple[str | int, ...]) -> str:
    """Return what to call the section that the key at the end of a path stands in."""
    if len(path) < 3 or path[0] != "search":
        return str(path[0]) if len(path) > 1 else ""
    return "a range" if len(path) > 3 else str(path[1])


def _home(key: str) -> str:
    """Say where a key that stands in the wrong section belongs."""
    if name := nearest(key, PARAMETER_NAMES):
        return f"{name} belongs under base, as in base: {{{name}: ...}}"
    if nearest(key, ("hidden",)):
        return "hidden layers belong under model, as in model: {hidden: [25, 12]}"
    if key in SEED_NAMES:
        return "seeds belong under seeds or base"
    if key in _VALID[""]:
        return f"{key} belongs at the top level"
    for section in ("search", "objective", "sampler", "pruner"):
        if key in _VALID[section]:
            return f"{key} belongs under {section}"
    return ""
