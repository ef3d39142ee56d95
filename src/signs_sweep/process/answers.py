"""Waiting for the answer of another thread."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

_POLL_SECONDS = 0.1

T = TypeVar("T")


def wait_for_answer(
    answers: "SimpleQueue[T]", seconds: float, is_interrupted: Callable[[], bool]
) -> T:
    """Return the answer that a thread puts into a queue.

    Raises:
        Empty: it does not come within so many seconds, or before an interruption.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return answers.get(timeout=min(_POLL_SECONDS, seconds))
        except Empty:
            if is_interrupted() or time.monotonic() >= deadline:
                raise
