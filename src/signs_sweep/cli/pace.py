"""How fast epochs come, and when a log says so."""

import time
from collections import deque

from signs_sweep.cli.text import measure
from signs_sweep.domain import Progress

_PLAIN_SECONDS = 15
"""Seconds between two plain lines about the epochs of a run."""

_RATE_SECONDS = 20
"""Seconds over which the pace is averaged."""


class Pace:
    """How many epochs have been trained, and how fast of late."""

    def __init__(self) -> None:
        self.done = 0
        self._marks: deque[tuple[float, int]] = deque()

    def skip(self, epochs: int) -> None:
        """Count epochs that were trained before."""
        self.done += epochs
        self._marks = deque((then, done + epochs) for then, done in self._marks)

    def add(self, epochs: int, now: float) -> None:
        """Count some more epochs."""
        if not self._marks:
            self._marks.append((now, self.done))
        self.done += epochs
        self._marks.append((now, self.done))
        while len(self._marks) > 2 and self._marks[0][0] < now - _RATE_SECONDS:
            self._marks.popleft()

    @property
    def rate(self) -> float | None:
        """Epochs per second; None while it is not known."""
        if len(self._marks) < 3:
            return None
        (first, before), (last, after) = self._marks[0], self._marks[-1]
        return (after - before) / (last - first) if last > first else None


class EpochLines:
    """What a log says of the epochs of runs: not every one, but one every now and then."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}
        self._paces: dict[str, Pace] = {}

    def start(self, run_id: str) -> None:
        """Hear that a run begins, in whatever process."""
        self._said[run_id] = time.monotonic()
        self._paces[run_id] = Pace()

    def line(self, event: Progress, total: int) -> str | None:
        """Take in some epochs of a run of so many; return what to say of it, or None."""
        if event.is_replay:
            return f"goes on from epoch {event.last_epoch:,}"
        now, pace = time.monotonic(), self._paces[event.run_id]
        pace.add(len(event.times), now)
        if now - self._said[event.run_id] < _PLAIN_SECONDS:
            return None
        self._said[event.run_id] = now
        return f"epoch {event.last_epoch:,} of {total:,}  {figures(event, pace)}"


def figures(event: Progress, pace: Pace) -> str:
    """Return the last values of some epochs, and how fast they come."""
    words = [f"{name} {measure(float(values[-1]))}" for name, values in event.metrics.items()]
    if pace.rate:
        words.append(f"{pace.rate:.1f}/s")
    return "  ".join(words)
