"""The process that trains: `python -m signs_sweep.executors.worker FD INDEX`.

It reads messages from the orchestrator on a pipe and sends events back; it writes no file and opens
no database. First comes the pickled factory of the trainer, then for each run a `Task`, and at
any time the `run_id` of a run to stop. When the pipe closes, because the orchestrator closed it or
died, the process ends at once, in the middle of whatever it does.
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
    """Messages of the orchestrator, taken from the pipe by a thread of their own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._stopped: set[str] = set()
        threading.Thread(target=self._receive, daemon=True).start()

    def is_stopped(self, run_id: str) -> bool:
        """Return whether the orchestrator asked for the run to end."""
        return run_id in self._stopped

    def _receive(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            except Exception:  # noqa: BLE001  # without this thread the process would wait for ever
                traceback.print_exc()
                os._exit(1)
            if isinstance(message, Task):
                # A stop that came after its run had ended must not end the same run's next attempt.
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
        # Unpickled here, where what goes wrong becomes the failure of a run.
        made: RunTrainer = pickle.loads(pickled_factory)()  # noqa: S301  # from our own parent
        return made

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
