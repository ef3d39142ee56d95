"""How runs are handed out to the nodes, without Ray."""

import asyncio
import pickle
import sys
from dataclasses import replace
from multiprocessing import Pipe
from types import SimpleNamespace
from typing import Any

import pytest

from signs_sweep.domain import Failed, Stopped
from signs_sweep.executors.cluster.dispatcher import Dispatcher, _Agent
from signs_sweep.executors.cluster.joining import RefusedError
from signs_sweep.executors.cluster.listing import Node
from signs_sweep.executors.cluster.messages import (
    Assignment,
    Remark,
    Report,
    Setup,
    Stop,
    Workers,
)
from signs_sweep.executors.cluster.standing import Standing


class Unconnected(Dispatcher):
    """Records what it would send to the agents, and to the orchestrator."""

    def __init__(self, workers: int | None = None, memory: int = 0) -> None:
        self.commands: list[tuple[str, str, str]] = []
        self.sent: list[Any] = []
        setup = Setup(b"", workers=workers, workers_per_gpu=2, memory=memory)
        super().__init__(Pipe()[0], setup, asyncio.Queue(), str)

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


def node(name: str, cores: float = 0, gpus: float = 0) -> Node:
    free = {"CPU": cores, "GPU": gpus}
    return Node(f"id of {name}", name, free, free)


def agent(name: str, *indexes: int, has_begun: bool = True, kind: str = "fast") -> _Agent:
    return _Agent(None, node(name), list(indexes), kinds={kind}, has_begun=has_begun)


@pytest.fixture(autouse=True)
def killed(monkeypatch: pytest.MonkeyPatch) -> list[_Agent]:
    """The agents that Ray would kill."""
    found: list[_Agent] = []
    monkeypatch.setattr("signs_sweep.executors.cluster.dispatcher._kill", found.append)
    return found


def test_runs_go_to_the_node_with_most_free_workers_and_wait_in_their_order() -> None:
    dispatcher = Unconnected()
    dispatcher.have(agent("small", 0), agent("large", 1, 2, 3), agent("late", 4, has_begun=False))
    dispatcher.assign(*"abcdef")
    placed = [(name, run_id) for name, _, run_id in dispatcher.commands]
    assert placed[:2] == [("large", "a"), ("large", "b")]
    assert sorted(placed[2:]) == [("large", "d"), ("small", "c")]
    dispatcher._agents[2].has_begun = True
    dispatcher._fill()
    assert dispatcher.commands[-1] == ("late", "assign", "e")
    assert [waiting.run_id for waiting in dispatcher._waiting] == ["f"]


def test_a_run_waits_for_the_kind_of_processor_that_it_needs_while_there_is_any() -> None:
    dispatcher = Unconnected()
    slow = agent("old", 2, kind="slow")
    dispatcher.have(agent("new", 0, 1), slow)
    dispatcher._waiting += [Assignment(run_id, 1, b"", "slow") for run_id in "ab"]
    dispatcher.assign("c")
    assert dispatcher.commands == [("old", "assign", "a"), ("new", "assign", "c")]
    asyncio.run(dispatcher._give_up())
    assert [waiting.run_id for waiting in dispatcher._waiting] == ["b"]
    asyncio.run(dispatcher._lose(slow, "its agent ended"))
    assert [waiting.run_id for waiting in dispatcher._waiting] == ["b"], "another agent will come"
    assert dispatcher.sent[0] == Workers({"fast": 2, "slow": 0})
    assert dispatcher.lost == [("a", 1, "its agent ended.")]
    kinds, dispatcher._kinds = dispatcher._kinds, {}
    asyncio.run(dispatcher._give_up())
    assert [waiting.run_id for waiting in dispatcher._waiting] == ["b"], "no node has another kind"
    dispatcher._kinds = kinds
    del dispatcher._kinds["id of old"]
    asyncio.run(dispatcher._give_up())
    message = "no worker has the processor that it began on (slow)."
    assert dispatcher.lost[1:] == [("b", 1, message)]


