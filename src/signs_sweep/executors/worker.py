"""The worker process: `python -m signs_sweep.executors.worker FD INDEX`.

It reads messages from the orchestrator on a pipe and sends events back; it writes no file and opens
no database. The first message is the pickled factory of the trainer; then follows a `Task` for each
run, and at any time the `run_id` of a run to stop. When the pipe closes, because the orchestrator
closed it or died, the process exits immediately, whatever it is doing.
"""

import os
import pickle
import queue
import sys
import threading
import traceback
from functools import cache, partial
from multiprocessing.connection import Connection

from signs_sweep.executors.attempt import RunTrainer, Task, attempt


class _Inbox:
    """Messages from the orchestrator, read from the pipe by a separate thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._stopped: set[str] = set()
        threading.Thread(target=self._receive, daemon=True).start()

    def is_stopped(self, run_id: str) -> bool:
        """Return whether the orchestrator asked the run to stop."""
        return run_id in self._stopped

    def _receive(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            except Exception:  # noqa: BLE001  # without this thread the process would wait forever
                traceback.print_exc()
                os._exit(1)
            if isinstance(message, Task):
                # A stop that arrived after the end of its run must not stop the run's next attempt.
                self._stopped.clear()
                self.tasks.put(message)
            else:
                self._stopped.add(message)


def main() -> None:
    """Serve until the orchestrator closes the pipe."""
    connection: Connection = Connection(int(sys.argv[1]))
    index = int(sys.argv[2])
    try:
        pickled_factory = connection.recv_bytes()
    except EOFError:
        return
    inbox = _Inbox(connection)

    @cache
    def trainer() -> RunTrainer:
        # Unpickled here, where an error becomes the failure of a run.
        run_trainer: RunTrainer = pickle.loads(pickled_factory)()  # noqa: S301  # from our parent
        return run_trainer

    while True:
        task = inbox.tasks.get()
        is_stopped = partial(inbox.is_stopped, task.run.run_id)
        for event in attempt(trainer, task, index, is_stopped):
            connection.send(event)


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, ConnectionResetError):
        sys.exit(0)
