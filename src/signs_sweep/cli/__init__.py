"""The command line: arguments in, tables and progress out. All else is done by the layers below."""

import os
import sys
from typing import TextIO, cast


def main() -> None:
    """Run the command line; the entry point `signs-sweep`.

    What a person can mend is printed without a traceback, with exit code 2. Whatever goes to stderr
    has its secrets masked, the words of libraries and the traceback of a bug included.
    """
    from signs_sweep.errors import SignsSweepError
    from signs_sweep.masking import MaskedStream, learn

    for argument in sys.argv:
        learn(argument)
    sys.stderr = cast("TextIO", MaskedStream(sys.stderr))
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
