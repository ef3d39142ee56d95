"""How far a sweep or a search is, and how fast epochs are trained."""

import time
from collections import Counter, deque
from collections.abc import Iterable

from signs_sweep.domain import (
    Finished,
    News,
    Progress,
    Proposed,
    Purpose,
    TrialEnd,
    TrialState,
    best_of,
)
from signs_sweep.domain.formats import count, duration, measure

_RATE_SECONDS = 20
"""Seconds over which the pace is averaged."""


class Pace:
    """How many epochs are done, and how many were trained per second recently."""

    def __init__(self) -> None:
        self.done = 0
        self._marks: deque[tuple[float, int]] = deque()

    def add(self, event: Progress) -> None:
        """Count epochs; replayed epochs are done but say nothing about the pace."""
        self.done += len(event.times)
        if event.is_replay:
            return
        now = time.monotonic()
        self._marks.append((now, len(event.times)))
        while len(self._marks) > 2 and self._marks[0][0] < now - _RATE_SECONDS:
            self._marks.popleft()

    @property
    def rate(self) -> float | None:
        """Epochs per second; None until it is known."""
        if len(self._marks) < 2:
            return None
        (first, before), (last, _) = self._marks[0], self._marks[-1]
        epochs = sum(epochs for _, epochs in self._marks) - before
        return epochs / (last - first) if last > first else None


def figures(event: Progress, pace: Pace) -> str:
    """Return the metrics of the last epoch, and the pace."""
    parts = [f"{name} {measure(float(values[-1]))}" for name, values in event.metrics.items()]
    if pace.rate:
        parts.append(f"{pace.rate:.1f}/s")
    return "  ".join(parts)


class EpochCount:
    """The headline of a sweep: epochs of all runs."""

    name = "sweep"

    def __init__(self, total: int, *, is_limit: bool = False) -> None:
        """Begin with the number of epochs; `is_limit` is whether fewer may be needed."""
        self.total = total
        self._most = "at most " if is_limit else ""
        self.best: TrialEnd | None = None
        self._pace = Pace()
        self._planned: dict[str, int] = {}

    @property
    def done(self) -> int:
        """Epochs trained, earlier invocations included."""
        return self._pace.done

    def handle(self, event: News | None) -> None:
        """Count epochs; those after early stopping are no longer to be trained."""
        match event:
            case Progress():
                self._pace.add(event)
            case Proposed():
                self._planned |= dict.fromkeys(event.trial.run_ids, event.trial.epochs)
            case Finished(stopped_at=int(epoch)):
                self.total -= self._planned[event.run_id] - epoch

    def text(self) -> str:
        """Return epochs, pace and the time left."""
        rate, left = self._pace.rate, self.total - self.done
        most = self._most
        pace = f"{rate:,.0f}/s  {most}{duration(left / rate)} left" if rate else "starting"
        return f"{self.done:,} / {most}{self.total:,} epochs  {pace}"


class TrialCount:
    """The headline of a search: its trials."""

    def __init__(
        self, total: int, timeout: float | None, ends: Iterable[TrialEnd], *, maximize: bool
    ) -> None:
        """Begin.

        Args:
            total: number of trials, those of earlier invocations included.
            timeout: seconds after which no trial begins, or None.
            ends: the trials that ended in earlier invocations.
            maximize: whether the largest value is the best.
        """
        self.total = total
        self.best: TrialEnd | None = None
        self._timeout = timeout
        self._maximize = maximize
        self._ends: dict[str, TrialEnd] = {}
        for end in ends:
            self._count(end)
        self._earlier = self.done
        self._started = time.monotonic()
        self._phase = Purpose.SEARCH

    @property
    def name(self) -> str:
        """What trials are for now: the search, the race for the winner, or its confirmation."""
        return self._phase.value

    @property
    def done(self) -> int:
        """How many trials have ended, those of earlier invocations included."""
        return len(self._ends)

    def handle(self, event: News | None) -> None:
        """Count trials."""
        if isinstance(event, Proposed):
            self._phase = event.trial.purpose
        elif isinstance(event, TrialEnd) and event.trial.purpose is Purpose.SEARCH:
            self._count(event)

    def _count(self, end: TrialEnd) -> None:
        if end.state is not TrialState.STOPPED:
            self._ends[end.trial.key] = end
            self.best = best_of(self._ends.values(), maximize=self._maximize)

    def text(self) -> str:
        """Return trials by state, the best value, and the time left."""
        if not self._ends:
            return f"{count(self.total, 'trial')}  starting"
        counts = Counter(end.state for end in self._ends.values())
        text = f"{self.done:,} / {self.total:,} trials  {counts[TrialState.PRUNED]} pruned"
        text += f"  {counts[TrialState.FAILED]} failed"
        if self.best is not None:
            text += f"  best {measure(self.best.value)} ({self.best.trial.title})"
        left = self._seconds_left()
        return text if left is None else f"{text}  {duration(left)} left"

    def _seconds_left(self) -> float | None:
        """Estimate from the trials of this invocation how long the others will take."""
        passed, ended = time.monotonic() - self._started, self.done - self._earlier
        if ended < 2 or self._phase is not Purpose.SEARCH or self.done >= self.total:
            return None
        left = passed / ended * (self.total - self.done)
        return left if self._timeout is None else min(left, max(self._timeout - passed, 0))


Headline = EpochCount | TrialCount
"""Counts from events what is done of a `total`; `best` is the best trial so far, if any."""
