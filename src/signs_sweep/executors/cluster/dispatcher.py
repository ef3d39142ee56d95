"""Keeps an agent on each node of a cluster, and hands out assignments to them."""

import asyncio
import pickle
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from signs_sweep.domain import Failed, Stopped
from signs_sweep.executors.cluster.agent import Agent
from signs_sweep.executors.cluster.joining import RefusedError
from signs_sweep.executors.cluster.listing import Node, first_line, nodes_alive, placed_on
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
from signs_sweep.executors.cluster.nodes import NodeFacts, describe, mismatch
from signs_sweep.executors.cluster.standing import Standing
from signs_sweep.process.memory import gigabytes

_WATCH_SECONDS = 1.0
"""How often the nodes are listed."""

_ANSWER_SECONDS = 15.0
"""How long Ray's head may take to list the nodes before it counts as gone."""

_LOOK_SECONDS = 60.0
"""How long a node may take to describe itself."""

_BEGIN_SECONDS = 60.0
"""How long an agent may take to start: Ray does not start it while its cores are taken."""

_LONGEST_PAUSE = 60.0
"""Most seconds between two attempts to start an agent on a node."""

CLOSING_SECONDS = 2.0
"""How long agents may take to end their workers."""


@dataclass(eq=False)
class _Agent:
    """An agent, and what its workers are doing.

    Attributes:
        actor: its handle in Ray.
        indexes: of its workers among those of all nodes.
        running: by run_id, the assignments that it has.
        kinds: of their processors.
        has_begun: whether it takes assignments.
        relay: passes on its reports.
    """

    actor: Any
    node: Node
    indexes: list[int]
    running: dict[str, Assignment] = field(default_factory=dict)
    kinds: Collection[str] = ()
    has_begun: bool = False
    relay: "asyncio.Task[None] | None" = None

    @property
    def free(self) -> int:
        return len(self.indexes) - len(self.running) if self.has_begun else 0


@dataclass(frozen=True)
class _Error:
    """Where a run ended with an error, and the report of that."""

    node: Node
    report: Report


