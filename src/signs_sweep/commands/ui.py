"""MLflow's own pages, on a store of ours."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from signs_sweep.domain.masking import mask
from signs_sweep.errors import StoreError, UsageError
from signs_sweep.process.interrupts import handling_signals
from signs_sweep.project.databases import (
    is_server,
    opening,
    shown,
    sqlite_path,
    without_password,
)
from signs_sweep.project.paths import ProjectPaths
from signs_sweep.project.tracking_store import OTHERWISE, store_exists
from signs_sweep.tracking.mlflow.client import connect

_HOST = "127.0.0.1"
_PORT = 5000
_SECONDS_TO_START = 90


def serve(
    paths: ProjectPaths,
    port: int | None,
    *,
    announce: Callable[[str], None],
    open_browser: bool,
) -> int:
    """Serve the pages on this machine alone until Ctrl-C; return the exit code.

    Args:
        paths: those of the project. If its store is a server, there is nothing to start: its
            address is announced.
        port: port, or None for 5000 or, where that is taken, a free one.
        announce: gets the address once the pages are there.
        open_browser: whether to show them.

    Raises:
        UsageError: the port is taken or no port.
        StoreError: the store is not there, or the server does not start.
    """
    uri = paths.uri
    if is_server(uri):
        uri = mask(without_password(uri))  # A browser asks for it.
        announce(uri)
        if open_browser:
            webbrowser.open(uri)
        return 0
    if not store_exists(uri):
        raise StoreError(f"there is no store {shown(uri)} yet; run something first")
    address = f"http://{_HOST}:{_choose_port(port)}"
    if sqlite_path(uri) is None:
        connect(uri)  # Says what is wrong with a database, which the server would do at length.
    with opening(uri, OTHERWISE):
        pass  # The server must not meet a database that another process is just making.
    with tempfile.TemporaryFile() as output, handling_signals(_interrupt):
        process = _start(paths, address, output.fileno())
        try:
            _wait_until_there(process, address)
            announce(address)
            if open_browser:
                webbrowser.open(address)
            process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _stop(process)
        output.seek(0)
        words = mask(output.read().decode(errors="replace")).strip().splitlines()[-5:]
    raise StoreError(f"MLflow's server ended by itself: {' '.join(words)[-800:]}")


def _interrupt() -> None:
    """Raise KeyboardInterrupt, so that the server is ended before we are."""
    raise KeyboardInterrupt


def _choose_port(port: int | None) -> int:
    if port is None:
        return _PORT if _is_free(_PORT) else _free_port()
    if not 1 <= port <= 65535:
        raise UsageError(f"--port {port}: a number from 1 to 65535 was expected")
    if not _is_free(port):
        raise UsageError(f"port {port} is taken; leave --port out for a free one")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _start(paths: ProjectPaths, address: str, output: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--host", _HOST, "--port", address.rpartition(":")[2], "--workers", "1"]
    if paths.artifact_root is not None:
        command += ["--artifacts-destination", paths.artifact_root]
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": paths.uri,  # Everybody may read a command line.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Without it 10 processes instead of 2, and twice the time to start.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    # A group of its own: Ctrl-C reaches us alone, and we end all of its processes.
    return subprocess.Popen(
        command,
        cwd=Path.cwd(),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def _wait_until_there(process: "subprocess.Popen[bytes]", address: str) -> None:
    """Return once the pages are there, or the process is gone.

    Raises:
        StoreError: it takes too long.
    """
    end = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310 - our own
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        if time.monotonic() > end:
            raise StoreError(f"MLflow's server did not start within {_SECONDS_TO_START} s")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the server and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=3)  # A page that is open keeps a server alive for longer.
