"""Databases and servers: their addresses, passwords, locks and errors, and how one is created.

The path of a SQLite file is parsed here: SQLAlchemy, which parses all other addresses, takes 0.3 s
to import, and the default store is such a file.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from urllib.parse import quote, unquote

from signs_sweep.domain.masking import learn, mask, shown_cause
from signs_sweep.errors import StoreError
from signs_sweep.process.durable import replacing

SQLITE = "sqlite:///"
_LOCK_SECONDS = 120
_IS_SQLITE_FILE = re.compile(r"sqlite(\+pysqlite)?:///")
_OPTION = re.compile(r"timeout=\d+(\.\d+)?|check_same_thread=(true|false)")
"""An option after the path of a SQLite file."""
_DATABASE_ERRORS = {"sqlalchemy.exc.SQLAlchemyError", "alembic.util.exc.CommandError"}
"""Errors by name, so that their modules need not be imported."""
_PACKAGES = {
    "psycopg": "'psycopg[binary]'",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
}
"""By module of a database driver, the package to install."""


def resolve(uri: str, folder: Path, example: str) -> str:
    """Check the address of a database or server, and normalize it.

    Args:
        uri: as written by a user.
        folder: the folder to which the path of a SQLite file is relative.
        example: path of a possible database, for messages.

    Returns:
        The address, with its scheme in lower case and with an absolute path of a SQLite file.

    Raises:
        StoreError: the address is invalid.
    """
    learn(uri)
    scheme, _, rest = uri.partition(":")
    if scheme.lower() == "postgres":
        raise StoreError(f"{uri}: write postgresql:// instead of postgres://")
    uri = f"{scheme.lower()}:{rest}"
    if uri.startswith("sqlite"):
        return _resolve_sqlite(uri, folder, example)
    host = _host(uri)
    if host is None:
        written = uri if uri.isprintable() else ascii(uri)
        raise StoreError(
            f"{written} is not a valid address. Write SCHEME://USER:PASSWORD@HOST:PORT/..., with "
            "%XX for spaces and for characters such as @ / : in the user's name and the password"
        )
    if is_server(uri) and not host:
        raise StoreError(f"{uri} has no host. Write {scheme}://HOST:PORT")
    return uri


def _host(uri: str) -> str | None:
    """Return the host in an address, which may be empty; None for an invalid address."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        # Schemes of MLflow's plugins may contain a hyphen; SQLAlchemy allows none.
        url = make_url(f"any:{uri.partition(':')[2]}")
    except (ArgumentError, ValueError):
        return None
    host, port = url.host or "", url.port
    is_valid = re.fullmatch(r"\S*", uri) and re.fullmatch(r"[^][@]*", host)
    return host if is_valid and (port is None or 0 < port < 65536) else None


