"""The command line in the process of the tests: its own `main`, an interpreter less."""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from typing import IO
from unittest import mock

from signs_sweep.cli import main
from signs_sweep.domain import masking


def call(
    arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]
) -> CompletedProcess[str]:
    """Run a command to its end in a folder; the process is left as it was.

    What it writes is taken from file descriptors, as a shell takes it. A bug is raised.
    """
    with ExitStack() as restored:
        out, err = (restored.enter_context(TemporaryFile("w+")) for _ in range(2))
        restored.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        restored.enter_context(chdir(folder))
        nothing = restored.enter_context(Path(os.devnull).open(encoding="utf-8"))
        streams = {"stdin": nothing, "stdout": sys.stdout, "stderr": sys.stderr}
        restored.enter_context(
            mock.patch.multiple(sys, argv=["signs-sweep", *arguments], **streams)
        )
        secrets = {"_everywhere": set(), "_within_uris": set()}
        restored.enter_context(mock.patch.multiple(masking, **secrets))
        restored.enter_context(warnings.catch_warnings())
        code = 0
        with leading(1, out), leading(2, err):
            try:
                main()
            except SystemExit as end:
                code = end.code
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
        for file in (out, err):
            file.seek(0)
        return CompletedProcess(arguments, code, out.read(), err.read())


@contextmanager
def leading(descriptor: int, file: IO[str]) -> Iterator[None]:
    """Let a file descriptor lead to a file meanwhile."""
    before = os.dup(descriptor)
    os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(before, descriptor)
        os.close(before)
