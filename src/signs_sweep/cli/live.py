"""A live view on the terminal: a bar, and a line for each worker."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

from signs_sweep.cli.headlines import Headline, Pace, figures
from signs_sweep.domain import Event, Progress, Started, Trial
from signs_sweep.domain.masking import MaskedStream

if TYPE_CHECKING:
    from rich.console import Group


class LiveView:
    """A view that is redrawn on stderr, five times a second."""

    has_bar = True

    def __init__(self, headline: Headline, workers: int) -> None:
        """Prepare.

        Args:
            headline: what the bar shows.
            workers: how many there are.
        """
        from rich.console import Console

        self.console = Console(stderr=True)
        self._headline = headline
        self._lines = [("waiting", "", "")] * workers
        self._worker_of: dict[str, int] = {}
        self._paces: dict[str, Pace] = {}

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw until the context is left; lines that were written above the view stay."""
        from rich.live import Live

        with Live(
            get_renderable=self.draw, console=self.console, refresh_per_second=5, transient=True
        ):
            # Text that libraries print passes through rich meanwhile, which splits it into lines.
            sys.stderr = cast("TextIO", MaskedStream(sys.stderr))
            yield

    def say(self, line: str, style: str) -> None:
        """Write a line above the view."""
        self.console.print(line, style=style, markup=False, highlight=False)

    def show(self, event: Event, title: str, trial: Trial) -> None:
        """Show what the worker of a run does."""
        match event:
            case Started():
                self._worker_of[event.run_id] = event.worker
                self._paces[event.run_id] = Pace()
                line = (title, "preparing", "")
            case Progress():
                pace = self._paces[event.run_id]
                pace.add(event)
                where = f"epoch {event.last_epoch:,} / {trial.epochs:,}"
                line = (title, where, figures(event, pace))
            case _:
                line = ("idle", "", "")
        if event.run_id in self._worker_of:
            self._lines[self._worker_of[event.run_id]] = line

    def draw(self) -> "Group":
        """Return the current picture."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        def cell(text: str, style: str = "") -> Text:
            return Text(text, style, no_wrap=True, overflow="ellipsis")

        headline = self._headline
        width = min(28, max(8, self.console.width - 64))
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            cell(headline.name),
            ProgressBar(total=max(headline.total, 1), completed=headline.done, width=width),
            cell(headline.text()),
        )
        workers = Table.grid(padding=(0, 2))
        for number, line in enumerate(self._lines, start=1):
            workers.add_row(cell(f"  {number}", "dim"), *map(cell, line))
        return Group(bar, workers)
