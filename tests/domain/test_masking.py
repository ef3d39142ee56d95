"""Secrets are masked by their value, wherever they occur."""

import base64
import io
import json
import os
import pickle
import subprocess
import sys
import traceback

import pytest

from signs_sweep.domain import Failed, masking
from signs_sweep.domain.masking import MaskedStream, learn, mask, shown_cause
from signs_sweep.errors import SpecError, StoreError
from signs_sweep.protocols import SweepRecord

SECRET = "s3cretpw"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URI", "PASSWORD", "TOKEN", "USERNAME"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setattr(masking, "_everywhere", set())
    monkeypatch.setattr(masking, "_within_uris", set())


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:s3cretpw@host:5000/x", "http://me:***@host:5000/x"),
        ("http://:s3cretpw@host", "http://:***@host"),
        ("postgresql://me:s3cret%40pw@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:s3cret@pw@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:s3/cr?et#pw@host/db", "postgresql://me:***@host/db"),
        ("postgresql:///db?user=me&password=s3cretpw&host=h", None),
        ("mysql://host/db?ssl_ca=ca.pem&sslpassword=s3cretpw", None),
        ("https://host/?token=s3cretpw", "https://host/?token=***"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Ds3cretpw%3BUID%3Dme", None),
    ],
)
def test_a_secret_of_a_uri_is_masked_and_the_rest_is_unchanged(uri: str, shown: str | None) -> None:
    learn(uri)
    assert mask(uri) == (shown or uri.replace("s3cretpw", "***"))


@pytest.mark.parametrize(
    "text",
    ["p@ss\\wörd's", "p%40ss%5Cw%C3%B6rd%27s", repr("p@ss\\wörd's"), json.dumps("p@ss\\wörd's")],
)
def test_a_secret_is_masked_in_every_encoding(text: str) -> None:
    learn("postgresql://me:p%40ss%5cwörd's@host/db")
    assert "ss" not in mask(f"a request with {text} failed")


def test_secrets_in_the_environment_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "from the keyring, 50%25")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "eyJhbGciOi")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:s3cretpw@host")
    monkeypatch.setenv("PGPASSWORD", "of the database")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of-the-cluster")
    monkeypatch.setenv("SIGNS_SWEEP_CLAIMS", "postgresql://me:f%C3%BCr+alle@host/db")
    sent = base64.b64encode(b"me:from the keyring, 50%25").decode()
    texts = ["from the keyring, 50%25", "from%20the%20keyring%2C%2050%2525", sent, "eyJhbGciOi"]
    texts += ["s3cretpw", "of the database", "of-the-cluster", "für+alle", "f%C3%BCr%2Balle"]
    for text in texts:
        assert mask(f"a {text} here") == "a *** here"


@pytest.mark.parametrize("uri", ["http://me:loss@host", "http://mlflow:mlflow@host"])
def test_a_short_secret_or_user_name_is_masked_in_uris_only(uri: str) -> None:
    learn(uri)
    text = "the loss of sqlite:///mlflow.db"
    assert mask(text) == text
    assert mask(f"GET {uri}/api") == f"GET {uri.rpartition(':')[0]}:***@host/api"
    secret = uri.rpartition(":")[2].partition("@")[0]
    assert mask(f"my.sslpassword_2={secret}&x") == "my.sslpassword_2=***&x"


def test_a_long_text_is_masked_in_linear_time() -> None:
    """With a search that is quadratic in the length of a word this takes hours."""
    learn("http://me:loss@host")
    assert mask("0" * 1_000_000) == "0" * 1_000_000


def test_text_without_a_secret_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    learn("sqlite:////tmp/a:b@c/mlflow.db")
    learn("http://host:5000")
    learn("--set")
    text = "sqlite:////tmp/a:b@c/mlflow.db http://host:5000 me@example.org --set 5000"
    assert mask(text) == text


def test_errors_and_records_contain_no_secret() -> None:
    learn("http://me:s3cretpw@host")
    for error in (StoreError("no s3cretpw"), pickle.loads(pickle.dumps(SpecError("s3cretpw")))):
        assert "s3cretpw" not in f"{error} {error!r} {error.args}"
    failed = Failed("id", 0.0, "no s3cretpw", "Traceback: s3cretpw")
    record = SweepRecord("e", "of s3cretpw", "storage: s3cretpw", "s3cretpw", "data", ())
    assert "s3cretpw" not in f"{failed} {record}"
    assert record.spec == "storage: ***"


def test_a_cause_is_kept_unless_it_contains_a_secret() -> None:
    learn("http://me:s3cretpw@host")
    for text, is_kept in (("connection refused", True), (f"GET http://me:{SECRET}@host", False)):
        error = StoreError("no answer")
        error.__cause__ = shown_cause(OSError(text))
        shown = "".join(traceback.format_exception(error))
        assert ("OSError" in shown) is is_kept
        assert "s3cretpw" not in shown


def test_a_stream_masks_what_is_written_and_otherwise_behaves_like_the_stream() -> None:
    learn("http://me:s3cretpw@host")
    stream = io.StringIO()
    masked = MaskedStream(stream)
    print("s3cretpw", file=masked)
    masked.writelines(["s3cretpw", "\n"])
    assert stream.getvalue() == "***\n***\n"
    assert masked.isatty() is False


def test_the_traceback_of_a_bug_and_the_messages_of_libraries_contain_no_secret() -> None:
    code = (
        "import logging, sys, warnings\n"
        "from base64 import b64decode\n"
        "from signs_sweep.cli import app, main\n"
        "def bug():\n"
        "    secret = b64decode(sys.argv[2]).decode()\n"
        "    warnings.warn(secret)\n"
        "    logging.getLogger('library').warning(secret)\n"
        "    print(secret)\n"
        "    raise ValueError(secret)\n"
        "app.app = bug\n"
        "main()\n"
    )
    secret = base64.b64encode(b"a s3cretpw here").decode()
    done = subprocess.run(
        [sys.executable, "-c", code, "http://me:s3cretpw@host", secret],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        check=False,
    )
    assert done.returncode == 1
    assert "ValueError: a *** here" in done.stderr
    assert done.stderr.count("a *** here") == 3
    assert "s3cretpw" not in done.stderr
    assert done.stdout == "a s3cretpw here\n", "stdout is for results, which stay as they are"
