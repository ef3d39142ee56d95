"""What orchestrator, bridge and agents send to each other, pickled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Setup:
    """What to start, and where: the first message to the bridge.

    Attributes:
        crew: the pickled `Crew` of every node.
        address: of the cluster, as `host:port` or `auto`; None to start Ray on this machine.
        files: by relative path on the nodes, the files on this machine that workers need.
        workers: most workers on all nodes; None for one a core, or `workers_per_gpu` a GPU.
        workers_per_gpu: how many workers share a GPU.
        cores: how many cores Ray has if it is started here.
        memory: bytes that a worker needs.
        patience: seconds that an agent may not answer before it counts as lost, if Ray does not say
            so earlier. Ray itself takes about a minute for a node that has no network or is frozen.
    """

    crew: bytes = field(repr=False)
    address: str | None = None
    files: Mapping[Path, Path] = field(default_factory=dict)
    workers: int | None = None
    workers_per_gpu: int = 1
    cores: int = 1
    memory: int = 0
    patience: float = 30.0


@dataclass(frozen=True)
class Assignment:
    """A run to train: from the orchestrator through the bridge to an agent.

    Attributes:
        task: the pickled `Task`.
        kind: the kind of processor that must train it; None for any.
    """

    run_id: str
    attempt: int
    task: bytes = field(repr=False)
    kind: str | None = None


@dataclass(frozen=True)
class Stop:
    """A run to stop: from the orchestrator through the bridge to an agent."""

    run_id: str
    attempt: int


@dataclass(frozen=True)
class Close:
    """The end: to the bridge."""


@dataclass(frozen=True)
class Report:
    """An event of a run: from an agent through the bridge to the orchestrator, or from the bridge.

    Attributes:
        event: the pickled event.
        is_end: whether it is the last of its attempt.
        number: counts the reports of an agent from 1; the agent repeats it until it is confirmed.
        has_trained: whether its attempt has trained an epoch.
        failure: why its run failed, if that may be its node's fault; else empty.
        is_error: whether it failed with an exception, which may be its own fault.
    """

    run_id: str
    attempt: int
    event: bytes = field(repr=False)
    is_end: bool
    number: int = 0
    has_trained: bool = False
    failure: str = ""
    is_error: bool = False


@dataclass(frozen=True)
class Workers:
    """The workers there are now: from the bridge.

    Attributes:
        by_kind: by kind of processor, how many there are.
    """

    by_kind: Mapping[str, int]


@dataclass(frozen=True)
class Remark:
    """A message for the user: from the bridge."""

    message: str


@dataclass(frozen=True)
class Broken:
    """Why the bridge ends, and what to do: from the bridge."""

    message: str
