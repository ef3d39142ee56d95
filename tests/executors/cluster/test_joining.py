"""Addresses at which there is no cluster to join."""

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from signs_sweep.executors.cluster.joining import RefusedError, address_here, check_address, join


@contextmanager
def server(answer: bytes) -> Iterator[str]:
    """Serve one connection with an answer to whatever it sends; yield the address."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "expected HOST:PORT"),
        ("10.0.0.1", "expected HOST:PORT"),
        (":6379", "expected HOST:PORT"),
        ("host:port", "expected HOST:PORT"),
        ("127.0.0.1:99999", "no Ray cluster answers"),
        ("127.0.0.1:1", "no Ray cluster answers"),
        ("ray://host:10001", "ray start --address=HOST:PORT --num-cpus=0"),
        ("http://host:8265", "ray start --address=HOST:PORT --num-cpus=0"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(address: str, message: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_address(address)
    assert message in str(refused.value)


def test_a_web_server_is_not_the_head_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_USE_TLS", raising=False)
    with (
        server(b"HTTP/1.0 400 Bad Request\r\n\r\n") as address,
        pytest.raises(RefusedError, match="usually 6379; the dashboard has another"),
    ):
        check_address(address)
    with server(b"\0\0\0\4\0\0\0\0\0") as address:
        check_address(address)


def test_without_ray_the_error_shows_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RefusedError, match=r"pip install 'signs-sweep\[ray\]'"):
        join(None, cores=1)


@pytest.mark.parametrize("folder", ["/tmp/" + "x" * 40, "/tmp/\xfc"])
def test_a_ray_that_is_started_here_has_a_folder_in_which_sockets_can_be_created(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"RAY_ADDRESS": "127.0.0.1:1"})
    monkeypatch.setattr(tempfile, "tempdir", folder)

    def init(**_: object) -> None:
        raise OSError("AF_UNIX path length cannot exceed 107 bytes: /x")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    with pytest.raises(RefusedError, match="Set RAY_TMPDIR to a folder"):
        join(None, cores=1)
    assert os.environ["RAY_TMPDIR"] == "/tmp"
    assert "RAY_ADDRESS" not in os.environ


def test_the_cluster_of_this_machine_is_found_by_its_processes(tmp_path: Path) -> None:
    assert address_here(tmp_path / "none") is None
    for number, line in enumerate(
        (
            "python\0--gcs-address=1.2.3.4:5\0",
            "/a b/ray\xe9/raylet\0-x\0--gcs-address=10.0.0.1:6379\0",
        )
    ):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_bytes(line.encode("latin-1"))
        assert address_here(tmp_path) == (None, "10.0.0.1:6379")[number]
