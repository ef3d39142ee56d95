"""The epochs of one run: as they arrive, and as the store has them."""

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from signs_sweep.domain.event import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from signs_sweep.domain.result import History

CURVE_METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
"""The metrics that have a value for every epoch; the last two only if samples are held out."""


class Curve(NamedTuple):
    """The values of a metric in the epochs that are recorded.

    Attributes:
        epochs: numbers (1-based) of the epochs, ascending, int64 of shape (n,).
        values: of these epochs, float64 of shape (n,).
    """

    epochs: "NDArray[np.int64]"
    values: "NDArray[np.float64]"


class Curves:
    """Collects the progress of a run, each epoch once.

    A process that resumes from a checkpoint, or starts again, repeats epochs. A run gives the same
    bits each time, so the first record of an epoch is kept.
    """

    def __init__(self) -> None:
        self._parts: list[Progress] = []

    @property
    def epochs(self) -> int:
        """Number of epochs so far."""
        return self._parts[-1].last_epoch if self._parts else 0

    def add(self, progress: Progress) -> Progress | None:
        """Add the new epochs of an event and return them; None if all are repetitions."""
        repeated = self.epochs - progress.first_epoch + 1
        if repeated >= len(progress.times):
            return None
        new = progress if repeated <= 0 else _without_first(progress, repeated)
        self._parts.append(new)
        return new

    def history(self) -> "History":
        """Return all epochs so far, by metric."""
        return self.joined().metrics if self._parts else {}

    def joined(self) -> Progress:
        """Return all epochs so far, at least one, as a single event."""
        if len(self._parts) > 1:
            import numpy as np

            first = self._parts[0]
            metrics = {
                name: np.concatenate([part.metrics[name] for part in self._parts])
                for name in first.metrics
            }
            times = np.concatenate([part.times for part in self._parts])
            self._parts = [Progress(first.run_id, first.first_epoch, metrics, times)]
        return self._parts[0]


def _without_first(progress: Progress, count: int) -> Progress:
    return replace(
        progress,
        first_epoch=progress.first_epoch + count,
        metrics={name: values[count:] for name, values in progress.metrics.items()},
        times=progress.times[count:],
    )
