"""A server on this machine with a small published dataset, in the layout of GitHub."""

import io
import json
import tarfile
import threading
import zipfile
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from signs_sweep.importing.download import Published

TOP = "Digits-4b09433/"


def picture(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (10, 10), (value, 0, 90)).save(buffer, "JPEG")
    return buffer.getvalue()


FILES = {
    f"Dataset/{label}/IMG_{row}.JPG": picture(80 * label + 9 * row)
    for label in range(3)
    for row in range(4)
}
ALL = {"README.md": b"read me", "Examples/example_0.JPG": picture(9), **FILES}


def zipped(files: dict[str, bytes], top: str = TOP) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(top + name, content)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], top: str = TOP) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(top + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tree(files: dict[str, bytes], *, truncated: bool = False) -> bytes:
    entries = [{"path": "Dataset", "mode": "040000", "type": "tree", "sha": "0" * 40}]
    for path, content in files.items():
        digest = sha1(b"blob " + str(len(content)).encode() + b"\0" + content).hexdigest()
        entries.append({"path": path, "mode": "100644", "type": "blob", "sha": digest})
    return json.dumps({"sha": "4b09433", "tree": entries, "truncated": truncated}).encode()


class Server:
    """A server on this machine.

    Attributes:
        answers: by path, the status and the content.
        cut: number of bytes after which the connection breaks, or None.
        asked: the paths that were asked for.
    """

    def __init__(self) -> None:
        self.answers = {"/archive": (200, zipped(ALL)), "/listing": (200, tree(ALL))}
        self.cut: int | None = None
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                status, content = server.answers[self.path]
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: server.cut])

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.published = Published(
            "digits",
            f"{self.address}/archive",
            f"{self.address}/listing",
            "Dataset",
            ("0", "1", "2"),
            len(FILES),
            "Apache-2.0",
            "Someone (2020)",
        )
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
