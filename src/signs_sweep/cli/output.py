"""Results: to stdout, or to a file."""

import os
import sys
from pathlib import Path

from signs_sweep.cli.text import count
from signs_sweep.errors import UsageError
from signs_sweep.records import News, Notice


def write(text: str, file: Path | None) -> None:
    """Write text to a file, or to stdout where there is none.

    Raises:
        UsageError: the file cannot be written.
    """
    if file is None:
        sys.stdout.write(text)
    else:
        write_bytes(text.encode(), file)


def check_writable(file: Path) -> None:
    """Check that a file can be written in the end, before much is done for it.

    Raises:
        UsageError: its folder is not there, or cannot be written.
    """
    folder = file.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"cannot write {file}: there is no folder {folder}")
    if file.is_dir() or not os.access(file if file.exists() else folder, os.W_OK):
        raise UsageError(f"cannot write {file}: it is not permitted")


def write_bytes(content: bytes, file: Path) -> None:
    """Write a file.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        file.write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}") from error
    print(f"wrote {file}", file=sys.stderr)


def say(*lines: str) -> None:
    """Write lines to stderr, for a person."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def say_notices(event: News | None) -> None:
    """Hear events and say of them what a user must know even with `--quiet`."""
    if isinstance(event, Notice) and event.run_id is None:
        say(f"warning: {event.message}")


def leftovers_line(leftovers: int) -> list[str]:
    """Return a line on records of earlier sweeps that were written only now; none without any."""
    if not leftovers:
        return []
    return [f"written now: what the tracking store did not take of {count(leftovers, 'sweep')}"]


def waiting_line(sweeps: int) -> list[str]:
    """Return a warning that records of sweeps wait to be written; none without any."""
    if not sweeps:
        return []
    warning = (
        f"warning: records of {count(sweeps, 'sweep')} are not in the tracking store yet, so "
        "numbers may be missing. The next `run` or `search` writes them."
    )
    return [warning]
