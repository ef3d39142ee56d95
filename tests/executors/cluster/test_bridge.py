"""How the bridge hands out runs, without Ray."""

import asyncio
import pickle
import sys
from dataclasses import replace
from multiprocessing import Pipe
from types import SimpleNamespace
from typing import Any

import pytest

from signs_sweep.domain import Failed, Stopped
from signs_sweep.executors.cluster.bridge import Bridge, _Agent, _Node
from signs_sweep.executors.cluster.joining import RefusedError
from signs_sweep.executors.cluster.messages import (
    Assignment,
    Remark,
    Report,
    Setup,
    Stop,
    Workers,
)


class Unconnected(Bridge):
    """Records what it would send to the agents, and to the orchestrator."""

    def __init__(self, workers: int | None = None, memory: int = 0) -> None:
        self.commands: list[tuple[str, str, str]] = []
        self.sent: list[Any] = []
        setup = Setup(b"", workers=workers, workers_per_gpu=2, memory=memory)
        super().__init__(Pipe()[0], setup, asyncio.Queue())

    def _command(self, agent: _Agent, method: str, argument: Assignment | Stop) -> None:
        self.commands.append((agent.node.name, method, argument.run_id))

    async def _send(self, *messages: Any) -> None:
        self.sent += messages

    @property
    def lost(self) -> list[tuple[str, int, str]]:
        """Run, attempt and message of each loss that was reported."""
        reports = [each for each in self.sent if isinstance(each, Report) and each.is_end]
        events = [pickle.loads(each.event) for each in reports]
        assert all(isinstance(event, Failed) and event.is_node_lost for event in events)
        pairs = zip(reports, events, strict=True)
        return [(each.run_id, each.attempt, event.message) for each, event in pairs]

    def have(self, *agents: _Agent) -> None:
        self._agents = list(agents)
        self._kinds = {each.node.node_id: each.kinds for each in agents}

    def assign(self, *run_ids: str) -> None:
        self._waiting += [Assignment(run_id, 1, b"") for run_id in run_ids]
        self._fill()

    def stop(self, run_id: str, attempt: int = 1) -> None:
        asyncio.run(self._stop(Stop(run_id, attempt)))


def node(name: str, cores: float = 0, gpus: float = 0) -> _Node:
    free = {"CPU": cores, "GPU": gpus}
    return _Node(f"id of {name}", name, free, free)


def agent(name: str, *indexes: int, has_begun: bool = True, kind: str = "fast") -> _Agent:
    return _Agent(None, node(name), list(indexes), kinds={kind}, has_begun=has_begun)


@pytest.fixture(autouse=True)
def killed(monkeypatch: pytest.MonkeyPatch) -> list[_Agent]:
    """The agents that Ray would kill."""
    found: list[_Agent] = []
    monkeypatch.setattr("signs_sweep.executors.cluster.bridge._kill", found.append)
    return found


def test_runs_go_to_the_node_with_most_free_workers_and_wait_in_their_order() -> None:
    bridge = Unconnected()
    bridge.have(agent("small", 0), agent("large", 1, 2, 3), agent("late", 4, has_begun=False))
    bridge.assign(*"abcdef")
    placed = [(name, run_id) for name, _, run_id in bridge.commands]
    assert placed[:2] == [("large", "a"), ("large", "b")]
    assert sorted(placed[2:]) == [("large", "d"), ("small", "c")]
    bridge._agents[2].has_begun = True
    bridge._fill()
    assert bridge.commands[-1] == ("late", "assign", "e")
    assert [waiting.run_id for waiting in bridge._waiting] == ["f"]


def test_a_run_waits_for_the_kind_of_processor_that_it_needs_while_there_is_any() -> None:
    bridge = Unconnected()
    slow = agent("old", 2, kind="slow")
    bridge.have(agent("new", 0, 1), slow)
    bridge._waiting += [Assignment(run_id, 1, b"", "slow") for run_id in "ab"]
    bridge.assign("c")
    assert bridge.commands == [("old", "assign", "a"), ("new", "assign", "c")]
    asyncio.run(bridge._give_up())
    assert [waiting.run_id for waiting in bridge._waiting] == ["b"]
    asyncio.run(bridge._lose(slow, "its agent ended"))
    assert [waiting.run_id for waiting in bridge._waiting] == ["b"], "another agent will come"
    assert bridge.sent[0] == Workers({"fast": 2, "slow": 0})
    assert bridge.lost == [("a", 1, "its agent ended.")]
    kinds, bridge._kinds = bridge._kinds, {}
    asyncio.run(bridge._give_up())
    assert [waiting.run_id for waiting in bridge._waiting] == ["b"], "no node has another kind"
    bridge._kinds = kinds
    del bridge._kinds["id of old"]
    asyncio.run(bridge._give_up())
    message = "no worker has the processor that it began on (slow)."
    assert bridge.lost[1:] == [("b", 1, message)]


