"""One record for each run, although sweeps on several machines may train it.

A sweep only continues a record that was begun on its own machine and in its own folder. It first
deletes that of a sweep elsewhere, so that MLflow refuses what that sweep still writes, should it be
alive: no record has an epoch twice. Sweeps that finish a run at the same time keep one record.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from signs_sweep.domain import State
from signs_sweep.errors import DeletedError, RefusedError
from signs_sweep.project.databases import sqlite_path
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import record_errors, search_all

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun


class Takeover:
    """The records of the runs of a sweep, among those of other machines."""

    def __init__(self, client: "MlflowClient", uri: str, warn: Callable[[str], None]) -> None:
        self._client = client
        self._uri = uri
        self._warn = warn
        self._has_warned = False
        self._earlier: dict[str, tuple[str, set[str]]] = {}
        """By run_id, the experiment of its record, and the records of earlier sweeps."""

    def may_continue(self, record: "MlflowRun", origin: str) -> bool:
        """Whether a sweep of this origin may continue a record; if not, the run gets a new one.

        The unfinished record of a sweep elsewhere is deleted.
        """
        if record.info.lifecycle_stage != "active":
            return False
        is_own = not origin or record.data.tags.get(tags.BEGUN_BY, origin) == origin
        if is_own or record.info.status == State.FINISHED.value:
            return True
        self._delete(record.info.run_id)
        return False

    def finished(self, run_id: str, experiment_id: str) -> set[str]:
        """Return the finished records of a run, in a store that other machines may use."""
        if sqlite_path(self._uri) is not None:
            return set()
        condition = f"tags.`{tags.RUN_ID}` = '{run_id}' AND attributes.status = 'FINISHED'"
        found = search_all(self._client, [experiment_id], condition)
        return {record.info.run_id for record in found}

    def begin(self, run_id: str, experiment_id: str, earlier: set[str]) -> None:
        """Remember the experiment of a run's record, and the other records that are to stay."""
        self._earlier.setdefault(run_id, (experiment_id, earlier))

    def finish(self, run_id: str) -> None:
        """Delete the records of a run that sweeps have finished at the same time, except for one.

        Each sweep looks after it has finished, so that the last sees all, and keeps the same.
        """
        experiment_id, earlier = self._earlier[run_id]
        for location in sorted(self.finished(run_id, experiment_id) - earlier)[1:]:
            self._delete(location)

    def clear(self) -> None:
        """Forget all runs."""
        self._earlier.clear()

    def _delete(self, location: str) -> None:
        """Delete a record in MLflow's sense, unless it is gone; warn once if the user may not."""
        try:
            with suppress(DeletedError), record_errors(self._client, self._uri, location):
                self._client.delete_run(location)
        except RefusedError as error:
            if not self._has_warned:
                self._warn(
                    f"the record {location} cannot be deleted, so its run has two records: "
                    f"{error.sentence}"
                )
            self._has_warned = True