class Dispatcher:
    """Keeps an agent on each node, and hands out assignments."""

    def __init__(
        self,
        connection: Connection,
        setup: Setup,
        inbox: "asyncio.Queue[Any]",
        look: Callable[[], NodeFacts | str],
    ) -> None:
        """Ray has been joined.

        Args:
            connection: the pipe to the orchestrator, for sending.
            setup: its first message.
            inbox: its further messages.
            look: called on each node, describes it or returns what is wrong with it; of the main
                module, so that Ray sends it to nodes without this package.
        """
        self._look = look
        self._connection = connection
        self._setup = setup
        self._inbox = inbox
        self._nodes: dict[str, Node] = {}
        self._agents: list[_Agent] = []
        self._waiting: deque[Assignment] = deque()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._kinds: dict[str, Collection[str]] = {}
        """By id of a node, its kinds of processors, also while no agent is there."""
        self._contents: list[Any] = []
        self._memory: dict[str, int | None] = {}
        self._failing: set[str] = set()
        self._standing = Standing()
        self._errors: dict[str, _Error] = {}
        """By run_id, the first error of a run before its first epoch."""
        self._suspected: set[str] = set()
        """Nodes on which a run has ended with such an error."""
        self._stopped: set[tuple[str, int]] = set()
        """The attempts that were to be stopped."""
        self._uses_gpus = False
        self._has_begun = False
        self._background: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Serve until the orchestrator closes the pipe or the cluster is lost."""
        own = [asyncio.create_task(each) for each in (self._follow(), self._watch())]
        done, _ = await asyncio.wait(own, return_when=asyncio.FIRST_COMPLETED)
        relays = [agent.relay for agent in self._agents if agent.relay]
        for task in (*own, *relays, *self._tasks.values()):
            task.cancel()
        for task in done:
            if error := task.exception():
                await self._send(Broken(str(error) or repr(error)))

    async def _follow(self) -> None:
        """Do what the orchestrator asks for."""
        while True:
            match await self._inbox.get():
                case Assignment() as assignment:
                    self._waiting.append(assignment)
                    self._fill()
                    await self._give_up()
                case Stop() as stop:
                    await self._stop(stop)
                case Close():
                    return

    async def _stop(self, stop: Stop) -> None:
        self._stopped.add((stop.run_id, stop.attempt))
        for agent in self._agents:
            held = agent.running.get(stop.run_id)
            if held and held.attempt == stop.attempt:
                self._command(agent, "stop", stop)
        for waiting in list(self._waiting):
            if (waiting.run_id, waiting.attempt) == (stop.run_id, stop.attempt):
                self._waiting.remove(waiting)
                await self._send(_last_report(waiting, Stopped(stop.run_id, time.time())))

    def _fill(self) -> None:
        """Give waiting assignments to free workers, on the nodes with most free workers first."""
        for assignment in list(self._waiting):
            agent = max(self._suitable(assignment), key=lambda agent: agent.free, default=None)
            if agent is not None and agent.free:
                self._waiting.remove(assignment)
                agent.running[assignment.run_id] = assignment
                self._command(agent, "assign", assignment)

    def _suitable(self, assignment: Assignment) -> list[_Agent]:
        """Return the agents whose workers may train a run, without a node where it just failed."""
        kind, run_id = assignment.kind, assignment.run_id
        able = [
            agent
            for agent in self._agents
            if agent.has_begun and (kind is None or kind in agent.kinds)
        ]
        failed = self._errors.get(run_id)
        if failed and failed.report.attempt == assignment.attempt:
            return [each for each in able if each.node.node_id != failed.node.node_id]
        is_avoided = self._standing.is_avoided
        others = [each for each in able if not is_avoided(each.node.node_id, run_id)]
        return others or able

    async def _is_tried_elsewhere(self, agent: _Agent, report: Report) -> bool:
        """Hand out a run again that ended with an error before its first epoch, on another node.

        The error may be its node's: a package that is missing there, a full disk. The first time,
        it is kept until another node has tried.
        """
        assignment = agent.running.get(report.run_id)
        if not report.is_error or not report.failure or report.has_trained or assignment is None:
            return False
        attempt = (report.run_id, report.attempt)
        if assignment.attempt != report.attempt or attempt in self._stopped:
            return False
        if report.run_id in self._errors:
            return False
        failed = self._errors[report.run_id] = _Error(agent.node, report)
        if not self._may_be_tried(failed, assignment):
            return False
        del agent.running[report.run_id]
        self._waiting.append(assignment)
        if agent.node.node_id not in self._suspected:
            self._suspected.add(agent.node.node_id)
            why = f"a run failed on {agent.node.name} and is tried on another node"
            await self._send(Remark(f"{why}: {report.failure}"))
        return True

    async def _report_errors(self) -> None:
        """Report errors of runs that no other node is left to try."""
        for waiting in list(self._waiting):
            failed = self._errors.get(waiting.run_id)
            if failed and failed.report.attempt == waiting.attempt:
                if self._may_be_tried(failed, waiting):
                    continue
                self._waiting.remove(waiting)
                await self._send(failed.report)

    def _may_be_tried(self, failed: _Error, assignment: Assignment) -> bool:
        """Whether another node may try a run that failed, also one whose agent is starting."""
        return any(
            each.node.node_id != failed.node.node_id
            and (not each.has_begun or assignment.kind in (None, *each.kinds))
            for each in self._agents
        )

    async def _set_aside(self, node: Node) -> None:
        """End the agents of a node for some time if run after run fails there, not elsewhere."""
        failures = self._standing.failures(node.node_id)
        agents = [each for each in self._agents if each.node.node_id == node.node_id]
        if not failures or not agents or not self._works():
            return
        minutes = self._standing.set_aside(node.node_id) / 60
        *_, cause = failures.values()
        await self._send(
            Remark(
                f"{node.name} gets no runs for {minutes:g} minutes, as long as another node works: "
                f"{len(failures)} runs in a row have failed there without having trained an epoch. "
                f"The cause of the last: {cause}"
            )
        )
        for agent in agents:
            await self._lose(agent, f"its node {node.name} is not used for now")

    def _works(self) -> bool:
        """Whether there are workers on a node on which runs train."""
        proven = self._standing.proven
        return any(each.has_begun and each.node.node_id in proven for each in self._agents)

    async def _give_up(self) -> None:
        """Report waiting runs that need a kind of processor that is gone, if there is another."""
        kinds = {None}.union(*self._kinds.values())
        gone = [each for each in self._waiting if self._kinds and each.kind not in kinds]
        for assignment in gone:
            self._waiting.remove(assignment)
        why = "no worker has the processor that it began on ({})"
        await self._send(*(_lost(each, why.format(each.kind)) for each in gone))

    def _command(self, agent: _Agent, method: str, argument: Assignment | Stop) -> None:
        """Call a method of an agent; if that fails, call it again as long as the agent is there."""

        async def deliver() -> None:
            import ray

            call = getattr(agent.actor, method).options(concurrency_group="commands")
            while agent in self._agents:
                try:
                    await call.remote(argument)
                    break
                except ray.exceptions.RayError:
                    await asyncio.sleep(_WATCH_SECONDS)

        self._background.add(asyncio.create_task(deliver()))

    async def _watch(self) -> None:
        """Keep agents on all nodes, also on those that come later."""
        nodes = await self._list_nodes()
        known = await self._compare(nodes)
        while True:
            for node in nodes:
                if node.node_id not in self._tasks:
                    serving = self._serve(node, is_new=node.node_id not in known)
                    self._tasks[node.node_id] = asyncio.create_task(serving)
            await self._forget_lost({node.node_id for node in nodes})
            relays = [agent.relay for agent in self._agents]
            for task in (*self._tasks.values(), *relays, *self._background):
                if task and task.done() and not task.cancelled() and (error := task.exception()):
                    raise error
            self._background = {task for task in self._background if not task.done()}
            for node in nodes:
                await self._set_aside(node)
            await self._report_errors()
            self._fill()  # A run may have waited long enough for another node.
            await asyncio.sleep(_WATCH_SECONDS)
            nodes = await self._list_nodes()

    async def _forget_lost(self, alive: Collection[str]) -> None:
        """Lose the agents of nodes that are gone, and what is known of these nodes."""
        self._kinds = {each: kinds for each, kinds in self._kinds.items() if each in alive}
        for agent in [each for each in self._agents if each.node.node_id not in alive]:
            await self._lose(agent, f"its node {agent.node.name} was lost")
        if ended := self._tasks.keys() - alive:
            for each in ended:
                self._tasks.pop(each).cancel()
            await self._tell_workers()
            if not alive:
                await self._send(Remark("no node of the cluster is left: runs wait for one"))
            await self._give_up()

    async def _compare(self, nodes: Sequence[Node]) -> set[str]:
        """Compare the first nodes with this machine; return the ids of those that have answered.

        Raises:
            RefusedError: they cannot train.
        """
        import ray

        self._uses_gpus = any(node.resources.get("GPU") for node in nodes)
        differences = await asyncio.gather(*map(self._differences, nodes))
        compared = list(zip(nodes, differences, strict=True))
        if wrong := {node.name: found for node, found in compared if found}:
            raise RefusedError(mismatch(wrong))
        if nodes and not any(map(self._fitting, nodes)):
            raise RefusedError(
                f"a worker needs about {gigabytes(self._setup.memory)} of memory for the images, "
                "and no node of the cluster has that free"
            )
        files = self._setup.files.values()
        try:
            self._contents = [ray.put(file.read_bytes()) for file in files]
        except ray.exceptions.RayError as error:
            size = gigabytes(sum(file.stat().st_size for file in files))
            raise RefusedError(
                f"the data, {size}, cannot be put into Ray's object store on this machine "
                f"({first_line(error)}). Start Ray here with a larger --object-store-memory."
            ) from error
        known = {node.node_id for node, found in compared if found is not None}
        if not any(self._capacity(node) for node in nodes if node.node_id in known):
            await self._send(Remark("the cluster has no free core: runs wait for one"))
            await self._tell_workers()
        return known

    async def _list_nodes(self) -> list[Node]:
        """Return the nodes that are alive and may have workers.

        Raises:
            RefusedError: Ray's head does not answer, or the node of this machine has ended.
        """
        try:
            nodes = await asyncio.wait_for(asyncio.to_thread(nodes_alive), _ANSWER_SECONDS)
        except RefusedError:
            raise
        except Exception as error:
            raise RefusedError("the head of the Ray cluster does not answer") from error
        self._nodes = {node.node_id: node for node in nodes}
        return nodes

    async def _differences(self, node: Node) -> list[str] | None:
        """Return how a node differs from this machine; None if it does not answer."""
        import ray

        look = ray.remote(num_cpus=0, max_retries=0)(self._look)
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                found = await look.options(scheduling_strategy=placed_on(node)).remote()
        except ray.exceptions.RayTaskError as error:
            return [first_line(error)]
        except (TimeoutError, ray.exceptions.RayError):
            return None
        if isinstance(found, str):
            return [found]
        self._memory[node.node_id] = found.memory
        return describe().differences(found)

    async def _serve(self, node: Node, *, is_new: bool) -> None:
        """Start agents on a node for all cores that are free or become free, while it lives."""
        import ray

        while is_new and (found := await self._differences(node)) != []:
            if found:
                await self._send(Remark(f"not used: {mismatch({node.name: found})}"))
                return
            await self._send(Remark(f"not used yet: {node.name}, which does not answer"))
            await asyncio.sleep(_LONGEST_PAUSE)
        pause = _WATCH_SECONDS
        while True:
            node = self._nodes.get(node.node_id, node)
            indexes = self._indexes(self._capacity(node))
            is_aside = self._standing.is_aside(node.node_id) and self._works()
            if not indexes or is_aside:
                await asyncio.sleep(_WATCH_SECONDS)
                continue
            agent = self._hire(node, indexes)
            try:
                await self._begin(agent)
            except (TimeoutError, ray.exceptions.RayError) as error:
                reason = "does another program use its cores?"
                if not isinstance(error, TimeoutError):
                    reason = first_line(error)
                    self._failing.add(node.node_id)
                    if not self._has_begun and self._failing >= self._nodes.keys():
                        raise RefusedError(f"no worker can start: {reason}") from error
                if pause == _WATCH_SECONDS:  # The first of several attempts.
                    await self._send(Remark(f"no worker has started on {node.name}: {reason}"))
                await self._lose(agent, "its agent did not start")
            else:
                agent.relay = asyncio.create_task(self._relay(agent))
                await asyncio.sleep(2 * _WATCH_SECONDS)  # Until what is free has been listed again.
                pause = _WATCH_SECONDS
                continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _capacity(self, node: Node) -> int:
        """Return how many more workers a node can have, given what is free there."""
        own = [agent for agent in self._agents if agent.node.node_id == node.node_id]
        most = max(0, self._fitting(node) - sum(len(agent.indexes) for agent in own))
        if self._uses_gpus:
            return min(int(node.free.get("GPU", 0)) * self._setup.workers_per_gpu, most)
        return min(int(node.free.get("CPU", 0)), most)

    def _fitting(self, node: Node) -> int:
        """Return how many workers fit into the memory that a node had free at the beginning."""
        memory, need = self._memory.get(node.node_id), self._setup.memory
        return sys.maxsize if memory is None or not need else memory // need

    def _indexes(self, workers: int) -> list[int]:
        """Return the indexes of so many workers, or of fewer if there would be too many in all."""
        taken = {index for agent in self._agents for index in agent.indexes}
        limit = self._setup.workers
        most = workers if limit is None else min(workers, limit - len(taken))
        free = (index for index in range(len(taken) + workers) if index not in taken)
        return [index for index, _ in zip(free, range(most), strict=False)]

    def _hire(self, node: Node, indexes: list[int]) -> _Agent:
        import ray

        share = self._setup.workers_per_gpu
        make = ray.remote(concurrency_groups={"polls": 1, "commands": 1})(Agent)
        actor = make.options(
            num_cpus=min(len(indexes), int(node.free.get("CPU", 0))),
            num_gpus=-(-len(indexes) // share) if self._uses_gpus else 0,
            scheduling_strategy=placed_on(node),
            max_restarts=0,
            max_task_retries=0,
        ).remote(self._setup.crew, indexes, node.name, uses_gpus=self._uses_gpus)
        agent = _Agent(actor, node, indexes)
        self._agents.append(agent)
        return agent

    async def _begin(self, agent: _Agent) -> None:
        """Wait until an agent has started, and give it its files.

        Raises:
            TimeoutError: Ray has not started it.
            RayError: it cannot start, or is lost.
        """
        unpack = agent.actor.unpack.options(concurrency_group="commands")
        async with asyncio.timeout(_BEGIN_SECONDS):
            await unpack.remote([])
        agent.kinds = await unpack.remote(list(self._setup.files), *self._contents)
        self._kinds[agent.node.node_id] = agent.kinds
        agent.has_begun = self._has_begun = True
        await self._tell_workers()
        self._fill()
        await self._give_up()

    async def _relay(self, agent: _Agent) -> None:
        """Pass on the reports of an agent until it is lost."""
        import ray

        poll = agent.actor.poll.options(concurrency_group="polls")
        confirmed, answered = 0, time.monotonic()
        while True:
            try:
                async with asyncio.timeout(self._setup.patience):
                    reports, kinds = await poll.remote(confirmed)
            except TimeoutError:
                return await self._lose(agent, f"its agent on {agent.node.name} does not answer")
            except ray.exceptions.RayError as error:
                is_away = isinstance(error, ray.exceptions.ActorUnavailableError)
                if is_away and time.monotonic() - answered < self._setup.patience:
                    await asyncio.sleep(_WATCH_SECONDS)
                    continue
                why = f"its agent on {agent.node.name} ended: {first_line(error)}"
                return await self._lose(agent, why)
            answered = time.monotonic()
            if kinds != agent.kinds:  # A worker has named its processor.
                agent.kinds = self._kinds[agent.node.node_id] = kinds
                await self._tell_workers()
                await self._give_up()
            for report in reports:
                self._standing.observe(agent.node.node_id, report)
            passed = [each for each in reports if not await self._is_tried_elsewhere(agent, each)]
            for report in reports:
                held = agent.running.get(report.run_id)
                if report.is_end and held and held.attempt == report.attempt:
                    del agent.running[report.run_id]
            if reports:
                confirmed = reports[-1].number
                await self._send(*passed)
                self._fill()

    async def _lose(self, agent: _Agent, why: str) -> None:
        """Report the runs of an agent that is gone, or that must end because it seems to be."""
        if agent not in self._agents:
            return
        self._agents.remove(agent)
        if agent.relay and agent.relay is not asyncio.current_task():
            agent.relay.cancel()
        await self._tell_workers()  # First: retries depend on what is left.
        await self._send(*(_lost(each, why) for each in agent.running.values()))
        await self._give_up()
        await asyncio.to_thread(_kill, agent)

    async def _tell_workers(self) -> None:
        by_kind: Counter[str] = Counter(dict.fromkeys(set().union(*self._kinds.values()), 0))
        for agent in self._agents:
            if agent.has_begun and agent.node.node_id in self._kinds:
                # All processors of a node are of one kind, as a rule.
                by_kind[next(iter(agent.kinds))] += len(agent.indexes)
        await self._send(Workers(by_kind))

    async def _send(self, *messages: Any) -> None:
        """Send messages to the orchestrator, which may be busy for a while."""

        def send() -> None:
            with suppress(OSError):
                for message in messages:
                    self._connection.send(message)

        async def send_alone() -> None:
            async with self._sending:
                await asyncio.to_thread(send)

        # A task that is cancelled meanwhile must not leave half a message in the pipe.
        await asyncio.shield(send_alone())

    async def close(self) -> None:
        """End the agents."""
        closing = [
            agent.actor.close.options(concurrency_group="commands").remote()
            for agent in self._agents
        ]
        if closing:
            with suppress(Exception):
                await asyncio.wait_for(
                    asyncio.gather(*closing, return_exceptions=True), CLOSING_SECONDS
                )
        for agent in self._agents:
            _kill(agent)


def _last_report(assignment: Assignment, event: Failed | Stopped) -> Report:
    return Report(assignment.run_id, assignment.attempt, pickle.dumps(event), is_end=True)


def _lost(assignment: Assignment, why: str) -> Report:
    now = time.time()
    event = Failed(assignment.run_id, now, f"{why}.", is_crash=True, is_node_lost=True)
    return _last_report(assignment, event)


def _kill(agent: _Agent) -> None:
    import ray

    with suppress(Exception):
        ray.kill(agent.actor)
