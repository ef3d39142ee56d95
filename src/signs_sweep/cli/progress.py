"""What a person sees while runs are trained: live lines on a terminal, plain ones elsewhere."""

import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from signs_sweep.cli.text import duration, measure
from signs_sweep.planning import Plan
from signs_sweep.records import (
    Checkpoint,
    Failed,
    Finished,
    Judged,
    News,
    Notice,
    Progress,
    Proposed,
    Result,
    Retried,
    Started,
    Stopped,
    Waiting,
)

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

PLAIN_SECONDS = 15
"""Seconds between two plain lines about the epochs of a run."""

_RATE_SECONDS = 20
"""Seconds over which the pace is averaged."""


@dataclass(frozen=True)
class Titles:
    """What the runs of a plan are called on the terminal, and how long they are."""

    names: Mapping[str, str]
    epochs: Mapping[str, int]
    to_train: int

    @classmethod
    def of(cls, plan: Plan, known: Mapping[str, Result]) -> "Titles":
        """Take the titles from a plan; with several experiments, their names come first."""
        names: dict[str, str] = {}
        for part in plan.parts:
            prefix = f"{part.experiment.name}: " if len(plan.parts) > 1 else ""
            for trial, run in part.runs:
                names.setdefault(run.run_id, prefix + part.title(trial, run))
        epochs = {run_id: run.parameters.epochs for run_id, run in plan.runs.items()}
        to_train = sum(amount for run_id, amount in epochs.items() if run_id not in known)
        return cls(names, epochs, to_train)


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


class PlainProgress(AbstractContextManager["PlainProgress"]):
    """One line per event on stderr, for logs."""

    def __init__(self, titles: Titles) -> None:
        self._titles = titles
        self._said: dict[str, float] = {}
        self._pace: dict[str, Pace] = {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave everything as it is: the lines stay."""

    def hear(self, event: News | None) -> None:
        """Say what happened; of epochs, only every now and then."""
        if isinstance(event, Notice):
            print(_notice(event, self._titles), file=sys.stderr, flush=True)
            return
        if event is None or isinstance(event, Checkpoint | Proposed | Judged):
            return
        line = self._epochs(event) if isinstance(event, Progress) else ending(event)
        if line is not None:
            if isinstance(event, Started):
                self._said[event.run_id] = time.monotonic()
                self._pace[event.run_id] = Pace()
            print(f"{self._titles.names[event.run_id]}: {line}", file=sys.stderr, flush=True)

    def _epochs(self, event: Progress) -> str | None:
        now = time.monotonic()
        pace = self._pace[event.run_id]
        if event.is_replay:
            return f"goes on from epoch {event.last_epoch:,}"
        pace.add(len(event.times), now)
        if now - self._said[event.run_id] < PLAIN_SECONDS:
            return None
        self._said[event.run_id] = now
        total = self._titles.epochs[event.run_id]
        return f"epoch {event.last_epoch:,} of {total:,}  {figures(event, pace)}"


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """A bar over all epochs and a line per worker, redrawn in place on stderr."""

    def __init__(self, titles: Titles, workers: int) -> None:
        from rich.console import Console

        self._titles = titles
        self._console = Console(stderr=True)
        self._pace = Pace()
        self._lines = [("waiting", "", "")] * workers
        self._worker_of: dict[str, int] = {}
        self._paces: dict[str, Pace] = {}
        self._epochs: dict[str, int] = {}
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
        """Take the lines away; what was said of failures stays."""
        assert self._live is not None
        self._live.stop()

    def hear(self, event: News | None) -> None:
        """Take an event into the picture."""
        if isinstance(event, Notice):
            self._console.print(_notice(event, self._titles), style="yellow", markup=False)
            return
        if event is None or isinstance(event, Checkpoint | Proposed | Judged):
            return
        title = self._titles.names[event.run_id]
        if isinstance(event, Started):
            self._worker_of[event.run_id] = event.worker
            self._paces[event.run_id] = Pace()
            self._lines[event.worker] = (title, "preparing", "")
        elif isinstance(event, Progress):
            self._count(event)
            total = self._titles.epochs[event.run_id]
            where = f"epoch {event.last_epoch:,} / {total:,}"
            words = figures(event, self._paces[event.run_id])
            self._lines[self._worker_of[event.run_id]] = (title, where, words)
        else:
            if event.run_id in self._worker_of:
                self._lines[self._worker_of[event.run_id]] = ("idle", "", "")
            if isinstance(event, Failed | Retried | Waiting):
                self._console.print(f"{title}: {ending(event)}", style="red", markup=False)

    def _count(self, event: Progress) -> None:
        """Count each epoch of a run once, also where a worker had to begin it again."""
        known = self._epochs.get(event.run_id, 0)
        new = max(event.last_epoch - known, 0)
        self._epochs[event.run_id] = known + new
        if event.is_replay:
            self._pace.skip(new)
        else:
            self._pace.add(new, time.monotonic())
            self._paces[event.run_id].add(len(event.times), time.monotonic())

    def _draw(self) -> "Group":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        done, total, rate = self._pace.done, self._titles.to_train, self._pace.rate
        pace = f"{rate:,.0f}/s  {duration((total - done) / rate)} left" if rate else "starting"
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            "sweep",
            ProgressBar(total=max(total, 1), completed=done, width=32),
            Text(f"{done:,} / {total:,} epochs  {pace}"),
        )
        workers = Table.grid(padding=(0, 2))
        for index, line in enumerate(self._lines, start=1):
            workers.add_row(Text(f"  {index}", style="dim"), *map(Text, line))
        return Group(bar, workers)


def _notice(notice: Notice, titles: Titles) -> str:
    what = "warning" if notice.run_id is None else titles.names[notice.run_id]
    return f"{what}: {notice.message}"


def figures(event: Progress, pace: Pace) -> str:
    """Return the last values of some epochs, and how fast they come."""
    words = [f"{name} {measure(float(values[-1]))}" for name, values in event.metrics.items()]
    if pace.rate:
        words.append(f"{pace.rate:.1f}/s")
    return "  ".join(words)


def ending(event: Started | Finished | Failed | Retried | Waiting | Stopped) -> str:
    """Return what happened to a run, in words."""
    match event:
        case Started():
            return f"started by worker {event.worker + 1}"
        case Finished():
            words = [f"finished in {duration(event.seconds)}"]
            words += [
                f"{words} accuracy {measure(event.metrics[name])}"
                for words, name in (("train", "final_train_accuracy"), ("test", "test_accuracy"))
                if name in event.metrics
            ]
            return "  ".join(words)
        case Failed():
            return f"failed: {event.message}"
        case Retried():
            where = f"goes on from epoch {event.epoch:,}" if event.epoch else "begins again"
            return f"{event.message} It {where} in a new one."
        case Waiting():
            return "another sweep is on it; this one waits for the result"
        case Stopped():
            return "stopped"
