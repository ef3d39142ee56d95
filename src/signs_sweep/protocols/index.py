"""Where runs are looked up that were recorded."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from signs_sweep.domain import Parameters, Result


@dataclass(frozen=True)
class RecordedRun:
    """A run that was found by the experiment it is recorded under.

    Attributes:
        label: the name of its trial, or None.
        parameters: hyperparameters and seeds.
        model: what it trains, by name, as text.
        baseline: run_id of the run that it is compared with: its own in the baseline; or None.
        version: version of the training that it was recorded with.
        result: what is known of it.
    """

    label: str | None
    parameters: Parameters
    model: Mapping[str, str]
    baseline: str | None
    version: int
    result: Result


class RunIndex(Protocol):
    """Finds the runs of a store, whoever recorded them; changes nothing in it.

    May be called from several threads, also while a tracker writes to the same store: a call sees
    what is written by then. A store that does not exist yet has no runs. Raises StoreError when the
    store cannot be read.
    """

    def find(self, run_ids: Collection[str] | None = None) -> Mapping[str, Result]:
        """Return what is known of the runs, whatever experiment they belong to, by run_id.

        None asks for all runs of the store. Where a run was recorded several times, a finished
        record wins over one that is not, and among equals the latest. Unknown runs are left out.
        """

    def list_runs(self, experiment: str) -> Sequence[RecordedRun]:
        """Return the runs of an experiment, in the order in which they began, each once.

        Raises:
            UnknownExperimentError: there is no such experiment.
        """

    def versions(self) -> Mapping[str, int]:
        """Return the version of the training of every run of the store, by run_id."""
