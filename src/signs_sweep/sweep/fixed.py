"""A list of trials that is known beforehand."""

from collections import deque
from collections.abc import Iterable, Sequence

from signs_sweep.domain import Progress, Result, Trial


class FixedScheduler:
    """Hands out the trials of a plan in their order, each once, and lets every run finish."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._waiting = deque(trials)

    def ask(self) -> Trial | None:
        """Return the next trial, or None after the last."""
        return self._waiting.popleft() if self._waiting else None

    def report(self, trial: Trial, progress: Progress) -> bool:
        """Let the run go on."""
        del trial, progress
        return True

    def end(self, trial: Trial, result: Result) -> bool:
        """Let the other runs go on."""
        del trial, result
        return True

    def tell(self, trial: Trial, results: Sequence[Result]) -> None:
        """Take note: a fixed list does not change with what comes out."""
