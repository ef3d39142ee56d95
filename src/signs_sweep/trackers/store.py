"""Which tracking store is meant, and whether it is there; without MLflow, which takes 2 s."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from signs_sweep.errors import StoreError

_SQLITE = "sqlite:///"
_LOCK_SECONDS = 120


def resolve_uri(option: str | None, folder: Path) -> str:
    """Return the URI of the store to use.

    Args:
        option: what the command line says, if anything.
        folder: the current folder; its `mlruns/mlflow.db` is the default.

    Returns:
        The option, else the environment's `MLFLOW_TRACKING_URI`, else the default. A SQLite path
        is made absolute.

    Raises:
        StoreError: it is one of MLflow's former file stores, or no URI.
    """
    uri = option or os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}mlruns/mlflow.db"
    check_uri(uri)
    path = sqlite_path(uri)
    return uri if path is None else f"{_SQLITE}{folder.absolute() / path}"


def check_uri(uri: str) -> None:
    """Raise StoreError for a URI that cannot be a store."""
    scheme, separator, _ = uri.partition(":")
    if not separator or scheme.lower() == "file" or len(scheme) == 1:
        path = unquote(urlsplit(uri).path) if scheme.lower() == "file" else uri
        raise StoreError(
            f"{uri} is a folder, and MLflow no longer keeps runs in plain folders. "
            f"Name a database in it: {_SQLITE}{Path(path) / 'mlflow.db'}"
        )
    if scheme.startswith("sqlite") and sqlite_path(uri) in (None, Path(), Path(":memory:")):
        raise StoreError(
            f"{uri} is a database in memory, which keeps nothing. Name a file: "
            f"{_SQLITE}mlruns/mlflow.db"
        )


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite store; None for any other store."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(uri.removeprefix(_SQLITE).partition("?")[0])


def is_server(uri: str) -> bool:
    """Whether the store is an MLflow server."""
    return uri.startswith(("http://", "https://"))


def store_exists(uri: str) -> bool:
    """Whether anything can have been recorded in a store: False for a SQLite file not there."""
    path = sqlite_path(uri)
    return path is None or path.exists()


def default_artifact_root(uri: str) -> str | None:
    """Return where artifacts go unless told otherwise; None leaves it to the server.

    Beside a SQLite file, and below the current folder for any other database.
    """
    if is_server(uri):
        return None
    path = sqlite_path(uri)
    folder = Path("mlruns") if path is None else path.parent
    return (folder.absolute() / "artifacts").as_uri()


def default_checkpoint_folder(uri: str) -> Path:
    """Return where checkpoints go: beside a SQLite file, else in `mlruns` in the current folder."""
    path = sqlite_path(uri)
    folder = Path("mlruns") if path is None else path.parent
    return folder.absolute() / "checkpoints"


def shown(uri: str) -> str:
    """Return a URI as it may be shown: a SQLite store as its path, others without password."""
    path = sqlite_path(uri)
    if path is not None:
        return str(path)
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":***@") if password else uri


@contextmanager
def opening_lock(uri: str) -> Iterator[None]:
    """Hold the right to open a SQLite store, and make its folder.

    MLflow's migration of a fresh database fails when several processes begin it at once, and a
    file that is there may be one that another process has just begun. A store that lives elsewhere
    needs no lock. One in a folder that cannot be written needs none either: nobody is making it.

    Raises:
        StoreError: the folder cannot be made or written, or another process holds on for minutes.
    """
    path = sqlite_path(uri)
    if path is None:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=_LOCK_SECONDS)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"another process has been opening {path} for {_LOCK_SECONDS} s. If none is "
            f"running, delete {lock.lock_file}"
        ) from None
    except OSError as error:
        if not path.exists():
            raise StoreError(
                f"cannot create the tracking store {path}: {error.strerror}. "
                "Name another one with --tracking-uri or MLFLOW_TRACKING_URI."
            ) from error
    try:
        yield
    finally:
        lock.release()
