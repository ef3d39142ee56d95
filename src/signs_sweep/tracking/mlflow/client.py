"""Opening a store, writing to it, and the messages for its errors."""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from signs_sweep.errors import DeletedError, DeniedError, RefusedError, StoreError
from signs_sweep.project.databases import (
    database_errors,
    is_server,
    opening,
    shown,
    sqlite_path,
)
from signs_sweep.project.paths import ProjectPaths
from signs_sweep.project.tracking_store import OTHERWISE
from signs_sweep.tracking.mlflow.answers import check_server, explain
from signs_sweep.tracking.mlflow.http import acknowledge_immediately
from signs_sweep.tracking.mlflow.tags import KIND, TRAINING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Metric, Run

_PAGE = 5000
_UPLOADS = 4
"""Uploads at the same time."""
_DEFAULT = "0"
"""Id of the experiment that every store has."""
_ACTIVE = 1
"""MLflow's `ViewType.ACTIVE_ONLY`."""
_OLDEST_FIRST = "attributes.start_time ASC"

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Stdout is for results.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # It shows two bars for each file.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # With the defaults, a call to a server that does not answer takes minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def connect(uri: str) -> "MlflowClient":
    """Open a store; a database that does not exist is created.

    Raises:
        StoreError: the store cannot be opened.
    """
    _import_mlflow(uri)
    from mlflow import MlflowClient

    with store_errors(uri), ExitStack() as lock:
        if sqlite_path(uri) is not None:
            lock.enter_context(opening(uri, OTHERWISE, _make))
        elif not is_server(uri) and not _is_made(uri):
            lock.enter_context(opening(uri, OTHERWISE))
            _make(uri)
        client = MlflowClient(tracking_uri=uri)
        if is_server(uri):
            check_server(uri)
        else:
            client.search_experiments(max_results=1)  # Fails if the store cannot be read.
    return client


def _import_mlflow(uri: str) -> None:
    """Import MLflow, with its environment variables set, unless the user has, and without its log.

    Raises:
        StoreError: it cannot be imported.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if is_server(uri):
        acknowledge_immediately()
    with store_errors(uri):
        import mlflow.store.db.utils  # noqa: F401 - it also configures its log
    # MLflow logs the traceback of every error that it raises; the user sees our message.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def inspect(uri: str) -> str:
    """Check that an existing store can be used, and return its version; nothing is written.

    The version of a database without tables is an empty string.

    Whether a SQLite file can be written is checked with a transaction that is rolled back.

    Raises:
        StoreError: it cannot be opened or written, or a different version of MLflow created it.
    """
    _import_mlflow(uri)
    path = sqlite_path(uri)
    if is_server(uri):
        with store_errors(uri):
            version = check_server(uri)
        return f"MLflow {version}" if version else "version unknown"
    errors = database_errors(
        partial(explain, uri), "mlflow.exceptions.MlflowException", "sqlite3.Error"
    )
    with errors:
        if path is not None:
            address = f"{path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(address, uri=True, timeout=2)) as database:
                database.execute("BEGIN IMMEDIATE")
        from mlflow.store.db.utils import (
            _get_schema_version,
            _verify_schema,
            create_sqlalchemy_engine,
        )

        engine = create_sqlalchemy_engine(uri)
        try:
            version = _get_schema_version(engine)
            if version is None:
                return ""
            _verify_schema(engine)
        finally:
            engine.dispose()
        return f"MLflow's schema {version}"


def unwritable(uri: str) -> list[str]:
    """Return for each experiment of a store that cannot be recorded to from this machine, why.

    Nothing is written. The store is a server, or a database that is not empty.

    Raises:
        StoreError: the store cannot be opened.
    """
    client, problems = connect(uri), []
    with store_errors(uri):
        for experiment in client.search_experiments():
            # In the default experiment of a server, new experiments have their folders as well.
            if experiment.experiment_id != _DEFAULT or is_server(uri):
                try:
                    _check_artifacts(client, uri, experiment)
                except RefusedError as error:
                    problems.append(str(error))
    return problems


def _is_made(uri: str) -> bool:
    """Whether a database has MLflow's current tables: then no process needs a lock to open it."""
    from mlflow.exceptions import MlflowException
    from mlflow.store.db.utils import _verify_schema, create_sqlalchemy_engine

    engine = create_sqlalchemy_engine(uri)
    try:
        with engine.connect():  # MLflow retries for 100 s if there is no connection.
            _verify_schema(engine)
    except MlflowException:
        return False
    finally:
        engine.dispose()
    return True


