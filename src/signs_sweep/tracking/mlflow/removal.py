"""Removing records from MLflow, which deletes in two steps.

A deleted record stays in the store, hidden, with its artifacts: MLflow can restore it. `mlflow gc`
removes deleted records and their artifacts for good. In a database this is done here too; on a
server only its administrator can do it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs_sweep.domain import State
from signs_sweep.project.databases import sqlite_path
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import connect, search_all, store_errors
from signs_sweep.tracking.mlflow.found import unknown_experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class StoredRecord:
    """A record in MLflow: of a run, of a trial, or of a sweep or search.

    Attributes:
        location: its id in MLflow.
        experiment: name of its experiment.
        run_id: the run; None for other records.
        is_trial: whether it is the record of a trial of a search.
        sweep_id: identifies a sweep or search; None for other records.
        origin: machine and folder of the process of a sweep or search.
        claims: where its claims show to other machines whether it is alive, or ''.
        parent: location of the record above it, or None.
        status: its MLflow status.
        ended: when it ended, or began if it has no end, in seconds since 1970.
        is_deleted: whether it was deleted in MLflow, which can restore it.
        artifacts: URI of the folder of its artifacts.
    """

    location: str
    experiment: str
    run_id: str | None
    is_trial: bool
    sweep_id: str | None
    origin: str
    claims: str
    parent: str | None
    status: str
    ended: float
    is_deleted: bool
    artifacts: str

    @property
    def state(self) -> State:
        """Its state; a pruned run is KILLED."""
        return State(self.status) if self.status in State.__members__ else State.RUNNING


class MlflowRemover:
    """Lists the records of a store, and removes them."""

    def __init__(self, uri: str) -> None:
        """Remember the store, as `resolve_uri` returns it; the first call reads it."""
        self._uri = uri

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect(self._uri)

    @property
    def _backend(self) -> Any:
        return self._client._tracking_client.store  # noqa: SLF001 - as `mlflow gc` does

    @property
    def is_final(self) -> bool:
        """Whether records are removed for good: False on a server, where they can be restored."""
        return hasattr(self._backend, "_hard_delete_run")

    def records(self, names: Iterable[str] = ()) -> list[StoredRecord]:
        """Return all records of this package, oldest first.

        If they are removed for good, these include the deleted ones.

        Args:
            names: experiments that must exist.

        Raises:
            UnknownExperimentError: one of them does not.
            StoreError: the store cannot be read.
        """
        from mlflow.entities import ViewType

        with store_errors(self._uri):
            view = ViewType.ALL if self.is_final else ViewType.ACTIVE_ONLY
            found = self._client.search_experiments(view_type=view)
            experiments = {str(each.experiment_id): each.name for each in found}
            for name in names:
                if name not in experiments.values():
                    raise unknown_experiment(name, experiments.values(), self._uri)
            return [
                StoredRecord(
                    location=run.info.run_id,
                    experiment=experiments[run.info.experiment_id],
                    run_id=run.data.tags.get(tags.RUN_ID),
                    is_trial=run.data.tags.get(tags.RECORD) == tags.OF_TRIAL,
                    sweep_id=run.data.tags.get(tags.SWEEP),
                    origin=run.data.tags.get(tags.ORIGIN, ""),
                    claims=run.data.tags.get(tags.CLAIMS, ""),
                    parent=run.data.tags.get(tags.PARENT),
                    status=run.info.status,
                    ended=(run.info.end_time or run.info.start_time) / 1000,
                    is_deleted=run.info.lifecycle_stage == "deleted",
                    artifacts=run.info.artifact_uri,
                )
                for run in search_all(self._client, experiments, "", view)
                if not run.data.tags.keys().isdisjoint((tags.RUN_ID, tags.SWEEP, tags.RECORD))
            ]

    def size(self, records: Iterable[StoredRecord]) -> int:
        """Return the size of the artifacts that `remove` removes, on this machine, in bytes."""
        folders = [_local(record) for record in records if self._is_own(record)]
        files = (file for folder in folders if folder for file in folder.rglob("*"))
        return sum(file.lstat().st_size for file in files if not file.is_dir())

    def elsewhere(self, records: Iterable[StoredRecord]) -> str | None:
        """Return the first URI of artifacts that `remove` keeps, if any."""
        others = (record for record in records if not self._is_own(record))
        places = ((record.artifacts, _local(record)) for record in others)
        return next((uri for uri, folder in places if folder is None or folder.exists()), None)

    def _is_own(self, record: StoredRecord) -> bool:
        """Whether artifacts belong to this store alone: if it is a file, those beside it.

        In a copy of a store, the records still have the artifacts of the original.
        """
        path, folder = sqlite_path(self._uri), _local(record)
        if path is None:
            return True
        root = (path.parent / "artifacts").resolve()
        return folder is not None and root in folder.resolve().parents

    def hide(self, records: Iterable[StoredRecord]) -> None:
        """Delete records in MLflow's sense: no look-up finds them any more.

        Raises:
            StoreError: the store cannot be written.
        """
        with store_errors(self._uri):
            for record in records:
                if not record.is_deleted:
                    self._client.delete_run(record.location)

    def remove(self, records: Sequence[StoredRecord]) -> int:
        """Remove hidden records for good, with their artifacts; do nothing on a server.

        Artifacts that are not beside a SQLite file are kept; see `elsewhere`.

        Returns:
            By how many bytes a SQLite file shrank. It does not if another process is using it.

        Raises:
            StoreError: the store or the artifacts cannot be written.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        if not self.is_final:
            return 0
        with store_errors(self._uri):
            for record in records:
                if self._is_own(record):
                    get_artifact_repository(record.artifacts).delete_artifacts()
                    if (folder := _local(record)) is not None:
                        with suppress(OSError):  # It has other files, or does not exist.
                            folder.parent.rmdir()
                self._backend._hard_delete_run(record.location)  # noqa: SLF001 - see above
            return self._compact()

    def _compact(self) -> int:
        path = sqlite_path(self._uri)
        if path is None:
            return 0
        before = path.stat().st_size
        with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=2)) as database:
            database.execute("VACUUM")
        return before - path.stat().st_size


def _local(record: StoredRecord) -> Path | None:
    """Return the folder of the artifacts of a record if it is on this machine, else None."""
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    if not is_local_uri(record.artifacts):
        return None
    return Path(local_file_uri_to_path(record.artifacts))
