"""Worker processes on this machine."""

import pickle
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from signs_sweep.domain import Event, Failed, Finished, Run, Started, Stopped
from signs_sweep.executors.attempt import Task, TrainerFactory
from signs_sweep.executors.causes import cannot_start, cause_of_death, memory_kills
from signs_sweep.executors.child import Child
from signs_sweep.executors.devices import gpu_of
from signs_sweep.process.processor import kind_here, kind_of


@dataclass(eq=False)
class _Worker:
    """A worker process, and what it is doing."""

    index: int
    child: Child
    run_id: str | None = None
    last_active: float = 0.0


@dataclass(eq=False)
class LocalExecutor:
    """Trains in worker processes, each with one thread and one pipe to this process.

    Workers start when runs need them and stay until `close`. When a worker dies, its run fails,
    and the next run gets a new worker. Workers are started as separate programs, not through
    `multiprocessing`: a script that calls `signs_sweep.run` then needs no
    `if __name__ == "__main__"`, and each worker gets its own environment variables.

    Attributes:
        make_trainer: makes the trainer in each worker; must pickle by reference.
        environments: for each worker, its environment variables; the maximum number of workers.
        stall_seconds: how long a worker with a run may send nothing before it counts as hanging and
            is killed; None for no limit.
        folder: current folder of the workers; None for that of this process.
        wake: a connection; a message on it ends the wait of `events`.
    """

    make_trainer: TrainerFactory
    environments: Sequence[Mapping[str, str]]
    stall_seconds: float | None = None
    folder: Path | None = None
    wake: Connection | None = None
    _pool: list[_Worker] = field(default_factory=list, init=False)
    _memory_kills: int = field(default_factory=memory_kills, init=False)
    _kinds: list[str] = field(init=False)
    """By index, the kind of each worker: as the driver names it, until the worker itself has."""

    def __post_init__(self) -> None:
        self._kinds = [kind_here(gpu_of(environment)) for environment in self.environments]

    @property
    def slots(self) -> int:
        """The number of workers."""
        return len(self.environments)

    @property
    def kinds(self) -> Collection[str]:
        """Those of this machine's processors that the workers use: as a rule, one."""
        return set(self._kinds)

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        """Send a run to an idle worker or a new worker.

        Raises:
            UsageError: the system cannot start another process.
        """
        for worker in [worker for worker in self._pool if worker.run_id is None]:
            if worker.child.process.poll() is not None:
                self._remove_dead(worker)
        idle = [worker for worker in self._pool if worker.run_id is None]
        assert idle or len(self._pool) < self.slots, "all workers are busy"
        worker = idle[0] if idle else self._start()
        worker.run_id = run.run_id
        worker.last_active = time.monotonic()
        with suppress(OSError):  # `events` handles a worker that has just died.
            worker.child.connection.send(Task(run, checkpoint, is_tested, kind))

    def events(self, timeout: float) -> Sequence[Event]:
        """Return the events that the workers have sent; see the protocol."""
        by_connection = {worker.child.connection: worker for worker in self._pool}
        received: list[Event] = []
        for ready in wait([*by_connection, *filter(None, [self.wake])], timeout):
            if ready is self.wake:
                self.wake.recv()
                continue
            worker = by_connection[ready]  # type: ignore[index]
            try:
                event: Event = worker.child.connection.recv()
            except (EOFError, OSError):
                received += self._remove_dead(worker)
                continue
            worker.last_active = time.monotonic()
            if isinstance(event, Started):
                self._kinds[worker.index] = kind_of(event.environment) or self._kinds[worker.index]
            elif isinstance(event, Finished | Failed | Stopped):
                worker.run_id = None
            received.append(event)
        return received + self._kill_hanging()

    def stop(self, run_id: str) -> None:
        """Ask the worker that trains the run to stop it."""
        for worker in self._pool:
            if worker.run_id == run_id:
                with suppress(OSError):
                    worker.child.connection.send(run_id)

    def kill(self, run_id: str) -> None:
        """Kill the process that trains the run, as the system does when memory runs out."""
        for worker in self._pool:
            if worker.run_id == run_id:
                worker.child.process.kill()

    def close(self) -> None:
        """Kill all workers. They keep no data, so nothing is lost."""
        for worker in self._pool:
            worker.child.process.kill()
        for worker in self._pool:
            worker.child.kill()
        self._pool.clear()

    def _start(self) -> _Worker:
        factory = pickle.dumps(self.make_trainer)
        index = min(set(range(self.slots)) - {worker.index for worker in self._pool})
        try:
            child = Child.start(
                "signs_sweep.executors.worker",
                str(index),
                environment=self.environments[index],
                folder=self.folder,
            )
        except OSError as error:
            raise cannot_start(error, index) from error
        worker = _Worker(index, child)
        with suppress(OSError):  # `events` handles a worker that failed to start.
            worker.child.connection.send_bytes(factory)
        self._pool.append(worker)
        return worker

    def _kill_hanging(self) -> list[Event]:
        """Kill workers that have sent nothing for too long; return the failures of their runs."""
        if self.stall_seconds is None:
            return []
        before = time.monotonic() - self.stall_seconds
        hanging = [each for each in self._pool if each.run_id and each.last_active < before]
        for worker in hanging:
            worker.child.process.kill()
        message = (
            f"its worker process sent nothing for {self.stall_seconds:g} s and was killed. If an "
            "epoch takes so long, raise --stall-seconds."
        )
        return [event for worker in hanging for event in self._remove_dead(worker, message)]

    def _remove_dead(self, worker: _Worker, message: str | None = None) -> list[Event]:
        """Remove a dead worker; return the failure of its run, if it had one."""
        with suppress(subprocess.TimeoutExpired):
            worker.child.process.wait(timeout=1)
        worker.child.process.kill()
        code, output = worker.child.process.wait(), worker.child.last_output()
        if message is None:
            before, self._memory_kills = self._memory_kills, memory_kills()
            is_out_of_memory = self._memory_kills > before
            message = cause_of_death(code, output, is_out_of_memory=is_out_of_memory)
        self._pool.remove(worker)
        worker.child.kill()
        if worker.run_id is None:
            return []
        return [Failed(worker.run_id, time.time(), message, output or None, is_crash=True)]
