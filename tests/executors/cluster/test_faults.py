"""Workers, agents and nodes of a real Ray cluster that end, freeze, or come later."""

import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import toys

from ray_nodes import Node
from signs_sweep.domain import Event, Failed, Finished, Progress, Run, Stopped
from signs_sweep.executors.cluster import Crew, RayExecutor, Setup

pytestmark = pytest.mark.slow

LARGE = 16
"""Cores of a node that has more than the head: it gets the runs as long as it is there."""


@pytest.fixture(scope="module")
def executor(ray_head: Node) -> Iterator[RayExecutor]:
    crew = pickle.dumps(Crew(toys.KeepingTrainer, dict))
    setup = Setup(crew, ray_head.address, patience=15)
    made = RayExecutor(setup, environment=toys.worker_environment())
    made.connect()
    yield made
    made.close()


@pytest.fixture
def large_node(ray_head: Node, executor: RayExecutor) -> Iterator[Node]:
    """A node that is added while the executor is connected; its workers are there."""
    node = Node(LARGE, toys.worker_environment(), ray_head)
    wait(executor, lambda: executor.slots >= LARGE)
    yield node
    node.kill()


def wait(executor: RayExecutor, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + toys.PATIENCE
    while not condition():
        assert time.monotonic() < end
        assert list(executor.events(timeout=0.1)) == []


def begin(executor: RayExecutor, run: Run, checkpoint: bytes | None = None) -> tuple[int, Event]:
    """Submit a run; return the process that trains it, and its first epoch."""
    executor.submit(run, checkpoint)
    events = toys.events_until(executor, Progress)
    return toys.process_of(events), next(event for event in events if isinstance(event, Progress))


def lose(executor: RayExecutor, run: Run) -> Failed:
    """Wait until a run fails because a process or a node is gone."""
    failed = toys.events_until_end(executor)[-1]
    assert isinstance(failed, Failed)
    assert (failed.run_id, failed.is_crash) == (run.run_id, True)
    return failed


def test_a_run_goes_on_wherever_its_worker_agent_or_node_was_killed(
    executor: RayExecutor, large_node: Node
) -> None:
    run = toys.toy_run("slow", epochs=100_000)
    worker, _ = begin(executor, run)
    assert worker in large_node.processes(), "a node that was added is used"
    os.kill(worker, signal.SIGKILL)
    assert "its worker process was killed (SIGKILL)" in lose(executor, run).message
    worker, progress = begin(executor, run, b"200")
    assert progress.first_epoch == 201
    assert worker not in large_node.processes(), "it is retried on another node"
    executor.stop(run.run_id)
    assert isinstance(toys.events_until_end(executor)[-1], Stopped)
    run = toys.toy_run("slow", epochs=100_000, seed=1)
    worker, _ = begin(executor, run)
    assert worker in large_node.processes()
    (agent,) = large_node.kill("ray::Agent")
    assert "its agent on " in lose(executor, run).message
    assert toys.ends_soon(worker), "no worker stays without its agent"
    worker, progress = begin(executor, run, b"300")
    assert progress.first_epoch == 301
    assert agent not in large_node.kill()
    if worker in large_node.processes():  # Else the agent was not there again so soon.
        lose(executor, run)
        _, progress = begin(executor, run, b"400")
        assert progress.first_epoch == 401
    begun = time.monotonic()
    executor.stop(run.run_id)
    assert isinstance(toys.events_until_end(executor)[-1], Stopped)
    assert time.monotonic() - begun < 2


def test_a_node_that_freezes_is_lost_and_what_it_sends_later_is_dropped(
    executor: RayExecutor, large_node: Node
) -> None:
    run = toys.toy_run("slow", epochs=5_000)
    worker, _ = begin(executor, run)
    assert worker in large_node.processes()
    large_node.kill(number=signal.SIGSTOP)
    assert "its agent on " in lose(executor, run).message
    assert executor.slots < LARGE
    executor.submit(run, b"4800")
    events = toys.events_until(executor, Progress)
    large_node.kill(number=signal.SIGCONT)
    events += toys.events_until_end(executor)
    assert isinstance(events[-1], Finished)
    epochs = [event.first_epoch for event in events if isinstance(event, Progress)]
    assert epochs == list(range(4801, 5001))
    assert toys.ends_soon(worker)
