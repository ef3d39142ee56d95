"""What a user reads when a tracking server cannot be used. The servers are stubs."""

import getpass
import json
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from servers import free_port
from signs_sweep.errors import DeniedError, RefusedError, StoreError
from signs_sweep.tracking.mlflow.answers import check_server
from signs_sweep.tracking.mlflow.client import connect, inspect, log_files, store_errors
from signs_sweep.tracking.mlflow.source import source_tags
from stub_server import MLFLOW, PAGE, Stub


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("HOME", str(tmp_path))  # Without credentials.
    for name in ("USERNAME", "PASSWORD", "TOKEN", "SERVER_CERT_PATH", "INSECURE_TLS"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub().serving() as stub:
        yield stub


def problem(address: str, kind: type[StoreError]) -> str:
    """Return the message for a server, which a command and `doctor` show alike."""
    with pytest.raises(StoreError) as caught:
        connect(address)
    assert type(caught.value) is kind
    assert "Response body" not in str(caught.value)
    assert "<html>" not in str(caught.value)
    with pytest.raises(kind) as inspected:
        inspect(address)
    assert str(inspected.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def of(status: int, message: str | None = None) -> dict[str, tuple[int, str]]:
    content = PAGE if message is None else json.dumps({"error_code": "X", "message": message})
    return MLFLOW | {"/api": (status, content)}


def saying(text: str) -> dict[str, tuple[int, str]]:
    """A refusal by MLflow's server itself, which is plain text."""
    return MLFLOW | {"/api": (403, text)}


def test_a_server_that_answers_is_used(stub: Stub) -> None:
    address = f"http://127.0.0.1:{stub.port}"
    connect(address)
    assert inspect(address) == "MLflow 3.17.2"
    stub.answers = {"/api": (200, "{}")}
    assert inspect(address) == "version unknown"


@pytest.mark.parametrize(
    ("answers", "kind", "parts"),
    [
        (of(401), DeniedError, ["needs a user and a password", "USERNAME", "~/.mlflow"]),
        (of(403, "Not you"), DeniedError, ["(403): Not you", "administrator"]),
        (of(403), DeniedError, ["does not permit this (403): Forbidden. Ask", "delete", "MANAGE"]),
        (saying("Permission denied"), DeniedError, ["(403): Permission denied. Ask"]),
        (
            saying("Invalid Host header - possible DNS rebinding attack detected"),
            DeniedError,
            ["refuses its address (403): Invalid Host header - possible", "--allowed-hosts"],
        ),
        (of(407), DeniedError, ["HTTPS_PROXY"]),
        (of(413), RefusedError, ["client_max_body_size"]),
        (of(400), RefusedError, ["does not accept HTTP", "https://"]),
        (of(400, "Odd"), RefusedError, ["refused: Odd"]),
        (of(404), RefusedError, ["not as an MLflow server", "port"]),
        ({}, RefusedError, ["not as an MLflow server"]),
        ({"/": (200, PAGE)}, RefusedError, ["not as an MLflow server"]),
        ({"/version": (200, "1.9.1")}, RefusedError, ["runs MLflow 1.9.1", "3.2 or later"]),
        (MLFLOW | {"/version": (200, "2.22.0")}, RefusedError, ["upgrade it"]),
        (of(500), StoreError, ["500", "Its log says why"]),
        (of(429), StoreError, ["429"]),
        (of(408), StoreError, ["408"]),
        (of(425), StoreError, ["425"]),
        (of(501), StoreError, ["501"]),
        (of(502), StoreError, ["502"]),
        (of(503), StoreError, ["503"]),
    ],
)
def test_an_answer_that_is_not_that_of_a_usable_server(
    stub: Stub, answers: Mapping[str, tuple[int, str]], kind: type[StoreError], parts: list[str]
) -> None:
    stub.answers = answers
    message = problem(f"http://127.0.0.1:{stub.port}", kind)
    assert f"http://127.0.0.1:{stub.port}" in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"USERNAME": "ann", "PASSWORD": "wrong-password"}, "the user 'ann' with this password"),
        ({"TOKEN": "wrong-token"}, "this token"),
        (
            {"USERNAME": "ann", "PASSWORD": "wrong-password", "TOKEN": "wrong-token"},
            "the user 'ann' with this password; MLflow ignores MLFLOW_TRACKING_TOKEN",
        ),
        ({"USERNAME": "ann"}, None),
    ],
)
def test_credentials_that_are_wrong_are_not_shown(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    stub.answers = of(401)
    message = problem(f"http://127.0.0.1:{stub.port}", DeniedError)
    assert (f"does not accept {words}" if words else "needs a user and a password") in message
    assert "wrong-" not in message


def test_a_password_in_the_file_of_credentials_is_not_shown(tmp_path: Path, stub: Stub) -> None:
    (tmp_path / ".mlflow").mkdir()
    kept = "[mlflow]\nmlflow_tracking_username = bo\nmlflow_tracking_password = kept-s3cret"
    (tmp_path / ".mlflow" / "credentials").write_text(kept)
    stub.answers = of(403, f"no: kept-s3cret, {b64encode(b'bo:kept-s3cret').decode()}")
    assert "(403): no: ***, ***. Ask" in problem(f"http://127.0.0.1:{stub.port}", DeniedError)


@pytest.mark.parametrize(
    "line", ["[mlflow]\nmlflow_tracking_password = ab%cdef", "password ab%cdef"]
)
def test_a_file_of_credentials_that_cannot_be_read(tmp_path: Path, stub: Stub, line: str) -> None:
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(line)
    message = problem(f"http://127.0.0.1:{stub.port}", StoreError)
    assert "~/.mlflow/credentials cannot be read" in message
    assert "%% for a %" in message
    assert "cdef" not in message
    assert source_tags()["mlflow.user"] == getpass.getuser(), "SQLite needs no such file"


@pytest.mark.parametrize("follows", ["true", "false"])
@pytest.mark.parametrize(
    ("to", "part"),
    [
        ("/login?next=secret", "/login, as for a person who has to sign in. Set MLFLOW_"),
        ("/mlflow/api/2.0/mlflow/experiments/search", "Name that: "),
    ],
)
def test_redirects(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, to: str, part: str, follows: str
) -> None:
    """A POST that is redirected would become a GET."""
    monkeypatch.setenv("MLFLOW_ALLOW_HTTP_REDIRECTS", follows)
    stub.to = to
    stub.answers = {"/api": (302, ""), "/login": (200, PAGE), "/mlflow": (200, "{}")}
    message = problem(f"http://127.0.0.1:{stub.port}", RefusedError)
    assert part in message
    assert "secret" not in message


def test_a_redirect_that_keeps_the_method_is_followed(stub: Stub) -> None:
    stub.to = "/mlflow/api/2.0/mlflow/experiments/search"
    stub.answers = {"/api": (308, ""), "/mlflow": (200, "{}")}
    assert check_server(f"http://127.0.0.1:{stub.port}") == ""


def test_servers_that_are_not_reached(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "TLS fails" in problem(f"https://127.0.0.1:{stub.port}", StoreError)
    assert "is refused" in problem(f"http://127.0.0.1:{free_port()}", StoreError)
    assert "host is unknown" in problem("http://nowhere.invalid:5000", StoreError)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    stub.seconds = 3
    monkeypatch.setattr("signs_sweep.tracking.mlflow.answers._SECONDS", 0.2)
    assert "no answer in time" in problem(f"http://127.0.0.1:{stub.port}", StoreError)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert "NO_PROXY" in problem("http://nowhere.invalid:5000", StoreError)


def test_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "own.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Stub().serving(context) as stub:
        message = problem(f"https://localhost:{stub.port}", StoreError)
        assert "not accepted (self-signed certificate)" in message
        assert "MLFLOW_TRACKING_SERVER_CERT_PATH=FILE" in message
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "absent.pem"))
        message = problem(f"https://localhost:{stub.port}", StoreError)
        absent = f"{tmp_path}/absent.pem, which does not exist"
        assert message == f"MLFLOW_TRACKING_SERVER_CERT_PATH names {absent}"
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
        assert inspect(f"https://localhost:{stub.port}") == "MLflow 3.17.2"
        assert "'127.0.0.1'" in problem(f"https://127.0.0.1:{stub.port}", StoreError)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (401, PAGE, DeniedError),
        (403, '{"error_code": "PERMISSION_DENIED", "message": "No"}', DeniedError),
        (403, "Permission denied", DeniedError),
        (400, '{"error_code": "INVALID_PARAMETER_VALUE", "message": "No"}', RefusedError),
        (404, '{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No"}', RefusedError),
        (413, PAGE, RefusedError),
        (500, '{"error_code": "INTERNAL_ERROR", "message": "No"}', StoreError),
        (503, '{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "No"}', StoreError),
        (429, "", StoreError),
        (200, PAGE, StoreError),
    ],
)
@pytest.mark.parametrize("is_file", [False, True])
def test_errors_in_the_middle(
    stub: Stub, tmp_path: Path, status: int, content: str, kind: type[StoreError], *, is_file: bool
) -> None:
    """Of a call and of the upload of a file."""
    if is_file and status == 200:
        return
    address = f"http://127.0.0.1:{stub.port}"
    client = connect(address)
    run_id = uuid4().hex  # MLflow remembers where the artifacts of a run are.
    run = {"info": {"run_id": run_id, "artifact_uri": "mlflow-artifacts:/0"}, "data": {}}
    found = {"/api/2.0/mlflow/runs/get": (200, json.dumps({"run": run}))} if is_file else {}
    stub.answers = found | {"/": (status, content)}
    (tmp_path / "file").write_text("content")
    act: Callable[[], object] = lambda: client.log_artifact(run_id, str(tmp_path / "file"))  # noqa: E731
    with pytest.raises(StoreError) as caught, store_errors(address):
        act() if is_file else client.set_tag(run_id, "name", "value")
    assert type(caught.value) is kind


def test_files_are_uploaded_several_at_a_time_and_the_error_of_any_is_raised(
    stub: Stub, tmp_path: Path
) -> None:
    address, run_id = f"http://127.0.0.1:{stub.port}", uuid4().hex
    client = connect(address)
    info = {"run_id": run_id, "artifact_uri": "mlflow-artifacts:/0"}
    run = (200, json.dumps({"run": {"info": info, "data": {}}}))
    stub.answers = {"/api/2.0/mlflow/runs/get": run, "/": (200, "{}")}
    for number in range(9):
        folder = tmp_path / ("" if number < 3 else f"of a/{number % 3}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(f"content {number}")
    log_files(client, run_id, tmp_path)
    root = "/api/2.0/mlflow-artifacts/artifacts/0"
    assert stub.files == {
        f"{root}/{quote(str(file.relative_to(tmp_path)))}": file.read_bytes()
        for file in tmp_path.rglob("*.txt")
    }
    stub.answers = {f"{root}/of%20a/1/7.txt": (403, "Permission denied")} | stub.answers
    with pytest.raises(DeniedError, match=r"does not permit this \(403\)"), store_errors(address):
        log_files(client, run_id, tmp_path)
