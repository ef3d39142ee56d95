"""What the sweep loop needs to go on with runs that were begun before."""

from collections.abc import Callable
from dataclasses import dataclass

from signs_sweep.domain import Result, Run
from signs_sweep.protocols import CheckpointStore, Claims


@dataclass(frozen=True)
class Recovery:
    """How runs go on that were begun before, in this sweep or in an earlier one.

    Attributes:
        checkpoints: where the states of runs are kept.
        claims: keep other sweeps from training the same at the same time.
        look_up: returns what the store knows of a run now; another sweep may have trained it.
        retries: how often a run whose process died goes on in another one.
        is_wanted: whether to go on from checkpoints; they are made in any case.
        tell: hears, in words, of a checkpoint that is damaged.
    """

    checkpoints: CheckpointStore
    claims: Claims
    look_up: Callable[[Run], Result | None] = lambda _: None
    retries: int = 2
    is_wanted: bool = True
    tell: Callable[[str], None] = lambda _: None

    def remark(self, run: Run) -> str | None:
        """Return why a run is trained although a longer one on its trajectory is finished."""
        checkpoints, epochs = self.checkpoints, run.parameters.epochs
        beyond = checkpoints.finished_beyond(run) if self.is_wanted else 0
        start = checkpoints.latest_epoch(run)
        if not beyond or start == epochs:
            return None
        return (
            f"a run of {beyond:,} epochs is finished, but of its epoch {epochs:,} only the curve "
            f"is known, not the weights; so this one is trained from epoch {start:,} on"
        )

    def checkpoint(self, run: Run) -> bytes | None:
        """Return what a run can go on from."""
        return self.checkpoints.latest(run, self.tell) if self.is_wanted else None
