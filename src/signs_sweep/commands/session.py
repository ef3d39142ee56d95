"""Workers and records for one invocation: where the adapters meet.

Which tracker, which executor, and what happens to them when something ends the invocation.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue

from signs_sweep.commands.options import Options
from signs_sweep.commands.store import Store
from signs_sweep.domain import Notice, Result, Run, State
from signs_sweep.errors import StoreError
from signs_sweep.executors import InlineExecutor, LocalExecutor, on_device
from signs_sweep.planning.preparation import Prepared
from signs_sweep.process.interrupts import handling_signals
from signs_sweep.protocols import Executor, Scheduler, SweepRecord
from signs_sweep.sweep.loop import Listener, Sweep
from signs_sweep.sweep.recovery import Recovery
from signs_sweep.tracking import Outbox

_LOOK_UP_SECONDS = 5.0
"""How long to wait for the store to say whether a run is finished already."""

_LOOK_UP_PAUSE = 60.0
"""How long not to ask again after it did not answer."""

_POLL_SECONDS = 0.1
"""Between two looks meanwhile whether the sweep was interrupted."""


class Session:
    """Trains runs and records them, in one or more sweeps one after the other.

    Attributes:
        tracker: where everything is recorded, in a thread of its own.
        results: by run_id, how each run ended so far, in whatever sweep.
    """

    def __init__(
        self,
        prepared: Prepared,
        store: Store,
        options: Options,
        devices: Sequence[str | None],
        sweep_id: str,
        listener: Listener,
    ) -> None:
        """Set up; no process is started and nothing is written.

        Args:
            prepared: the data and models.
            store: where to record.
            options: how to train.
            devices: for each worker process, the graphics processor that it uses, or None; empty
                to train in this process.
            sweep_id: tells this invocation from others.
            listener: hears of everything.
        """
        self._prepared = prepared
        self._store = store
        self._options = options
        self._sweep_id = sweep_id
        self._listener = listener
        self.executor = self._make_executor(devices)
        self.tracker = Outbox(
            store.tracker,
            None if options.force else store.index,
            store.journal(sweep_id),
            store.datasets,
            self._tell,
        )
        self.results: dict[str, Result] = {}
        self._sweep: Sweep | None = None
        self._is_interrupted = False
        self._no_look_up_before = 0.0

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal has asked for an end."""
        return self._is_interrupted

    @contextmanager
    def opened(
        self, records: Sequence[SweepRecord], tables: Callable[[], Mapping[str, str]]
    ) -> Iterator[None]:
        """Open the tracker; whatever happens, close it and leave no process.

        The caller closes the tracker when all went well.

        Args:
            records: what the invocation consists of.
            tables: returns the tables as they are, for the record when something goes wrong.

        Raises:
            StoreError: the store cannot be written.
        """
        self._store.claims.take(self._sweep_id)
        with handling_signals(self._interrupt):
            try:
                self.tracker.open(records)
                yield
            except BaseException as error:
                self.executor.close()
                state = State.KILLED if isinstance(error, KeyboardInterrupt) else State.FAILED
                with suppress(Exception):  # What went wrong first is what the user must hear.
                    self.tracker.close(state, tables())
                raise
            finally:
                self.executor.close()
                self._store.claims.retire(self._sweep_id)

    def sweep(
        self,
        scheduler: Scheduler,
        known: Mapping[str, Result],
    ) -> bool:
        """Train until the scheduler has nothing more; return whether it was interrupted.

        SIGINT, SIGTERM and SIGHUP end it between two events, with everything recorded or kept to
        be recorded; so do those that came before it began.

        Args:
            scheduler: hands out the trials.
            known: results that need no training, by run_id.
        """
        recovery = Recovery(
            checkpoints=self._store.checkpoints,
            claims=self._store.claims,
            look_up=self._look_up,
            retries=self._options.retries,
            is_wanted=not self._options.force,
            tell=self._tell,
        )
        sweep = Sweep(scheduler, self.executor, self.tracker, known, self._listener, recovery)
        if self._is_interrupted:
            return True
        self._sweep = sweep
        try:
            sweep.run()
        except KeyboardInterrupt:
            return True
        finally:
            self._sweep = None
            self.results.update(sweep.results)
        return False

    def _interrupt(self) -> None:
        """Let the sweep under way, or the next one, end between two events, and all else soon."""
        self.tracker.hurry()
        if self._sweep is not None:
            self._sweep.interrupt()
        elif self._is_interrupted and not self.tracker.is_closing:  # That ends within seconds.
            raise KeyboardInterrupt
        self._is_interrupted = True

    def _make_executor(self, devices: Sequence[str | None]) -> Executor:
        from signs_sweep.trainer.runtime import training_environment
        from signs_sweep.trainer.training import Trainer

        make_trainer = partial(
            Trainer,
            self._prepared.sources,
            self._prepared.models,
            checkpoint_seconds=self._options.checkpoint_seconds,
        )
        if not devices:
            return InlineExecutor(make_trainer)
        common = training_environment(os.environ)
        environments = [on_device(common, gpu) for gpu in devices]
        return LocalExecutor(
            partial(make_trainer, is_worker=True), environments, self._options.stall_seconds
        )

    def _look_up(self, run: Run) -> Result | None:
        """Return what the store knows of a run now; nothing where it does not answer soon.

        Workers wait meanwhile, and whether another sweep has trained the run is not worth more
        than some seconds.
        """
        now = time.monotonic()
        if self._options.force or self.tracker.is_away or now < self._no_look_up_before:
            return None
        answers: SimpleQueue[Result | Exception | None] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._store.index.find([run.run_id]).get(run.run_id))
            except Exception as error:  # noqa: BLE001 - raised below, in the thread that asked
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        while True:
            try:
                answer = answers.get(timeout=_POLL_SECONDS)
                break
            except Empty:
                if self._is_interrupted or time.monotonic() >= now + _LOOK_UP_SECONDS:
                    self._no_look_up_before = now + _LOOK_UP_PAUSE
                    return None
        if isinstance(answer, StoreError):
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _tell(self, message: str) -> None:
        self._listener(Notice(message))
