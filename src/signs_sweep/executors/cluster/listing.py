"""The nodes of a cluster, as Ray lists them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signs_sweep.executors.cluster.joining import RefusedError


@dataclass(eq=False)
class Node:
    """A node of the cluster.

    Attributes:
        name: its name for people.
        resources: CPU, GPU and others, by name, whether free or not.
        free: those that are free.
    """

    node_id: str
    name: str
    resources: Mapping[str, float]
    free: Mapping[str, float]


def nodes_alive() -> list[Node]:
    """Return the nodes that are alive and may have workers, with what is free there.

    Raises:
        RefusedError: the node of this machine has ended.
    """
    import ray

    alive = [each for each in ray.nodes() if each["Alive"]]
    if ray.get_runtime_context().get_node_id() not in {each["NodeID"] for each in alive}:
        raise RefusedError("Ray has ended on this machine")
    nodes = [each for each in alive if each["Resources"].get("CPU")]
    try:
        from ray._private.state import available_resources_per_node

        free: Mapping[str, Mapping[str, float]] = available_resources_per_node()
    except (ImportError, AttributeError):  # A version of Ray that does not say.
        free = {each["NodeID"]: each["Resources"] for each in nodes}
    hosts = Counter(each["NodeManagerHostname"] for each in nodes)
    return [
        Node(
            each["NodeID"],
            host if hosts[host] == 1 else f"{host} ({each['NodeManagerAddress']})",
            each["Resources"],
            free.get(each["NodeID"], {}),
        )
        for each in nodes
        for host in [each["NodeManagerHostname"]]
    ]


def placed_on(node: Node) -> Any:
    """Return Ray's option for what must run on a node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node.node_id, soft=False)


def first_line(error: Exception) -> str:
    """Return what an error of Ray says first, for people."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return repr(error)
    # Ray names the method first, and the error last.
    return (lines[-1] if "ray::" in lines[0] else lines[0])[:300].rstrip(".")