def _resolve_sqlite(uri: str, folder: Path, example: str) -> str:
    text, question_mark, options = uri.partition("?")
    path = sqlite_path(text)
    if path in (Path(), Path(":memory:")) or text == "sqlite://":
        raise StoreError(
            f"{uri} is a database in memory, which is not kept. Name a file: {SQLITE}{example}"
        )
    if path is None:
        name = re.sub("^//(/(?!/))?", "", text.partition(":")[2]) or example
        raise StoreError(f"{uri} does not name a database. Name a file: {SQLITE}{name}")
    if re.match(_IS_SQLITE_FILE.pattern + "~", text):
        raise StoreError(
            f"{uri}: ~ does not mean the home folder here. Write the full path, as in "
            f"{sqlite_uri(Path.home() / path.name)}, or {SQLITE}./{path} for a folder named ~"
        )
    if question_mark and not all(map(_OPTION.fullmatch, options.split("&"))):
        raise StoreError(
            f"{uri}: only timeout=SECONDS may follow the ?, not '{options}'. Write %3F for a ? "
            "that is part of the path"
        )
    path = folder.absolute() / path
    try:
        str(path).encode()
        with suppress(FileNotFoundError):
            Path(f"{path}.part-journal").stat()  # The longest name of a file beside it.
        is_folder = path.is_dir()
    except UnicodeEncodeError:
        raise StoreError(
            f"MLflow cannot work in {str(path)!a}: the name is not UTF-8. Rename the folder"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{path} cannot be used for a database: {reason}") from error
    if is_folder:
        raise StoreError(f"{path} is a folder. Name a file in it: {sqlite_uri(path / 'NAME.db')}")
    return f"{sqlite_uri(path)}{question_mark}{options}"


def sqlite_uri(path: Path) -> str:
    """Return the URI of a SQLite file."""
    text = str(path)
    for letter in "%?{}":  # Optuna replaces names in braces.
        text = text.replace(letter, quote(letter))
    # For the scheme `sqlite`, MLflow creates a folder whose name is still encoded.
    return f"{SQLITE}{text}" if text == str(path) else f"sqlite+pysqlite:///{text}"


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite database; None for any other database or a server."""
    match = _IS_SQLITE_FILE.match(uri)
    return Path(unquote(uri[match.end() :].partition("?")[0])) if match else None


def is_server(uri: str) -> bool:
    """Whether an address is that of an MLflow server."""
    return uri.startswith(("http://", "https://"))


def is_postgres(uri: str) -> bool:
    """Whether an address is that of a PostgreSQL database."""
    return re.match(r"postgresql(\+\w+)?://", uri) is not None


def shown(uri: str) -> str:
    """Return an address for messages: the path of a SQLite file, others without secrets."""
    path = sqlite_path(uri)
    learn(uri)
    return mask(uri) if path is None else str(path)


def without_password(uri: str) -> str:
    """Return an address without its password, which identifies the database when that changes."""
    return re.sub(r"(://[^/:@]*):[^@]*@", r"\1@", uri)


@contextmanager
def opening(
    uri: str, otherwise: str, create: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the lock for opening a database; a SQLite file is created if it does not exist.

    The migrations of MLflow and Optuna fail if several processes start them at the same time. The
    lock of a SQLite file is a file beside it, except in a read-only folder, where no process can
    create the database; that of a PostgreSQL database is in it. Others have none.

    A new file gets its name when it is complete: MLflow creates its tables in some forty steps, and
    cannot continue or repeat them after it was killed.

    Args:
        uri: the database.
        otherwise: how to name a different database, for messages.
        create: creates a SQLite file at a URI; None to create none.

    Raises:
        StoreError: the folder cannot be created or written, or another process holds the lock for
            minutes.
        sqlalchemy.exc.SQLAlchemyError: the same for a PostgreSQL database.
    """
    path = sqlite_path(uri)
    if path is None:
        with _locked(uri) if is_postgres(uri) else nullcontext():
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
                f"cannot create {path}: {error.strerror}. Name a different database {otherwise}"
            ) from error
    try:
        if create is not None and not path.exists():
            with replacing(path) as aside:
                for left in (aside, aside.with_name(f"{aside.name}-journal")):
                    left.unlink(missing_ok=True)
                create(sqlite_uri(aside))
        yield
    finally:
        lock.release()


@contextmanager
def _locked(uri: str) -> Iterator[None]:
    """Hold an advisory lock in a PostgreSQL database for as long as a transaction."""
    from sqlalchemy import NullPool, create_engine, text

    with create_engine(uri, poolclass=NullPool).connect() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('signs-sweep opening'))"))
        yield


@contextmanager
def database_errors(explain: Callable[[Exception], StoreError], *kinds: str) -> Iterator[None]:
    """Turn the errors of a database, its driver and the disk into a StoreError, but not bugs.

    Args:
        explain: returns the error to raise instead.
        kinds: full names of further errors: those of the library that uses the database.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
        if names.isdisjoint(
            {"builtins.OSError", "builtins.ImportError", *_DATABASE_ERRORS, *kinds}
        ):
            raise
        raise explain(error) from shown_cause(error)


def why(error: BaseException) -> str:
    """Return the reason for an error of a database or its driver, without secrets."""
    if isinstance(error, ImportError):
        # Optuna replaces the error that has the name of the module by its own.
        missing = error if isinstance(error, ModuleNotFoundError) else error.__context__
        module = (getattr(missing, "name", None) or "of its driver").partition(".")[0]
        return f"it needs a package: pip install {_PACKAGES.get(module, module)}"
    text = mask(str(error))
    for fragment, meaning in (
        ("file is not a database", "it is not a SQLite database"),
        ("readonly database", "it cannot be written to"),
        ("unable to open database file", "it cannot be opened; is its folder writable?"),
        ("database or disk is full", "the disk is full"),
        ("No space left", "the disk is full"),
        ("database is locked", "another process keeps it locked"),
        ("due to lock timeout", "another process keeps it locked"),
        ("Can't load plugin: sqlalchemy.dialects", "this kind of database is unknown"),
    ):
        if fragment in text:
            return meaning
    # SQLAlchemy's messages start with the origin of the statement.
    lines = [line for line in text.strip().splitlines() if not line.startswith("(raised as a")]
    return (lines or [type(error).__name__])[0][:300]
