"""Decides what to train next."""

from collections.abc import Sequence
from typing import Protocol

from signs_sweep.domain import Progress, Result, Trial, TrialEnd


class Scheduler(Protocol):
    """Hands out trials and receives their results.

    Called from one thread. `tell` is called exactly once for each trial that `ask` returned, unless
    the sweep is interrupted: a run stopped by an interruption is passed to neither `end` nor
    `tell`. Calls of `tell` follow the order in which trials end, not that of `ask`.
    """

    def ask(self) -> Trial | None:
        """Return the next trial, or None if there is nothing (more) to start now.

        The loop asks again after every `tell`, and ends when it gets None while no trial is in
        progress.
        """

    def report(self, trial: Trial, progress: Progress) -> bool:
        """Receive new epochs of one of the trial's runs; return whether that run should continue.

        Every epoch is reported exactly once, in order.
        """

    def end(self, trial: Trial, result: Result) -> bool:
        """Receive how a run of a trial ended; return whether its other runs are still wanted.

        If not, runs in progress are stopped, and waiting runs are not started. The next run of a
        sequential trial waits for this answer; until then, the loop asks for other trials.
        """

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        """Receive how all runs of a trial ended, in the order of `trial.runs`; return its end.

        Results that were found in the store are passed like new ones.
        """