def test_runs_whose_kind_is_gone_are_given_up_once_whoever_notices() -> None:
    class Slow(Unconnected):
        async def _send(self, *messages: Any) -> None:
            await asyncio.sleep(0)
            await super()._send(*messages)

    async def notice_twice() -> None:
        await asyncio.gather(dispatcher._give_up(), dispatcher._give_up())

    dispatcher = Slow()
    dispatcher.have(agent("new", 0))
    dispatcher._waiting += [Assignment(run_id, 1, b"", "slow") for run_id in "abc"]
    asyncio.run(notice_twice())
    assert [run_id for run_id, *_ in dispatcher.lost] == ["a", "b", "c"]


def test_a_run_that_failed_on_a_node_waits_some_time_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dispatcher = Unconnected()
    here, there = agent("here", 0, 1), agent("there", 2)
    dispatcher.have(here, there)
    dispatcher.assign(*"ab")
    assert [name for name, *_ in dispatcher.commands] == ["here", "here"]
    del here.running["a"]
    dispatcher._standing.observe("id of here", failed("a"))
    dispatcher.assign("a", "c")
    assert dispatcher.commands[2:] == [("there", "assign", "a"), ("here", "assign", "c")]
    dispatcher._standing.observe("id of there", failed("d"))
    here.running.clear()
    del there.running["a"]
    dispatcher._standing.observe("id of here", failed("e"))
    there.indexes.clear()
    dispatcher.assign("e", "d")
    assert dispatcher.commands[4:] == [("here", "assign", "d")]
    monkeypatch.setattr("signs_sweep.executors.cluster.standing._AVOIDED_SECONDS", 0.0)
    dispatcher._fill()
    assert dispatcher.commands[5:] == [("here", "assign", "e")]
    dispatcher.have(here)
    here.running.clear()
    dispatcher._standing.observe("id of here", failed("f"))
    dispatcher.assign("f")
    assert dispatcher.commands[6:] == [("here", "assign", "f")], "there is no other node"


@pytest.mark.parametrize(
    ("others", "change"),
    [
        ((), {}),
        (("there",), {"has_trained": True}),
        (("there",), {"is_error": False}),
        (("there",), {"failure": ""}),
    ],
)
def test_an_error_that_no_other_node_could_avoid_is_reported(
    others: tuple[str, ...], change: dict[str, Any]
) -> None:
    dispatcher = Unconnected()
    dispatcher.have(*(agent(name, 0) for name in ("here", *others)))
    dispatcher.assign("a")
    assert not ends_elsewhere(dispatcher, "a", replace(error("a"), **change))
    assert dispatcher.sent == []


def test_an_error_before_the_first_epoch_is_kept_until_another_node_has_tried() -> None:
    dispatcher = Unconnected()
    here, there = agent("here", 0, 1), agent("there", 2)
    dispatcher.have(here, there)
    dispatcher.assign(*"abc")
    assert list(there.running) == ["c"]
    assert ends_elsewhere(dispatcher, "a", error("a"))
    assert ends_elsewhere(dispatcher, "b", error("b"))
    why = "a run failed on here and is tried on another node: no module"
    assert dispatcher.sent == [Remark(why)], "once for each node"
    dispatcher._fill()
    asyncio.run(dispatcher._report_errors())
    assert [each.run_id for each in dispatcher._waiting] == ["a", "b"], "its worker is busy"
    there.running.clear()
    there.has_begun = False
    dispatcher._fill()
    asyncio.run(dispatcher._report_errors())
    assert dispatcher.commands[3:] == [], "its agent is starting"
    there.has_begun = True
    dispatcher._fill()
    assert dispatcher.commands[3:] == [("there", "assign", "a")]
    assert not ends_elsewhere(dispatcher, "a", error("a")), "the second error is its own"
    dispatcher.have(here)
    asyncio.run(dispatcher._report_errors())
    assert dispatcher.sent[1:] == [error("b")], "no other node is left"
    assert not dispatcher._waiting
    dispatcher._waiting.append(Assignment("b", 2, b""))
    dispatcher._fill()
    assert list(here.running) == ["b"], "its next attempt may be anywhere"


