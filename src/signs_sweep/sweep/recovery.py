"""What the sweep loop needs to resume runs."""

from collections.abc import Callable
from dataclasses import dataclass

from signs_sweep.domain import Result, Run
from signs_sweep.protocols import CheckpointStore, Claims


@dataclass(frozen=True)
class Recovery:
    """How to resume runs that were started before, in this sweep or an earlier one.

    Attributes:
        checkpoints: where the states of runs are kept.
        claims: keep other sweeps from training the same trajectory at the same time.
        look_up: returns the result of a run in the store now, as another sweep may have trained it.
        retries: maximum restarts of a run after its process died.
        uses_checkpoints: whether to resume from checkpoints; they are made in any case.
        warn: called with a message about each damaged checkpoint.
    """

    checkpoints: CheckpointStore
    claims: Claims
    look_up: Callable[[Run], Result | None] = lambda _: None
    retries: int = 2
    uses_checkpoints: bool = True
    warn: Callable[[str], None] = lambda _: None

    def remark(self, run: Run) -> str | None:
        """Return why a run is trained although a longer run on its trajectory is finished."""
        checkpoints, epochs = self.checkpoints, run.parameters.epochs
        beyond = checkpoints.finished_beyond(run) if self.uses_checkpoints else 0
        start = checkpoints.latest_epoch(run)
        if not beyond or start == epochs:
            return None
        return (
            f"a run of {beyond:,} epochs is finished, but its weights after epoch {epochs:,} were "
            f"not kept, only its curve; this run is therefore trained from epoch {start:,}"
        )

    def checkpoint(self, run: Run) -> bytes | None:
        """Return the content of the checkpoint that a run resumes from, or None."""
        return self.checkpoints.latest(run, self.warn) if self.uses_checkpoints else None
