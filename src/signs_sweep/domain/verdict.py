"""A verdict: whether a setting is better than another, and the rule by which it is reached."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from signs_sweep.domain.parameters import Seeds

ComparedMetric = Literal[
    "val_accuracy",
    "test_accuracy",
    "val_loss",
    "test_loss",
    "final_train_accuracy",
    "final_train_loss",
    "accuracy",
    "loss",
    "val_macro_f1",
    "val_balanced_accuracy",
    "val_top2_accuracy",
    "val_nll",
    "val_brier",
    "val_ece",
    "test_macro_f1",
    "test_balanced_accuracy",
    "test_top2_accuracy",
    "test_nll",
    "test_brier",
    "test_ece",
]
"""The metrics by which settings may be compared."""


class Judgement(Enum):
    """What a verdict states about a setting, compared with its baseline."""

    BETTER = "better"
    WORSE = "worse"
    DIFFERENT = "different"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"

    @property
    def is_clear(self) -> bool:
        """Whether more seeds would change nothing."""
        return self is not Judgement.UNDECIDED


@dataclass(frozen=True, slots=True)
class VerdictRule:
    """How settings are compared: the `verdict` section of a spec.

    Attributes:
        metric: the metric, or None for validation accuracy if all finished runs have it, otherwise
            test accuracy.
        margin: the largest difference that counts as equivalent, > 0; None for 0.02 if more of the
            metric is better, and else for no such difference.
        error: probability, in (0, 1), that any comparison between equal settings is called
            different.
        comparisons: number of comparisons that the spec declares, if it is not known from the runs.
        seeds: the seeds in the order of the spec, if it is not that of the runs.
    """

    metric: str | None = None
    margin: float | None = None
    error: float = 0.05
    comparisons: int = 0
    seeds: tuple[Seeds, ...] = ()


@dataclass(frozen=True, slots=True)
class Growth:
    """How many seeds each setting gets if that depends on the results.

    Attributes:
        at_least: seeds that every setting gets.
        at_most: seeds after which a comparison stays undecided.
    """

    at_least: int = 8
    at_most: int = 30
