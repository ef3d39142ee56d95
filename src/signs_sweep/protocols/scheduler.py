"""What to train next."""

from collections.abc import Sequence
from typing import Protocol

from signs_sweep.domain import Progress, Result, Trial


class Scheduler(Protocol):
    """Hands out trials and hears of their results.

    Called from one thread. Each trial that `ask` returned is told exactly once, unless the sweep
    is interrupted: neither `end` nor `tell` hears of a run that an interruption stopped. Trials are
    told in the order in which they end, not in which they were asked.
    """

    def ask(self) -> Trial | None:
        """Return the next trial, or None when there is nothing (more) to start now.

        The loop asks again after every `tell`, and ends when it gets None while no trial is
        under way.
        """

    def report(self, trial: Trial, progress: Progress) -> bool:
        """Hear of new epochs of one of the trial's runs; return whether that run should go on."""

    def end(self, trial: Trial, result: Result) -> bool:
        """Hear how one run of a trial ended; return whether its other runs are still wanted.

        Where they are not, those under way are stopped, and those that wait do not begin.
        """

    def tell(self, trial: Trial, results: Sequence[Result]) -> None:
        """Hear how all runs of a trial ended, in the order of `trial.runs`.

        Results that were found in the store come in the same way as fresh ones.
        """
