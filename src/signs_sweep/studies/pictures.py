"""The pictures of a search, made with Optuna's own plots in a process of their own."""

import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

from signs_sweep.studies.sketch import sketch

if TYPE_CHECKING:
    import optuna

_SECONDS = 120
"""What drawing may take: 60 trials took 6 to 10 s on two cores that had other work."""

ERROR_FILE = "pictures_error.txt"


def draw_study(study: "optuna.Study", objective: str) -> dict[str, bytes]:
    """Draw what there is to see of a search.

    Optuna's matplotlib plots work on pyplot's global state: style, current figure, and with a
    window toolkit windows, which only the main thread may open. This is called in a thread beside
    a user's own figures, so another process draws, and nothing here changes or waits for the GIL.

    Args:
        study: with one objective, in any state; it is only read.
        objective: name of the metric, for the axes.

    Returns:
        By file name, `search.html`, one page with all pictures that needs no network, and of
        `history.png`, `importances.png`, `slice.png`, `parallel_coordinates.png` and
        `intermediate_values.png` those in which there is something to see; nothing at all where
        that holds for none. What went wrong with drawing, which is a bug, stands in
        `pictures_error.txt` in place of the picture: no search ends for the sake of a picture.
    """
    plan = sketch(study, objective)
    if not plan.pictures:
        return {}
    try:
        done = subprocess.run(
            # -P: no module in the current folder can stand in for one of ours.
            [sys.executable, "-P", "-m", "signs_sweep.studies.drawing"],
            input=pickle.dumps(plan),
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            env={**os.environ, "MPLBACKEND": "agg"},
            start_new_session=True,  # Ctrl-C in the terminal is for this process to decide on
        )
        files: dict[str, bytes] = pickle.loads(done.stdout)  # noqa: S301  # from our own child
    except (OSError, subprocess.SubprocessError) as error:
        return {ERROR_FILE: f"{error}\n\n".encode() + (getattr(error, "stderr", None) or b"")}
    return files
