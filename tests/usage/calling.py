"""The command line in the process of the tests: its own `main`, an interpreter less.

What a command has compiled serves the next; that this changes no bit is tested in `tests/trainer`.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from typing import IO, Any
from unittest import mock

from signs_sweep.cli import main
from signs_sweep.domain import masking
from signs_sweep.trainer.loop import EpochLoop
from signs_sweep.trainer.training import Trainer

_compile, _compiled = Trainer._compile, dict[tuple[Any, ...], EpochLoop]()


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
        restored.enter_context(mock.patch.object(Trainer, "_compile", _compile_once))
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


def _compile_once(trainer: Trainer, *of: Any) -> EpochLoop:
    if of not in _compiled:
        _compiled[of] = _compile(trainer, *of)
    return _compiled[of]


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
