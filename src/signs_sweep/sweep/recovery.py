"""What the sweep loop needs to resume runs, and the state of a run while it is trained."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from signs_sweep.domain import (
    Curves,
    Failed,
    Finished,
    Progress,
    Result,
    Run,
    State,
    Stopped,
    values_at,
)
from signs_sweep.protocols import CheckpointStore, Claims


@dataclass(frozen=True)
class Recovery:
    """How to resume runs that were started before, in this sweep or an earlier one.

    Attributes:
        checkpoints: where the states of runs are kept.
        claims: keep other sweeps from training the same trajectory at the same time.
        look_up: returns the result of a run in the store now, as another sweep may have trained it.
        retries: maximum restarts of a run after its process died.
        uses_checkpoints: whether to resume from checkpoints; they are made in any case.
        warn: called with a message about each damaged checkpoint.
        origin: machine and folder of this sweep.
    """

    checkpoints: CheckpointStore
    claims: Claims
    look_up: Callable[[Run], Result | None] = lambda _: None
    retries: int = 2
    uses_checkpoints: bool = True
    warn: Callable[[str], None] = lambda _: None
    origin: str = ""

    def remark(self, run: Run, known: Result | None) -> str | None:
        """Return why epochs of a run are trained that are already known, or None.

        Args:
            run: a run that starts now.
            known: its unfinished result in the store, or None.
        """
        checkpoints, epochs = self.checkpoints, run.parameters.epochs
        if self.uses_checkpoints and (why := checkpoints.unusable(run)):
            return f"trained from its beginning: {why.value}"
        beyond = checkpoints.finished_beyond(run) if self.uses_checkpoints else 0
        start = checkpoints.latest_epoch(run)
        if known is not None and known.begun_by not in (None, self.origin) and not start:
            return (
                f"{known.begun_by} has recorded {known.epochs:,} of {epochs:,} epochs, but its "
                "checkpoints are not here, so this run is trained from its beginning; with the "
                "same folder in --checkpoints, machines resume each other's runs"
            )
        if not beyond or start == epochs:
            return None
        return (
            f"a run of {beyond:,} epochs is finished, but its weights after epoch {epochs:,} were "
            f"not kept, only its curve; this run is therefore trained from epoch {start:,}"
        )

    def checkpoint(self, run: Run) -> bytes | None:
        """Return the content of the checkpoint that a run resumes from, or None."""
        return self.checkpoints.latest(run, self.warn) if self.uses_checkpoints else None


@dataclass(eq=False)
class Underway:
    """A run in the executor, and its progress so far.

    Attributes:
        run: the run.
        curves: its epochs.
        has_trained: whether its current process has sent epochs.
        retries: how often its process died.
        cause: how its process died the last time, as a message.
    """

    run: Run
    curves: Curves = field(default_factory=Curves)
    has_trained: bool = False
    retries: int = 0
    cause: str = ""

    def add(self, progress: Progress) -> Progress | None:
        """Add epochs; return the new ones, or None."""
        self.has_trained = True
        return self.curves.add(progress)

    def retry(self, cause: str) -> str:
        """Prepare for a new process; return the cause of death, in short if it is a repetition.

        Causes that differ only in numbers (times, addresses, process ids) count as the same.
        """
        is_the_same = _without_numbers(cause) == _without_numbers(self.cause)
        self.retries += 1
        self.has_trained = False
        self.cause = cause
        return "its worker process died again in the same way." if is_the_same else cause

    def result(self, event: Finished | Failed | Stopped) -> Result:
        """Return the result of the run, given the event that ends it."""
        history = self.curves.history()
        chosen = event.chosen_epoch if isinstance(event, Finished) else None
        metrics = values_at(history, chosen)
        result = Result(self.run.run_id, State.KILLED, metrics, self.curves.epochs, history=history)
        match event:
            case Finished():
                return replace(
                    result,
                    state=State.FINISHED,
                    metrics=metrics | dict(event.metrics),
                    seconds=event.seconds,
                    guessing_since=event.guessing_since,
                    answers={name: each.answers for name, each in event.predictions.items()},
                    diagnosis=event.diagnosis,
                    stopped_at=event.stopped_at,
                    chosen_epoch=chosen,
                )
            case Failed():
                return replace(
                    result, state=State.FAILED, message=event.message, chance=event.chance
                )
            case Stopped():
                return result


def _without_numbers(text: str) -> str:
    return re.sub(r"[0-9a-fx]*\d[0-9a-fx]*", "", text)
