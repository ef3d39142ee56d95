"""Where runs are trained."""

from collections.abc import Collection, Sequence
from typing import Protocol

from signs_sweep.domain import Event, Run


class Executor(Protocol):
    """Trains runs and returns events.

    Called from one thread. A run that fails, crashes or is stopped is an event, never an exception.
    See `signs_sweep.domain.event` for the order of a run's events.
    """

    @property
    def slots(self) -> int:
        """How many runs can be in progress at the same time; 0 while there is no worker."""

    @property
    def kinds(self) -> Collection[str]:
        """The kinds of processors of its workers now, as `process.processor.kind_of` names them.

        Known before the first run starts. A kind can come and go with the workers.
        """

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        """Start a run, from its beginning or from a checkpoint.

        At most `slots` runs may be in progress. A run that must be trained on a kind of processor
        of which all workers are busy is in progress too: it waits, without an event, until one is
        free, while other runs start. If only workers of other kinds are left, it ends with
        `Failed(is_crash=True)`, so that no run waits for a kind that may not come back.

        Args:
            run: what to train.
            checkpoint: content of the checkpoint to resume from, or None.
            is_tested: whether to evaluate it on the test set at its end.
            kind: the kind of processor that must train it, one of `kinds`; None for any. A worker
                that finds itself to be of a different kind does not use the checkpoint, but trains
                the run from its beginning: no run resumes on a kind other than this.
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
