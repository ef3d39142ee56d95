"""A stub of a tracking server: fixed answers, by the beginning of a path."""

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = "<html>Please sign in</html>"
MLFLOW = {"/version": (200, "3.17.2"), "/api": (200, "{}")}


@dataclass
class Stub:
    """A server on this machine.

    Attributes:
        answers: by the beginning of a path, the status and the content.
        to: where it redirects to.
        seconds: before it answers.
        files: the contents that were uploaded, by path.
    """

    answers: Mapping[str, tuple[int, str]] = field(default_factory=lambda: MLFLOW)
    to: str = ""
    seconds: float = 0
    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)

    @contextmanager
    def serving(self, context: ssl.SSLContext | None = None) -> "Iterator[Stub]":
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                time.sleep(stub.seconds)
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.command == "PUT":
                    stub.files[self.path] = content
                known = [each for path, each in stub.answers.items() if self.path.startswith(path)]
                status, content = known[0] if known else (404, PAGE)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", stub.to)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content.encode())

            do_POST = do_PUT = do_GET  # noqa: N815 - names of http.server

            def log_message(self, *_: object) -> None:
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.handle_error = lambda *_: None
        if context is not None:
            http.socket = context.wrap_socket(http.socket, server_side=True)
        self.port = http.server_port
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield self
        http.shutdown()
        http.server_close()
