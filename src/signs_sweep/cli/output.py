"""Results: to stdout, or to a file."""

import sys
from pathlib import Path

from signs_sweep.errors import UsageError


def write(text: str, file: Path | None) -> None:
    """Write text to a file, or to stdout where there is none.

    Raises:
        UsageError: the file cannot be written.
    """
    if file is None:
        sys.stdout.write(text)
    else:
        write_bytes(text.encode(), file)


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
