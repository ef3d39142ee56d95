"""What has come of a run so far, while it is in the executor."""

import re
from dataclasses import dataclass, field

import numpy as np

from signs_sweep.domain import Failed, Finished, History, Progress, Result, Run, State, Stopped


@dataclass(eq=False)
class Underway:
    """A run in the executor, and what has come of it so far.

    Attributes:
        run: the run.
        progress: its epochs, in order.
        retries: how often its process died.
        cause: how its process died the last time, in words.
    """

    run: Run
    progress: list[Progress] = field(default_factory=list)
    retries: int = 0
    cause: str = ""

    def retry(self, cause: str) -> str:
        """Begin again after its process died; return the cause, the same one in full only once.

        Causes are the same that differ in numbers alone: times, addresses, process ids.
        """
        is_the_same = _without_numbers(cause) == _without_numbers(self.cause)
        self.retries += 1
        self.progress.clear()
        self.cause = cause
        return "its worker process died again in the same way." if is_the_same else cause

    def result(self, event: Finished | Failed | Stopped) -> Result:
        """Return what came of it, given the event that ends it."""
        history = _join(self.progress)
        metrics = {name: float(values[-1]) for name, values in history.items()}
        epochs = self.progress[-1].last_epoch if self.progress else 0
        return Result(
            run_id=self.run.run_id,
            state=_state_after(event),
            metrics=metrics | dict(event.metrics) if isinstance(event, Finished) else metrics,
            epochs=epochs,
            seconds=event.seconds if isinstance(event, Finished) else None,
            message=event.message if isinstance(event, Failed) else None,
            history=history,
            guessing_since=event.guessing_since if isinstance(event, Finished) else None,
        )


def _without_numbers(text: str) -> str:
    return re.sub(r"[0-9a-fx]*\d[0-9a-fx]*", "", text)


def _join(parts: list[Progress]) -> History:
    if not parts:
        return {}
    return {name: np.concatenate([p.metrics[name] for p in parts]) for name in parts[0].metrics}


def _state_after(event: Finished | Failed | Stopped) -> State:
    if isinstance(event, Finished):
        return State.FINISHED
    return State.FAILED if isinstance(event, Failed) else State.KILLED
