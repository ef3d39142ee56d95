"""A picture on the terminal that is redrawn in place: a bar, and a line for each worker."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO, cast

from signs_sweep.cli.pace import Pace, figures
from signs_sweep.domain import Progress
from signs_sweep.domain.masking import MaskedStream

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live


@dataclass(frozen=True)
class Bar:
    """What the bar shows.

    Attributes:
        name: what goes on, before it.
        done: how much is done.
        total: of how much.
        words: the same in words, behind it.
    """

    name: str
    done: int
    total: int
    words: str


class LiveView(AbstractContextManager["LiveView"]):
    """Draws on stderr, five times a second, from the time it is entered until it is left."""

    def __init__(self, bar: Callable[[], Bar], workers: int) -> None:
        """Prepare.

        Args:
            bar: returns what the bar shows now.
            workers: how many there are.
        """
        from rich.console import Console

        self.console = Console(stderr=True)
        self._bar = bar
        self._lines = [("waiting", "", "")] * workers
        self._worker_of: dict[str, int] = {}
        self._paces: dict[str, Pace] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        from rich.live import Live

        self._live = Live(
            get_renderable=self.draw, console=self.console, refresh_per_second=5, transient=True
        )
        self._live.start()
        # What libraries print goes through the view meanwhile, which breaks it into lines.
        sys.stderr = cast("TextIO", MaskedStream(sys.stderr))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the picture away; what was said stays."""
        assert self._live is not None
        self._live.stop()

    def say(self, line: str, style: str) -> None:
        """Write a line above the picture, which stays."""
        self.console.print(line, style=style, markup=False, highlight=False)

    def start(self, run_id: str, worker: int, title: str) -> None:
        """Show that a worker has taken a run."""
        self._worker_of[run_id] = worker
        self._paces[run_id] = Pace()
        self._lines[worker] = (title, "preparing", "")

    def progress(self, event: Progress, title: str, total: int) -> None:
        """Show how far a run is, of how many epochs in all."""
        pace = self._paces[event.run_id]
        if not event.is_replay:
            pace.add(len(event.times), time.monotonic())
        where = f"epoch {event.last_epoch:,} / {total:,}"
        self._lines[self._worker_of[event.run_id]] = (title, where, figures(event, pace))

    def end(self, run_id: str) -> None:
        """Show that the worker of a run, if it had one, has nothing to do."""
        if run_id in self._worker_of:
            self._lines[self._worker_of[run_id]] = ("idle", "", "")

    def draw(self) -> "Group":
        """Return the picture as it is now."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        def cell(words: str, style: str = "") -> Text:
            return Text(words, style, no_wrap=True, overflow="ellipsis")

        now = self._bar()
        wide = min(28, max(8, self.console.width - 64))
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            cell(now.name),
            ProgressBar(total=max(now.total, 1), completed=now.done, width=wide),
            cell(now.words),
        )
        workers = Table.grid(padding=(0, 2))
        for index, line in enumerate(self._lines, start=1):
            workers.add_row(cell(f"  {index}", "dim"), *map(cell, line))
        return Group(bar, workers)
