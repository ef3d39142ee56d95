"""Joining a Ray cluster, or starting Ray on this machine. Imports Ray; used by the bridge alone."""

import os
import secrets
import socket
import sys

_LOOPBACK = "127.0.0.2"
"""Address of a Ray that is started here. Ray replaces 127.0.0.1 by the machine's own address."""

_CONNECT_SECONDS = 5.0

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
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if address is None:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    else:
        _check(address)
    try:
        import ray
    except ImportError as error:
        raise RefusedError(
            f"--executor ray needs the package ray, which cannot be imported ({error}). Install "
            "it: pip install 'signs-sweep[ray]'"
        ) from error
    own = {
        "num_cpus": cores,
        "include_dashboard": False,
        "_node_ip_address": _LOOPBACK if sys.platform == "linux" else None,
    }
    try:
        ray.init(
            address="local" if address is None else address,
            log_to_driver=False,
            configure_logging=False,
            **{key: value for key, value in own.items() if address is None and value is not None},
        )
    except Exception as error:  # Ray has no common base of what this raises.
        raise RefusedError(_refusal(address, error)) from error


def _check(address: str) -> None:
    """Raise a RefusedError for an address that cannot be one, or at which nothing answers."""
    if address.startswith("ray://"):
        raise RefusedError(
            f"--ray-address {address}: Ray's client (ray://) cannot be used. {_JOIN}, then name "
            "HOST:PORT, usually with the port 6379"
        )
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise RefusedError(f"--ray-address {address}: expected HOST:PORT, as in 10.0.0.1:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RefusedError(
            f"no Ray cluster answers at {address} ({reason}). Is its head running? On that "
            "machine, `ray status` shows it."
        ) from error


def _refusal(address: str | None, error: Exception) -> str:
    text = str(error)
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    if "Version mismatch" in text:
        return (
            f"the cluster at {address} has other versions than this machine: "
            f"{' '.join(text.split())}. Install the same versions on all nodes."
        )
    if "auth" in text.lower() or "token" in text.lower():
        return (
            f"the cluster at {address} refuses this process: {first} Set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH as on its nodes."
        )
    if address is None:
        return f"Ray cannot be started on this machine: {first}"
    return f"cannot join the Ray cluster at {address}: {first} {_JOIN}"
