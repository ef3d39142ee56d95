"""The expected values of each key of a spec as text, for messages and the JSON schema."""

from collections.abc import Iterable
from typing import get_args

from signs_sweep.data import KNOWN_DATASETS
from signs_sweep.domain import (
    MOST_REPLICATES,
    NETWORK,
    PARAMETERS,
    ComparedMetric,
    Component,
    Hyperparameter,
    is_argument,
)
from signs_sweep.spec.search import Aggregate, Direction, Metric, PrunerName, SamplerName
from signs_sweep.spec.table import TABLE, option_at, options_named

MOST_TRIALS = 1_000_000
MOST_EPOCHS = int(PARAMETERS["epochs"].most or 0)
MOST_PARTS = 1000
MOST_CANDIDATES = 100
"""All pairs of them are compared."""
MOST_SEED = int(PARAMETERS["global_seed"].most or 0)
MOST_UNITS = 100_000
MOST_LAYERS = 100
WORDS: dict[str, tuple[str, ...]] = {
    "sampler": get_args(SamplerName),
    "pruner": get_args(PrunerName),
    "objective": get_args(Metric),
    "metric": get_args(Metric),
    "direction": get_args(Direction),
    "aggregate": get_args(Aggregate),
    "verdict.metric": get_args(ComparedMetric),
    "until": ("clear",),
}
"""The words that a value may be, by its name or, if names are the same, by dotted path."""


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _one_of(name: str) -> str:
    return _listed(WORDS[name])


def of_value(entry: Hyperparameter) -> str:
    """Return the expected values of a hyperparameter or of an option."""
    such = f", such as {entry.example}" if entry.example else ""
    if entry.kind is Component:
        words = _listed(word for word in entry.choices if word)
        return f"{words}, or a mapping{such}"
    if entry.kind is str:
        return _listed(entry.words)
    if entry.kind is bool:
        return "true or false"
    if entry.kind is tuple:
        return _LAYERS
    return f"{'a whole number' if entry.kind is int else 'a number'} {entry.range}{such}"


def _of_table(entry: Hyperparameter) -> dict[str, str]:
    """Return the expected values of a hyperparameter, by each key where it may occur."""
    name, value = entry.name, of_value(entry)
    lists = f"a list such as {entry.example_list}"
    texts = {
        **{key.format(name): value for key in ("{}", "grid.{}[]", "zip.{}[]", "space.{}[]")},
        **{f"{section}.{name}": f"a list, each {value}" for section in ("grid", "zip")},
        f"space.{name}": f"{lists}, or {entry.example_range}" if entry.example_range else lists,
    }
    if entry.kind is tuple:
        texts |= {f"{section}.{name}": lists for section in _SECTIONS_OF_LISTS}
        texts |= {f"{section}.{name}[][]": _UNITS for section in _SECTIONS_OF_LISTS}
        texts |= {f"{name}[]": _UNITS}
    if entry.is_number:
        texts |= {f"space.{name}.low": value, f"space.{name}.high": value}
        texts |= {f"space.{name}.step": _EPOCHS if entry.kind is int else "a number above 0"}
    return texts


_SECTIONS_OF_LISTS = ("grid", "zip", "space")
_EPOCHS = f"a whole number from 1 to {MOST_EPOCHS:,}"
_LAYERS = "a list of unit counts, such as [25, 12]"
_UNITS = f"a whole number from 1 to {MOST_UNITS:,}"
_KEYS = "a mapping such as"
ARGUMENT = "a number, text, true, false, or a list of these"
_CASE = "{label: m6, keep_prob: 0.8}"
_SEEDS = "{global_seed: 3, init_seed: 0}"
_PARTS = f"to {MOST_PARTS:,}"
_GROWTH = "{until: clear, at_least: 8, at_most: 30}"
_CONFIRMED = f"a whole number from 2 to {MOST_REPLICATES:,}"
_REPLICATES = f"a whole number from 1 to {MOST_REPLICATES:,}"

