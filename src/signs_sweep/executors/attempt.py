"""One run from its start to its end, as the events that an executor promises."""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from signs_sweep.domain import Checkpoint, Event, Failed, Finished, Progress, Run, Started, Stopped
from signs_sweep.errors import SignsSweepError
from signs_sweep.executors.causes import hint


@dataclass(frozen=True)
class Task:
    """What an executor is asked to do.

    Attributes:
        run: what to train.
        checkpoint: what it goes on from, if anything.
        is_tested: whether it is evaluated on the test set at its end.
    """

    run: Run
    checkpoint: bytes | None = None
    is_tested: bool = True


class RunTrainer(Protocol):
    """What an executor runs: `signs_sweep.trainer.training.Trainer`, or a toy in tests."""

    def environment(self) -> Mapping[str, str]:
        """Return what the bits of a result depend on beside the run."""

    def train(
        self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True
    ) -> Iterator[Event]:
        """Yield `Progress` and `Checkpoint`, and one `Finished`, or raise what ends the run."""

    def checkpoint(self) -> Checkpoint | None:
        """Return the state of the run under way, after the epochs it has told of; or None."""


TrainerFactory = Callable[[], RunTrainer]
"""Makes the trainer where it is used. For worker processes it must pickle by reference."""


def attempt(
    trainer: TrainerFactory,
    task: Task,
    worker: int,
    is_stopped: Callable[[], bool],
) -> Iterator[Event]:
    """Yield the events of a run, from the first to the one that ends it.

    Args:
        trainer: gives the trainer. Where it raises, the run fails without having started.
        task: what to do.
        worker: index of the worker, for `Started`.
        is_stopped: whether the run should end; asked after every event.
    """
    for event in _events(trainer, task, worker):
        yield event
        if not isinstance(event, Finished | Failed) and is_stopped():
            if isinstance(event, Progress) and (last := trainer().checkpoint()):
                yield last
            yield Stopped(task.run.run_id, time.time())
            return


def _events(trainer: TrainerFactory, task: Task, worker: int) -> Iterator[Event]:
    """Yield `Started`, the events of the trainer, and `Failed` if anything raises."""
    run = task.run
    try:
        its_trainer = trainer()
        yield Started(run.run_id, worker, time.time(), its_trainer.environment())
        yield from its_trainer.train(run, task.checkpoint, is_tested=task.is_tested)
    except Exception as error:  # noqa: BLE001  # whatever ends a run ends that run alone
        yield _failure(run.run_id, error)


def _failure(run_id: str, error: Exception) -> Failed:
    """Return the event of a run that an exception ended.

    A trace of calls is kept only where it helps: not for an error that says what to do.
    """
    if isinstance(error, SignsSweepError):
        return Failed(run_id, time.time(), str(error))
    details = "".join(traceback.format_exception(error))
    message = f"{type(error).__name__}: {error}".rstrip(": ")
    if advice := hint(message):
        message = f"{message.rstrip('.')}.{advice}"
    return Failed(run_id, time.time(), message, details)
