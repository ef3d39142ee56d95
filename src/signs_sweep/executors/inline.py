"""An executor without processes, for a debugger and for tests."""

from collections.abc import Iterator, Sequence
from functools import cache

from signs_sweep.domain import Event, Failed, Finished, Run, Stopped
from signs_sweep.executors.attempt import Task, TrainerFactory, attempt


class InlineExecutor:
    """Trains in this process, one run at a time, while `events` is waited for."""

    def __init__(self, make_trainer: TrainerFactory) -> None:
        self._trainer: TrainerFactory = cache(make_trainer)
        self._current: tuple[str, Iterator[Event]] | None = None
        self._is_stopped = False

    @property
    def slots(self) -> int:
        """One."""
        return 1

    def submit(self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True) -> None:
        """Take a run; it is trained as `events` is called."""
        assert self._current is None, "a run is under way"
        self._is_stopped = False
        task = Task(run, checkpoint, is_tested)
        events = attempt(self._trainer, task, 0, lambda: self._is_stopped)
        self._current = (run.run_id, events)

    def events(self, timeout: float) -> Sequence[Event]:
        """Train until the next event. The timeout is not needed: there is always one to wait for.

        Without a run under way nothing can happen, and the answer comes at once.
        """
        del timeout
        if self._current is None:
            return []
        event = next(self._current[1])
        if isinstance(event, Finished | Failed | Stopped):
            self._current = None
        return [event]

    def stop(self, run_id: str) -> None:
        """End the run after its next event."""
        if self._current is not None and self._current[0] == run_id:
            self._is_stopped = True

    def close(self) -> None:
        """Forget the run under way."""
        self._current = None
