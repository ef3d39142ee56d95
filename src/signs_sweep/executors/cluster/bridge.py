"""The bridge to Ray: `python -m signs_sweep.executors.cluster.bridge FD`.

The only process of an orchestrator that imports Ray. It reads messages from the orchestrator on a
pipe, and sends it the reports of the agents. When the pipe closes, because the orchestrator closed
it or died, the agents end, and so does Ray if it was started here.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from signs_sweep.executors.child import kill_session
from signs_sweep.executors.cluster.dispatcher import CLOSING_SECONDS, Dispatcher
from signs_sweep.executors.cluster.joining import RefusedError, join
from signs_sweep.executors.cluster.messages import Broken, Close

if TYPE_CHECKING:
    from signs_sweep.executors.cluster.nodes import NodeFacts

_SHUTDOWN_SECONDS = 3.0


def _look() -> "NodeFacts | str":  # As text: a node without this package could not unpickle it.
    """Describe the node on which this is called; return what is wrong if that is not possible."""
    try:
        from signs_sweep.executors.cluster.nodes import describe
    except Exception as error:  # noqa: BLE001  # whatever an installation raises
        return f"signs-sweep cannot be imported ({type(error).__name__}: {error})"
    return describe()


def _receive(
    connection: Connection, accept: Callable[[Any], object], is_connected: threading.Event
) -> None:
    """Pass on the messages of the orchestrator, the last one when it closes the pipe or dies."""
    message: Any = None
    while not isinstance(message, Close):
        try:
            message = connection.recv()
        except (EOFError, OSError):
            message = Close()
        if isinstance(message, Close) and not is_connected.is_set():
            _end()
        accept(message)


def main() -> None:
    """Join the cluster and serve until the orchestrator closes the pipe."""
    connection: Connection = Connection(int(sys.argv[1]))
    setup = connection.recv()
    loop, inbox, is_connected = asyncio.new_event_loop(), asyncio.Queue[Any](), threading.Event()

    def accept(message: Any) -> None:
        loop.call_soon_threadsafe(inbox.put_nowait, message)

    receive = partial(_receive, connection, accept, is_connected)
    threading.Thread(target=receive, daemon=True).start()
    try:
        join(setup.address, setup.cores)
    except RefusedError as error:
        connection.send(Broken(str(error)))
        os._exit(0)
    is_connected.set()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # The orchestrator decides when to end.
    dispatcher = Dispatcher(connection, setup, inbox, _look)
    loop.run_until_complete(dispatcher.run())
    # Calls of Ray may wait for a head that is gone.
    threading.Timer(CLOSING_SECONDS + _SHUTDOWN_SECONDS, _end).start()
    loop.run_until_complete(dispatcher.close())
    import ray

    ray.shutdown()
    _end()


def _end() -> None:
    """End this process, with all that is left of a Ray that it has started."""
    kill_session(os.getpid())
    os._exit(0)


if __name__ == "__main__":
    main()
