"""Messages about keys that are unknown in the section where they are written."""

from signs_sweep.domain import NETWORK, OF_ARGUMENTS, SEED_NAMES
from signs_sweep.spec.document import Mapping, Node, Scalar, Sequence, find
from signs_sweep.spec.names import as_pair, nearest, shorten, suggestion
from signs_sweep.spec.problems import Problems
from signs_sweep.spec.rewriting import in_ascii
from signs_sweep.spec.schema import GrowingSeeds, Spec, SplitSection, VerdictSection
from signs_sweep.spec.search_schema import (
    ConfirmSection,
    ObjectiveSection,
    PrunerSection,
    ReplicatesSection,
    SamplerSection,
    SearchSection,
    SpaceSection,
)
from signs_sweep.spec.table import (
    BASE_NAMES,
    COMPONENTS,
    OF_DENSE,
    TABLE,
    VARIABLE_NAMES,
    option_at,
)

_VALID: dict[str, tuple[str, ...]] = {
    "": tuple(Spec.model_fields),
    "base": BASE_NAMES,
    "grid": VARIABLE_NAMES,
    "zip": VARIABLE_NAMES,
    "cases": ("label", *VARIABLE_NAMES),
    "baseline": ("label", *VARIABLE_NAMES),
    "model": (*NETWORK, "build"),
    "data": ("train", "test"),
    "split": tuple(SplitSection.model_fields),
    "seeds": SEED_NAMES,
    "growing seeds": tuple(GrowingSeeds.model_fields),
    "verdict": tuple(VerdictSection.model_fields),
    "search": tuple(SearchSection.model_fields),
    "sampler": tuple(SamplerSection.model_fields),
    "pruner": tuple(PrunerSection.model_fields),
    "objective": tuple(ObjectiveSection.model_fields),
    "replicates": tuple(ReplicatesSection.model_fields),
    "space": tuple(SpaceSection.model_fields),
    "confirm": tuple(ConfirmSection.model_fields),
    "a range": ("low", "high", "log", "step"),
}
"""The valid keys of each section."""

_INNER = {
    **dict.fromkeys(VerdictSection.model_fields, "verdict"),
    "metric": "verdict or, for a search, under objective",
    **dict.fromkeys(SplitSection.model_fields, "split, as in split: {folds: 5, repeats: 2}"),
    **dict.fromkeys(GrowingSeeds.model_fields, "seeds, as in seeds: {until: clear, at_most: 30}"),
}
"""Where keys of small sections belong."""

_OF_PARAMETERS = ("base", "grid", "zip", "cases", "baseline", "space")


def note_unknown_key(
    document: Mapping, path: tuple[str | int, ...], problems: Problems, *, is_advised: bool
) -> None:
    """Report the key at the end of a path as unknown, with the key that was probably meant."""
    key = str(path[-1])
    parent = find(document, path[:-1])
    assert isinstance(parent, Mapping)
    section = _section(path)
    place = parent.keys[key]
    found = option_at(path)
    if found and found[1] and parent is not document:
        problems.add(place, *unknown_option(path, find(document, _component_path(path))))
        return
    if section in _OF_PARAMETERS and section != "base" and nearest(key, SEED_NAMES):
        problems.add(
            place,
            f"{key} is a seed and cannot be in {section}",
            "seeds are replicates: write them under seeds",
        )
        return
    kind = "parameter" if section in _OF_PARAMETERS else "key"
    where = f" in {section.removeprefix('growing ')}" if section else ""
    message = f"unknown {kind} '{shorten(key)}'{where}"
    if not is_advised:
        problems.add(place, message)
        return
    model = document.mapping("model")
    is_built = model is not None and "build" in model.values
    valid = [name for name in _VALID[section] if not (is_built and name in OF_DENSE)]
    if model is not None and is_built and section in _OF_PARAMETERS:
        valid += [OF_ARGUMENTS + name for name in model.values if name != "build"]
    near, node = nearest(key, valid), parent.values[key]
    is_elsewhere = key in BASE_NAMES or home_of_option(key)
    if (key in _INNER and not section) or (is_elsewhere and key not in valid):
        near = None
    pair = as_pair(in_ascii(key))
    if pair and pair.split(":")[0] in valid and isinstance(node, Scalar) and node.value is None:
        problems.add(place, message, f"write {pair}")
    elif near and near in parent.keys:
        problems.add(place, message, f"{near} is already at {parent.keys[near]}; remove this key")
    else:
        home = "" if near else _home(key, path, node, is_built=is_built)
        problems.add(place, message, home + suggestion(key, valid, f"{kind.capitalize()}s"))