def test_runs_whose_kind_is_gone_are_given_up_once_whoever_notices() -> None:
    class Slow(Unconnected):
        async def _send(self, *messages: Any) -> None:
            await asyncio.sleep(0)
            await super()._send(*messages)

    async def notice_twice() -> None:
        await asyncio.gather(bridge._give_up(), bridge._give_up())

    bridge = Slow()
    bridge.have(agent("new", 0))
    bridge._waiting += [Assignment(run_id, 1, b"", "slow") for run_id in "abc"]
    asyncio.run(notice_twice())
    assert [run_id for run_id, *_ in bridge.lost] == ["a", "b", "c"]


def test_a_run_that_failed_on_a_node_waits_some_time_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bridge = Unconnected()
    here, there = agent("here", 0, 1), agent("there", 2)
    bridge.have(here, there)
    bridge.assign(*"ab")
    assert [name for name, *_ in bridge.commands] == ["here", "here"]
    del here.running["a"]
    bridge._standing.observe("id of here", failed("a"))
    bridge.assign("a", "c")
    assert bridge.commands[2:] == [("there", "assign", "a"), ("here", "assign", "c")]
    bridge._standing.observe("id of there", failed("d"))
    here.running.clear()
    del there.running["a"]
    bridge._standing.observe("id of here", failed("e"))
    there.indexes.clear()
    bridge.assign("e", "d")
    assert bridge.commands[4:] == [("here", "assign", "d")]
    monkeypatch.setattr("signs_sweep.executors.cluster.standing._AVOIDED_SECONDS", 0.0)
    bridge._fill()
    assert bridge.commands[5:] == [("here", "assign", "e")]
    bridge.have(here)
    here.running.clear()
    bridge._standing.observe("id of here", failed("f"))
    bridge.assign("f")
    assert bridge.commands[6:] == [("here", "assign", "f")], "there is no other node"


@pytest.mark.parametrize(
    ("others", "traceback", "is_retried"),
    [((), "a traceback", False), (("there",), "a traceback", True), (("there",), None, False)],
)
def test_an_error_before_the_first_epoch_is_retried_on_another_node_once(
    others: tuple[str, ...], traceback: str | None, is_retried: bool
) -> None:
    bridge = Unconnected()
    first, *rest = agents = [agent(name, 0) for name in ("here", *others)]
    bridge.have(*agents)
    bridge.assign("a")
    event = pickle.dumps(Failed("a", 1.0, "no such file", traceback))

    def is_crash(there: _Agent, **changes: Any) -> bool:
        report = replace(failed("a"), event=event, **changes)
        bridge._standing.observe(there.node.node_id, report)
        return pickle.loads(bridge._retriable(there, report).event).is_crash

    assert not is_crash(first, has_trained=True)
    assert is_crash(first) == is_retried
    for second in rest:
        second.running = first.running
        assert not is_crash(second)


def test_a_node_on_which_run_after_run_fails_is_set_aside_while_another_works() -> None:
    bridge = Unconnected()
    bad, good = agent("bad", 0), agent("good", 1)
    bridge.have(bad, good)
    bridge.assign("last", "other")

    def set_aside() -> bool:
        asyncio.run(bridge._set_aside(bad.node))
        return bridge._standing.is_aside("id of bad")

    for run_id in ("first", "second", "last", "last", "unlucky"):
        bridge._standing.observe("id of bad", failed(run_id))
    assert not set_aside(), "no run has trained an epoch elsewhere"
    bridge._standing.observe("id of good", Report("other", 1, b"", is_end=False, has_trained=True))
    for run_id in ("first", "unlucky"):
        bridge._standing.observe("id of good", failed(run_id))
    assert not set_aside(), "two of these runs failed elsewhere, too"
    bridge._standing.observe("id of bad", failed("third"))
    assert bridge.sent == []
    assert set_aside()
    assert bridge.sent[:2] == [
        Remark(
            "bad gets no runs for 10 minutes, as long as another node works: 5 runs in a row have "
            "failed there without having trained an epoch. The cause of the last: no space"
        ),
        Workers({"fast": 1}),
    ]
    assert bridge.lost == [("last", 1, "its node bad is not used for now.")]
    bridge.have(good, bad)
    bridge._standing.observe("id of bad", Report("new", 1, b"", is_end=False, has_trained=True))
    sent = len(bridge.sent)
    set_aside()
    assert len(bridge.sent) == sent, "an epoch shows that the node works again"


