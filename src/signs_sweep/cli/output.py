"""Results, to stdout or to a file; messages and commands to paste, to stderr."""

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from signs_sweep.cli.streams import width_of
from signs_sweep.cli.text import fill
from signs_sweep.domain import News, Notice, State
from signs_sweep.errors import SignsSweepError, SpecError, UsageError

_EXIT_CODES = {State.FINISHED: 0, State.FAILED: 1, State.KILLED: 130}


def exit_code(state: State, unwritten: str | None) -> int:
    """Return the exit code of a sweep or a search; unwritten records are a failure."""
    return _EXIT_CODES[state] or int(unwritten is not None)


def write(content: str | bytes, file: Path | None) -> None:
    """Write text or bytes to a file, or text to stdout if `file` is None.

    Raises:
        UsageError: the file cannot be written.
    """
    if file is None:
        sys.stdout.write(str(content))
        return
    is_new = not file.exists()
    try:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        if is_new:
            with suppress(OSError):
                file.unlink()  # Where the disk is full, it would be empty, and in the way.
        raise UsageError(f"cannot write {file}: {error.strerror or error}") from error
    print(f"wrote {file}", file=sys.stderr)


def check_writable(file: Path, read: Iterable[Path] = ()) -> None:
    """Check that a file can be written, before the work for it begins.

    Args:
        file: the file.
        read: files that the work reads; those that do not exist are ignored.

    Raises:
        UsageError: its folder does not exist or cannot be written, or it is one of `read`.
    """
    folder = file.absolute().parent
    try:
        if not folder.is_dir():
            raise UsageError(f"cannot write {file}: the folder {folder} does not exist")
        if file.is_dir():
            raise UsageError(f"cannot write {file}: it is a folder")
        if not os.access(file if file.exists() else folder, os.W_OK):
            raise UsageError(f"cannot write {file}: permission denied")
    except OSError as error:  # The name is too long, or a folder must not be searched.
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
    for other in read if file.exists() else ():
        with suppress(OSError):
            if file.samefile(other):
                raise UsageError(f"cannot write {file}: the command reads it")


def show_error(error: SignsSweepError) -> None:
    """Write an error to stderr; an error of a spec begins with its place instead of `error:`."""
    width = width_of(sys.stderr)
    if not isinstance(error, SpecError):
        say(f"error: {error}")
    else:
        print(error.within(width) if width else error, file=sys.stderr)


def say(*lines: str, indent: str = "") -> None:
    """Write lines to stderr, broken to fit the terminal."""
    for line in lines:
        print(fill(line, width_of(sys.stderr), indent), file=sys.stderr, flush=True)


def show_commands(commands: Sequence[tuple[str, str]]) -> None:
    """Write commands to stderr, each after its purpose."""
    wide = max(len(purpose) for purpose, _ in commands)
    for purpose, command in commands:
        print(f"  {purpose.ljust(wide)}   {command}", file=sys.stderr, flush=True)


def say_notices(event: News | None) -> None:
    """Write the notices that a user must see even with `--quiet`."""
    if isinstance(event, Notice) and event.run_id is None:
        say(f"warning: {event.message}")
