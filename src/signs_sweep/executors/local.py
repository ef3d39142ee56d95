"""Worker processes on this machine."""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import IO

from signs_sweep.domain import Event, Failed, Finished, Run, Stopped
from signs_sweep.executors.attempt import Task, TrainerFactory
from signs_sweep.executors.causes import cannot_start, cause_of_death, memory_kills
from signs_sweep.process.interrupts import ENDING

_LAST_WORDS = 2000
"""Bytes kept of what a dead worker printed."""


@dataclass(eq=False)
class _Worker:
    """One process with its end of the pipe."""

    index: int
    process: "subprocess.Popen[bytes]"
    connection: Connection
    output: IO[bytes]
    run_id: str | None = None
    heard: float = 0.0

    def kill(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self.output.close()

    def last_words(self) -> str:
        length = self.output.seek(0, os.SEEK_END)
        self.output.seek(max(0, length - _LAST_WORDS))
        return self.output.read().decode(errors="replace").strip()


@dataclass(eq=False)
class LocalExecutor:
    """Trains in worker processes, each with one thread and one pipe to this process.

    Workers start with the first runs that need them and stay until `close`. One that dies fails
    the run it had; the next run gets a new one. They are started as programs of their own, not
    through `multiprocessing`, so that a script which calls `signs_sweep.run` needs no
    `if __name__ == "__main__"`, and so that each gets its own environment variables.

    Attributes:
        make_trainer: makes the trainer in each worker; must pickle by reference.
        environments: for each worker, its environment variables; as many workers at once at most.
        stall_seconds: how long a worker with a run may send nothing before it counts as hanging and
            is killed; None for any time.
    """

    make_trainer: TrainerFactory
    environments: Sequence[Mapping[str, str]]
    stall_seconds: float | None = None
    _pool: list[_Worker] = field(default_factory=list, init=False)
    _memory_kills: int = field(default_factory=memory_kills, init=False)

    @property
    def slots(self) -> int:
        """The number of workers."""
        return len(self.environments)

    def submit(self, run: Run, checkpoint: bytes | None = None, *, is_tested: bool = True) -> None:
        """Send a run to an idle worker, or to a new one.

        Raises:
            UsageError: the system lets no further process begin.
        """
        for worker in [worker for worker in self._pool if worker.run_id is None]:
            if worker.process.poll() is not None:
                self._bury(worker)
        idle = [worker for worker in self._pool if worker.run_id is None]
        assert idle or len(self._pool) < self.slots, "all workers are busy"
        worker = idle[0] if idle else self._start()
        worker.run_id = run.run_id
        worker.heard = time.monotonic()
        with suppress(OSError):  # A worker that dies just now is noticed by `events`.
            worker.connection.send(Task(run, checkpoint, is_tested))

    def events(self, timeout: float) -> Sequence[Event]:
        """Return what the workers have sent; see the protocol."""
        by_connection = {worker.connection: worker for worker in self._pool}
        received: list[Event] = []
        for ready in wait(list(by_connection), timeout):
            worker = by_connection[ready]  # type: ignore[index]
            try:
                event: Event = worker.connection.recv()
            except (EOFError, OSError):
                received += self._bury(worker)
                continue
            worker.heard = time.monotonic()
            if isinstance(event, Finished | Failed | Stopped):
                worker.run_id = None
            received.append(event)
        return received + self._end_hanging()

    def stop(self, run_id: str) -> None:
        """Ask the worker that has the run to end it."""
        for worker in self._pool:
            if worker.run_id == run_id:
                with suppress(OSError):
                    worker.connection.send(run_id)

    def close(self) -> None:
        """Kill all workers. They own nothing, so nothing is lost."""
        for worker in self._pool:
            worker.process.kill()
        for worker in self._pool:
            worker.kill()
        self._pool.clear()

    def _start(self) -> _Worker:
        factory = pickle.dumps(self.make_trainer)
        index = min(set(range(self.slots)) - {worker.index for worker in self._pool})
        try:
            worker = self._start_process(index)
        except OSError as error:
            raise cannot_start(error, index) from error
        with suppress(OSError):  # A worker that could not begin is noticed by `events`.
            worker.connection.send_bytes(factory)
        self._pool.append(worker)
        return worker

    def _start_process(self, index: int) -> _Worker:
        with ExitStack() as on_failure:
            ours, theirs = Pipe()
            on_failure.enter_context(ours)
            output = on_failure.enter_context(tempfile.TemporaryFile())
            with theirs, _interrupts_blocked():
                # -P: no module in the current folder can stand in for one of ours.
                command = [sys.executable, "-P", "-m", "signs_sweep.executors.worker"]
                process = subprocess.Popen(
                    [*command, str(theirs.fileno()), str(index)],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(self.environments[index]),
                )
            on_failure.pop_all()  # They live as long as the worker.
        return _Worker(index, process, ours, output)

    def _end_hanging(self) -> list[Event]:
        """Kill workers that have sent nothing for too long; return the failures of their runs."""
        if self.stall_seconds is None:
            return []
        before = time.monotonic() - self.stall_seconds
        hanging = [one for one in self._pool if one.run_id is not None and one.heard < before]
        for worker in hanging:
            worker.process.kill()
        message = f"its worker process sent nothing for {self.stall_seconds:g} s and was ended."
        return [event for worker in hanging for event in self._bury(worker, message)]

    def _bury(self, worker: _Worker, message: str | None = None) -> list[Event]:
        """Remove a dead worker; return the failure of its run, if it had one."""
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(timeout=1)
        worker.process.kill()
        code, words = worker.process.wait(), worker.last_words()
        if message is None:
            before, self._memory_kills = self._memory_kills, memory_kills()
            is_out_of_memory = self._memory_kills > before
            message = cause_of_death(code, words, is_out_of_memory=is_out_of_memory)
        self._pool.remove(worker)
        worker.kill()
        if worker.run_id is None:
            return []
        return [Failed(worker.run_id, time.time(), message, words or None, is_crash=True)]


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block signals that ask for an end here, and for good in processes started meanwhile.

    Ctrl-C and a closed terminal reach every process of the terminal, and who stops a service sends
    SIGTERM to all of its processes; what follows is the orchestrator's decision. A worker that
    ignored them by itself would still die of them while Python starts.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
