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

from signs_sweep.commands.comparing import SpecPath, is_spec
from signs_sweep.commands.store import Store
from signs_sweep.domain.masking import mask
from signs_sweep.errors import StoreError, UsageError
from signs_sweep.planning.preparation import load_all
from signs_sweep.process.interrupts import handling_signals
from signs_sweep.project.databases import is_server, opening, shown, without_password
from signs_sweep.project.paths import ProjectPaths
from signs_sweep.project.tracking_store import OTHERWISE, store_exists

_HOST = "127.0.0.1"
_PORT = 5000
_SECONDS_TO_START = 90


def show(
    store: Store,
    target: SpecPath | None,
    port: int | None,
    *,
    announce: Callable[[str], None],
    open_browser: bool,
) -> int:
    """Serve the pages on this machine alone until Ctrl-C; return the exit code.

    Args:
        store: what to show. A tracking server is there already: its address is announced.
        target: spec file or name of the experiment to show; None for the list of them.
        port: port, or None for 5000 or, where that is taken, a free one.
        announce: gets the address of the page once it is there.
        open_browser: whether to open it.

    Raises:
        SpecError: the spec has problems.
        UsageError: the port is taken or no port.
        StoreError: the store or the experiment is not there, or the server does not start.
    """

    def open_page(address: str, route: str) -> None:
        page = f"{address.rstrip('/')}/{route}"
        announce(page)
        if open_browser:
            webbrowser.open(page)

    experiment = _name(target)
    uri = store.uri
    if is_server(uri):
        # A browser asks for the password.
        open_page(mask(without_password(uri)), store.tracker.save_view(experiment))
        return 0
    if not store_exists(uri):
        raise StoreError(f"there is no store {shown(uri)} yet; run something first")
    address = f"http://{_HOST}:{_choose_port(port)}"
    with opening(uri, OTHERWISE):
        pass  # The server must not meet a database that another process is just making.
    with tempfile.TemporaryFile() as output, handling_signals(_interrupt):
        process = _start(store.paths, address, output.fileno())
        try:
            route = store.tracker.save_view(experiment)  # While the server starts.
            _wait_until_there(process, address)
            open_page(address, route)
            process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _stop(process)
        output.seek(0)
        words = mask(output.read().decode(errors="replace")).strip().splitlines()[-5:]
    raise StoreError(f"MLflow's server ended by itself: {' '.join(words)[-800:]}")


def _name(target: SpecPath | None) -> str | None:
    """Return the name of the experiment that is meant."""
    if target is None or not is_spec(target):
        return None if target is None else str(target)
    (experiment,) = load_all([Path(target)], ())
    return experiment.name


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
