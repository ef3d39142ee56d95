"""Results, to stdout or to a file; messages and commands to paste, to stderr."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from signs_sweep.cli.streams import width_of
from signs_sweep.cli.text import count, fill
from signs_sweep.domain import News, Notice
from signs_sweep.errors import SignsSweepError, SpecError, UsageError


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


def show_error(error: SignsSweepError) -> None:
    """Write an error to stderr. Those of a spec begin with their place and stand by themselves."""
    width = width_of(sys.stderr)
    if not isinstance(error, SpecError):
        say(f"error: {error}")
    else:
        print(error.within(width) if width else error, file=sys.stderr)


def say(*lines: str, indent: str = "") -> None:
    """Write lines to stderr, for a person; those that are too long for the terminal are broken."""
    for line in lines:
        print(fill(line, width_of(sys.stderr), indent), file=sys.stderr, flush=True)


def show_commands(commands: Sequence[tuple[str, str]]) -> None:
    """Write commands to stderr, each on a line of its own with what it is good for before it."""
    wide = max(len(purpose) for purpose, _ in commands)
    for purpose, command in commands:
        print(f"  {purpose.ljust(wide)}   {command}", file=sys.stderr, flush=True)


def say_notices(event: News | None) -> None:
    """Hear events and say of them what a user must know even with `--quiet`."""
    if isinstance(event, Notice) and event.run_id is None:
        say(f"warning: {event.message}")


def leftovers_line(leftovers: int) -> list[str]:
    """Return a line on records of earlier sweeps that were written only now; none without any."""
    return [f"recovered unsaved records of {count(leftovers, 'sweep')}"] if leftovers else []


def announce_leftovers(tracking_uri: str | None, *, quiet: bool) -> None:
    """Write to stderr that unsaved records are about to be written, which may take a minute."""
    from signs_sweep.commands.store import Store

    if not quiet and Store(tracking_uri).waiting():
        say("saving records that the tracking store has not taken yet ...")


def waiting_line(sweeps: int) -> list[str]:
    """Return a warning that records of sweeps wait to be written; none without any."""
    if not sweeps:
        return []
    warning = (
        f"warning: records of {count(sweeps, 'sweep')} are not in the tracking store yet, so "
        "numbers may be missing. The next `run` or `search` writes them."
    )
    return [warning]
