"""The executor and the tracker of an invocation, and how they end with it."""

import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, cast

from signs_sweep.commands.options import Options
from signs_sweep.commands.store import Store
from signs_sweep.domain import Notice, Result, Run, State
from signs_sweep.errors import StoreError, UsageError
from signs_sweep.executors import InlineExecutor, LocalExecutor, default_workers, on_device
from signs_sweep.planning.memory import memory_need
from signs_sweep.planning.preparation import Prepared
from signs_sweep.process.answers import wait_for_answer
from signs_sweep.process.interrupts import handling_signals
from signs_sweep.protocols import Executor, Scheduler, SweepRecord
from signs_sweep.sweep.loop import Listener, Sweep
from signs_sweep.sweep.recovery import Recovery
from signs_sweep.tracking import Outbox

if TYPE_CHECKING:
    from signs_sweep.executors.cluster import RayExecutor
    from signs_sweep.trainer.training import Trainer

_LOOK_UP_SECONDS = 5.0
"""How long to wait for the store's answer whether a run is finished."""

_LOOK_UP_PAUSE = 60.0
"""How long not to ask again after the store did not answer.

Where other machines may finish runs, each run is asked for.
"""


class Session:
    """Trains runs and records them, in successive sweeps.

    Attributes:
        executor: trains the runs.
        tracker: records them, in its writer thread.
        results: by run_id, the result of each run that has ended, of all sweeps.
        is_interrupted: whether a signal has asked the session to end.
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
        """Create executor and tracker; no process is started and nothing is written.

        Args:
            prepared: the data and models.
            store: where to record.
            options: how to train.
            devices: for each worker process, the graphics processor that it uses, or None; empty
                to train in this process. With a cluster, as many as can be of use.
            sweep_id: identifies this invocation.
            listener: receives all news of the sweeps.
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
            is_shared=store.claims.is_shared,
        )
        self.results: dict[str, Result] = {}
        self._sweep: Sweep | None = None
        self.is_interrupted = False
        self._no_look_up_before = 0.0

    @contextmanager
    def opened(
        self, records: Sequence[SweepRecord], tables: Callable[[], Mapping[str, str]]
    ) -> Iterator[None]:
        """Open the tracker, and end all worker processes afterwards.

        After an error the tracker is closed; otherwise the caller has to close it.

        Args:
            records: the sweeps of the invocation.
            tables: returns the current tables, for the record after an error.

        Raises:
            StoreError: the store or the folder of checkpoints cannot be written.
        """
        self._store.checkpoints.check()
        self._store.claims.warn = self._store.tracker.warn = self._tell
        self._store.claims.is_behind = lambda: self.tracker.is_away
        claims = self._store.claims
        if not claims.take(self._sweep_id):  # A machine that died may still hold it for a while.
            claims.local.take(self._sweep_id)
        place = claims.place_of(self._sweep_id)
        with handling_signals(self._interrupt):
            try:
                if self._options.is_cluster:
                    cast("RayExecutor", self.executor).connect(lambda: self.is_interrupted)
                self.tracker.open([replace(record, claims=place) for record in records])
                yield
            except BaseException as error:
                self.executor.close()
                state = State.KILLED if isinstance(error, KeyboardInterrupt) else State.FAILED
                with suppress(Exception):  # The first error is raised.
                    self.tracker.close(state, tables())
                raise
            finally:
                self.executor.close()
                self._store.claims.retire(self._sweep_id)
                self._store.claims.close()

    def sweep(self, scheduler: Scheduler, known: Mapping[str, Result]) -> bool:
        """Train until the scheduler has no more trials; return whether the sweep was interrupted.

        SIGINT, SIGTERM and SIGHUP, also before the sweep, end it between two events; all records
        are in the store or kept for it.

        Args:
            scheduler: hands out the trials.
            known: results that need no training, by run_id.
        """
        recovery = Recovery(
            checkpoints=self._store.checkpoints,
            claims=self._store.claims,
            look_up=self._look_up,
            retries=self._options.retries,
            uses_checkpoints=not self._options.force,
            warn=self._tell,
            origin=self._store.origin,
            same_processor=self._options.same_processor,
        )
        sweep = Sweep(scheduler, self.executor, self.tracker, known, self._listener, recovery)
        if self.is_interrupted:
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
        """End the current or next sweep between two events, and the tracker within seconds."""
        self.tracker.hurry()
        self._store.claims.hurry()
        if self._sweep is not None:
            self._sweep.interrupt()
        elif self.is_interrupted and not self.tracker.is_closing:  # Closing takes seconds.
            raise KeyboardInterrupt
        self.is_interrupted = True

    def _make_executor(self, devices: Sequence[str | None]) -> Executor:
        from signs_sweep.trainer.runtime import training_environment
        from signs_sweep.trainer.training import Trainer

        options = self._options
        make_trainer = partial(Trainer, checkpoint_seconds=options.checkpoint_seconds)
        if options.is_cluster:
            make_worker = partial(make_trainer, is_worker=True, draws=True)
            return self._make_ray(len(devices), make_worker, training_environment)
        make_trainer = partial(make_trainer, self._prepared.sources, self._prepared.models)
        if not devices:
            return InlineExecutor(make_trainer)
        common = training_environment(os.environ)
        environments = [on_device(common, gpu) for gpu in devices]
        executor = LocalExecutor(
            partial(make_trainer, is_worker=True), environments, options.stall_seconds
        )
        if options.same_processor and len(executor.kinds) > 1:
            kinds = " and ".join(sorted(executor.kinds))
            raise UsageError(
                f"--same-processor: this machine has {kinds}. Choose those of one kind with "
                "CUDA_VISIBLE_DEVICES."
            )
        return executor

    def _make_ray(
        self,
        most: int,
        make_trainer: "partial[Trainer]",
        complete: Callable[[Mapping[str, str]], Mapping[str, str]],
    ) -> "RayExecutor":
        """Return an executor with at most so many workers; nothing is started."""
        from signs_sweep.executors.cluster import Crew, Parcel, RayExecutor, Setup, travelling

        options, prepared = self._options, self._prepared
        parcel = Parcel.of(prepared.sources, prepared.models)
        crew = Crew(
            partial(make_trainer, parcel.sources, parcel.models),
            complete,
            travelling(os.environ),
            options.stall_seconds,
        )
        setup = Setup(
            pickle.dumps(crew),
            options.ray_address or os.environ.get("RAY_ADDRESS") or None,
            parcel.files,
            workers=most,
            workers_per_gpu=options.workers_per_gpu,
            cores=most if options.workers else min(most, default_workers()),
            memory=memory_need(list(prepared.datasets.values())).of_worker,
        )
        return RayExecutor(setup, self._tell)

    def _look_up(self, run: Run) -> Result | None:
        """Return the current result of a run in the store; None if the store does not answer soon.

        A worker waits meanwhile: finding out whether another sweep has trained the run is worth
        some seconds only. While the store does not accept records, only other machines can have
        written to it; if there are any, it is asked each time, as they may have reached it again.
        """
        now, is_shared = time.monotonic(), self._store.claims.remote is not None
        is_vain = self.tracker.is_away and not is_shared
        is_paused = now < self._no_look_up_before and not is_shared
        if self._options.force or is_vain or is_paused:
            return None
        answers: SimpleQueue[Result | Exception | None] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._find(run))
            except Exception as error:  # noqa: BLE001 - raised below, in the calling thread
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = wait_for_answer(answers, _LOOK_UP_SECONDS, lambda: self.is_interrupted)
        except Empty:
            if not is_shared:
                self._no_look_up_before = now + _LOOK_UP_PAUSE
            return None
        if isinstance(answer, StoreError):
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _find(self, run: Run) -> Result | None:
        try:
            found = self._store.index.find([run.run_id])
        except StoreError:  # A server that has restarted has ended the connections.
            found = self._store.index.find([run.run_id])
        return found.get(run.run_id)

    def _tell(self, message: str) -> None:
        self._listener(Notice(message))