def test_an_error_of_a_run_that_was_to_be_stopped_is_reported() -> None:
    dispatcher = Unconnected()
    dispatcher.have(agent("here", 0, 1), agent("there", 2))
    dispatcher.assign("a")
    dispatcher.stop("a")
    assert not ends_elsewhere(dispatcher, "a", error("a")), "no other agent would stop it"


def test_a_run_that_fails_on_every_node_sets_none_aside() -> None:
    dispatcher = Unconnected()
    nodes = [agent("here", 0), agent("there", 1)]
    dispatcher.have(*nodes)
    for each in nodes:
        epoch = Report("fine", 1, b"", is_end=False, has_trained=True)
        dispatcher._standing.observe(each.node.node_id, epoch)
    for run_id in "abcd":
        dispatcher._standing.observe("id of here", error(run_id))
    assert not dispatcher._standing.failures("id of here"), "it may be the model"
    for run_id in "ab":
        epoch = Report(run_id, 1, b"", is_end=False, has_trained=True)
        dispatcher._standing.observe("id of there", epoch)
    dispatcher._standing.observe("id of there", error("c"))
    assert not dispatcher._standing.failures("id of here")
    epoch = Report("d", 1, b"", is_end=False, has_trained=True)
    dispatcher._standing.observe("id of there", epoch)
    assert dispatcher._standing.failures("id of here"), "three of them train elsewhere"


def test_a_node_that_was_set_aside_is_tried_again_and_longer_aside_only_if_it_fails_again() -> None:
    standing = Standing()

    def fail() -> None:
        for run_id in "abc":
            standing.observe("bad", failed(run_id))

    fail()
    assert standing.failures("bad")
    assert standing.set_aside("bad") == 600
    assert not standing.failures("bad")
    fail()
    assert standing.set_aside("bad") == 1200
    standing.observe("bad", Report("d", 1, b"", is_end=False, has_trained=True))
    fail()
    assert standing.set_aside("bad") == 600


def test_a_node_on_which_run_after_run_fails_is_set_aside_while_another_works() -> None:
    dispatcher = Unconnected()
    bad, good = agent("bad", 0), agent("good", 1)
    dispatcher.have(bad, good)
    dispatcher.assign("last", "other")

    def set_aside() -> bool:
        asyncio.run(dispatcher._set_aside(bad.node))
        return dispatcher._standing.is_aside("id of bad")

    for run_id in ("first", "second", "last", "last", "unlucky"):
        dispatcher._standing.observe("id of bad", failed(run_id))
    assert not set_aside(), "no run has trained an epoch elsewhere"
    dispatcher._standing.observe(
        "id of good", Report("other", 1, b"", is_end=False, has_trained=True)
    )
    for run_id in ("first", "unlucky"):
        dispatcher._standing.observe("id of good", failed(run_id))
    assert not set_aside(), "two of these runs failed elsewhere, too"
    dispatcher._standing.observe("id of bad", failed("third"))
    assert dispatcher.sent == []
    assert set_aside()
    assert dispatcher.sent[:2] == [
        Remark(
            "bad gets no runs for 10 minutes, as long as another node works: 5 runs in a row have "
            "failed there without having trained an epoch. The cause of the last: no space"
        ),
        Workers({"fast": 1}),
    ]
    assert dispatcher.lost == [("last", 1, "its node bad is not used for now.")]
    dispatcher.have(good, bad)
    dispatcher._standing.observe("id of bad", Report("new", 1, b"", is_end=False, has_trained=True))
    sent = len(dispatcher.sent)
    set_aside()
    assert len(dispatcher.sent) == sent, "an epoch shows that the node works again"


def failed(run_id: str) -> Report:
    return Report(run_id, 1, b"", is_end=True, failure="no space")