def _make(uri: str) -> None:
    """Create MLflow's tables in a database, unless they exist.

    A client would create them too, but puts the name of the current folder unescaped into an SQL
    statement.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(uri, ProjectPaths(uri).artifact_root)


def store_errors(uri: str) -> AbstractContextManager[None]:
    """Turn the errors of a store and of the disk into a StoreError."""
    return database_errors(partial(explain, uri), "mlflow.exceptions.MlflowException")


@contextmanager
def record_errors(client: "MlflowClient", uri: str, location: str | None) -> Iterator[None]:
    """Turn the errors of calls for a record into a StoreError: a DeletedError if it is deleted.

    Args:
        client: the store.
        uri: its address.
        location: id of the record; None for a record that is created.
    """
    try:
        with store_errors(uri):
            yield
    except DeniedError:
        raise
    except RefusedError as error:
        if location is None:
            raise
        try:
            with store_errors(uri):
                is_deleted = client.get_run(location).info.lifecycle_stage != "active"
        except RefusedError:  # `mlflow gc` removes deleted records.
            is_deleted = True
        if is_deleted:
            raise DeletedError(f"its record in {shown(uri)} was deleted") from error
        raise


def search_all(
    client: "MlflowClient", experiment_ids: Iterable[str], condition: str, view: int = _ACTIVE
) -> list["Run"]:
    """Return all MLflow runs of some experiments that meet a condition, oldest first.

    `view` is one of MLflow's view types; by default, deleted runs are left out.
    """
    ids, runs, token = list(experiment_ids), [], None
    while True:
        page = client.search_runs(
            ids, condition, view, _PAGE, order_by=[_OLDEST_FIRST], page_token=token
        )
        runs += page
        token = page.token
        if not token:
            return runs


def write(
    client: "MlflowClient",
    location: str,
    *,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    metrics: Sequence["Metric"] = (),
) -> None:
    """Write to a record, in one call.

    Args:
        client: the store.
        location: id of the record.
        params: by name.
        tags: by name.
        metrics: at most 1,000.
    """
    from mlflow.entities import Param, RunTag

    client.log_batch(
        location,
        metrics=metrics,
        params=[Param(*item) for item in (params or {}).items()],
        tags=[RunTag(*item) for item in (tags or {}).items()],
    )


def insert(call: Callable[..., None], *arguments: object) -> None:
    """Call MLflow for what several machines may write: a tag of an experiment, or a dataset.

    MLflow refuses to insert a row that another process has just inserted, but then finds it.
    """
    from mlflow.exceptions import MlflowException

    try:
        call(*arguments)
    except MlflowException as error:
        if error.error_code != "BAD_REQUEST":
            raise
        call(*arguments)


def log_files(client: "MlflowClient", location: str, folder: Path) -> None:
    """Add the files in a folder and below to the artifacts of a record.

    A server that keeps artifacts itself gets several at the same time: each is a request.
    """
    from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

    artifacts = client._tracking_client._get_artifact_repo(location)  # noqa: SLF001
    if not isinstance(artifacts, HttpArtifactRepository):
        client.log_artifacts(location, str(folder))
        return

    def log(file: Path) -> None:
        parent = file.parent.relative_to(folder).as_posix()
        artifacts.log_artifact(str(file), None if parent == "." else parent)

    with ThreadPoolExecutor(_UPLOADS) as pool:
        for _ in pool.map(log, [file for file in folder.rglob("*") if file.is_file()]):
            pass  # Raises the error of an upload.


def experiment_for(client: "MlflowClient", uri: str, name: str) -> str:
    """Return the id of an MLflow experiment, which is created if it does not exist.

    Raises:
        StoreError: the experiment was deleted in MLflow, or its artifacts would be written into a
            folder that is on another machine.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.file_utils import local_file_uri_to_path

    found = client.get_experiment_by_name(name)
    if found is None:
        root = ProjectPaths(uri).artifact_root
        location = None if root is None else f"{root}/{quote(name)}"
        if location is not None:  # First, for it shows other machines whether they share the disk.
            Path(local_file_uri_to_path(location)).mkdir(parents=True, exist_ok=True)
        try:
            kind = {KIND: TRAINING}
            new = str(client.create_experiment(name, artifact_location=location, tags=kind))
        except MlflowException:
            # Another process may just have created the experiment.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
        else:
            try:
                _check_artifacts(client, uri, client.get_experiment(new))
            except StoreError:  # Its folder could never be changed: its name has to be free again.
                client.rename_experiment(new, f"{name} {new}")
                client.delete_experiment(new)
                raise
            return new
    if found.lifecycle_stage != "active":
        raise RefusedError(_deleted(found))
    _check_artifacts(client, uri, found)
    return str(found.experiment_id)


def _check_artifacts(client: "MlflowClient", uri: str, experiment: "Experiment") -> None:
    """Raise a RefusedError if artifacts of an experiment belong to a server or another machine.

    MLflow's client would write them into a folder of the same name on this machine.
    """
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    location = experiment.artifact_location
    if location.startswith("mlflow-artifacts:") and not is_server(uri):
        raise RefusedError(
            f"the experiment '{experiment.name}' of {shown(uri)} was recorded through an MLflow "
            f"server, which alone has its artifacts. Name that server {OTHERWISE}, or give the "
            "spec another name."
        )
    if sqlite_path(uri) is not None or not is_local_uri(
        location, is_tracking_or_registry_uri=False
    ):
        return
    folder = Path(local_file_uri_to_path(location))
    if folder.is_dir():
        return
    # The first artifact creates the folder, and for a database also the folder above it.
    root = ProjectPaths(uri).artifact_root
    is_possible = folder.parent.is_dir() or (root and location.startswith(f"{root}/"))
    if is_possible and not client.search_runs([experiment.experiment_id], max_results=1):
        return
    advice = (
        "If it is the server's, start that with --serve-artifacts and --artifacts-destination"
        if is_server(uri)
        else "Or record through an MLflow server, to which the database belongs"
    )
    raise RefusedError(
        f"the experiment '{experiment.name}' of {shown(uri)} keeps its artifacts in {folder}, "
        "which does not exist on this machine. Mount the folder of the machine that has it at the "
        f"same path. {advice}; an experiment that exists keeps its folder, so give the spec "
        "another name then."
    )


def _deleted(experiment: "Experiment") -> str:
    return (
        f"the experiment '{experiment.name}' was deleted in MLflow. Restore it with "
        f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`, or give the "
        "spec another name."
    )
