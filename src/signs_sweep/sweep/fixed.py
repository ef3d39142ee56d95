"""A scheduler for a fixed list of trials."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from signs_sweep.domain import Progress, Result, Trial, TrialEnd


class FixedScheduler:
    """Hands out the given trials in order, each once, and stops no run."""

    def __init__(
        self,
        trials: Iterable[Trial],
        conclude: Callable[[Trial, Sequence[Result]], TrialEnd] = TrialEnd.of,
    ) -> None:
        """Take the trials; `conclude` returns how each ended, from the results of its runs."""
        self._waiting = deque(trials)
        self._conclude = conclude

    def ask(self) -> Trial | None:
        """Return the next trial, or None after the last."""
        return self._waiting.popleft() if self._waiting else None

    def report(self, trial: Trial, progress: Progress) -> bool:
        """Return True: every run continues to its end."""
        del trial, progress
        return True

    def end(self, trial: Trial, result: Result) -> bool:
        """Return True: the other runs continue."""
        del trial, result
        return True

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        """Return how the trial ended; the list stays the same."""
        return self._conclude(trial, results)
