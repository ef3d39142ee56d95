"""A run from start to end, as the sequence of events that an executor returns."""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from signs_sweep.domain import Checkpoint, Event, Failed, Finished, Progress, Run, Started, Stopped
from signs_sweep.errors import DivergedError, SignsSweepError
from signs_sweep.executors.causes import hint
from signs_sweep.process.processor import kind_of


@dataclass(frozen=True)
class Task:
    """What an executor is to do.

    Attributes:
        run: what to train.
        checkpoint: content of the checkpoint to resume from, or None.
        is_tested: whether to evaluate it on the test set at its end.
        kind: the kind of processor for which the checkpoint may be used; None for any.
    """

    run: Run
    checkpoint: bytes | None = None
    is_tested: bool = True
    kind: str | None = None


class RunTrainer(Protocol):
    """Trains runs in an executor: `signs_sweep.trainer.training.Trainer`, or a fake in tests."""

    def environment(self) -> Mapping[str, str]:
        """Return what the bits of a result depend on besides the run."""

    def train(
        self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True
    ) -> Iterator[Event]:
        """Yield `Progress` and `Checkpoint`, then one `Finished`; raise if the run fails."""

    def checkpoint(self) -> Checkpoint | None:
        """Return the state of the run in progress after its last reported epoch, or None."""


TrainerFactory = Callable[[], RunTrainer]
"""Makes the trainer in the process that uses it; for workers it must pickle by reference."""


def attempt(
    trainer: TrainerFactory, task: Task, worker: int, is_stopped: Callable[[], bool]
) -> Iterator[Event]:
    """Yield the events of a run, from the first to the event that ends it.

    If `trainer` raises, the run fails without having started. `is_stopped` is called after every
    event. The index of the worker is for `Started`.
    """
    for event in _events(trainer, task, worker):
        yield event
        if not isinstance(event, Finished | Failed) and is_stopped():
            if isinstance(event, Progress) and (last := trainer().checkpoint()):
                yield last
            yield Stopped(task.run.run_id, time.time())
            return


def _events(trainer: TrainerFactory, task: Task, worker: int) -> Iterator[Event]:
    """Yield `Started`, the events of the trainer, and `Failed` if an exception is raised."""
    run = task.run
    try:
        run_trainer = trainer()
        environment = run_trainer.environment()
        yield Started(run.run_id, worker, time.time(), environment)
        checkpoint = task.checkpoint if task.kind in (None, kind_of(environment)) else None
        yield from run_trainer.train(run, checkpoint, is_tested=task.is_tested)
    except Exception as error:  # noqa: BLE001  # any error ends only this run
        yield _failure(run.run_id, error)


def _failure(run_id: str, error: Exception) -> Failed:
    """Return the event for a run that an exception ended.

    The traceback is left out for an error whose message says what to do.
    """
    if isinstance(error, SignsSweepError):
        chance = error.chance if isinstance(error, DivergedError) else None
        return Failed(run_id, time.time(), str(error), chance=chance)
    details = "".join(traceback.format_exception(error))
    message = f"{type(error).__name__}: {error}".rstrip(": ")
    if advice := hint(message):
        message = f"{message.rstrip('.')}.{advice}"
    return Failed(run_id, time.time(), message, details)
