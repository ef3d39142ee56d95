"""Where runs are trained."""

from collections.abc import Sequence
from typing import Protocol

from signs_sweep.domain import Event, Run


class Executor(Protocol):
    """Trains runs and returns events.

    Called from one thread. A run that fails, crashes or is stopped is an event, never an exception.
    See `signs_sweep.domain.event` for the order of a run's events.
    """

    @property
    def slots(self) -> int:
        """How many runs can be in progress at the same time."""

    def submit(self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True) -> None:
        """Start a run, from its beginning or from a checkpoint.

        At most `slots` runs may be in progress.

        Args:
            run: what to train.
            checkpoint: content of the checkpoint to resume from, or None.
            is_tested: whether to evaluate it on the test set at its end.
        """

    def events(self, timeout: float) -> Sequence[Event]:
        """Return what has happened since the last call.

        Waits up to `timeout` seconds for the first event; returns an empty sequence if none
        arrives. Events of a run are in order; those of different runs are interleaved.
        """

    def stop(self, run_id: str) -> None:
        """Ask a run to stop; within about a second it ends with `Stopped`.

        If the trainer makes checkpoints, a `Checkpoint` precedes it, so that no epoch is lost.

        Has no effect on a run that has already ended.
        """

    def close(self) -> None:
        """Release all resources immediately; no process or thread is left. May be called twice."""
