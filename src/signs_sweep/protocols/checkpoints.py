"""Where checkpoints are kept."""

from collections.abc import Callable
from typing import Protocol

from signs_sweep.domain import Checkpoint, Run


class CheckpointStore(Protocol):
    """Keeps the states of runs, so that training can go on from them.

    Called from one thread. Kept by trajectory: a run that differs in `epochs` alone finds them too.
    """

    def keep(self, run: Run, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint durably: when this returns, it survives whatever happens.

        Raises:
            StoreError: it cannot be written; those before are as they were.
        """

    def latest(self, run: Run, tell: Callable[[str], None] = lambda _: None) -> bytes | None:
        """Return the content of the checkpoint nearest to the end of a run, and not beyond it.

        One that is damaged is set aside, and the one before it is returned.

        Args:
            run: the run.
            tell: hears, in words, of one that is damaged.
        """

    def finished_beyond(self, run: Run) -> int:
        """Return the epochs of the shortest finished run that goes beyond this one; 0 for none.

        The curve of that one holds this run's, but its weights are those of a later epoch.
        """

    def latest_epoch(self, run: Run) -> int:
        """Return the epoch of what `latest` would return, without reading it; 0 for none."""
