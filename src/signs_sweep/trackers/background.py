"""A tracker that lets another one work in its own thread.

The sweep loop must not wait for databases, pictures and model files: writing a run of 1,500 epochs
takes about a second, in which the workers would go unheard. There is one writer thread, because
MLflow's pool of connections is made for few, and because a tracker has one caller at a time.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from signs_sweep.errors import StoreError
from signs_sweep.protocols import Findings, SweepRecord, Tracker, TrialEnd
from signs_sweep.records import (
    Event,
    Failed,
    Finished,
    Progress,
    Result,
    Run,
    State,
    Stopped,
    Trial,
)

_MOST_WAITING = 16
"""Ended runs (about a megabyte each, with the model) that may wait to be written.

Only runs that take less time than their records ever get there: a few epochs, or a tiny network.
The loop then goes on at the pace of the store, instead of filling the memory and, after Ctrl-C,
writing for minutes. Epochs are small, and many of them are written at once.
"""

_MANY_EPOCHS = 200
"""Epochs that came together from which on they count like an ended run: a tiny network trains
more of them than a store can take."""


class BackgroundTracker:
    """Wraps a tracker; calls return at once, except `find` and `close`.

    What goes wrong in the writer is raised by the next call and by every later one, `close`
    included; after it nothing more is written.
    """

    def __init__(self, inner: Tracker) -> None:
        """Start the writer.

        Args:
            inner: the tracker to wrap; nobody else may call it any more.
        """
        self._inner = inner
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tracker")
        self._room = BoundedSemaphore(_MOST_WAITING)
        self._failure: Exception | None = None

    def find(self, run_ids: Collection[str] | None = None) -> Mapping[str, Result]:
        """See `Tracker.find`. Waits until all that was given before is written."""
        self._raise_failure()
        found = self._writer.submit(self._inner.find, run_ids).result()
        self._raise_failure()
        return found

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """See `Tracker.open`."""
        self._later(lambda: self._inner.open(sweeps))

    def start(self, experiment: str, trial: Trial, run: Run, continues: str | None = None) -> None:
        """See `Tracker.start`."""
        self._later(lambda: self._inner.start(experiment, trial, run, continues))

    def record(self, event: Event) -> None:
        """See `Tracker.record`."""
        is_large = isinstance(event, Progress) and len(event.times) > _MANY_EPOCHS
        if not is_large and not isinstance(event, Finished | Failed | Stopped):
            self._later(lambda: self._inner.record(event))
            return
        self._raise_failure()
        self._room.acquire()
        self._later(lambda: self._inner.record(event), then=self._room.release)

    def then(self, job: Callable[[], None]) -> None:
        """See `Tracker.then`. Not done if something went wrong before."""
        self._later(lambda: self._inner.then(job))

    def end_trial(self, experiment: str, end: TrialEnd) -> None:
        """See `Tracker.end_trial`."""
        self._later(lambda: self._inner.end_trial(experiment, end))

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        """See `Tracker.close`. Waits until everything is written; the thread has ended then."""
        self._writer.submit(self._attempt, lambda: self._inner.close(state, tables, findings))
        self._writer.shutdown(wait=True)
        self._raise_failure()

    def _later(self, job: Callable[[], None], then: Callable[[], None] = lambda: None) -> None:
        self._raise_failure()
        self._writer.submit(self._attempt, job, then)

    def _attempt(self, job: Callable[[], None], then: Callable[[], None] = lambda: None) -> None:
        """Do a job in the writer, unless one failed before; keep what goes wrong."""
        try:
            if self._failure is None:
                job()
        except Exception as error:  # noqa: BLE001 - handed to the caller, whatever it is
            self._failure = error
        finally:
            then()

    def _raise_failure(self) -> None:
        """Raise what went wrong: a StoreError as one, a bug as itself, with its traceback."""
        if isinstance(self._failure, StoreError):
            raise StoreError(str(self._failure)) from self._failure
        if self._failure is not None:
            raise self._failure
