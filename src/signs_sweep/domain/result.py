"""The outcome of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

History = Mapping[str, "NDArray[np.float64]"]
"""By metric (`loss`, `accuracy`, ...), one value an epoch, first epoch first."""


class State(Enum):
    """Where a run is in its life. The names are those of MLflow, which has PRUNED as KILLED."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    PRUNED = "PRUNED"

    @property
    def is_finished(self) -> bool:
        """Whether the run reached its last epoch and its numbers count."""
        return self is State.FINISHED

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self is not State.RUNNING


@dataclass(frozen=True, eq=False)
class Result:
    """What is known of a run.

    Attributes:
        run_id: the run.
        state: how it ended, or RUNNING.
        metrics: last value of each metric: of the history (`loss`, `accuracy`, ...) and the
            final ones (`final_train_accuracy`, `test_accuracy`, ...).
        epochs: epochs recorded.
        seconds: time that a worker spent on it; None if it did not finish.
        message: what went wrong, for a failed run.
        history: the values of every epoch, where this process saw them; None for a run that
            was found in the store.
        location: where the tracker keeps it (for MLflow, the id of its run there).
        guessing_since: where a finished run gives every image the same class, the epoch from which
            on its loss has not been below that of guessing; None if it has learned.
    """

    run_id: str
    state: State
    metrics: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    seconds: float | None = None
    message: str | None = None
    history: History | None = None
    location: str | None = None
    guessing_since: int | None = None

    @property
    def is_tested(self) -> bool:
        """Whether it is finished, and was evaluated on the test set."""
        return self.state.is_finished and "test_accuracy" in self.metrics
