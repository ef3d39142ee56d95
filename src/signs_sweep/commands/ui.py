"""MLflow's pages on the tracking store."""

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
from signs_sweep.errors import StoreError, UnknownExperimentError, UsageError
from signs_sweep.planning.preparation import load_all
from signs_sweep.process.interrupts import handling_signals
from signs_sweep.project.databases import is_server, opening, shown, sqlite_path, without_password
from signs_sweep.project.paths import ProjectPaths
from signs_sweep.project.tracking_store import OTHERWISE, store_exists
from signs_sweep.tracking.mlflow.view import route

_HOST = "127.0.0.1"
_PORT = 5000
_SECONDS_TO_START = 90


def show(
    store: Store,
    target: SpecPath | None,
    port: int | None,
    *,
    announce: Callable[[str], None],
    warn: Callable[[str], None],
    open_browser: bool,
) -> int:
    """Serve the pages on this machine only, until Ctrl-C; return the exit code.

    Args:
        store: what to show. If it is a tracking server, only its address is announced.
        target: spec file or name of the experiment to show; None for the list of experiments.
        port: port, or None for 5000 or, if that is taken, a free port.
        announce: called with the address of the page once it can be opened.
        warn: called with a message if the page cannot be prepared.
        open_browser: whether to open the page.

    Raises:
        SpecError: the spec has problems.
        UsageError: the port is taken or not valid.
        StoreError: the store or the experiment does not exist, or the server does not start or
            cannot be used.
    """

    def open_page(address: str, page: str) -> None:
        url = f"{address.rstrip('/')}/{page}"
        announce(url)
        if open_browser:
            webbrowser.open(url)

    experiment = _name(target)

    def save_view() -> str:
        try:
            return store.tracker.save_view(experiment)
        except UnknownExperimentError:
            raise
        except StoreError as error:  # A user who may only read still sees the pages.
            warn(f"the view of the experiment could not be saved: {error}")
            return route(None)

    uri = store.uri
    if is_server(uri):
        store.index.inspect()
        # The browser asks for the password.
        open_page(mask(without_password(uri)), save_view())
        return 0
    if not store_exists(uri):
        raise StoreError(f"the store {shown(uri)} does not exist yet; run a spec first")
    address = f"http://{_HOST}:{_choose_port(port)}"
    # The server must not open a database that another process is creating.
    if sqlite_path(uri) is None:
        store.tracker.prepare()
    else:
        with opening(uri, OTHERWISE):
            pass
    with tempfile.TemporaryFile() as output, handling_signals():
        process = _start(store.paths, address, output.fileno())
        try:
            page = save_view()  # While the server starts.
            _wait_until_there(process, address)
            open_page(address, page)
            process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _stop(process)
        output.seek(0)
        lines = mask(output.read().decode(errors="replace")).strip().splitlines()[-5:]
    raise StoreError(f"MLflow's server ended unexpectedly: {' '.join(lines)[-800:]}")


def _name(target: SpecPath | None) -> str | None:
    """Return the name of the experiment to show."""
    if target is None or not is_spec(target):
        return None if target is None else str(target)
    (experiment,) = load_all([Path(target)], ())
    return experiment.name


def _choose_port(port: int | None) -> int:
    if port is None:
        return _bound(_PORT) or _bound(0)
    if not 1 <= port <= 65535:
        raise UsageError(f"--port {port}: expected a number from 1 to 65535")
    if not _bound(port):
        raise UsageError(f"port {port} is taken; leave out --port to use a free port")
    return port


def _bound(port: int) -> int:
    """Return a port if it is free, a free port for 0, or 0 if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])


def _start(paths: ProjectPaths, address: str, output: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--host", _HOST, "--port", address.rpartition(":")[2], "--workers", "1"]
    if paths.artifact_root is not None:
        command += ["--artifacts-destination", paths.artifact_root]
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": paths.uri,  # Other users can read a command line.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # With it, 10 processes instead of 2, and twice the time to start.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    # A separate group: Ctrl-C reaches only this process, which ends all processes of the group.
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
    """Return once the pages can be opened, or the process has ended.

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
    """End the server and all processes that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=3)  # An open page keeps a server alive for longer.
