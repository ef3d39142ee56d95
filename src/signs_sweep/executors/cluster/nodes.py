"""What a node is: its versions, processors and memory, compared with those of the orchestrator."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import signs_sweep
from signs_sweep.process.memory import available_memory

_PACKAGES = ("ray", "signs-sweep", "tensorflow", "keras", "numpy")
_ADVICE = "Install the same versions on all nodes"
_MOST_SHOWN = 3


@dataclass(frozen=True)
class NodeFacts:
    """What decides whether a node can train, and with what bits.

    Attributes:
        versions: of Python without its patch number and of packages, by name.
        source: hash of the source of this package: an unreleased version may differ.
        memory: bytes that can be allocated, or None if unknown.
    """

    versions: Mapping[str, str]
    source: str
    memory: int | None

    def differences(self, other: "NodeFacts") -> list[str]:
        """Return how another node differs, for people; nothing if both can train together."""
        names = dict.fromkeys([*self.versions, *other.versions])
        found = [
            f"{name} {other.versions.get(name, 'missing')}, here {self.versions.get(name)}"
            for name in names
            if other.versions.get(name) != self.versions.get(name)
        ]
        if not found and self.source != other.source:
            return ["signs-sweep has the same version, but another source"]
        return found


def describe() -> NodeFacts:
    """Return what this node is. Imports no heavy library."""
    versions = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return NodeFacts(versions, _source(), available_memory())


def mismatch(wrong: Mapping[str, Sequence[str]]) -> str:
    """Return the error for nodes that differ, by name of the node."""
    shown = [f"{node}: {'; '.join(found)}" for node, found in list(wrong.items())[:_MOST_SHOWN]]
    if left := len(wrong) - len(shown):
        shown.append(f"{left} more")
    nodes = "a node of the cluster differs" if len(wrong) == 1 else "nodes of the cluster differ"
    return f"{nodes} from this machine ({'. '.join(shown)}). {_ADVICE}."


@cache
def _source() -> str:
    root = Path(signs_sweep.__file__).parent
    digest = sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
