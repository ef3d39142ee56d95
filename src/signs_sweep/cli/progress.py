"""What a person sees while runs are trained: a live view on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Self

from signs_sweep.cli.headlines import Headline
from signs_sweep.cli.live import LiveView
from signs_sweep.cli.output import say, say_notices
from signs_sweep.cli.pace import EpochLines
from signs_sweep.cli.text import duration, measure
from signs_sweep.domain import (
    Checkpoint,
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
from signs_sweep.searching.words import describe

Hear = Callable[[News | None], None]
"""A listener of a sweep."""


class _Trials:
    """The trials that were handed out, by the ids of their runs."""

    def __init__(self, *, is_prefixed: bool) -> None:
        """Begin; `is_prefixed` is whether titles need the name of the experiment."""
        self._is_prefixed = is_prefixed
        self._trials: dict[str, Trial] = {}
        self._titles: dict[str, str] = {}

    def add(self, trial: Trial) -> None:
        """Take in a trial; runs that several trials share are called as in the first."""
        prefix = f"{trial.experiment}: " if self._is_prefixed else ""
        for run in trial.runs:
            self._trials.setdefault(run.run_id, trial)
            self._titles.setdefault(run.run_id, prefix + trial.title_of(run))

    def title(self, run_id: str) -> str:
        return self._titles[run_id]

    def epochs(self, run_id: str) -> int:
        return self._trials[run_id].epochs

    def is_shown(self, run_id: str) -> bool:
        """Whether each of its runs is worth a line: in a search, only the trial is."""
        return self._trials[run_id].purpose is not Purpose.SEARCH

    def notice(self, notice: Notice) -> str:
        what = "warning" if notice.run_id is None else self.title(notice.run_id)
        return f"{what}: {notice.message}"


class PlainProgress:
    """One line per event on stderr, for logs; of epochs, only every now and then."""

    def __init__(self, headline: Headline, *, is_prefixed: bool) -> None:
        self._headline = headline
        self._trials = _Trials(is_prefixed=is_prefixed)
        self._lines = EpochLines()

    def hear(self, event: News | None) -> None:
        """Write what happened."""
        self._headline.take(event)
        match event:
            case None | Checkpoint():
                return
            case Notice():
                line: str | None = self._trials.notice(event)
            case Proposed():
                self._trials.add(event.trial)
                return
            case TrialEnd():
                is_shown = event.trial.purpose is Purpose.SEARCH
                line = f"{ending(event)}   {self._headline.text()}" if is_shown else None
            case _:
                line = self._of_run(event)
        if line is not None:
            say(line, indent="  ")

    def _of_run(
        self, event: Started | Progress | Finished | Failed | Retried | Waiting | Stopped
    ) -> str | None:
        run_id = event.run_id
        if isinstance(event, Started):
            self._lines.start(run_id)
        if isinstance(event, Progress):
            line = self._lines.line(event, self._trials.epochs(run_id))
        elif isinstance(event, Failed | Retried | Waiting) or self._trials.is_shown(run_id):
            line = words_of(event)
        else:
            return None
        return None if line is None else f"{self._trials.title(run_id)}: {line}"


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """A bar and a line per worker, redrawn in place on stderr."""

    def __init__(self, headline: Headline, workers: int, *, is_prefixed: bool) -> None:
        self._headline = headline
        self._trials = _Trials(is_prefixed=is_prefixed)
        self._view = LiveView(headline.bar, workers)

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
        """Take the picture away; the lines above it stay."""
        self._view.__exit__(kind, error, trace)

    def hear(self, event: News | None) -> None:
        """Take an event into the picture."""
        self._headline.take(event)
        trials, view = self._trials, self._view
        match event:
            case Notice():
                view.say(trials.notice(event), "yellow")
            case Proposed():
                trials.add(event.trial)
            case TrialEnd() if event.trial.purpose is Purpose.SEARCH:
                view.say(ending(event), "bold" if self._headline.is_best(event) else "dim")
            case Started():
                view.start(event.run_id, event.worker, trials.title(event.run_id))
            case Progress():
                view.progress(event, trials.title(event.run_id), trials.epochs(event.run_id))
            case Finished() | Stopped() | Failed() | Retried() | Waiting():
                view.end(event.run_id)
                if isinstance(event, Failed | Retried | Waiting):
                    view.say(f"{trials.title(event.run_id)}: {words_of(event)}", "red")


def watching(
    headline: Headline | None, workers: int, *, is_live: bool, is_prefixed: bool = False
) -> AbstractContextManager[Hear]:
    """Return a context that gives the listener to use.

    Args:
        headline: what is counted; None to show nothing but what a user must know.
        workers: how many lines the live view has.
        is_live: whether the terminal can redraw lines.
        is_prefixed: whether titles need the name of their experiment.
    """
    if headline is None:
        return nullcontext(say_notices)
    if not is_live:
        return nullcontext(PlainProgress(headline, is_prefixed=is_prefixed).hear)
    return _hearing(LiveProgress(headline, workers, is_prefixed=is_prefixed))


@contextmanager
def _hearing(progress: LiveProgress) -> Iterator[Hear]:
    with progress:
        yield progress.hear


def words_of(event: Started | Finished | Failed | Retried | Waiting | Stopped) -> str:
    """Return what happened to a run, in words."""
    match event:
        case Started():
            return f"started by worker {event.worker + 1}"
        case Finished():
            words = [f"finished in {duration(event.seconds)}"]
            words += [
                f"{what} accuracy {measure(event.metrics[name])}"
                for what, name in (("train", "final_train_accuracy"), ("test", "test_accuracy"))
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
            return "another sweep is training it; this sweep waits for the result"
        case Stopped():
            return "stopped"


def ending(end: TrialEnd) -> str:
    """Return how a trial of a search ended, in a line."""
    name = describe(end.trial)
    match end.state:
        case TrialState.COMPLETE:
            return f"{name}: {measure(end.value)}"
        case TrialState.PRUNED:
            return f"{name}: pruned, {end.why}"
        case TrialState.FAILED:
            return f"{name}: failed: {end.why}"
        case TrialState.STOPPED:
            return f"{name}: stopped: {end.why}"
