"""The metrics of a run: their names, which direction is better, and what guessing would give."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Measure:
    """What is known about a metric.

    Attributes:
        title: its name in a sentence.
        images: the images it is measured on: `training`, `validation` or `test`.
        is_higher_better: whether more is better.
        of_guessing: the value that a diverged run counts as, given the accuracy of guessing, which
            is 1 / number of classes.
    """

    title: str
    images: str = "training"
    is_higher_better: bool = False
    of_guessing: Callable[[float], float] = lambda _: math.inf


_BASIC = {
    "accuracy": Measure("accuracy", is_higher_better=True, of_guessing=lambda chance: chance),
    "loss": Measure("loss"),
}

SCORES = {
    # Equally frequent classes, every image in the same: 2 / (C + 1) for one class, else 0.
    "macro_f1": Measure(
        "macro-F1", is_higher_better=True, of_guessing=lambda chance: 2 * chance**2 / (1 + chance)
    ),
    "balanced_accuracy": Measure(
        "balanced accuracy", is_higher_better=True, of_guessing=lambda chance: chance
    ),
    "nll": Measure("negative log-likelihood"),
    "brier": Measure("Brier score"),
    "ece": Measure("calibration error"),
    "top2_accuracy": Measure(
        "top-2 accuracy", is_higher_better=True, of_guessing=lambda chance: min(1.0, 2 * chance)
    ),
}
"""The metrics that are computed from predictions, by their name without the prefix of a set.

Their definitions are in `signs_sweep.statistics.scores`.
"""

_PREFIXES = {
    "": ("", "training", _BASIC),
    "final_train_": ("final training ", "training", _BASIC),
    "val_": ("validation ", "validation", _BASIC | SCORES),
    "test_": ("test ", "test", _BASIC | SCORES),
}

METRICS: Mapping[str, Measure] = {
    f"{prefix}{name}": replace(measure, title=f"{of_set}{measure.title}", images=images)
    for prefix, (of_set, images, measures) in _PREFIXES.items()
    for name, measure in measures.items()
}
"""All metrics by the name under which they are recorded, such as `val_accuracy`."""


def is_higher_better(name: str) -> bool:
    """Whether more of a metric is better; False for names that are not metrics."""
    return name in METRICS and METRICS[name].is_higher_better
