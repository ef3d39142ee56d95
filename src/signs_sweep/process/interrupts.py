"""Requests from outside to end a command: signals, and a closed terminal."""

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a command to end: Ctrl-C, `kill`, a closed terminal."""


def interrupt() -> None:
    """Raise KeyboardInterrupt."""
    raise KeyboardInterrupt


@contextmanager
def handling_signals(handle: Callable[[], None] = interrupt) -> Iterator[None]:
    """Call a function when a signal asks the command to end. Does nothing outside the main thread.

    An ignored SIGHUP stays ignored: that is how `nohup` works. An ignored SIGINT does not: shell
    scripts start background jobs with SIGINT ignored, and may still send it to end a job.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(*_: object) -> None:
        leave_closed_terminal()
        handle()

    before = {
        number: signal.signal(number, handler)
        for number in ENDING
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def leave_closed_terminal() -> None:
    """Redirect stdout and stderr to the null device if they are a terminal that was closed.

    Writing to a closed terminal is an error, which must not disturb an orderly end of the command.
    """
    for descriptor in (1, 2):
        try:
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                null_device = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null_device, descriptor)
                os.close(null_device)
        except OSError:  # The descriptor is not open.
            continue
