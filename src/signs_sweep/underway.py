"""What has come of a run so far, while it is in the executor."""

from dataclasses import dataclass, field

import numpy as np

from signs_sweep.records import Failed, Finished, History, Progress, Result, Run, State, Stopped


@dataclass(eq=False)
class Underway:
    """A run in the executor, and what has come of it so far.

    Attributes:
        run: the run.
        progress: its epochs, in order.
        retries: how often its process died.
    """

    run: Run
    progress: list[Progress] = field(default_factory=list)
    retries: int = 0

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


def _join(parts: list[Progress]) -> History:
    if not parts:
        return {}
    return {name: np.concatenate([p.metrics[name] for p in parts]) for name in parts[0].metrics}


def _state_after(event: Finished | Failed | Stopped) -> State:
    if isinstance(event, Finished):
        return State.FINISHED
    return State.FAILED if isinstance(event, Failed) else State.KILLED
