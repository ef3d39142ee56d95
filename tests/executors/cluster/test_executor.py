"""The orchestrator's side of a cluster, with a pipe in place of the bridge."""

import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import toys

from signs_sweep.domain import Event, Failed, Progress, Started, Stopped
from signs_sweep.errors import ClusterError
from signs_sweep.executors.child import Child
from signs_sweep.executors.cluster import RayExecutor
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

RUN = toys.toy_run("quick")
SETUP = Setup(b"a crew", "10.0.0.1:6379", {Path("a"): Path("b")}, 7, 3, 2, 5)


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """The bridge's end of the pipe of the next executor that connects."""
    ours, theirs = Pipe()
    output = tempfile.TemporaryFile()  # noqa: SIM115
    output.write(b"Fatal: the raylet died\n")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    child = Child(process, ours, output)
    monkeypatch.setattr(Child, "start", lambda *_, **__: child)
    monkeypatch.setattr("os.killpg", lambda *_: process.kill())
    theirs.send(Workers({"fast": 2, "slow": 3}))
    yield theirs
    theirs.close()
    with process:
        process.kill()


@pytest.fixture
def remarks() -> list[str]:
    return []


@pytest.fixture
def executor(bridge: Connection, remarks: list[str]) -> RayExecutor:
    made = RayExecutor(SETUP, remarks.append)
    made.connect()
    assert bridge.recv() == SETUP
    return made


def lost(attempt: int, message: str) -> Report:
    failed = Failed(RUN.run_id, 1.0, message, is_crash=True, is_node_lost=True)
    return report(failed, attempt)


def report(event: Event, attempt: int = 1) -> Report:
    return Report(event.run_id, attempt, pickle.dumps(event), isinstance(event, Stopped | Failed))


def received(executor: RayExecutor) -> list[Event]:
    return list(executor.events(timeout=0))


def test_the_slots_follow_the_workers(executor: RayExecutor, bridge: Connection) -> None:
    assert executor.slots == 5
    for workers, slots in (({"fast": 2}, 2), ({}, 0), ({"fast": 2, "slow": 8}, 10)):
        bridge.send(Workers(workers))
        assert received(executor) == []
        assert executor.slots == slots
        assert executor.kinds == set(workers)


def test_a_submission_is_an_assignment_with_its_attempt(
    executor: RayExecutor, bridge: Connection
) -> None:
    for attempt, checkpoint in ((1, None), (2, b"content")):
        executor.submit(RUN, checkpoint, is_tested=False)
        sent = bridge.recv()
        assert isinstance(sent, Assignment)
        assert (sent.run_id, sent.attempt) == (RUN.run_id, attempt)
        task = pickle.loads(sent.task)
        assert (task.run, task.checkpoint, task.is_tested) == (RUN, checkpoint, False)
    executor.stop(RUN.run_id)
    assert bridge.recv() == Stop(RUN.run_id, 2)


def test_what_is_late_or_repeated_is_dropped(executor: RayExecutor, bridge: Connection) -> None:
    stopped = Stopped(RUN.run_id, 1.0)
    executor.submit(RUN)
    bridge.send(lost(1, "its node was lost."))
    (failed,) = received(executor)
    assert isinstance(failed, Failed)
    assert (failed.message, failed.is_crash) == ("its node was lost.", True)
    bridge.send(report(stopped))
    assert received(executor) == [], "no run is in progress"
    executor.submit(RUN)
    for late in (report(stopped), lost(1, "again"), report(stopped, 3)):
        bridge.send(late)
        assert received(executor) == []
    bridge.send(report(stopped, 2))
    assert received(executor) == [stopped]
    bridge.send(report(stopped, 2))
    bridge.send(lost(2, "after its end"))
    assert received(executor) + received(executor) == []
    executor.stop(RUN.run_id)
    executor.stop("unknown")
    assert [type(bridge.recv()) for _ in range(2)] == [Assignment, Assignment]
    assert not bridge.poll(), "what has ended is not stopped"


def test_a_call_returns_many_events_but_not_all(executor: RayExecutor, bridge: Connection) -> None:
    executor.submit(RUN)
    sent = [report(Progress(RUN.run_id, epoch, {}, None)) for epoch in range(1000)]
    sending = threading.Thread(target=lambda: [bridge.send(each) for each in sent])
    sending.start()  # More than the pipe holds.
    events: list[Event] = []
    while len(events) < len(sent):
        events += (some := executor.events(timeout=toys.PATIENCE))
        assert len(some) <= 256
    sending.join()
    assert [event.first_epoch for event in events] == list(range(1000))


def test_remarks_reach_the_user(
    executor: RayExecutor, bridge: Connection, remarks: list[str]
) -> None:
    bridge.send(Remark("the cluster has no free core"))
    assert received(executor) == []
    assert remarks == ["the cluster has no free core"]


def test_what_came_before_the_end_of_the_bridge_is_returned_before_the_error(
    executor: RayExecutor, bridge: Connection
) -> None:
    executor.submit(RUN)
    started = Started(RUN.run_id, 0, 1.0, {})
    bridge.send(report(started))
    bridge.send(Broken("the head of the Ray cluster does not answer"))
    assert received(executor) == [started]
    for _ in range(2):
        with pytest.raises(ClusterError, match="was lost: the head of the Ray cluster does not an"):
            executor.events(timeout=0)


def test_a_bridge_that_dies_is_an_error_with_its_last_output(
    executor: RayExecutor, bridge: Connection
) -> None:
    executor.submit(RUN)
    bridge.close()
    executor.submit(RUN)
    executor.stop(RUN.run_id)
    with pytest.raises(ClusterError, match=r'"Fatal: the raylet died"\)\. .* run the same command'):
        executor.events(timeout=0)


def test_a_bridge_that_cannot_join_says_why(bridge: Connection) -> None:
    assert isinstance(bridge, Connection)
    made = RayExecutor(SETUP)
    made.connect()
    made._there = None
    bridge.send(Broken("no Ray cluster answers at 10.0.0.1:6379"))
    with pytest.raises(ClusterError, match=r"^no Ray cluster answers at 10\.0\.0\.1:6379$"):
        made.connect()


def test_connecting_can_be_interrupted(executor: RayExecutor) -> None:
    executor._there = None
    executor.connect(lambda: True)
    assert executor.slots == 1


def test_close_asks_the_bridge_to_end_and_reads_what_it_still_sends(
    executor: RayExecutor, bridge: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signs_sweep.executors.cluster.executor._CLOSING_SECONDS", 0.3)
    process = executor._bridge.process
    bridge.send(Remark("one more"))
    begun = time.monotonic()
    executor.close()
    executor.close()
    assert time.monotonic() - begun >= 0.3, "it has the time to end its workers"
    assert process.returncode is not None
    assert isinstance(bridge.recv(), Close)
    assert received(executor) == []
    assert executor.slots == 1
