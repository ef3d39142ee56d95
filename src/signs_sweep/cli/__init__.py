"""The command line: arguments in, tables and progress out. All else is done by the layers below."""

import os
import sys
from typing import Any


def show_data_warnings() -> None:
    """Have what is doubtful about data printed as `warning: ...` on stderr, also with `--quiet`."""
    import warnings

    from signs_sweep.errors import DataWarning

    show_others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, DataWarning):
            print(f"warning: {message}", file=sys.stderr, flush=True)
        else:
            show_others(message, category, *place, **more)

    warnings.showwarning = show
    warnings.simplefilter("always", DataWarning)


def main() -> None:
    """Run the command line; the entry point `signs-sweep`.

    What a person can mend is printed without a traceback, with exit code 2.
    """
    from signs_sweep.errors import SignsSweepError

    show_data_warnings()
    try:
        from signs_sweep.cli.app import app

        app()
    except SignsSweepError as error:
        from signs_sweep.cli.text import show_error

        show_error(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough, as in `signs-sweep plan ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
