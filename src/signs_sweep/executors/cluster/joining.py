"""Joining a Ray cluster, or starting Ray on this machine. Imports Ray; used by the bridge alone."""

import os
import secrets
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_LOOPBACK = "127.0.0.2"
"""Address of a Ray that is started here. Ray replaces 127.0.0.1 by the machine's own address."""

_CONNECT_SECONDS = 5.0

_LONGEST_FOLDER = 36
"""Characters of the folder for Ray's own files: paths of sockets have at most 103 on macOS."""

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "15",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}
"""Settings of this process and of a Ray that is started here, unless the user has set them.

No usage statistics are sent; Ray does not kill agents when memory runs out, as the kernel kills the
largest worker instead; a head that is gone is noticed after 15 seconds.
"""

_JOIN = (
    "Run the command on a node of the cluster, or make this machine a node without workers: "
    "ray start --address=HOST:PORT --num-cpus=0"
)


_NO_HEAD = (
    "what answers at {} is not the head of a Ray cluster. Name the port that `ray start --head` "
    "shows, usually 6379; the dashboard has another."
)


class RefusedError(Exception):
    """There is no cluster to work with; the message says what to do."""


def join(address: str | None, cores: int) -> None:
    """Join the cluster at an address, or start Ray on this machine.

    Args:
        address: `host:port` or `auto`; None to start Ray.
        cores: how many cores Ray has if it is started here.

    Raises:
        RefusedError: there is no such cluster, or it refuses this process.
    """
    os.environ.pop("RAY_ADDRESS", None)  # Ray would prefer it to the address `auto`.
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if address is None:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        folder = tempfile.gettempdir()
        if len(folder) > _LONGEST_FOLDER or not folder.isascii():
            os.environ.setdefault("RAY_TMPDIR", "/tmp")  # noqa: S108  # as Ray without TMPDIR
    else:
        check_address(address)
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "5")  # Seconds to look for the head.
    try:
        import ray
    except ImportError as error:
        raise RefusedError(
            f"--executor ray needs the package ray, which cannot be imported ({error}). Install "
            "it: pip install 'signs-sweep[ray]'"
        ) from error
    if address not in (None, "auto"):
        _check_cluster(address)
    own: dict[str, Any] = {}
    if address is None:
        own = {"num_cpus": cores, "include_dashboard": False}
    if address is None and sys.platform == "linux":
        own["_node_ip_address"] = _LOOPBACK
    try:
        ray.init(
            address="local" if address is None else address,
            log_to_driver=False,
            configure_logging=False,
            **own,
        )
    except Exception as error:  # Ray has no common base of what this raises.
        raise RefusedError(_refusal(address, error)) from error


def check_address(address: str) -> None:
    """Raise a RefusedError for an address that cannot be one, or at which no Ray answers."""
    if "://" in address:
        raise RefusedError(
            f"Ray address {address}: Ray's client (ray://) and URLs cannot be used. {_JOIN}, then "
            "name HOST:PORT, usually with the port 6379"
        )
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise RefusedError(f"Ray address '{address}': expected HOST:PORT, as in 10.0.0.1:6379")
    place = host.strip("[]"), int(port)
    try:
        with socket.create_connection(place, _CONNECT_SECONDS) as connection:
            is_ray = "RAY_USE_TLS" in os.environ or _speaks_http2(connection)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RefusedError(
            f"no Ray cluster answers at {address} ({reason}). Is its head running? On that "
            "machine, `ray status` shows it."
        ) from error
    if not is_ray:
        raise RefusedError(_NO_HEAD.format(address))


def address_here(processes: Path = Path("/proc")) -> str | None:
    """Return the address of the cluster of which this machine is a node, without importing Ray.

    Args:
        processes: folder of the processes, which Linux has.
    """
    for file in processes.glob("[0-9]*/cmdline"):
        with suppress(OSError):
            program, *options = file.read_text(errors="replace").split("\0")
            flag = "--gcs-address="
            if program.endswith("/raylet"):
                return next((each[len(flag) :] for each in options if each.startswith(flag)), None)
    return None


def _speaks_http2(connection: socket.socket) -> bool:
    """Return whether a server speaks HTTP/2, as Ray's head does, and a web server need not.

    Ray waits much longer for one that does not, and then ends the process.
    """
    settings = b"\0\0\0\4\0\0\0\0\0"
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
    return connection.recv(len(settings))[3:4] == settings[3:4]


def _check_cluster(address: str) -> None:
    """Raise a RefusedError if the token does not fit a cluster, or no node of it runs here.

    Ray itself would find out up to a minute later, with a message about something else.
    """
    from ray._private.services import find_node_ids
    from ray._raylet import Config, GcsClient
    from ray.exceptions import AuthenticationError, RayError

    try:
        GcsClient(address=address)
    except AuthenticationError as error:
        raise RefusedError(_wrong_token(address)) from error
    except RayError as error:
        raise RefusedError(_NO_HEAD.format(address)) from error
    deadline = time.monotonic() + _CONNECT_SECONDS
    while not (here := find_node_ids()) and time.monotonic() < deadline:
        time.sleep(0.2)  # A head answers before its own node has started.
    if not here:
        raise RefusedError(f"this machine is not a node of the Ray cluster at {address}. {_JOIN}.")
    if (mode := os.environ.get("RAY_AUTH_MODE")) != "token":
        return
    os.environ["RAY_AUTH_MODE"] = "disabled"
    Config.initialize("")
    with suppress(AuthenticationError):
        GcsClient(address=address)
        raise RefusedError(
            f"RAY_AUTH_MODE={mode} is set, but the cluster at {address} uses no token: every "
            "program that reaches it can run code on it. Start its nodes with the same token, or "
            "unset RAY_AUTH_MODE."
        )
    os.environ["RAY_AUTH_MODE"] = mode
    Config.initialize("")


def _wrong_token(address: str) -> str:
    where = "on this machine" if address == "auto" else f"at {address}"
    return (
        f"the cluster {where} needs a token, and that of this process is missing or wrong. "
        "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH as on its nodes."
    )


def _refusal(address: str | None, error: Exception) -> str:
    text = str(error)
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    if address is None:
        is_path = "AF_UNIX path length" in text or isinstance(error, UnicodeEncodeError)
        advice = ". Set RAY_TMPDIR to a folder with a short, plain path such as /tmp."
        return f"Ray cannot be started on this machine: {first}{advice if is_path else ''}"
    if "Version mismatch" in text:
        return (
            f"the cluster at {address} has other versions than this machine: "
            f"{' '.join(text.split())}. Install the same versions on all nodes."
        )
    causes = f"{error.__cause__} {error.__context__}"
    if type(error).__name__ == "AuthenticationError" or "AuthToken" in causes:
        return _wrong_token(address)
    if address == "auto" and "any running Ray" in text:
        return (
            "no Ray runs on this machine. Start it, ray start --head, or name that of another "
            "machine, --ray-address HOST:PORT."
        )
    if "No node info" in causes:
        return f"this machine is not a node of the Ray cluster at {address}. {_JOIN}."
    return f"cannot join the Ray cluster at {address}: {first.rstrip('.')}. {_JOIN}."
