"""Suggestions for misspelled names and for synonyms."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from signs_sweep.domain import NETWORK, OF_ARGUMENTS, is_argument
from signs_sweep.domain.masking import mask
from signs_sweep.spec.table import TABLE


def misfit(name: str, *, is_built: bool) -> tuple[str, str] | None:
    """Return why a spec cannot vary the network by a name, and what to do; None if it can.

    `is_built` is whether a function builds the model.
    """
    if name in NETWORK and is_built:
        return (
            f"{name} is not supported by a model that a function builds",
            "remove it; an argument of the function is written as in model.filters: ...",
        )
    if is_argument(name) and not is_built:
        return (
            f"{shorten(name)} is an argument of a function, and no function builds the model",
            'write hidden, or name a function, as in model: {build: "networks:small_cnn"}',
        )
    if name == f"{OF_ARGUMENTS}build":
        return (
            "the function that builds the model is the same for every run of a spec",
            "write a spec for each function",
        )
    return None


_MEANT = {
    **{name: entry.synonyms for name, entry in TABLE.items()},
    "data": ("dataset",),
    "base": ("parameters", "params", "defaults", "hyperparameters"),
    "model": ("network", "architecture"),
    "seeds": ("replicates",),
    "verdict": ("comparison", "test", "significance"),
    "error": ("alpha", "significance_level", "level"),
    "margin": ("equivalence", "tolerance", "rope"),
    "at_least": ("minimum_seeds", "min_seeds"),
    "at_most": ("maximum_seeds", "max_seeds"),
    "name": ("title", "experiment"),
    "validation": ("val_split", "validation_split"),
    "split": ("cross_validation", "cv", "kfold"),
    "folds": ("k", "n_splits", "n_folds"),
    "repeats": ("n_repeats",),
    "grid": ("product", "sweep"),
    "baseline": ("reference", "control"),
    "seed": ("random_seed",),
    "search": ("optimize", "study"),
    "trials": ("n_trials", "max_trials"),
    "timeout": ("seconds", "max_time"),
    "sampler": ("algorithm",),
    "objective": ("goal", "target"),
    "metric": ("monitor",),
    "space": ("search_space",),
    "low": ("min", "minimum"),
    "high": ("max", "maximum"),
    "tpe": ("bayesian", "bayes"),
    "qmc": ("sobol", "halton"),
    "cmaes": ("cma_es",),
    "gp": ("gaussian_process",),
    "hyperband": ("successive_halving", "asha"),
}
"""Common synonyms, by name."""
_SYNONYMS = {synonym: name for name, synonyms in _MEANT.items() for synonym in synonyms}


def nearest(name: str, valid: Collection[str]) -> str | None:
    """Return the valid name that was probably meant, by synonym or by spelling."""
    word = name.lower().replace("-", "_").replace(" ", "_")
    meant = _SYNONYMS.get(word, word)
    # `seed` means the replicates at the top level of a spec, a parameter elsewhere.
    for candidate in (meant, "seeds", "global_seed") if meant == "seed" else (meant,):
        if candidate in valid:
            return candidate
    close = get_close_matches(word, valid, n=1) if len(word) < 40 else []
    return close[0] if close else None


def suggestion(name: str, valid: Collection[str], title: str) -> str:
    """Return `did you mean ...?` if a valid name is similar, and all valid names."""
    near = nearest(name, valid)
    question = f"did you mean '{near}'? " if near else ""
    return f"{question}{title}: {', '.join(sorted(valid))}"


def as_pair(text: str) -> str | None:
    """Return `key: value` for text such as `l2:0.1` and `l2 = 0.1`, None for other text."""
    found = re.fullmatch(r"([A-Za-z]\w*)\s*[:=]\s*(\S.*)", text)
    return f"{found.group(1)}: {found.group(2)}" if found else None


def shorten(text: str, most: int = 40) -> str:
    """Return a text with secrets masked, cut to a number of characters."""
    text = mask(text)  # Later, part of a secret would not be recognized.
    return text if len(text) <= most else f"{text[: most - 3]}..."
