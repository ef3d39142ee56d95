"""What comes from outside to end a command: signals, and a terminal that is closed."""

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask for an end: Ctrl-C, `kill`, a closed terminal."""


@contextmanager
def handling_signals(handle: Callable[[], None]) -> Iterator[None]:
    """Let the signals that ask for an end call a function, in the main thread; else do nothing.

    SIGHUP stays ignored where it is: that is what `nohup` does. SIGINT does not: a script starts
    what it puts into the background with SIGINT ignored, and may still send it to end that.
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
    """Let what is still written go nowhere, where that was a terminal and it is closed.

    Writing to it is an error, which must not keep a command from ending in order.
    """
    for descriptor in (1, 2):
        try:
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
        except OSError:  # It is not open at all.
            continue
