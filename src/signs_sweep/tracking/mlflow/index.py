"""The index of the recorded runs."""

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from signs_sweep.domain import Result, Row
from signs_sweep.project.databases import sqlite_path
from signs_sweep.tracking.mlflow.client import connect, store_errors
from signs_sweep.tracking.mlflow.file import read_records
from signs_sweep.tracking.mlflow.found import Record, ask_for_records, best_records

if TYPE_CHECKING:
    from mlflow import MlflowClient


class MlflowIndex:
    """Implements `RunIndex` on an MLflow store: a database or a server.

    A SQLite file is read without MLflow. If its content is not as expected, and for any other
    store, MLflow is asked.
    """

    def __init__(self, uri: str) -> None:
        """Remember the store, as `resolve_uri` returns it; the first call reads it."""
        self._uri = uri

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect(self._uri)

    def find(self, run_ids: Collection[str] | None = None) -> Mapping[str, Result]:
        """See `RunIndex.find`."""
        return {best.run_id: best.result for best in best_records(self.records(run_ids=run_ids))}

    def list_runs(self, experiment: str) -> list[Row]:
        """Return the runs of an experiment, each once, in the order in which they started.

        Raises:
            UnknownExperimentError: the experiment does not exist.
            StoreError: the store cannot be read.
        """
        # A process that was killed while it created a record leaves a record without params.
        whole = [record for record in self.records(experiment) if record.params]
        return [record.row(experiment) for record in best_records(whole)]

    def versions(self) -> Mapping[str, int]:
        """Return the training version of every run of the store, by run_id.

        Raises:
            StoreError: the store cannot be read.
        """
        return {record.run_id: record.version for record in self.records()}

    def records(
        self, experiment: str | None = None, run_ids: Collection[str] | None = None
    ) -> list[Record]:
        """Return the records of an experiment or of all, those of each run oldest first.

        Raises:
            StoreError: the experiment does not exist, or the store cannot be read.
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