def failed(run_id: str) -> Report:
    return Report(run_id, 1, b"", is_end=True, failure="no space")


def test_a_stop_goes_to_the_agent_of_that_attempt_and_ends_a_run_that_waits() -> None:
    bridge = Unconnected()
    bridge.have(agent("here", 0), agent("there", 1))
    bridge.assign(*"abc")
    bridge.commands.clear()
    bridge.stop("b", attempt=2)
    bridge.stop("b")
    assert bridge.commands == [("there", "stop", "b")]
    bridge.stop("c", attempt=2)
    assert bridge.sent == []
    bridge.stop("c")
    (report,) = bridge.sent
    assert isinstance(report, Report)
    assert report.is_end
    assert isinstance(pickle.loads(report.event), Stopped)
    assert not bridge._waiting


def test_a_lost_agent_is_reported_once_with_its_runs_and_killed(killed: list[_Agent]) -> None:
    bridge = Unconnected()
    lost = agent("here", 0, 1)
    bridge.have(lost, agent("there", 2))
    bridge.assign(*"abc")
    asyncio.run(bridge._lose(lost, "its node here was lost"))
    asyncio.run(bridge._lose(lost, "its agent ended"))
    assert bridge.sent[0] == Workers({"fast": 1})
    assert bridge.lost == [(run_id, 1, "its node here was lost.") for run_id in lost.running]
    assert len(lost.running) == 2
    assert killed == [lost]


@pytest.mark.parametrize(
    ("workers", "taken", "new", "expected"),
    [
        (None, [], 2, [0, 1]),
        (None, [0, 2], 2, [1, 3]),
        (3, [0, 2], 2, [1]),
        (2, [0, 1], 5, []),
        (1, [], 0, []),
    ],
)
def test_workers_have_the_lowest_free_indexes_within_the_limit(
    workers: int | None, taken: list[int], new: int, expected: list[int]
) -> None:
    bridge = Unconnected(workers)
    bridge.have(agent("here", *taken))
    assert bridge._indexes(new) == expected


def test_a_node_has_as_many_workers_as_its_free_cores_memory_or_gpus_allow() -> None:
    bridge = Unconnected(memory=10)
    capacity = bridge._capacity
    assert capacity(node("a", cores=3.5)) == 3
    bridge._memory = {"id of a": 59, "id of b": 9}
    assert capacity(node("a", cores=8)) == 5
    assert capacity(node("b", cores=8)) == 0
    bridge.have(agent("a", 0, 1))
    assert capacity(node("a", cores=8)) == 3, "some of its memory is taken"
    bridge._uses_gpus = True
    assert capacity(node("c", cores=8)) == 0
    assert capacity(node("c", cores=8, gpus=2)) == 4


def test_nodes_on_which_no_worker_starts_end_the_sweep_only_if_there_are_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class RayError(Exception):
        pass

    class Failing(Unconnected):
        def _hire(self, node: _Node, indexes: list[int]) -> _Agent:
            return _Agent(None, node, indexes)

        async def _begin(self, agent: _Agent) -> None:
            raise RayError(_RAISED)

    monkeypatch.setitem(
        sys.modules, "ray", SimpleNamespace(exceptions=SimpleNamespace(RayError=RayError))
    )
    bridge = Failing()
    nodes = node("full", cores=1), node("full as well", cores=1)
    bridge._nodes = {each.node_id: each for each in nodes}

    async def serve(served: _Node) -> None:
        await asyncio.wait_for(bridge._serve(served, is_new=False), 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(serve(nodes[0]))
    assert bridge.sent == [
        Remark("no worker has started on full: OSError: [Errno 28] No space left")
    ]
    with pytest.raises(RefusedError, match="no worker can start: OSError"):
        asyncio.run(serve(nodes[1]))


_RAISED = """\x1b[36mray::Agent.unpack()\x1b[39m (pid=258, ip=10.0.0.6, repr=<Agent object>)
  File "agent.py", line 94, in unpack
OSError: [Errno 28] No space left"""
