"""What to train next."""

from collections.abc import Sequence
from typing import Protocol

from signs_sweep.domain import Progress, Result, Trial, TrialEnd


class Scheduler(Protocol):
    """Hands out trials and takes in their results.

    Called from one thread. `tell` is called exactly once for each trial that `ask` returned, unless
    the sweep is interrupted: a run that an interruption stopped reaches neither `end` nor `tell`.
    Trials are told in the order in which they end, not in which they were asked.
    """

    def ask(self) -> Trial | None:
        """Return the next trial, or None when there is nothing (more) to start now.

        The loop asks again after every `tell`, and ends when it gets None while no trial is
        under way.
        """

    def report(self, trial: Trial, progress: Progress) -> bool:
        """Take in new epochs of one of the trial's runs; return whether that run should go on.

        Every epoch is reported exactly once, in order.
        """

    def end(self, trial: Trial, result: Result) -> bool:
        """Take in how one run of a trial ended; return whether its other runs are still wanted.

        Where they are not, those under way are stopped, and those that wait do not begin.
        """

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        """Take in how all runs of a trial ended, in the order of `trial.runs`; conclude from it.

        Results that were found in the store come in the same way as fresh ones.
        """