def error(run_id: str) -> Report:
    return Report(run_id, 1, b"", is_end=True, failure="no module", is_error=True)


def ends_elsewhere(dispatcher: Unconnected, run_id: str, report: Report) -> bool:
    """Whether a run that ended with a report is handed out again, to another node."""
    (there,) = (each for each in dispatcher._agents if run_id in each.running)
    return asyncio.run(dispatcher._is_tried_elsewhere(there, report))


def test_a_stop_goes_to_the_agent_of_that_attempt_and_ends_a_run_that_waits() -> None:
    dispatcher = Unconnected()
    dispatcher.have(agent("here", 0), agent("there", 1))
    dispatcher.assign(*"abc")
    dispatcher.commands.clear()
    dispatcher.stop("b", attempt=2)
    dispatcher.stop("b")
    assert dispatcher.commands == [("there", "stop", "b")]
    dispatcher.stop("c", attempt=2)
    assert dispatcher.sent == []
    dispatcher.stop("c")
    (report,) = dispatcher.sent
    assert isinstance(report, Report)
    assert report.is_end
    assert isinstance(pickle.loads(report.event), Stopped)
    assert not dispatcher._waiting


def test_a_lost_agent_is_reported_once_with_its_runs_and_killed(killed: list[_Agent]) -> None:
    dispatcher = Unconnected()
    lost = agent("here", 0, 1)
    dispatcher.have(lost, agent("there", 2))
    dispatcher.assign(*"abc")
    asyncio.run(dispatcher._lose(lost, "its node here was lost"))
    asyncio.run(dispatcher._lose(lost, "its agent ended"))
    assert dispatcher.sent[0] == Workers({"fast": 1})
    assert dispatcher.lost == [(run_id, 1, "its node here was lost.") for run_id in lost.running]
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
    dispatcher = Unconnected(workers)
    dispatcher.have(agent("here", *taken))
    assert dispatcher._indexes(new) == expected


def test_a_node_has_as_many_workers_as_its_free_cores_memory_or_gpus_allow() -> None:
    dispatcher = Unconnected(memory=10)
    capacity = dispatcher._capacity
    assert capacity(node("a", cores=3.5)) == 3
    dispatcher._memory = {"id of a": 59, "id of b": 9}
    assert capacity(node("a", cores=8)) == 5
    assert capacity(node("b", cores=8)) == 0
    dispatcher.have(agent("a", 0, 1))
    assert capacity(node("a", cores=8)) == 3, "some of its memory is taken"
    dispatcher._uses_gpus = True
    assert capacity(node("c", cores=8)) == 0
    assert capacity(node("c", cores=8, gpus=2)) == 4


def test_nodes_on_which_no_worker_starts_end_the_sweep_only_if_there_are_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class RayError(Exception):
        pass

    class Failing(Unconnected):
        def _hire(self, node: Node, indexes: list[int]) -> _Agent:
            return _Agent(None, node, indexes)

        async def _begin(self, agent: _Agent) -> None:
            raise RayError(_RAISED)

    monkeypatch.setitem(
        sys.modules, "ray", SimpleNamespace(exceptions=SimpleNamespace(RayError=RayError))
    )
    dispatcher = Failing()
    nodes = node("full", cores=1), node("full as well", cores=1)
    dispatcher._nodes = {each.node_id: each for each in nodes}

    async def serve(served: Node) -> None:
        await asyncio.wait_for(dispatcher._serve(served, is_new=False), 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(serve(nodes[0]))
    assert dispatcher.sent == [
        Remark("no worker has started on full: OSError: [Errno 28] No space left")
    ]
    with pytest.raises(RefusedError, match="no worker can start: OSError"):
        asyncio.run(serve(nodes[1]))


_RAISED = """\x1b[36mray::Agent.unpack()\x1b[39m (pid=258, ip=10.0.0.6, repr=<Agent object>)
  File "agent.py", line 94, in unpack
OSError: [Errno 28] No space left"""
