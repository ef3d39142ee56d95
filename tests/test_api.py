"""The package from a notebook: every function exists, whichever was used before."""

import subprocess
import sys

NAMES = ("compare", "history", "load", "plan", "predictions", "run", "search")


def test_every_function_exists_after_any_other() -> None:
    code = (
        "import sys\n"
        f"for first in {NAMES}:\n"
        "    for name in [name for name in sys.modules if name.startswith('signs_sweep')]:\n"
        "        del sys.modules[name]\n"
        "    import signs_sweep\n"
        "    assert dir(signs_sweep).count(first) == 1\n"
        "    for name in (first, *signs_sweep.__all__, *signs_sweep.__all__):\n"
        "        assert callable(getattr(signs_sweep, name)), (first, name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
