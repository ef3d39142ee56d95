"""What the sweep loop needs to go on with runs that were begun before."""

from collections.abc import Callable
from dataclasses import dataclass

from signs_sweep.protocols import CheckpointStore, Claims
from signs_sweep.records import Result, Run


@dataclass(frozen=True)
class Recovery:
    """How runs go on that were begun before, in this sweep or in an earlier one.

    Attributes:
        checkpoints: where the states of runs are kept.
        claims: keep other sweeps from training the same at the same time.
        look_up: returns what the store knows of a run now; another sweep may have trained it.
        retries: how often a run whose process died goes on in another one.
        is_wanted: whether to go on from checkpoints; they are made in any case.
    """

    checkpoints: CheckpointStore
    claims: Claims
    look_up: Callable[[Run], Result | None] = lambda _: None
    retries: int = 2
    is_wanted: bool = True

    def checkpoint(self, run: Run) -> bytes | None:
        """Return what a run can go on from."""
        return self.checkpoints.latest(run) if self.is_wanted else None
