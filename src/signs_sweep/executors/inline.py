"""An executor without worker processes, for debugging and tests."""

import os
from collections.abc import Collection, Iterator, Sequence
from functools import cache

from signs_sweep.domain import Event, Failed, Finished, Run, Started, Stopped
from signs_sweep.executors.attempt import Task, TrainerFactory, attempt
from signs_sweep.executors.devices import gpu_of
from signs_sweep.process.processor import kind_here, kind_of


class InlineExecutor:
    """Trains in this process, one run at a time, within calls of `events`."""

    def __init__(self, make_trainer: TrainerFactory) -> None:
        self._trainer: TrainerFactory = cache(make_trainer)
        self._current: tuple[str, Iterator[Event]] | None = None
        self._is_stopped = False
        self._kind = kind_here(gpu_of(os.environ))

    @property
    def slots(self) -> int:
        """One."""
        return 1

    @property
    def kinds(self) -> Collection[str]:
        """That of this process."""
        return {self._kind}

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        """Accept a run; calls of `events` train it."""
        assert self._current is None, "a run is in progress"
        self._is_stopped = False
        task = Task(run, checkpoint, is_tested, kind)
        events = attempt(self._trainer, task, 0, lambda: self._is_stopped)
        self._current = (run.run_id, events)

    def events(self, timeout: float) -> Sequence[Event]:
        """Train until the next event, whatever the timeout.

        Without a run in progress, return an empty sequence immediately.
        """
        del timeout
        if self._current is None:
            return []
        event = next(self._current[1])
        if isinstance(event, Started):
            self._kind = kind_of(event.environment) or self._kind
        elif isinstance(event, Finished | Failed | Stopped):
            self._current = None
        return [event]

    def stop(self, run_id: str) -> None:
        """Stop the run after its next event."""
        if self._current is not None and self._current[0] == run_id:
            self._is_stopped = True

    def close(self) -> None:
        """Drop the run in progress."""
        self._current = None
