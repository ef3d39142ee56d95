"""What a person sees while runs are trained: live lines on a terminal, plain ones elsewhere."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from signs_sweep.cli.live import Bar, LiveView
from signs_sweep.cli.output import say
from signs_sweep.cli.pace import EpochLines, Pace
from signs_sweep.cli.text import duration, measure
from signs_sweep.domain import (
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
from signs_sweep.planning.plan import Plan


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


class PlainProgress(AbstractContextManager["PlainProgress"]):
    """One line per event on stderr, for logs."""

    def __init__(self, titles: Titles) -> None:
        self._titles = titles
        self._lines = EpochLines()

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
            say(_notice(event, self._titles))
            return
        if event is None or isinstance(event, Checkpoint | Proposed | Judged):
            return
        run_id = event.run_id
        if isinstance(event, Started):
            self._lines.start(run_id)
        if isinstance(event, Progress):
            line = self._lines.line(event, self._titles.epochs[run_id])
        else:
            line = ending(event)
        if line is not None:
            say(f"{self._titles.names[run_id]}: {line}", indent="  ")


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """A bar over all epochs and a line per worker, redrawn in place on stderr."""

    def __init__(self, titles: Titles, workers: int) -> None:
        self._titles = titles
        self._view = LiveView(self._bar, workers)
        self._pace = Pace()
        self._epochs: dict[str, int] = {}

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
        """Take the picture away; what was said of failures stays."""
        self._view.__exit__(kind, error, trace)

    def hear(self, event: News | None) -> None:
        """Take an event into the picture."""
        if isinstance(event, Notice):
            self._view.say(_notice(event, self._titles), "yellow")
            return
        if event is None or isinstance(event, Checkpoint | Proposed | Judged):
            return
        title = self._titles.names[event.run_id]
        if isinstance(event, Started):
            self._view.start(event.run_id, event.worker, title)
        elif isinstance(event, Progress):
            self._count(event)
            self._view.progress(event, title, self._titles.epochs[event.run_id])
        else:
            self._view.end(event.run_id)
            if isinstance(event, Failed | Retried | Waiting):
                self._view.say(f"{title}: {ending(event)}", "red")

    def _count(self, event: Progress) -> None:
        """Count each epoch of a run once, also where a worker had to begin it again."""
        known = self._epochs.get(event.run_id, 0)
        new = max(event.last_epoch - known, 0)
        self._epochs[event.run_id] = known + new
        if event.is_replay:
            self._pace.skip(new)
        else:
            self._pace.add(new, time.monotonic())

    def _bar(self) -> Bar:
        done, total, rate = self._pace.done, self._titles.to_train, self._pace.rate
        pace = f"{rate:,.0f}/s  {duration((total - done) / rate)} left" if rate else "starting"
        return Bar("sweep", done, total, f"{done:,} / {total:,} epochs  {pace}")


def _notice(notice: Notice, titles: Titles) -> str:
    what = "warning" if notice.run_id is None else titles.names[notice.run_id]
    return f"{what}: {notice.message}"


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
            if event.guessing_since is not None:
                words.append(f"learned nothing since epoch {event.guessing_since:,}")
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
