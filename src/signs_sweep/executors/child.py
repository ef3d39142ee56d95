"""A process of this machine with a pipe to it, which ends when the pipe closes."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Self

from signs_sweep.process.interrupts import ENDING

_LAST_BYTES = 2000
"""How much of a dead process's output is kept."""


@dataclass(eq=False)
class Child:
    """A process with our end of its pipe.

    Attributes:
        process: the process.
        connection: our end of the pipe.
        output: what it prints, a temporary file.
    """

    process: "subprocess.Popen[bytes]"
    connection: Connection
    output: IO[bytes]

    @classmethod
    def start(
        cls,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        folder: Path | None = None,
        is_separate: bool = False,
    ) -> Self:
        """Start a module as a program; its first argument is the file descriptor of its pipe.

        Args:
            module: its full name.
            arguments: its further arguments.
            environment: its environment variables.
            folder: its current folder; None for that of this process.
            is_separate: whether it leaves the terminal of this process, so that no signal of the
                terminal reaches it or its own processes. Otherwise `ENDING` signals are blocked.

        Raises:
            OSError: the system cannot start another process.
        """
        with ExitStack() as on_failure:
            connection, end = Pipe()
            on_failure.enter_context(connection)
            output = on_failure.enter_context(tempfile.TemporaryFile())
            with end, nullcontext() if is_separate else _interrupts_blocked():
                # -P: modules in the current folder must not shadow those of the package.
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", module, str(end.fileno()), *arguments],
                    pass_fds=[end.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(environment),
                    cwd=folder,
                    start_new_session=is_separate,
                )
            on_failure.pop_all()  # Both stay open as long as the process lives.
        return cls(process, connection, output)

    def kill(self) -> None:
        """End the process and close the pipe."""
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self.output.close()

    def last_output(self) -> str:
        """Return the last part of what it has printed."""
        length = self.output.seek(0, os.SEEK_END)
        self.output.seek(max(0, length - _LAST_BYTES))
        return self.output.read().decode(errors="replace").strip()


def kill_session(leader: int) -> None:
    """Kill what a separate child has started, except this process.

    Its process group is not enough: Ray's workers have groups of their own. Without /proc, nothing
    is killed.
    """
    for _ in range(2):  # The first ones may have started others meanwhile.
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                pid = int(folder.name)
                if os.getsid(pid) == leader and pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block `ENDING` signals here for now, and permanently in processes started meanwhile.

    Ctrl-C and a closed terminal reach every process of the terminal, and stopping a service sends
    SIGTERM to all of its processes; the orchestrator decides what to do. A worker that set the
    signals to be ignored would still be killed by them while Python starts.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
