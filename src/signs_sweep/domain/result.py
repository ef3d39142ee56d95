"""The outcome of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from signs_sweep.domain.diagnosis import Condition, Diagnosis
from signs_sweep.domain.kinds import Kinds
from signs_sweep.domain.predictions import Answers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

History = Mapping[str, "NDArray[np.float64]"]
"""By metric (`loss`, `accuracy`, ...), one value per epoch, from the first epoch."""


def values_at(history: History, epoch: int | None) -> dict[str, float]:
    """Return the metrics of an epoch (1-based), or with None of the last."""
    return {name: float(values[(epoch or 0) - 1]) for name, values in history.items()}


class State(Enum):
    """State of a run. The names are those of MLflow, where PRUNED is KILLED."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    PRUNED = "PRUNED"

    @property
    def is_finished(self) -> bool:
        """Whether the run reached its end, so that its metrics count."""
        return self is State.FINISHED

    @property
    def has_ended(self) -> bool:
        """Whether no further events will follow."""
        return self is not State.RUNNING


@dataclass(frozen=True, eq=False)
class Result:
    """What is known about a run.

    Attributes:
        run_id: the run.
        state: how it ended, or RUNNING.
        metrics: value of each metric at its end: of the history (`loss`, `accuracy`, ...) in the
            chosen epoch, otherwise the last, and the final ones (`final_train_accuracy`, ...).
        epochs: epochs recorded.
        seconds: time workers spent on it; None if it did not finish.
        message: why a failed run failed.
        history: the values of every epoch if this process received them; None for a run that was
            found in the store.
        location: where the tracker keeps it (for MLflow, the id of its run there).
        begun_by: machine and folder of the sweep that began its record; None if it is not known.
        guessing_since: if a finished run gives every image the same class, the first epoch since
            which its loss has not been below that of guessing; None if it has learned.
        chance: the accuracy of guessing, 1 / number of classes, if its loss diverged; else None.
        answers: by set, `validation` and `test`, which images the run classifies correctly,
            if this process trained it; None for a run that was found in the store.
        diagnosis: what became of it; None if it is not known. If it is not given, it follows from
            `chance` for a run that diverged, and from `guessing_since` for one that collapsed.
        stopped_at: the epoch after which early stopping ended it, or None.
        chosen_epoch: the epoch that early stopping chose as the best, whose weights are kept; None
            if it did not choose, for the last.
        kinds: the kinds of processors that trained it, as far as they are known.
    """

    run_id: str
    state: State
    metrics: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    seconds: float | None = None
    message: str | None = None
    history: History | None = None
    location: str | None = None
    begun_by: str | None = None
    guessing_since: int | None = None
    chance: float | None = None
    answers: Mapping[str, Answers] | None = None
    diagnosis: Diagnosis | None = None
    stopped_at: int | None = None
    chosen_epoch: int | None = None
    kinds: Kinds = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.diagnosis is None:
            object.__setattr__(self, "diagnosis", self._without_curves())

    def _without_curves(self) -> Diagnosis | None:
        if self.has_diverged:
            return Diagnosis(Condition.DIVERGED)
        if self.guessing_since is not None:
            return Diagnosis(Condition.COLLAPSED, self.guessing_since)
        return None

    @property
    def is_tested(self) -> bool:
        """Whether it is finished and was evaluated on the test set."""
        return self.state.is_finished and "test_accuracy" in self.metrics

    @property
    def has_diverged(self) -> bool:
        """Whether it failed because its loss became NaN or infinite."""
        return self.state is State.FAILED and self.chance is not None

    @property
    def failed_to_learn(self) -> bool | None:
        """Whether it has diverged or only guesses; None if it is neither finished nor diverged."""
        if self.has_diverged:
            return True
        return self.guessing_since is not None if self.state.is_finished else None

    @property
    def is_settled(self) -> bool:
        """Whether training it again would give nothing new: it is tested, or has diverged."""
        return self.is_tested or self.has_diverged
