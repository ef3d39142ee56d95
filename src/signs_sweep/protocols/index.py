"""Where recorded runs are looked up."""

from collections.abc import Collection, Mapping
from typing import Protocol

from signs_sweep.domain import Result


class RunIndex(Protocol):
    """Finds the runs of a store, whichever sweep recorded them; changes nothing in it.

    May be called from several threads, also while a tracker writes to the same store: a call sees
    everything that was written before it. A store that does not exist yet has no runs.
    """

    def find(self, run_ids: Collection[str] | None = None) -> Mapping[str, Result]:
        """Return the results of runs, of whatever experiment, by run_id; unknown runs are left out.

        Of several records of a run, a finished record has precedence, then one of a run that
        diverged, then the latest.

        Args:
            run_ids: the runs; None for all runs of the store.

        Raises:
            StoreError: the store cannot be read.
        """
