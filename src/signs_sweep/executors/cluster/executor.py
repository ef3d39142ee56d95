"""The orchestrator's side of a Ray cluster."""

import os
import pickle
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from signs_sweep.domain import Event, Run
from signs_sweep.errors import ClusterError
from signs_sweep.executors.attempt import Task
from signs_sweep.executors.child import Child, kill_session
from signs_sweep.executors.cluster.messages import (
    Assignment,
    Broken,
    Close,
    Remark,
    Report,
    Setup,
    Stop,
    Workers,
)

_POLL_SECONDS = 0.1
_CLOSING_SECONDS = 6.0
"""How long the bridge may take to end the workers and, if it started it, Ray."""

_MOST_EVENTS = 256
"""Most events that a call of `events` returns: the orchestrator fills free slots between calls."""

_NOT_JOINED = "Ray did not answer while it was joined"
_IS_IT_RUNNING = "On a node of the cluster, `ray status` shows whether it works."
_LOST = (
    "the connection to the Ray cluster was lost{why}. What was trained so far is kept: when the "
    "cluster runs again, run the same command again to resume."
)


@dataclass(eq=False)
class RayExecutor:
    """Trains in worker processes on the nodes of a Ray cluster; see `executors.cluster`.

    The number of slots follows the nodes. A run that is submitted while no worker is free waits for
    one. If a node is lost, its runs fail as if their processes had died.

    Attributes:
        setup: what to start, and where.
        tell: called with messages for the user.
        environment: environment variables of the bridge, and of Ray if it starts that.
    """

    setup: Setup
    tell: Callable[[str], None] = lambda _: None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    _bridge: Child | None = field(default=None, init=False)
    _there: Workers | None = field(default=None, init=False)
    _attempts: dict[str, int] = field(default_factory=dict, init=False)
    _underway: dict[str, int] = field(default_factory=dict, init=False)
    """By run_id, the attempt of each run in progress."""
    _loss: ClusterError | None = field(default=None, init=False)

    @property
    def slots(self) -> int:
        """The number of workers on all nodes; 1 before the cluster has been joined."""
        return sum(self._there.by_kind.values()) if self._there else 1

    def connect(self, is_interrupted: Callable[[], bool] = lambda: False) -> None:
        """Join the cluster, or start Ray on this machine; return when there are workers.

        If all cores of the cluster are taken, it returns as well: runs wait then.

        Raises:
            ClusterError: there is no such cluster, or its nodes have other versions.
        """
        if self._bridge is None:
            self._start()
        while self._there is None and not is_interrupted():
            self._receive(_POLL_SECONDS)

    @property
    def kinds(self) -> Collection[str]:
        """Those of the workers that there are now."""
        return set(self._there.by_kind) if self._there else set()

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        """Send a run to a worker that is free, or will be."""
        self.connect()
        attempt = self._attempts[run.run_id] = self._attempts.get(run.run_id, 0) + 1
        self._underway[run.run_id] = attempt
        task = pickle.dumps(Task(run, checkpoint, is_tested, kind))
        self._send(Assignment(run.run_id, attempt, task, kind))

    def events(self, timeout: float) -> Sequence[Event]:
        """Return what the bridge has sent; see the protocol.

        Raises:
            ClusterError: the connection to the cluster is lost.
        """
        if self._loss is not None:
            raise self._loss
        received = self._receive(timeout)
        try:
            while received and len(received) < _MOST_EVENTS and (more := self._receive(0)):
                received += more
        except ClusterError as error:  # What came before it is not lost.
            self._loss = error
        return received

    def stop(self, run_id: str) -> None:
        """Ask the worker that trains the run to stop it."""
        if run_id in self._underway:
            self._send(Stop(run_id, self._underway[run_id]))

    def close(self) -> None:
        """End all workers, and Ray if it was started here."""
        bridge, self._bridge, self._there, self._loss = self._bridge, None, None, None
        self._underway.clear()
        if bridge is None:
            return
        with suppress(OSError):
            bridge.connection.send(Close())
        deadline = time.monotonic() + _CLOSING_SECONDS
        with suppress(EOFError, OSError):
            while (left := deadline - time.monotonic()) > 0 and bridge.connection.poll(left):
                bridge.connection.recv_bytes()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(bridge.process.pid, signal.SIGKILL)
        kill_session(bridge.process.pid)
        bridge.kill()

    def _start(self) -> None:
        self._bridge = Child.start(
            "signs_sweep.executors.cluster.bridge", environment=self.environment, is_separate=True
        )
        self._send(self.setup)

    def _send(self, message: Setup | Assignment | Stop) -> None:
        assert self._bridge is not None
        with suppress(OSError):  # `events` handles a bridge that has ended.
            self._bridge.connection.send(message)

    def _receive(self, timeout: float) -> list[Event]:
        """Handle the next message of the bridge; return the events in it."""
        if self._bridge is None:
            return []
        try:
            if not self._bridge.connection.poll(timeout):
                return []
            message = self._bridge.connection.recv()
        except (EOFError, OSError):
            reason = self._last_words()
            if self._there is None:
                raise ClusterError(f"{_NOT_JOINED}{reason}. {_IS_IT_RUNNING}") from None
            raise ClusterError(_LOST.format(why=reason)) from None
        match message:
            case Report() if self._underway.get(message.run_id) == message.attempt:
                if message.is_end:
                    del self._underway[message.run_id]
                event: Event = pickle.loads(message.event)  # noqa: S301  # from our own agents
                return [event]
            case Workers():
                self._there = message
            case Remark():
                self.tell(message.message)
            case Broken():
                raise ClusterError(
                    message.message
                    if self._there is None
                    else _LOST.format(why=f": {message.message}")
                )
        return []

    def _last_words(self) -> str:
        assert self._bridge is not None
        lines = self._bridge.last_output().splitlines()
        return f' (its last output: "{lines[-1][:300]}")' if lines else ""
