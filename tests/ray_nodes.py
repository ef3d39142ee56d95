"""Nodes of a Ray cluster on this machine, each with processes of its own that can be killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

_PATIENCE = 600
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}


class Node:
    """A node; the first one is the head of the cluster."""

    def __init__(self, cores: int, environment: Mapping[str, str], head: "Node | None" = None):
        """Start it; a head accepts connections afterwards.

        Args:
            cores: how many it pretends to have; 0 for a node without workers.
            environment: environment variables of its processes.
            head: the head of its cluster.
        """
        ip = "127.0.0.2" if head is None else f"127.0.0.{2 + len(head.others) + 1}"
        if head is None:
            # Sockets have short paths.
            self.folder = Path(mkdtemp(prefix="ray-", dir="/tmp"))
            with socket.socket() as free:
                free.bind((ip, 0))
                self.address = f"{ip}:{free.getsockname()[1]}"
            role = ["--head", f"--port={self.address.partition(':')[2]}"]
            role += ["--include-dashboard=false", f"--temp-dir={self.folder}"]
            self.others: list[Node] = []
        else:
            head.others.append(self)
            self.address = head.address
            role = [f"--address={self.address}"]
        role += [f"--node-ip-address={ip}", f"--num-cpus={cores}", "--num-gpus=0", "--block"]
        role.append(f"--object-store-memory={200 * 2**20}")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *role],
            env={**environment, **_QUIET},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if head is None:
            self._wait()

    def processes(self, *names: str) -> list[int]:
        """Return the processes of the node, or those whose command lines contain one of `names`."""
        parents: dict[int, int] = {}
        lines: dict[int, str] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                lines[int(folder.name)] = (folder / "cmdline").read_bytes().decode()
                parents[int(folder.name)] = int(fields[1])
        found = {self._process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return [pid for pid in found if not names or any(name in lines[pid] for name in names)]

    def kill(self, *names: str, number: int = signal.SIGKILL) -> list[int]:
        """Kill all processes of the node, or those of these names, at once; return them."""
        pids = self.processes(*names)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if not names and number == signal.SIGKILL:
            self._process.wait()
        return pids

    def _wait(self) -> None:
        host, _, port = self.address.partition(":")
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError):
                socket.create_connection((host, int(port))).close()
                if any(self.folder.glob("session_*/sockets/raylet")):
                    return
            time.sleep(0.1)
        raise RuntimeError("Ray has not started")
