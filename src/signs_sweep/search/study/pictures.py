"""The pictures of a search, made with Optuna's own plots in a process of their own."""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from signs_sweep.search.study.sketch import sketch

if TYPE_CHECKING:
    import optuna

_SECONDS = 120
"""What drawing may take: 60 trials took 6 to 10 s on two cores that had other work."""

_POLL_SECONDS = 0.1

ERROR_FILE = "pictures_error.txt"


class Drawing:
    """Draws what there is to see of a search, while other things go on.

    Optuna's matplotlib plots work on pyplot's global state: style, current figure, and with a
    window toolkit windows, which only the main thread may open. This may be beside a user's own
    figures, so another process draws. It ends with this one, and when the context is left.
    """

    def __init__(self, objective: str) -> None:
        """Prepare.

        Args:
            objective: name of the metric, for the axes.
        """
        self._objective = objective
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._files: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, if it is still at work."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def start(self, study: "optuna.Study") -> None:
        """Begin to draw a study with one objective, in any state; it is only read."""
        plan = sketch(study, self._objective)
        if not plan.pictures:
            return
        try:
            self._process = subprocess.Popen(
                # -P: no module in the current folder can stand in for one of ours.
                [sys.executable, "-P", "-m", "signs_sweep.search.study.drawing", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "MPLBACKEND": "agg"},
                start_new_session=True,  # Ctrl-C in the terminal is for this process to decide on
            )
        except OSError as error:
            self._files = {ERROR_FILE: f"{error}\n".encode()}
            return
        arguments = [pickle.dumps(plan)]
        self._thread = threading.Thread(target=self._collect, args=arguments, daemon=True)
        self._thread.start()

    def result(self, is_unwanted: Callable[[], bool] = lambda: False) -> dict[str, bytes]:
        """Wait for the pictures.

        Args:
            is_unwanted: asked every now and then; if it says so, there are none.

        Returns:
            By file name, `search.html`, one page with all pictures that needs no network, and of
            `history.png`, `importances.png`, `slice.png`, `parallel_coordinates.png` and
            `intermediate_values.png` those in which there is something to see; nothing at all where
            that holds for none. What went wrong with drawing, which is a bug, stands in
            `pictures_error.txt` in place of the picture: no search ends for the sake of a picture.
        """
        while self._thread is not None and self._thread.is_alive():
            if is_unwanted():
                return {}
            self._thread.join(_POLL_SECONDS)
        return self._files

    def _collect(self, plan: bytes) -> None:
        """Give the process what to draw, and take what it drew."""
        assert self._process is not None
        try:
            output, words = self._process.communicate(plan, timeout=_SECONDS)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            self._files = {ERROR_FILE: f"{error}\n".encode()}
            return
        if self._process.returncode == 0:
            self._files = pickle.loads(output)  # noqa: S301  # from our own child
        else:
            end = f"{sys.executable} ended with exit code {self._process.returncode}\n\n"
            self._files = {ERROR_FILE: end.encode() + words}


def draw_study(study: "optuna.Study", objective: str) -> dict[str, bytes]:
    """Draw a study and wait for the pictures; see `Drawing`."""
    with Drawing(objective) as drawing:
        drawing.start(study)
        return drawing.result()
