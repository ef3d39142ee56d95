"""The address of the tracking store, found without importing MLflow, which takes 2 s."""

import os
import re
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import unquote

from signs_sweep.domain.masking import learn
from signs_sweep.errors import StoreError
from signs_sweep.project.databases import SQLITE, resolve, sqlite_path, sqlite_uri

_DEFAULT = "mlruns/mlflow.db"
OTHERWISE = "with --tracking-uri or MLFLOW_TRACKING_URI"
"""How to name a different store, for messages."""
_KINDS = ("sqlite", "postgresql", "mysql", "mssql", "http", "https")
"""Schemes of MLflow's own stores of runs; the databases may have a driver after a `+`."""


def resolve_uri(option: str | None, folder: Path) -> str:
    """Return the URI of the store to use.

    Args:
        option: the address on the command line, or None.
        folder: the current folder; its `mlruns/mlflow.db` is the default.

    Returns:
        The option, else the environment's `MLFLOW_TRACKING_URI`, else the default. A SQLite path
        becomes absolute.

    Raises:
        StoreError: the address is a folder (a former file store of MLflow), has a scheme that
            MLflow does not know, or is invalid.
    """
    if option is None:
        option = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{_DEFAULT}"
    learn(option)
    if not option.strip():
        raise StoreError(f"the tracking URI is empty. Name a database, such as {SQLITE}{_DEFAULT}")
    scheme, separator, rest = option.partition(":")
    scheme = scheme.lower()
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", option):
        raise StoreError(f"{option} has no scheme. For a tracking server, write http://{option}")
    if scheme == "databricks":
        raise StoreError(f"{option}: Databricks is not supported. Name a database or a server")
    if not re.fullmatch(r"[a-z][a-z0-9+.-]+", scheme) or not separator or scheme == "file":
        text = re.sub(r"^//[^/]*", "", unquote(rest)) if scheme == "file" else option
        path = Path(text).expanduser() if text.startswith("~/") else Path(text)
        raise StoreError(
            f"{option} is a folder, and MLflow no longer keeps runs in plain folders. "
            f"Name a database in it: {sqlite_uri(path / 'mlflow.db')}"
        )
    if scheme.partition("+")[0] not in (*_KINDS, "postgres") and scheme not in _plugins():
        raise StoreError(
            f"{option}: MLflow has no kind of store called {scheme}. It has {', '.join(_KINDS)}"
        )
    return resolve(option, folder, _DEFAULT)


def _plugins() -> set[str]:
    """Return the schemes of stores that other packages add to MLflow."""
    return {plugin.name for plugin in entry_points(group="mlflow.tracking_store")}


def store_exists(uri: str) -> bool:
    """Whether a store may hold records: False for a SQLite file that does not exist."""
    path = sqlite_path(uri)
    return path is None or path.exists()
