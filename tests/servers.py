"""Servers that tests start for real, on this machine: PostgreSQL and MLflow.

Each keeps its files in a folder of its own. A test whose program is not installed skips.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

PATIENCE = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


class Postgres:
    """A PostgreSQL server with one superuser, `signs`, whose password is `PASSWORD`.

    Attributes:
        port: its port on 127.0.0.1.
    """

    PASSWORD = "pg-S3cret"

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        initdb = shutil.which("initdb") or (str(found[-1]) if found else None)
        if initdb is None:
            pytest.skip("PostgreSQL is not installed")
        self._bin = Path(initdb).resolve().parent
        self.port = free_port()
        # PostgreSQL does not run as root, and pytest's folders are private: each session of pytest
        # makes them so again.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        self.folder = folder / "postgres"
        if self._as_user:
            self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
            shutil.chown(self.folder, "postgres")
        else:
            self.folder.mkdir()
        password = self.folder / "password"
        password.write_text(self.PASSWORD)
        password.chmod(0o644)
        data = self.folder / "data"
        self._call("initdb", "-D", data, "-U", "signs", "-A", "scram-sha-256", "--no-sync",
                   f"--pwfile={password}", "-E", "UTF8", "--locale=C")  # fmt: skip
        self.start()

    def _call(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [*self._as_user, str(self._bin / program), *map(str, arguments)],
            check=True,
            capture_output=True,
            cwd=self.folder,
        )

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off "
        options += f"-c unix_socket_directories='{self.folder}'"
        self._call("pg_ctl", "-D", self.folder / "data", "-l", self.folder / "log", "-w",
                   "-o", options, "start")  # fmt: skip

    def stop(self) -> None:
        """Stop it as a crash would: without waiting for its clients."""
        with suppress(subprocess.CalledProcessError):
            self._call("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")

    def database(self, name: str) -> str:
        """Create a database; return its address."""
        import psycopg

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.address(name)

    def address(self, name: str) -> str:
        return f"postgresql://signs:{self.PASSWORD}@127.0.0.1:{self.port}/{name}"


class Mlflow:
    """An MLflow server that somebody else has started.

    Attributes:
        address: its address, without a user.
        folder: of its artifacts, and its current folder.
    """

    def __init__(
        self, folder: Path, backend: str | None = None, *options: str, **environment: str
    ) -> None:
        """Choose its port; `start` starts it. Its backend is a SQLite file by default."""
        self.port = free_port()
        self.folder = folder
        self.address = f"http://127.0.0.1:{self.port}"
        self._command = [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--port", str(self.port)),
            *("--backend-store-uri", backend or f"sqlite:///{folder}/mlflow.db"),
            *("--artifacts-destination", str(folder / "artifacts")),
            *options,
        ]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self._environment: Mapping[str, str] = quiet | environment

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command,
            cwd=self.folder,
            env=os.environ | self._environment,
            stdout=(self.folder / "server.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        wait_for(self._is_up)

    def _is_up(self) -> bool:
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=10):
                return True
        except urllib.error.HTTPError:
            return True
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