def _component_path(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return the part of a path that leads to a component."""
    found = option_at(path)
    assert found is not None
    end = max(index for index, step in enumerate(path) if step == found[1])
    return path[:end]


def unknown_option(path: tuple[str | int, ...], node: Node) -> tuple[str, str]:
    """Return what is wrong with an option of a component, and what was probably meant.

    The path leads to the option, or to a part of its range; the node is the component.
    """
    found = option_at(path)
    assert found is not None
    name, option = found
    entry = TABLE[name]
    if path[-1] != option:
        message = f"unknown key '{shorten(str(path[-1]))}' in the range of {option}"
        return message, suggestion(str(path[-1]), _VALID["a range"], "Keys")
    written = node.values.get("name") if isinstance(node, Mapping) else None
    word = written.value if isinstance(written, Scalar) else entry.default.name
    word = "" if "" in entry.choices else word
    valid = sorted(each.name for each in entry.choices[word])
    owners = [
        each
        for each, options in entry.choices.items()
        if any(other.name == option for other in options)
    ]
    hint = suggestion(option, valid, "Options")
    alike = [each.name for each in entry.choices[word] if each.counterpart == option]
    if alike:
        hint = f"write {alike[0]}. Options: {', '.join(valid)}"
    elif owners:
        hint = f"{option} is an option of {', '.join(owners)}. Options: {', '.join(valid)}"
    elif option in entry.choices:
        hint = f"write {{name: {option}, ...}} with its options"
    elif option in BASE_NAMES:
        hint = f"{option} is a parameter itself, beside {name}. Options: {', '.join(valid)}"
    elif option == "name":
        hint = f"remove it; options: {', '.join(valid)}"
    return f"{f'{name} {word}'.strip()} has no option '{shorten(option)}'", hint


def _section(path: tuple[str | int, ...]) -> str:
    """Return the name of the section that contains the key at the end of a path."""
    if path[0] == "seeds" and len(path) == 2:
        return "growing seeds"
    if len(path) < 3 or path[0] != "search":
        return str(path[0]) if len(path) > 1 else ""
    return "a range" if len(path) > 3 else str(path[1])


def _home(key: str, path: tuple[str | int, ...], node: Node, *, is_built: bool) -> str:
    """Return where a key in the wrong section belongs, or an empty string."""
    if not key.isascii() and in_ascii(key).isascii():
        return "the key contains characters that only look like spaces or quotes. "
    if is_built and (name := nearest(key, tuple(OF_DENSE))):
        return f"{OF_DENSE[name]}. "
    inner = [
        name for name in ("sampler", "pruner", "objective", "replicates") if key in _VALID[name]
    ]
    home = " or ".join(inner) if path[0] == "search" else _INNER.get(key)
    if home:
        return f"{key} belongs under {home}. "
    if home := home_of_option(key):
        return home
    if name := nearest(key, BASE_NAMES):
        where = "model" if name in NETWORK else _section_of(name, path, node)
        example = f", as in model: {{{name}: {TABLE[name].example}}}" if name in NETWORK else ""
        return f"{name} belongs under {where}{example}. "
    homes = {
        "at the top level": _VALID[""],
        "under search": _VALID["search"],
        f"in search, under {' or '.join(inner)}": [key] if inner else [],
    }
    return next((f"{key} belongs {home}. " for home, keys in homes.items() if key in keys), "")


def home_of_option(key: str) -> str:
    """Return which component has an option, also as in `optimizer.momentum`, or nothing."""
    component, _, option = key.rpartition(".")
    key = option if component in COMPONENTS else key
    for name in COMPONENTS if key not in BASE_NAMES else ():
        for word, options in TABLE[name].choices.items():
            if any(option.name == key for option in options):
                needed = [o for o in options if o.default is None and o.name != key]
                others = [f"name: {word}"] * bool(word) + [f"{o.name}: {o.example}" for o in needed]
                example = ", ".join([*others, f"{key}: ..."])
                return f"{key} is an option of {name}, as in {name}: {{{example}}}. "
    return ""


def _section_of(name: str, path: tuple[str | int, ...], node: Node) -> str:
    """Return the section where a parameter with this value belongs."""
    if isinstance(node, Mapping) or (path[0] == "search" and isinstance(node, Sequence)):
        return "space, in search"
    if isinstance(node, Sequence):
        return "seeds" if name in SEED_NAMES else f"grid, as in grid: {{{name}: [...]}}"
    return f"base, as in base: {{{name}: ...}}"
