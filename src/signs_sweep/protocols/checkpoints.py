"""Where checkpoints are kept."""

from collections.abc import Callable
from typing import Protocol

from signs_sweep.domain import Checkpoint, Kinds, Run, Unusable


class CheckpointStore(Protocol):
    """Keeps the states of runs, from which training can resume.

    Called from one thread. Kept by trajectory: runs that differ only in `epochs` or in early
    stopping share checkpoints. A run with early stopping resumes only from checkpoints that have
    the best weights by its rule (see `EarlyStopping.state_key`), and that it reaches with its
    patience; a run without resumes from all.
    """

    def keep(self, run: Run, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint durably: once this returns, it survives a crash of the machine.

        Raises:
            StoreError: it cannot be written; earlier checkpoints are unchanged.
        """

    def latest(
        self, run: Run, warn: Callable[[str], None] = lambda _: None, kind: str | None = None
    ) -> bytes | None:
        """Return the content of the checkpoint nearest to the end of a run, but not beyond it.

        It is one that the run can resume from. A damaged checkpoint is set aside, and the previous
        one is returned.

        Args:
            run: the run.
            warn: called with a message about each damaged checkpoint.
            kind: the kind of processor that must have trained all of its epochs; None for any.
        """

    def finished_beyond(self, run: Run) -> int:
        """Return the epochs of the shortest finished run that is longer than this one; 0 for none.

        The longer run's curve includes this run's, but its weights are those of a later epoch.
        For a run with early stopping, runs without do not count.
        """

    def unusable(self, run: Run) -> Unusable | None:
        """Return why a run that has checkpoints can resume from none of them, if so."""

    def latest_epoch(self, run: Run, kind: str | None = None) -> int:
        """Return the epoch of the checkpoint that `latest` would return, unread; 0 for none."""

    def kinds(self, run: Run) -> Kinds:
        """Return the kinds of processors that made the checkpoint that `latest` would return.

        None if there is no checkpoint, or a version without kinds has made it.
        """
