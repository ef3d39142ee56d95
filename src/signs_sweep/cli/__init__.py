"""The command line: arguments in, tables and progress out. All else is done by the layers below."""

import atexit
import os
import sys
from contextlib import suppress
from typing import Any, TextIO, cast


def show_own_warnings() -> None:
    """Print the warnings of this package as `warning: ...` on stderr, also with `--quiet`."""
    import warnings

    from signs_sweep.errors import DataWarning, StoreWarning

    show_others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        from signs_sweep.cli.output import say

        if issubclass(category, (DataWarning, StoreWarning)):
            say(f"warning: {message}")
        else:
            show_others(message, category, *place, **more)

    warnings.showwarning = show
    for own in (DataWarning, StoreWarning):
        warnings.simplefilter("always", own)


def program() -> None:
    """Run the command line in a process of its own: the entry point `signs-sweep`.

    The process ends once everything is written and all exit functions have run. Python would then
    tear down the modules, which takes a second if MLflow was imported.
    """

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)

    status = 1  # After an exception that is not caught.
    atexit.register(leave)  # The function registered first is called last.
    try:
        main()
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        raise


def main() -> None:
    """Run the command line.

    An error that the user can fix is printed without a traceback, with exit code 2. Secrets are
    masked in everything on stderr, including messages of libraries and the traceback of a bug.
    """
    from signs_sweep.cli.streams import prepare_streams
    from signs_sweep.domain.masking import MaskedStream, learn
    from signs_sweep.errors import SignsSweepError
    from signs_sweep.process.interrupts import handling_signals

    prepare_streams()
    for argument in sys.argv:
        learn(argument)
    sys.stderr = cast("TextIO", MaskedStream(sys.stderr))
    show_own_warnings()
    try:
        _check_folder()
        from signs_sweep.cli.app import app

        try:
            with handling_signals():
                app()
        finally:
            sys.stdout.flush()
    except SignsSweepError as error:
        from signs_sweep.cli.output import show_error

        show_error(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _check_folder() -> None:
    """Check that the current folder exists: stores and specs are looked up in it.

    Raises:
        UsageError: it was deleted.
    """
    from signs_sweep.errors import UsageError

    try:
        os.getcwd()  # noqa: PTH109  # pathlib is not imported yet
    except FileNotFoundError:
        raise UsageError(
            "the current folder has been deleted; change to another folder with `cd`"
        ) from None
