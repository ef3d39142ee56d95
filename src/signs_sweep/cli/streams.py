"""The standard streams of the process: closed ones, full disks, terminals that go away."""

import codecs
import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from signs_sweep.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

_DEFAULT_WIDTH = 80


class _Results(io.FileIO):
    """A stream for results: a failure to write is an error for the user to fix."""

    def write(self, content: Any) -> int:
        """Write.

        Raises:
            UsageError: the disk is full, or the terminal was closed.
            SystemExit: the reader has closed the pipe, as in `signs-sweep plan ... | head`. The
                library of the command line would make a `BrokenPipeError` a failure.
        """
        try:
            return super().write(content) or 0
        except BrokenPipeError:
            discard_output()
            sys.exit(0)
        except OSError as error:
            discard_output()
            raise UsageError(f"cannot write to standard output: {error.strerror}") from error


class _Lossy(io.FileIO):
    """A stream for messages: if writing fails, they are dropped."""

    def write(self, content: Any) -> int:
        """Write, and report success even on failure."""
        try:
            return super().write(content) or 0
        except OSError:
            return memoryview(content).nbytes


def prepare_streams() -> None:
    """Open the standard streams that are closed; a lost message must not end the command.

    A file that is opened while descriptor 1 or 2 is free would get that number, and the output of
    libraries would be written into it: into the database of the tracking store, for example.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Results(1, "w", closefd=False)),
        encoding=_encoding_of(stdout),
        errors="strict" if stdout is None else stdout.errors,
        line_buffering=os.isatty(1),
    )
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Lossy(2, "w", closefd=False)),
        encoding=_encoding_of(stderr),
        errors="backslashreplace",
        line_buffering=True,
    )


def _encoding_of(stream: TextIO | None) -> str:
    """Return the encoding of a stream; UTF-8 for ASCII, since click writes bytes to its buffer."""
    encoding = "ascii" if stream is None else stream.encoding
    return "utf-8" if codecs.lookup(encoding).name == "ascii" else encoding


def discard_output() -> None:
    """Discard all further output to stdout, whose other end is closed or full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def has_cursor(stream: TextIO) -> bool:
    """Whether a stream is a terminal on which lines can be redrawn."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


@contextmanager
def bars(*columns: Any) -> "Iterator[Progress]":
    """Show bars on stderr until the context ends, if it is a terminal.

    Args:
        columns: what is right of a bar, as in `rich.progress`.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress

    console, is_hidden = Console(stderr=True), not has_cursor(sys.stderr)
    shown = ("{task.description}", BarColumn(), *columns)
    with Progress(*shown, console=console, transient=True, disable=is_hidden) as progress:
        yield progress


def width_of(stream: TextIO) -> int | None:
    """Return the number of columns of the terminal behind a stream; None for a file or a pipe."""
    if not stream.isatty():
        return None
    if os.environ.get("COLUMNS", "").isdecimal():
        return int(os.environ["COLUMNS"]) or _DEFAULT_WIDTH
    try:
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_WIDTH
    except (OSError, ValueError):
        return _DEFAULT_WIDTH
