"""Where runs are trained."""

from collections.abc import Sequence
from typing import Protocol

from signs_sweep.domain import Event, Run


class Executor(Protocol):
    """Trains runs somewhere and sends back events.

    Called from one thread. What it runs may fail, die or be stopped: that is an event, never an
    exception. See `signs_sweep.domain.event` for the order of a run's events.
    """

    @property
    def slots(self) -> int:
        """How many runs can be under way at once."""

    def submit(self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True) -> None:
        """Start a run, from its beginning or from a checkpoint.

        At most `slots` runs may be under way.

        Args:
            run: what to train.
            checkpoint: what it goes on from, if anything.
            is_tested: whether it is evaluated on the test set at its end.
        """

    def events(self, timeout: float) -> Sequence[Event]:
        """Return what has happened since the last call.

        Waits up to `timeout` seconds for the first event; returns an empty sequence when there
        was none. Events of one run are in order; those of different runs are interleaved.
        """

    def stop(self, run_id: str) -> None:
        """Ask for a run to end; it does so within about a second, with `Stopped`.

        Where the trainer makes checkpoints, one comes before, so that nothing is lost.

        A run that has ended, or ends by itself first, is left as it is.
        """

    def close(self) -> None:
        """Free everything at once: no process or thread is left. May be called twice."""
