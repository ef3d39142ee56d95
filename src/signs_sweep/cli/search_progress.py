"""How a search goes, on stderr: a line per trial in a log, or a live picture on a terminal."""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from signs_sweep.cli.live import Bar, LiveView
from signs_sweep.cli.output import say
from signs_sweep.cli.pace import EpochLines
from signs_sweep.cli.progress import ending
from signs_sweep.cli.text import count, duration, measure
from signs_sweep.domain import (
    Failed,
    Finished,
    Judged,
    News,
    Notice,
    Progress,
    Proposed,
    Retried,
    Started,
    Stopped,
    Waiting,
)


class SearchState:
    """What is known of a search from what was heard.

    Attributes:
        names: by run_id, what a run is called.
        epochs: by run_id, how many it has.
        last: the last trial that ended, or None.
        confirming: how many runs are left of those that confirm the winner; None before.
    """

    def __init__(self, total: int, timeout: float | None) -> None:
        """Begin.

        Args:
            total: trials in all.
            timeout: seconds after which no trial begins, or None.
        """
        self.names: dict[str, str] = {}
        self.epochs: dict[str, int] = {}
        self.last: Judged | None = None
        self.confirming: int | None = None
        self._total = total
        self._timeout = timeout
        self._started = time.monotonic()
        self._judged = 0

    def take(self, event: Proposed | Judged) -> None:
        """Take in what a search decided."""
        if isinstance(event, Judged):
            self.last = event
            self._judged += 1
            return
        self.names.update(event.names)
        self.epochs.update(dict.fromkeys(event.names, event.epochs))
        if any("fresh seeds" in name for name in event.names.values()):
            self.confirming = (self.confirming or 0) + len(event.names)

    @property
    def done(self) -> int:
        """How many trials have ended, those of earlier invocations too."""
        return sum(self.last.counts.values()) if self.last else 0

    @property
    def total(self) -> int:
        """How many there will be."""
        return self._total

    def headline(self) -> str:
        """Return trials by state, the best value, and the time left, in words."""
        if self.last is None:
            return f"{count(self._total, 'trial')}  starting"
        counts = self.last.counts
        words = f"{self.done:,} / {self._total:,} trials  {counts['PRUNED']} pruned"
        words += f"  {counts['FAIL']} failed"
        if self.last.best is not None:
            words += f"  best {measure(self.last.best_value)} ({self.last.best})"
        left = self._seconds_left()
        return words if left is None else f"{words}  {duration(left)} left"

    def _seconds_left(self) -> float | None:
        """Estimate from the trials of this invocation when the last one begins to be the last."""
        passed = time.monotonic() - self._started
        if self._judged < 2 or self.confirming is not None or self.done >= self._total:
            return None
        left = passed / self._judged * max(self._total - self.done, 0)
        return left if self._timeout is None else min(left, max(self._timeout - passed, 0))


class PlainSearch(AbstractContextManager["PlainSearch"]):
    """A line per trial on stderr, and one about each run that takes long."""

    def __init__(self, state: SearchState) -> None:
        self._state = state
        self._lines = EpochLines()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave everything as it is: the lines stay."""

    def hear(self, event: News | None) -> None:
        """Say what happened."""
        line = self._line(event)
        if line:
            say(line, indent="  ")

    def _line(self, event: News | None) -> str | None:
        state = self._state
        match event:
            case Notice():
                return notice(event, state)
            case Proposed():
                state.take(event)
            case Judged():
                state.take(event)
                return f"{verdict(event)}   {state.headline()}"
            case Started():
                self._lines.start(event.run_id)
            case Progress():
                line = self._lines.line(event, state.epochs[event.run_id])
                return None if line is None else f"{state.names[event.run_id]}: {line}"
            case Failed() | Retried() | Waiting():
                return f"{state.names[event.run_id]}: {ending(event)}"
            case Finished() if "fresh seeds" in state.names[event.run_id]:
                return f"{state.names[event.run_id]}: {ending(event)}"
        return None


class LiveSearch(AbstractContextManager["LiveSearch"]):
    """A bar over all trials and a line per worker, redrawn in place on stderr."""

    def __init__(self, state: SearchState, workers: int) -> None:
        self._state = state
        self._view = LiveView(self._bar, workers)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._view.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the picture away; what was said of trials stays."""
        self._view.__exit__(kind, error, trace)

    def hear(self, event: News | None) -> None:
        """Take an event into the picture."""
        state, view = self._state, self._view
        match event:
            case Notice():
                view.say(notice(event, state), "yellow")
            case Proposed():
                state.take(event)
            case Judged():
                state.take(event)
                is_best = event.state == "COMPLETE" and event.name.startswith(f"{event.best} ")
                view.say(verdict(event), "bold" if is_best else "dim")
            case Started():
                view.start(event.run_id, event.worker, state.names[event.run_id])
            case Progress():
                view.progress(event, state.names[event.run_id], state.epochs[event.run_id])
            case Finished() | Stopped() | Failed() | Retried() | Waiting():
                view.end(event.run_id)
                if isinstance(event, Failed | Retried | Waiting):
                    view.say(f"{state.names[event.run_id]}: {ending(event)}", "red")

    def _bar(self) -> Bar:
        state = self._state
        name = "search" if state.confirming is None else "fresh seeds"
        return Bar(name, state.done, state.total, state.headline())


def notice(event: Notice, state: SearchState) -> str:
    """Return a notice with what it is about."""
    what = "warning" if event.run_id is None else state.names[event.run_id]
    return f"{what}: {event.message}"


def verdict(event: Judged) -> str:
    """Return how a trial ended, in a line."""
    match event.state:
        case "COMPLETE":
            return f"{event.name}: {measure(event.value)}"
        case "PRUNED":
            return f"{event.name}: pruned, {event.why}"
        case _:
            return f"{event.name}: failed: {event.why}"
