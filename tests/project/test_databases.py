"""The addresses of databases and servers, and the messages for invalid ones."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from signs_sweep.errors import StoreError
from signs_sweep.project.databases import (
    is_server,
    resolve,
    shown,
    sqlite_path,
    sqlite_uri,
    why,
    without_password,
)

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
NAMES = st.text(LETTERS, min_size=1, max_size=40)


@given(NAMES.filter(lambda name: name not in {".", ".."}))
@example('it\'s 100% "odd"?#{x}[y]*;&~\\\n-é%20')
@example("?timeout=3")
def test_a_path_of_any_name_comes_back_from_its_uri_here_and_in_sqlalchemy(name: str) -> None:
    path = Path("/tmp") / name / "a.db"
    uri = sqlite_uri(path)
    assert sqlite_path(uri) == path
    assert make_url(uri).database == str(path)
    assert uri.format(anything="") == uri, "Optuna takes braces for its own"
    assert resolve(uri, Path("/elsewhere"), "x.db") == uri


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:///a.db", "a.db"),
        ("SQLite:///a.db", "a.db"),
        ("sqlite+pysqlite:///a.db", "a.db"),
        ("sqlite:///a%20b%3F/a.db", "a b?/a.db"),
        ("sqlite:///./~/a.db", "~/a.db"),
        ("sqlite:///a.db?timeout=30", "a.db"),
    ],
)
def test_a_file_is_named_relative_to_the_folder(uri: str, path: str, tmp_path: Path) -> None:
    found = resolve(uri, tmp_path, "x.db")
    assert sqlite_path(found) == tmp_path / path
    assert make_url(found).query == ({"timeout": "30"} if "timeout" in uri else {})
    assert resolve(found, Path("/elsewhere"), "x.db") == found


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "https://me:pw@host/mlflow?x=1",
        "http://[::1]:5000",
        "postgresql://me:p%40w@host:5432/db",
        "postgresql+psycopg://me:p/w#@host/db",
        "postgresql:///db?host=/run/postgresql",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dy",
    ],
)
def test_a_valid_address_is_not_changed(uri: str, tmp_path: Path) -> None:
    assert resolve(uri, tmp_path, "x.db") == uri
    assert sqlite_path(uri) is None
    assert is_server(uri) is uri.startswith("http")
    assert resolve("HTTP://host", tmp_path, "x.db") == "http://host"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://me:s3cretpw@[::1", "is not a valid address"),
        ("http://me:s3cretpw@host:99999", "is not a valid address"),
        ("http://me:s3cretpw@host:0", "is not a valid address"),
        ("http://me:s3cretpw@host:port", "is not a valid address"),
        ("http://me:s3cretpw@ho st", "is not a valid address"),
        ("http://me:s3cretpw@host\n", r"host\n' is not a valid address"),
        ("http:host", "is not a valid address"),
        ("postgresql://me:s3cretpw@host:x/db", "with %XX for spaces and for characters such as @"),
        ("postgresql://me:s3cretpw@more@host/db", "is not a valid address"),
        ("http://", "Write http://HOST:PORT"),
        ("http://me:s3cretpw@:5000", "has no host"),
        ("sqlite:a.db", "Name a file: sqlite:///a.db"),
        ("sqlite:/a.db", "Name a file: sqlite:////a.db"),
        ("sqlite://a.db", "Name a file: sqlite:///a.db"),
        ("sqlite+aiosqlite:///a.db", "Name a file: sqlite:///a.db"),
        ("sqlite://", "is not kept. Name a file: sqlite:///x.db"),
        ("sqlite:///:memory:", "is not kept"),
        ("sqlite:///", "is not kept"),
        ("sqlite:////", "is a folder"),
        ("sqlite:////tmp", "is a folder. Name a file in it: sqlite:////tmp/NAME.db"),
        ("sqlite:///~/a.db", ", or sqlite:///./~/a.db for a folder named ~"),
        ("sqlite:///what?/a.db", "Write %3F for a ?"),
        ("sqlite:///a.db?timeout=soon", "only timeout=SECONDS"),
        ("sqlite:///file:a.db?uri=true", "only timeout=SECONDS"),
        ("sqlite:///" + "n" * 250, "File name too long"),
        ("sqlite:///a%00.db", "embedded null"),
        ("sqlite:///" + os.fsdecode(b"\xff"), "the name is not UTF-8"),
    ],
)
def test_an_invalid_address_is_an_error_with_advice(uri: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        resolve(uri, tmp_path, "x.db")
    assert words in str(caught.value)
    assert "s3cretpw" not in str(caught.value)


def test_an_address_is_shown_without_its_password_and_a_file_as_its_path() -> None:
    uri = "postgresql://me:geheim@host/db"
    assert shown(uri) == "postgresql://me:***@host/db"
    assert shown("sqlite:////a%3F/b.db") == "/a?/b.db"
    assert without_password(uri) == "postgresql://me@host/db"
    assert without_password("sqlite:////a:b@c.db") == "sqlite:////a:b@c.db"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError(name="psycopg"), "it needs a package: pip install 'psycopg[binary]'"),
        (ModuleNotFoundError(name="pymysql.cursors"), "pip install pymysql"),
        (OSError("(raised as a result of x)\nno answer\nmore"), "no answer"),
        (OSError(), "OSError"),
    ],
)
def test_the_reason_for_an_error_of_a_database_is_a_single_line(
    error: Exception, words: str
) -> None:
    assert why(error).endswith(words)
