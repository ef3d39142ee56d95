"""The index of runs: what is known of those that were recorded."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from signs_sweep.domain import Result
from signs_sweep.project.databases import sqlite_path
from signs_sweep.protocols import RecordedRun
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import connect, store_errors
from signs_sweep.tracking.mlflow.file import read_records
from signs_sweep.tracking.mlflow.found import (
    Record,
    ask_for_records,
    best_records,
    recorded_run,
    result_of,
    version_of,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


class MlflowIndex:
    """Implements `RunIndex` on an MLflow store: a database or a server.

    A SQLite file is read without MLflow. Where it is not as expected, and for any other store,
    MLflow is asked.
    """

    def __init__(self, uri: str) -> None:
        """Remember the store, as `resolve_uri` returns it; the first call reads it."""
        self._uri = uri

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect(self._uri)

    def find(self, run_ids: Collection[str] | None = None) -> Mapping[str, Result]:
        """See `RunIndex.find`."""
        best = best_records(self.records(run_ids=run_ids))
        return {run_id: result_of(record) for run_id, record in best.items()}

    def list_runs(self, experiment: str) -> Sequence[RecordedRun]:
        """See `RunIndex.list_runs`."""
        # A process that is killed in the moment when it makes a record leaves one without params.
        whole = [record for record in self.records(experiment) if record.params]
        return [recorded_run(record) for record in best_records(whole).values()]

    def versions(self) -> Mapping[str, int]:
        """See `RunIndex.versions`."""
        return {record.tags[tags.RUN_ID]: version_of(record) for record in self.records()}

    def records(
        self, experiment: str | None = None, run_ids: Collection[str] | None = None
    ) -> Sequence[Record]:
        """Return the records of an experiment or of all, those of each run oldest first.

        Raises:
            StoreError: there is no such experiment, or the store cannot be read.
        """
        path = sqlite_path(self._uri)
        if path is not None:
            if not path.exists() and experiment is None:
                return []
            with suppress(sqlite3.Error):
                return read_records(path, self._uri, experiment, run_ids)
        client = self._client
        with store_errors(self._uri):
            return ask_for_records(client, self._uri, experiment, run_ids)
