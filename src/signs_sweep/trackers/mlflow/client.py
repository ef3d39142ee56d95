"""Opening a store, and what is said when that or anything later fails."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from signs_sweep.errors import StoreError
from signs_sweep.trackers.mlflow import tags
from signs_sweep.trackers.store import (
    default_artifact_root,
    is_server,
    opening_lock,
    shown,
    sqlite_path,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Stdout is for results.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # The defaults let a server that is away block for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def connect(uri: str) -> "MlflowClient":
    """Open a store; make it if it is a database that is not there yet.

    Raises:
        StoreError: it cannot be opened.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    with opening_lock(uri), store_errors(uri):
        from mlflow import MlflowClient

        # MLflow logs the traceback of what it raises; the user hears of it from us.
        logging.getLogger("mlflow").setLevel(logging.CRITICAL)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        path = sqlite_path(uri)
        if path is not None and not path.exists():
            _make_database(path)
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)  # A fresh database gets its tables here.
    return client


def _make_database(path: Path) -> None:
    """Make a SQLite store aside, and give it its name when it is whole.

    MLflow makes the tables in some forty steps. If it is killed in between, it can neither go on
    from there nor begin again, and the file is lost.
    """
    from mlflow import MlflowClient

    aside = path.with_name(f"{path.name}.part")
    for left in (aside, aside.with_name(f"{aside.name}-journal")):
        left.unlink(missing_ok=True)
    MlflowClient(tracking_uri=f"sqlite:///{aside}").search_experiments(max_results=1)
    aside.replace(path)


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Turn whatever a store or the disk answers into a StoreError."""
    try:
        yield
    except Exception as error:
        if not _is_of_the_store(error):
            raise
        raise StoreError(_explain(uri, error)) from error


def experiment_for(client: "MlflowClient", uri: str, name: str) -> str:
    """Return the id of an experiment, which is made if it is not there.

    Raises:
        StoreError: it was deleted in MLflow.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        root = default_artifact_root(uri)
        location = None if root is None else f"{root}/{quote(name)}"
        try:
            kind = {tags.KIND: tags.TRAINING}
            return str(client.create_experiment(name, artifact_location=location, tags=kind))
        except MlflowException:
            # Another process may have made it in this moment.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise StoreError(_deleted(found))
    return str(found.experiment_id)


def _deleted(experiment: "Experiment") -> str:
    return (
        f"the experiment '{experiment.name}' was deleted in MLflow. Restore it with "
        f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`, or give the "
        "spec another name."
    )


def _is_of_the_store(error: Exception) -> bool:
    """Whether an exception comes from MLflow, its database or the disk, and not from a bug here."""
    if isinstance(error, StoreError):
        return False
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    return isinstance(error, OSError) or bool(
        names
        & {
            "mlflow.exceptions.MlflowException",
            "sqlalchemy.exc.SQLAlchemyError",
            "alembic.util.exc.CommandError",
        }
    )


def _explain(uri: str, error: Exception) -> str:
    text = str(error)
    # SQLAlchemy says how a statement came about before it says what is wrong with it.
    lines = [line for line in text.strip().splitlines() if not line.startswith("(raised as a")]
    reason = lines[0] if lines else type(error).__name__
    store = shown(uri)
    if is_server(uri):
        if "Max retries" in text or "Connection" in text:
            return f"the tracking server {store} does not answer. Is it running? ({reason[:200]})"
        return f"the tracking server {store} refused: {reason[:300]}"
    for words, meaning in (
        ("file is not a database", "it is not a SQLite database"),
        ("readonly database", "it cannot be written to"),
        ("unable to open database file", "it cannot be opened; is its folder writable?"),
        ("database or disk is full", "the disk is full"),
        ("No space left", "the disk is full"),
        (
            "out-of-date database schema",
            "an older MLflow made it; see `mlflow db upgrade`",
        ),
        ("Can't locate revision", "a newer MLflow made it; upgrade mlflow to read it"),
        ("database is locked", "another process keeps it locked"),
    ):
        if words in text:
            return f"the tracking store {store} cannot be used: {meaning}"
    return f"the tracking store {store} cannot be used: {reason[:300]}"
