"""Servers that tests start for real, on this machine: PostgreSQL, MLflow and nginx.

Each keeps its files in a folder of its own. A test whose program is not installed skips.
"""

import json
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
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

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

    PASSWORD = "pg-S3cret@%/pw"

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
        """Create a database, in place of one that an earlier test left; return its address."""
        import psycopg

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.address(name)

    def address(self, name: str) -> str:
        password = quote(self.PASSWORD, safe="")
        return f"postgresql://signs:{password}@127.0.0.1:{self.port}/{name}"

    def contents(self) -> str:
        """Return all rows of all databases, as text."""
        command = [self._bin / "pg_dumpall", "-h", "127.0.0.1", "-p", str(self.port), "-U", "signs"]
        environment = os.environ | {"PGPASSWORD": self.PASSWORD}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout


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


class SharedServer:
    """The server of a group: MLflow with users, over PostgreSQL, behind nginx with HTTPS.

    Its users are `ann` and `eve`, who may read each other's experiments and write to the experiment
    with the claims. The certificate is of a private authority.

    Attributes:
        mlflow: the server behind nginx, without HTTPS.
        address: asks for user and password.
        with_token: asks for `TOKEN`, whose owner is `ann`.
        certificate: that of the authority.
        user: the variables of `ann`, for `address`.
        token: those of her token, for `with_token`.
    """

    PASSWORD = "s3cret@50%25-off"
    TOKEN = "eyJ-t0ken"
    ADMIN = "admin-S3cret-pw"

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        if shutil.which("nginx") is None or shutil.which("openssl") is None:
            pytest.skip("nginx or openssl is not installed")
        pytest.importorskip("flask_wtf")
        users = folder / "users.ini"
        database = postgres.database("users").replace("%", "%%")
        users.write_text(
            f"[mlflow]\ndatabase_uri = {database}\nadmin_username = admin\n"
            "default_permission = READ\nauth_cache_ttl_seconds = 600\n"
        )
        self.mlflow = Mlflow(
            folder,
            postgres.database("mlflow"),
            *("--app-name", "basic-auth"),
            MLFLOW_AUTH_CONFIG_PATH=str(users),
            MLFLOW_AUTH_ADMIN_PASSWORD=self.ADMIN,
            MLFLOW_FLASK_SERVER_SECRET_KEY="of the tests",
        )
        self.certificate = self._certify(folder)
        self.address, self.with_token = (f"https://127.0.0.1:{free_port()}" for _ in range(2))
        self._nginx: subprocess.Popen[bytes] | None = None
        trusts = {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(self.certificate)}
        user = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": self.PASSWORD}
        self.user = {"MLFLOW_TRACKING_URI": self.address, **user, **trusts}
        token = {"MLFLOW_TRACKING_TOKEN": self.TOKEN}
        self.token = {"MLFLOW_TRACKING_URI": self.with_token, **token, **trusts}

    def start(self) -> None:
        self.mlflow.start()
        for user in ("ann", "eve"):
            self.ask("2.0/mlflow/users/create", username=user, password=self.PASSWORD)
            board = {"resource_type": "experiment", "resource_id": "0", "permission": "EDIT"}
            self.ask("3.0/mlflow/users/permissions/grant", username=user, **board)
        self._nginx = self._start_nginx(self.mlflow.folder)

    def ask(self, endpoint: str, **content: str) -> None:
        """Post to MLflow as its administrator."""
        request = urllib.request.Request(
            f"{self.mlflow.address}/api/{endpoint}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json", "Authorization": _basic("admin", self.ADMIN)},
        )
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    def _certify(self, folder: Path) -> Path:
        common = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]
        common += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
        authority = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority"]
        server = ["-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=127.0.0.1"]
        server += ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1"]
        server += ["-addext", "basicConstraints=CA:FALSE"]
        for options in (authority, server):
            subprocess.run([*common, *options], cwd=folder, check=True, capture_output=True)
        return folder / "ca.pem"

    def _start_nginx(self, folder: Path) -> "subprocess.Popen[bytes]":
        to_mlflow = f"proxy_pass {self.mlflow.address};"
        config = folder / "nginx.conf"
        parts = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = " ".join(f"{part}_temp_path {folder}/{part};" for part in parts)
        config.write_text(f"""\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
  access_log off; client_max_body_size 0; {folders}
  proxy_set_header Host $http_host;
  ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
  server {{ listen {self.address[8:]} ssl; location / {{ {to_mlflow} }} }}
  server {{
    listen {self.with_token[8:]} ssl;
    location / {{
      if ($http_authorization != "Bearer {self.TOKEN}") {{ return 401; }}
      proxy_set_header Authorization "{_basic("ann", self.PASSWORD)}";
      proxy_set_header Host $http_host;
      {to_mlflow}
    }}
  }}
}}
""")
        process = subprocess.Popen(
            ["nginx", "-c", str(config), "-e", str(folder / "nginx.log")], stderr=subprocess.DEVNULL
        )
        address = urlsplit(self.with_token)

        def listens() -> bool:
            assert process.poll() is None, (folder / "nginx.log").read_text()
            with socket.socket() as probe:
                return probe.connect_ex((address.hostname, address.port)) == 0

        wait_for(listens)
        return process

    def stop(self) -> None:
        if self._nginx is not None:
            self._nginx.kill()
            self._nginx.wait()
        self.mlflow.stop()


def _basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
