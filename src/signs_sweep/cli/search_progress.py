"""How a search goes, on stderr: a line per trial in a log, or a live picture on a terminal."""

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from signs_sweep.cli.progress import PLAIN_SECONDS, Pace, ending, figures
from signs_sweep.cli.text import count, duration, measure
from signs_sweep.records import (
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

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live


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
        self._said: dict[str, float] = {}
        self._paces: dict[str, Pace] = {}

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
            print(line, file=sys.stderr, flush=True)

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
                self._said[event.run_id] = time.monotonic()
                self._paces[event.run_id] = Pace()
            case Progress():
                return self._epochs(event)
            case Failed() | Retried() | Waiting():
                return f"{state.names[event.run_id]}: {ending(event)}"
            case Finished() if "fresh seeds" in state.names[event.run_id]:
                return f"{state.names[event.run_id]}: {ending(event)}"
        return None

    def _epochs(self, event: Progress) -> str | None:
        now, pace = time.monotonic(), self._paces[event.run_id]
        if event.is_replay:
            return f"{self._state.names[event.run_id]}: goes on from epoch {event.last_epoch:,}"
        pace.add(len(event.times), now)
        if now - self._said[event.run_id] < PLAIN_SECONDS:
            return None
        self._said[event.run_id] = now
        total = self._state.epochs[event.run_id]
        name = self._state.names[event.run_id]
        return f"{name}: epoch {event.last_epoch:,} of {total:,}  {figures(event, pace)}"


class LiveSearch(AbstractContextManager["LiveSearch"]):
    """A bar over all trials and a line per worker, redrawn in place on stderr."""

    def __init__(self, state: SearchState, workers: int) -> None:
        from rich.console import Console

        self._state = state
        self._console = Console(stderr=True)
        self._lines = [("waiting", "", "")] * workers
        self._worker_of: dict[str, int] = {}
        self._paces: dict[str, Pace] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        from rich.live import Live

        self._live = Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=5, transient=True
        )
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the picture away; what was said of trials stays."""
        assert self._live is not None
        self._live.stop()

    def hear(self, event: News | None) -> None:
        """Take an event into the picture."""
        state = self._state
        match event:
            case Notice():
                self._console.print(notice(event, state), style="yellow", markup=False)
            case Proposed():
                state.take(event)
            case Judged():
                is_best = event.state == "COMPLETE" and event.name.startswith(f"{event.best} ")
                state.take(event)
                style = "bold" if is_best else "dim"
                self._console.print(verdict(event), style=style, markup=False, highlight=False)
            case Started():
                self._worker_of[event.run_id] = event.worker
                self._paces[event.run_id] = Pace()
                self._lines[event.worker] = (state.names[event.run_id], "preparing", "")
            case Progress():
                self._show(event)
            case Finished() | Stopped() | Failed() | Retried() | Waiting():
                if event.run_id in self._worker_of:
                    self._lines[self._worker_of[event.run_id]] = ("idle", "", "")
                if isinstance(event, Failed | Retried | Waiting):
                    line = f"{state.names[event.run_id]}: {ending(event)}"
                    self._console.print(line, style="red", markup=False)

    def _show(self, event: Progress) -> None:
        pace = self._paces[event.run_id]
        if not event.is_replay:
            pace.add(len(event.times), time.monotonic())
        where = f"epoch {event.last_epoch:,} / {self._state.epochs[event.run_id]:,}"
        name = self._state.names[event.run_id]
        self._lines[self._worker_of[event.run_id]] = (name, where, figures(event, pace))

    def _draw(self) -> "Group":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        state = self._state
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            "search" if state.confirming is None else "fresh seeds",
            ProgressBar(total=max(state.total, 1), completed=state.done, width=24),
            Text(state.headline()),
        )
        workers = Table.grid(padding=(0, 2))
        for index, line in enumerate(self._lines, start=1):
            workers.add_row(Text(f"  {index}", style="dim"), *map(Text, line))
        return Group(bar, workers)


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
