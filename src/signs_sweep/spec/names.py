"""Names that people write, and those that they probably mean."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from signs_sweep.domain import PARAMETER_NAMES, SEED_NAMES
from signs_sweep.domain.masking import mask

VARIED_NAMES: tuple[str, ...] = tuple(name for name in PARAMETER_NAMES if name not in SEED_NAMES)
"""The parameters that grid, zip and cases may vary."""

OF_DENSE = {
    "keep_prob": "put keras.layers.Dropout into the function that builds the model",
    "hidden": "what the function takes stands under model",
}
"""What has no meaning for a model that a function builds, and what to do instead."""

_SYNONYMS = {
    "lambda": "l2",
    "lambd": "l2",
    "lamda": "l2",
    "weight_decay": "l2",
    "regularization": "l2",
    "l2_regularization": "l2",
    "lr": "learning_rate",
    "rate": "learning_rate",
    "alpha": "learning_rate",
    "eta": "learning_rate",
    "step_size": "learning_rate",
    "dropout": "keep_prob",
    "dropout_rate": "keep_prob",
    "drop_prob": "keep_prob",
    "keep": "keep_prob",
    "keep_probability": "keep_prob",
    "batch": "batch_size",
    "batchsize": "batch_size",
    "minibatch": "batch_size",
    "minibatch_size": "batch_size",
    "epoch": "epochs",
    "num_epochs": "epochs",
    "n_epochs": "epochs",
    "iterations": "epochs",
    "layers": "hidden",
    "units": "hidden",
    "neurons": "hidden",
    "hidden_layers": "hidden",
    "hidden_units": "hidden",
    "dataset": "data",
    "parameters": "base",
    "params": "base",
    "defaults": "base",
    "hyperparameters": "base",
    "network": "model",
    "architecture": "model",
    "replicates": "seeds",
    "repeats": "seeds",
    "title": "name",
    "experiment": "name",
    "val_split": "validation",
    "validation_split": "validation",
    "product": "grid",
    "sweep": "grid",
    "reference": "baseline",
    "control": "baseline",
    "random_seed": "seed",
    "optimize": "search",
    "study": "search",
    "n_trials": "trials",
    "max_trials": "trials",
    "seconds": "timeout",
    "max_time": "timeout",
    "algorithm": "sampler",
    "early_stopping": "pruner",
    "stopping": "pruner",
    "goal": "objective",
    "target": "objective",
    "monitor": "metric",
    "search_space": "space",
    "min": "low",
    "minimum": "low",
    "max": "high",
    "maximum": "high",
    "bayesian": "tpe",
    "bayes": "tpe",
    "sobol": "qmc",
    "halton": "qmc",
    "cma_es": "cmaes",
    "gaussian_process": "gp",
    "successive_halving": "hyperband",
    "asha": "hyperband",
}
_SEED = {"seed": ("seeds", "global_seed")}
"""A seed is a replicate at the top of a file, a parameter elsewhere."""

_DROPOUT = ("dropout", "dropout_rate", "drop_prob")


def nearest(name: str, valid: Collection[str]) -> str | None:
    """Return the valid name that was probably meant, by synonym or by spelling."""
    word = name.lower().replace("-", "_").replace(" ", "_")
    meant = _SYNONYMS.get(word, word)
    candidates: list[str] = [meant, *_SEED.get(meant, ())]
    for candidate in candidates:
        if candidate in valid:
            return candidate
    close = get_close_matches(word, valid, n=1) if len(word) < 40 else []
    return close[0] if close else None


def suggestion(name: str, valid: Collection[str], title: str) -> str:
    """Return `did you mean ...?` where something is near, and all valid names."""
    near = nearest(name, valid)
    question = f"did you mean '{near}'? " if near else ""
    if near == "keep_prob" and name.lower() in _DROPOUT:
        question += "keep_prob is 1 - dropout. "
    return f"{question}{title}: {', '.join(sorted(valid))}"


def as_pair(text: str) -> str | None:
    """Return `key: value` for what lacks a space or has `=`, such as `l2:0.1` and `l2 = 0.1`."""
    found = re.fullmatch(r"([A-Za-z]\w*)\s*[:=]\s*(\S.*)", text)
    return f"{found.group(1)}: {found.group(2)}" if found else None


def shorten(text: str, most: int = 40) -> str:
    """Return a text, or its beginning when it is long."""
    text = mask(text)  # Half a secret would not be found later.
    return text if len(text) <= most else f"{text[: most - 3]}..."
