"""A list of trials that is known beforehand."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from signs_sweep.domain import Progress, Result, Trial, TrialEnd


class FixedScheduler:
    """Hands out given trials in their order, each once, and lets every run finish."""

    def __init__(
        self,
        trials: Iterable[Trial],
        conclude: Callable[[Trial, Sequence[Result]], TrialEnd] = TrialEnd.of,
    ) -> None:
        """Take the trials.

        Args:
            trials: what to hand out.
            conclude: returns how a trial ended, given the results of its runs.
        """
        self._waiting = deque(trials)
        self._conclude = conclude

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

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        """Conclude; the list does not change with what comes out."""
        return self._conclude(trial, results)
