"""The rule that stops a run before its last epoch."""

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from signs_sweep.domain.metrics import METRICS, is_higher_better
from signs_sweep.domain.parameters import Parameters

if TYPE_CHECKING:
    from signs_sweep.domain.result import History


class Unusable(Enum):
    """Why a run with a rule cannot resume from any checkpoint of its trajectory, for a person."""

    LACKS_BEST = "the checkpoints lack the best weights"
    IS_LATER = "the checkpoints are of epochs after the one at which it stops"


class Course(NamedTuple):
    """What a rule makes of some epochs.

    Attributes:
        best: number (1-based) of the last epoch that improved the metric; 0 if none did, which is
            possible only without epochs.
        value: the metric in that epoch.
        stop: number of the epoch after which training stops, or None if it continues.
        least_patience: the smallest patience with which training reaches the last of the epochs.
    """

    best: int
    value: float
    stop: int | None
    least_patience: int


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Stops a run whose metric has not improved for some epochs, as in `keras.callbacks`.

    Attributes:
        metric: the metric of an epoch, such as `val_loss`.
        patience: epochs without improvement after which training stops, >= 1.
        min_delta: an improvement is larger than this, >= 0.
        restores_best: whether the weights of the best epoch are kept, and not those of the last.
    """

    metric: str
    patience: int
    min_delta: float
    restores_best: bool

    @classmethod
    def of(cls, parameters: Parameters) -> "EarlyStopping | None":
        """Return the rule of a run, or None without one."""
        if parameters.early_stopping.name:
            return None
        options = parameters.options("early_stopping")
        return cls(restores_best=options.pop("restore") == "best", **options)

    @property
    def maximizes(self) -> bool:
        """Whether more of the metric is better."""
        return is_higher_better(self.metric)

    def selects_by(self, metric: str) -> bool:
        """Whether a metric is measured on the same images as the one that decides the epoch."""
        return metric in METRICS and METRICS[metric].images == METRICS[self.metric].images

    def marks(self, metric: str) -> bool:
        """Whether a metric is read at an epoch that was chosen by the same images."""
        return self.restores_best and self.selects_by(metric)

    @property
    def state_key(self) -> str:
        """8 hex digits: which best weights a checkpoint needs for the rule to continue from it.

        Rules that differ only in their patience, or in which weights are kept, need the same.
        """
        return sha256(repr((self.metric, self.min_delta)).encode()).hexdigest()[:8]

    def follow(self, history: "History") -> Course:
        """Return what the rule makes of the epochs of a run, from the first.

        The comparisons are in float32, as those of the compiled loop.
        """
        import numpy as np

        values = np.asarray(history[self.metric], np.float32)
        signed = values if self.maximizes else -values
        best, record, least = 0, np.float32(-np.inf), np.float32(self.min_delta)
        stop, patience, waited = None, 1, 0
        for epoch, value in enumerate(signed, start=1):
            patience = max(patience, waited + 1)
            if not best or value - record > least:
                best, record = epoch, value
            waited = epoch - best
            if waited >= self.patience:
                stop = epoch
                break
        return Course(best, float(values[best - 1]) if best else float("nan"), stop, patience)


def are_comparable(first: EarlyStopping | None, second: EarlyStopping | None, metric: str) -> bool:
    """Whether two rules, or None without, cannot decide which of two settings is better.

    They can if they differ and one of them decides by values of the metric itself, or of others on
    the same images.
    """
    return first == second or not any(rule and rule.selects_by(metric) for rule in (first, second))
