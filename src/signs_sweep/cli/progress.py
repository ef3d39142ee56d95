"""What a person sees while runs are trained: a live view on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

from signs_sweep.cli.headlines import Headline, Pace, figures
from signs_sweep.cli.output import say, say_notices
from signs_sweep.domain import (
    Checkpoint,
    Event,
    Failed,
    Finished,
    News,
    Notice,
    Progress,
    Proposed,
    Purpose,
    Retried,
    Started,
    Stopped,
    Trial,
    TrialEnd,
    TrialState,
    Waiting,
)
from signs_sweep.domain.formats import duration, measure
from signs_sweep.domain.masking import MaskedStream
from signs_sweep.searching.words import describe

if TYPE_CHECKING:
    from rich.console import Group

_PLAIN_SECONDS = 15
"""Seconds between two plain lines about the epochs of a run."""


class PlainView:
    """A view for logs: a line per event on stderr, but only now and then for epochs."""

    has_bar = False

    def __init__(self) -> None:
        self._shown_at: dict[str, float] = {}
        self._paces: dict[str, Pace] = {}

    def say(self, line: str, style: str) -> None:
        """Write a line; a log has no styles."""
        del style
        say(line, indent="  ")

    def show(self, event: Event, title: str, trial: Trial) -> None:
        """Write a line, in a search only about epochs: the line of the trial has the rest."""
        now = time.monotonic()
        match event:
            case Progress():
                pace = self._paces[event.run_id]
                pace.add(event)
                is_due = now - self._shown_at[event.run_id] >= _PLAIN_SECONDS
                if event.is_replay:
                    self.say(f"{title}: resumes from epoch {event.last_epoch:,}", "")
                elif is_due:
                    self._shown_at[event.run_id] = now
                    where = f"epoch {event.last_epoch:,} of {trial.epochs:,}"
                    self.say(f"{title}: {where}  {figures(event, pace)}", "")
            case Started() | Finished() | Stopped():
                if isinstance(event, Started):
                    self._shown_at[event.run_id], self._paces[event.run_id] = now, Pace()
                if trial.purpose is not Purpose.SEARCH:
                    self.say(f"{title}: {text_of(event)}", "")


class LiveView:
    """A view that is redrawn on stderr, five times a second."""

    has_bar = True

    def __init__(self, headline: Headline, workers: int) -> None:
        """Prepare.

        Args:
            headline: what the bar shows.
            workers: how many there are at least.
        """
        from rich.console import Console

        self.console = Console(stderr=True)
        self._headline = headline
        self._lines = dict.fromkeys(range(workers), ("waiting", "", ""))
        self._worker_of: dict[str, int] = {}
        self._nodes: dict[int, str] = {}
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
                self._nodes[event.worker] = f" {event.node}" if event.node else ""
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
        most = max(1, self.console.height - 3)  # What does not fit would stay when the view ends.
        for index, line in sorted(self._lines.items())[:most]:
            worker = f"  {index + 1}{self._nodes.get(index, '')}"
            workers.add_row(cell(worker, "dim"), *map(cell, line))
        left = len(self._lines) - most
        return Group(bar, workers, *([cell(f"  and {left} more", "dim")] if left > 0 else []))


class Watcher:
    """A listener that shows a sweep or a search in a view."""

    def __init__(
        self, headline: Headline, view: PlainView | LiveView, *, is_prefixed: bool = False
    ) -> None:
        """Begin; `is_prefixed` is whether titles need the name of the experiment."""
        self._headline = headline
        self._view = view
        self._is_prefixed = is_prefixed
        self._trials: dict[str, tuple[str, Trial]] = {}

    def handle(self, event: News | None) -> None:
        """Show an event."""
        self._headline.handle(event)
        match event:
            case None | Checkpoint():
                pass
            case Proposed():
                prefix = f"{event.trial.experiment}: " if self._is_prefixed else ""
                shown = {
                    run.run_id: (prefix + event.trial.title_of(run), event.trial)
                    for run in event.trial.runs
                }
                # A sweep trains a run of several trials for the first of them. A search proposes
                # a point again after its trial has ended.
                is_search = event.trial.purpose is Purpose.SEARCH
                self._trials = self._trials | shown if is_search else shown | self._trials
            case Notice():
                about = "warning" if event.run_id is None else self._trials[event.run_id][0]
                self._view.say(f"{about}: {event.message}", "yellow")
            case TrialEnd():
                if event.trial.purpose is Purpose.SEARCH:
                    headline = "" if self._view.has_bar else f"   {self._headline.text()}"
                    style = "bold" if event is self._headline.best else "dim"
                    self._view.say(ending(event) + headline, style)
            case _:
                title, trial = self._trials[event.run_id]
                self._view.show(event, title, trial)
                if isinstance(event, Failed | Retried | Waiting):
                    self._view.say(f"{title}: {text_of(event)}", "red")


@contextmanager
def watching(
    headline: Headline | None, workers: int, *, is_live: bool, is_prefixed: bool = False
) -> Iterator[Callable[[News | None], None]]:
    """Return a context that gives the listener to use.

    Args:
        headline: what is counted; None to show only what a user must know.
        workers: how many lines the live view has at least.
        is_live: whether the terminal can redraw lines.
        is_prefixed: whether titles need the name of their experiment.
    """
    if headline is None:
        yield say_notices
    elif is_live:
        view = LiveView(headline, workers)
        with view.drawn():
            yield Watcher(headline, view, is_prefixed=is_prefixed).handle
    else:
        yield Watcher(headline, PlainView(), is_prefixed=is_prefixed).handle


def text_of(event: Started | Finished | Failed | Retried | Waiting | Stopped) -> str:
    """Return what happened to a run, as text."""
    match event:
        case Started():
            where = f" on {event.node}" if event.node else ""
            return f"started by worker {event.worker + 1}{where}"
        case Finished():
            parts = [f"finished in {duration(event.seconds)}"]
            if event.stopped_at is not None:
                parts.append(f"stopped after epoch {event.stopped_at:,}")
            if event.chosen_epoch is not None:
                parts.append(f"weights of epoch {event.chosen_epoch:,}")
            parts += [
                f"{shown} accuracy {measure(event.metrics[name])}"
                for shown, name in (("train", "final_train_accuracy"), ("test", "test_accuracy"))
                if name in event.metrics
            ]
            if event.diagnosis is not None:
                parts.append(event.diagnosis.text)
            return "  ".join(parts)
        case Failed():
            return f"failed: {event.message}"
        case Retried():
            how = f"resumes from epoch {event.epoch:,}" if event.epoch else "begins again"
            return f"{event.message} The run {how} in a new process."
        case Waiting():
            return "another sweep is training it; this sweep waits for the result"
        case Stopped():
            return "stopped"


def ending(end: TrialEnd) -> str:
    """Return how a trial of a search ended, in a line."""
    texts = {
        TrialState.COMPLETE: measure(end.value),
        TrialState.PRUNED: f"pruned, {end.why}",
        TrialState.FAILED: f"failed: {end.why}",
        TrialState.STOPPED: f"stopped: {end.why}",
    }
    audited = f" (audited: {end.audited})" if end.audited else ""
    return f"{describe(end.trial)}: {texts[end.state]}{audited}"
