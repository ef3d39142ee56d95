"""How far a sweep or a search is: what the bar shows, and the same in words."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from signs_sweep.cli.live import Bar
from signs_sweep.cli.pace import Pace
from signs_sweep.cli.text import count, duration, measure
from signs_sweep.domain import News, Progress, Proposed, Purpose, TrialEnd, TrialState, best_of


class Headline(Protocol):
    """Counts what has been done, from events."""

    def take(self, event: News | None) -> None:
        """Take in an event."""

    def bar(self) -> Bar:
        """Return what the bar shows now."""

    def text(self) -> str:
        """Return how far it is, in words."""

    def is_best(self, end: TrialEnd) -> bool:
        """Whether a trial that has just ended is the best so far."""


class EpochCount:
    """Implements `Headline` for a sweep: epochs of all runs."""

    def __init__(self, total: int) -> None:
        """Begin; `total` is how many epochs there are to train."""
        self._total = total
        self._pace = Pace()

    def take(self, event: News | None) -> None:
        """Count epochs."""
        if isinstance(event, Progress) and event.is_replay:
            self._pace.skip(len(event.times))
        elif isinstance(event, Progress):
            self._pace.add(len(event.times), time.monotonic())

    def bar(self) -> Bar:
        """Return epochs trained and to train."""
        return Bar("sweep", self._pace.done, self._total, self.text())

    def text(self) -> str:
        """Return epochs, pace and the time left."""
        done, total, rate = self._pace.done, self._total, self._pace.rate
        pace = f"{rate:,.0f}/s  {duration((total - done) / rate)} left" if rate else "starting"
        return f"{done:,} / {total:,} epochs  {pace}"

    def is_best(self, end: TrialEnd) -> bool:
        """Return False: a sweep has no best trial."""
        del end
        return False


class TrialCount:
    """Implements `Headline` for a search: its trials."""

    def __init__(
        self, total: int, timeout: float | None, ends: Iterable[TrialEnd], *, maximize: bool
    ) -> None:
        """Begin.

        Args:
            total: trials in all.
            timeout: seconds after which no trial begins, or None.
            ends: the trials that ended in earlier invocations.
            maximize: whether the largest value is the best.
        """
        self._total = total
        self._timeout = timeout
        self._maximize = maximize
        self._ends = {end.trial.key: end for end in ends if end.state is not TrialState.STOPPED}
        self._best = best_of(self._ends.values(), maximize=maximize)
        self._earlier = len(self._ends)
        self._started = time.monotonic()
        self._is_confirming = False

    @property
    def done(self) -> int:
        """How many trials have ended, those of earlier invocations included."""
        return len(self._ends)

    def take(self, event: News | None) -> None:
        """Count trials."""
        if isinstance(event, Proposed):
            self._is_confirming = event.trial.purpose is Purpose.CONFIRMATION
        elif isinstance(event, TrialEnd) and event.trial.purpose is Purpose.SEARCH:
            if event.state is not TrialState.STOPPED:
                self._ends[event.trial.key] = event
            known = [self._best] if self._best else []
            self._best = best_of([*known, event], maximize=self._maximize)

    def bar(self) -> Bar:
        """Return trials ended and in all."""
        name = "confirmation" if self._is_confirming else "search"
        return Bar(name, self.done, self._total, self.text())

    def text(self) -> str:
        """Return trials by state, the best value, and the time left."""
        if not self._ends:
            return f"{count(self._total, 'trial')}  starting"
        counts = Counter(end.state for end in self._ends.values())
        words = f"{self.done:,} / {self._total:,} trials  {counts[TrialState.PRUNED]} pruned"
        words += f"  {counts[TrialState.FAILED]} failed"
        if self._best is not None:
            words += f"  best {measure(self._best.value)} ({self._best.trial.title})"
        left = self._seconds_left()
        return words if left is None else f"{words}  {duration(left)} left"

    def is_best(self, end: TrialEnd) -> bool:
        """Whether a trial that has just ended is the best so far."""
        return end is self._best

    def _seconds_left(self) -> float | None:
        """Estimate from the trials of this invocation how long the others will take."""
        passed, ended = time.monotonic() - self._started, self.done - self._earlier
        if ended < 2 or self._is_confirming or self.done >= self._total:
            return None
        left = passed / ended * max(self._total - self.done, 0)
        return left if self._timeout is None else min(left, max(self._timeout - passed, 0))
