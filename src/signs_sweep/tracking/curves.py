"""The epochs of one run as they come in."""

import numpy as np

from signs_sweep.domain import History, Progress


class Curves:
    """Collects the progress of a run, each epoch once.

    Events may come twice, or again from the first epoch when a run is repeated after its worker
    died; a run gives the same bits each time, so the first record of an epoch stands.
    """

    def __init__(self) -> None:
        self._parts: list[Progress] = []

    @property
    def epochs(self) -> int:
        """How many epochs there are."""
        return self._parts[-1].last_epoch if self._parts else 0

    def add(self, progress: Progress) -> Progress | None:
        """Keep what is new in an event, and return that; None when nothing is."""
        known = self.epochs - progress.first_epoch + 1
        if known >= len(progress.times):
            return None
        new = progress if known <= 0 else _without_first(progress, known)
        self._parts.append(new)
        return new

    def history(self) -> History:
        """Return all epochs so far, by metric."""
        if not self._parts:
            return {}
        return {
            name: np.concatenate([part.metrics[name] for part in self._parts])
            for name in self._parts[0].metrics
        }

    def joined(self) -> Progress:
        """Return all epochs so far, of which there are some, as one event."""
        first = self._parts[0]
        times = np.concatenate([part.times for part in self._parts])
        return Progress(first.run_id, first.first_epoch, self.history(), times)


def _without_first(progress: Progress, count: int) -> Progress:
    return Progress(
        run_id=progress.run_id,
        first_epoch=progress.first_epoch + count,
        metrics={name: values[count:] for name, values in progress.metrics.items()},
        times=progress.times[count:],
    )
