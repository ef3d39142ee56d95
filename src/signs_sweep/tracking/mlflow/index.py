"""The index of the recorded runs."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from signs_sweep.domain import CURVE_METRICS, Curve, Predictions, Result, Row, State, VerdictRule
from signs_sweep.project.databases import is_postgres, is_server, sqlite_path
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import connect, inspect, store_errors, unwritable
from signs_sweep.tracking.mlflow.found import (
    Record,
    UnexpectedError,
    ask_for_curves,
    ask_for_records,
    best_records,
    rule_in,
)
from signs_sweep.tracking.mlflow.kept import SPEC, SweepInfo, TrialInfo
from signs_sweep.tracking.mlflow.model import MODEL, StoredModel, read_model
from signs_sweep.tracking.mlflow.predictions import PREDICTIONS, read_predictions
from signs_sweep.tracking.mlflow.rest import SOME, Server
from signs_sweep.tracking.mlflow.tables import Tables

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

_AT_ONCE = 8
"""Downloads at the same time."""


class MlflowIndex:
    """Implements `RunIndex` on an MLflow store: a database or a server.

    A SQLite file, a PostgreSQL database and a server are read without MLflow. If one is not as
    expected, and for any other store, MLflow is asked.
    """

    def __init__(self, uri: str) -> None:
        """Remember the store, as `resolve_uri` returns it; the first call reads it."""
        self._uri = uri
        self._reader: Tables | Server | None = None
        if is_server(uri):
            self._reader = Server(uri)
        elif is_postgres(uri) or sqlite_path(uri) is not None:
            self._reader = Tables(uri)
        self._is_frozen = False
        self._frozen: list[Record] | None = None

    def freeze(self) -> None:
        """Read all runs at most once from now on, for a command that only shows them.

        Runs that are recorded in the meantime may be missing from what is returned.
        """
        self._is_frozen = True

    def _read(
        self, read: Callable[["Tables | Server"], T], ask: Callable[["MlflowClient"], T]
    ) -> T:
        """Read the store without MLflow or, if that is not possible, ask MLflow."""
        if self._reader is not None:
            with suppress(UnexpectedError):
                return read(self._reader)
        client = self._client
        with store_errors(self._uri):
            return ask(client)

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect(self._uri)

    @property
    def is_empty(self) -> bool:
        """Whether it is certain that nothing was ever recorded, as in a new database."""
        if self._reader is None:
            return not inspect(self._uri)
        with suppress(UnexpectedError):
            return isinstance(self._reader, Tables) and self._reader.is_empty
        return False

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

    def all_runs(self) -> list[Row]:
        """Return all runs of the store, each once; they do not show their experiments.

        Raises:
            StoreError: the store cannot be read.
        """
        whole = [record for record in self.records() if record.params]
        return [record.row("") for record in best_records(whole)]

    def named(self, name: str) -> list[Row]:
        """Return the runs whose id, or the id of their record in MLflow, begins with a text.

        An id that is equal to the text counts alone. The runs do not show their experiments.

        Raises:
            StoreError: the store cannot be read.
        """
        whole = [record for record in self.records() if record.params]
        for is_named in (str.__eq__, str.startswith):
            found = [
                record
                for record in whole
                if any(is_named(each, name) for each in (record.run_id, record.location))
            ]
            if found:
                return [record.row("") for record in best_records(found)]
        return []

    def find_rows(self, run_ids: Collection[str], experiment: str) -> list[Row]:
        """Return runs, each once, as those of an experiment, whichever recorded them.

        Raises:
            StoreError: the store cannot be read.
        """
        whole = [record for record in self.records(run_ids=run_ids) if record.params]
        return [record.row(experiment) for record in best_records(whole)]

    def rule(self, experiment: str) -> VerdictRule:
        """Return how the settings of an experiment are compared: as its latest sweep declared.

        Raises:
            StoreError: the store cannot be read.
        """

        def ask(client: "MlflowClient") -> Mapping[str, str]:
            found = client.get_experiment_by_name(experiment)
            return found.tags if found else {}

        return rule_in(self._read(lambda reader: reader.experiment_tags(experiment), ask))

    def tested(self, fingerprint: str) -> int:
        """Return how many comparisons the experiments of the store have had on a test set.

        Raises:
            StoreError: the store cannot be read.
        """
        name = tags.TESTED + fingerprint
        values = self._read(
            lambda reader: reader.tag_values(name),
            lambda client: [each.tags.get(name, "0") for each in client.search_experiments()],
        )
        return sum(map(int, values))

    def versions(self) -> Mapping[str, int]:
        """Return the training version of every run of the store, by run_id.

        Raises:
            StoreError: the store cannot be read.
        """
        return {record.run_id: record.version for record in self.records()}

    def curves(
        self, locations: Collection[str], metrics: Collection[str] = CURVE_METRICS
    ) -> Mapping[str, Mapping[str, Curve]]:
        """Return the curves of records by location and metric, with the epochs recorded so far.

        Raises:
            StoreError: the store cannot be read.
        """
        if not locations:
            return {}
        return self._read(
            lambda reader: reader.curves(locations, metrics),
            lambda client: ask_for_curves(client, locations, metrics),
        )

    def predictions(self, locations: Collection[str]) -> Mapping[str, Mapping[str, Predictions]]:
        """Return the predictions of records by location and set; records without any are left out.

        Raises:
            StoreError: the store cannot be read, or an artifact is damaged.
        """
        return {
            location: read_predictions(content, location)
            for location, content in self.artifacts(locations, PREDICTIONS).items()
        }

    def artifacts(self, locations: Collection[str], name: str) -> Mapping[str, bytes]:
        """Return an artifact of records by location; records without it are left out.

        Args:
            locations: the records.
            name: path of the artifact, such as `predictions.npz`.

        Raises:
            StoreError: the store cannot be read.
        """
        folders = self._folders(locations)
        files = {location: self._local(folder / name) for location, folder in folders.items()}
        if isinstance(self._reader, Server):
            with suppress(UnexpectedError):
                files |= self._reader.artifacts(locations, name)
        if others := [location for location in locations if location not in files]:
            self._client  # noqa: B018 - the first thread would import it while others wait
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                downloads = pool.map(lambda location: self._download(location, name), others)
                files |= dict(zip(others, downloads, strict=True))
        found = {location: files[location] for location in locations}
        return {location: content for location, content in found.items() if content is not None}

    def model(self, location: str, scratch: Path) -> StoredModel | None:
        """Return the model of a record, or None if it has none.

        Args:
            location: the record.
            scratch: an existing folder; a model that is not on this machine is downloaded into it.

        Raises:
            StoreError: the store cannot be read, or the model is damaged.
        """
        folder = self._folders([location]).get(location)
        if folder is None:
            client = self._client
            with store_errors(self._uri):
                if not any(item.path == MODEL for item in client.list_artifacts(location)):
                    return None
                folder = Path(client.download_artifacts(location, MODEL, str(scratch))).parent
        return read_model(folder / MODEL, location) if (folder / MODEL).is_dir() else None

    def _folders(self, locations: Collection[str]) -> Mapping[str, Path]:
        """Return the folders of artifacts that are on this machine, where that is known."""
        if self._reader is not None and locations:
            with suppress(UnexpectedError):
                return self._reader.folders(locations)
        return {}

    def _local(self, file: Path) -> bytes | None:
        with store_errors(self._uri), suppress(FileNotFoundError):
            return file.read_bytes()
        return None

    def _download(self, location: str, name: str) -> bytes | None:
        client, parent = self._client, str(PurePosixPath(name).parent)
        with store_errors(self._uri), TemporaryDirectory() as folder:
            listed = client.list_artifacts(location, None if parent == "." else parent)
            if not any(item.path == name for item in listed):
                return None
            return Path(client.download_artifacts(location, name, folder)).read_bytes()

    def environments(self, run_ids: Collection[str]) -> list[Mapping[str, str]]:
        """Return the environments in which runs were trained: versions and machine by name.

        Raises:
            StoreError: the store cannot be read.
        """
        return [record.environment for record in best_records(self.records(run_ids=run_ids))]

    def sweeps(self, experiment: str) -> list[SweepInfo]:
        """Return the sweeps and searches of an experiment, the oldest first.

        Raises:
            UnknownExperimentError: the experiment does not exist.
            StoreError: the store cannot be read.
        """
        searches = {trial.search for trial in self.trials(experiment)}
        return [
            SweepInfo.of(record, is_search=record.location in searches)
            for record in self.records(experiment, mark=tags.SWEEP)
        ]

    def inspect(self) -> str:
        """Check that the store, which must exist, can be used, and return its version.

        Nothing is written.

        Returns:
            The version; an empty string for a database without tables.

        Raises:
            StoreError: it cannot be opened or written, or a different MLflow created it.
        """
        return inspect(self._uri)

    def unwritable(self) -> list[str]:
        """Return for each experiment that cannot be recorded to from this machine, why.

        Raises:
            StoreError: the store cannot be read.
        """
        is_own = sqlite_path(self._uri) is not None  # It would get a lock beside it.
        return [] if is_own or self.is_empty else unwritable(self._uri)

    def running(self, experiment: str | None = None) -> list[tuple[str, str, str]]:
        """Return for each sweep or search marked RUNNING its sweep_id, origin and place of claims.

        Raises:
            StoreError: the experiment does not exist, or the store cannot be read.
        """
        return [
            (
                record.tags[tags.SWEEP],
                record.tags.get(tags.ORIGIN, ""),
                record.tags.get(tags.CLAIMS, ""),
            )
            for record in self.records(experiment, mark=tags.SWEEP)
            if record.state is State.RUNNING
        ]

    def trials(self, experiment: str) -> list[TrialInfo]:
        """Return the trials of the searches of an experiment, the oldest first.

        Raises:
            UnknownExperimentError: the experiment does not exist.
            StoreError: the store cannot be read.
        """
        return [TrialInfo.of(record) for record in self.records(experiment, mark=tags.RECORD)]

    def spec(self, location: str) -> str:
        """Return the text of the spec of a sweep; an empty string if the record has none.

        Raises:
            StoreError: the store cannot be read.
        """
        return self.artifacts([location], SPEC).get(location, b"").decode()

    def records(
        self,
        experiment: str | None = None,
        run_ids: Collection[str] | None = None,
        mark: str = tags.RUN_ID,
    ) -> list[Record]:
        """Return the records of an experiment or of all, those of each run oldest first.

        They are those with the tag `mark`: of runs, of sweeps (`tags.SWEEP`), or of trials
        (`tags.RECORD`).

        Raises:
            StoreError: the experiment does not exist, or the store cannot be read.
        """
        if self._is_frozen and experiment is None and mark == tags.RUN_ID:
            wanted = None if run_ids is None else set(run_ids)
            if self._frozen is None and (wanted is None or len(wanted) > SOME):
                self._frozen = self._records(None, None, mark)
            if self._frozen is not None:
                return [each for each in self._frozen if wanted is None or each.run_id in wanted]
        return self._records(experiment, run_ids, mark)

    def _records(
        self, experiment: str | None, run_ids: Collection[str] | None, mark: str
    ) -> list[Record]:
        return self._read(
            lambda reader: reader.records(experiment, run_ids, mark),
            lambda client: ask_for_records(client, self._uri, experiment, run_ids, mark),
        )
