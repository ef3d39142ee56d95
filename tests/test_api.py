"""The package from a notebook: every function exists, whichever was used before."""

import subprocess
import sys

import pytest

NAMES = ("compare", "history", "load", "plan", "predictions", "run", "search")


@pytest.mark.parametrize("first", NAMES)
def test_every_function_exists_after_any_other(first: str) -> None:
    code = (
        "import signs_sweep\n"
        f"assert dir(signs_sweep).count({first!r}) == 1\n"
        f"for name in ({first!r}, *signs_sweep.__all__, *signs_sweep.__all__):\n"
        "    assert callable(getattr(signs_sweep, name)), name\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