EXPECTED = {
    "name": "a name of up to 100 letters, digits, '_', '-', '.' and spaces, such as regularization",
    "description": "text",
    "data": f"{', '.join(KNOWN_DATASETS)}, a folder, or {{train: a.h5, test: b.h5}}",
    "train": "the path of a file",
    "test": "the path of a file",
    "validation": "a fraction from 0 to below 1, such as 0.2, or given",
    "split": f"{_KEYS} {{folds: 5, repeats: 2}}",
    "folds": f"a whole number from 2 {_PARTS}",
    "repeats": f"a whole number from 1 {_PARTS}",
    "model": f"{_KEYS} {{hidden: [25, 12]}}",
    "build": "module:function, such as networks:small_cnn",
    "argument": ARGUMENT,
    "base": f"{_KEYS} {{learning_rate: 1e-4, epochs: 1500}}",
    "grid": f"{_KEYS} {{l2: [0, 0.01]}}",
    "zip": f"{_KEYS} {{learning_rate: [1e-4, 1e-5], epochs: [1500, 3000]}}",
    "cases": f"a list such as [{_CASE}]",
    "cases[]": f"{_KEYS} {_CASE}",
    "label": "one line of up to 60 characters, such as m6",
    "seeds": f"a count from 1 to {MOST_REPLICATES:,}, a list such as [{_SEEDS}], or {_GROWTH}",
    "seeds[]": f"{_KEYS} {_SEEDS}",
    "until": "clear",
    "at_least": _REPLICATES,
    "at_most": _REPLICATES,
    "verdict": f"{_KEYS} {{metric: val_accuracy, margin: 0.02, error: 0.05}}",
    "verdict.metric": _one_of("verdict.metric"),
    "margin": "a number above 0, such as 0.02",
    "error": "a probability above 0, up to 0.5, such as 0.05",
    "baseline": f"{_KEYS} {{l2: 0}}",
    "search": f"{_KEYS} {{trials: 50, objective: val_accuracy}}",
    "trials": f"a whole number from 1 to {MOST_TRIALS:,}",
    "timeout": "a number of seconds above 0, such as 600",
    "sampler": f"{_one_of('sampler')}, or {_KEYS} {{name: tpe, seed: 0}}",
    "sampler.name": _one_of("sampler"),
    "seed": f"a whole number from 0 to {MOST_SEED}",
    "startup": f"a whole number from 0 to {MOST_TRIALS:,}",
    "pruner": f"{_one_of('pruner')}, or {_KEYS} {{name: median, warmup: 20}}",
    "pruner.name": _one_of("pruner"),
    "dead": "true or false",
    "audit": "a share from 0 to 1, such as 0.05",
    "warmup": f"a whole number from 0 to {MOST_EPOCHS:,}",
    "percentile": "a number above 0 and below 100, such as 25",
    "interval": _EPOCHS,
    "p": "a number above 0 and below 1, such as 0.1",
    "objective": f"{_one_of('metric')}, or {_KEYS} {{metric: val_loss, direction: minimize}}",
    "metric": _one_of("metric"),
    "direction": _one_of("direction"),
    "aggregate": _one_of("aggregate"),
    "space": f"{_KEYS} {{l2: {{low: 1e-4, high: 0.3, log: true}}}}",
    "log": "true or false",
    "storage": "the URL of a database, such as sqlite:///mlruns/optuna.db",
    "replicates": f"{_KEYS} {{at_least: 1, at_most: 5}}",
    "confirm": f"a count of seeds from 2 to {MOST_REPLICATES:,}, 0 for none, or {_KEYS} "
    "{candidates: 8, at_least: 8, at_most: 20}",
    "candidates": f"a whole number from 1 to {MOST_CANDIDATES}",
    "confirm.at_least": _CONFIRMED,
    "confirm.at_most": _CONFIRMED,
    **{key: text for entry in TABLE.values() for key, text in _of_table(entry).items()},
}
"""The expected values, by key or, if keys share a name, by dotted path; `[]` is an item."""


def _of_option(name: str, option: str, path: tuple[str | int, ...]) -> str:
    """Return the values expected of an option of a component, or of a part of its range."""
    if option == "name" and TABLE[name].each is None:
        return _listed(word for word in TABLE[name].choices if word)
    options = options_named(name, option)
    if not options:
        return ""
    entry = options[0]
    last = path[-1]
    if last == "log":
        return EXPECTED["log"]
    if last == "step" and option != "step":
        return _EPOCHS if entry.kind is int else "a number above 0"
    is_dimension = path[0] == "search" and last == option
    text = of_value(entry)
    has_range = is_dimension and entry.is_number and TABLE[name].each is None
    return f"{text}, or {{low: ..., high: ...}}" if has_range else text


def expected(path: tuple[str | int, ...]) -> str:
    """Return the values expected at a path of keys and indices, or an empty string."""
    if path[0] == "model" and len(path) > 1 and path[1] not in (*NETWORK, "build"):
        return EXPECTED["argument"]
    if (found := option_at(path)) and found[1]:
        return _of_option(*found, path)
    steps = path[1:] if path[0] == "search" and len(path) > 1 else path
    if any(isinstance(step, str) and is_argument(step) for step in steps):
        is_list = steps[0] in _SECTIONS_OF_LISTS and len(steps) == 2
        return f"a list, each {EXPECTED['argument']}" if is_list else EXPECTED["argument"]
    key = "".join("[]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    while True:
        last = key.rpartition(".")[2]
        if key in EXPECTED or last in EXPECTED or not key.endswith("[]"):
            return EXPECTED.get(key, EXPECTED.get(last, ""))
        key = key.removesuffix("[]")
