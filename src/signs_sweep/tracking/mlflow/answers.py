"""What the answers and errors of a tracking store mean, and what to do about them.

Status codes and types of exceptions decide; texts of libraries are quoted, and a few add advice.
MLflow and requests wrap the exception that says what happened, so that all causes of an error are
searched.
"""

import os
import re
from collections.abc import Iterator
from configparser import Error as ConfigError
from http.client import responses
from pathlib import Path
from typing import Any

from signs_sweep.domain.masking import learn_user, mask
from signs_sweep.errors import DeniedError, RefusedError, StoreError
from signs_sweep.project.databases import is_server, shown, why

_LEAST = (3, 2)
"""The oldest server that has all calls that are used: the last of them is `delete_experiment_tag`,
by which claims end."""

_SECONDS = 30
"""How long to wait for an answer."""

_API = "/api/2.0/mlflow/"
_TEMPORARY = {408, 425, 429}
"""Statuses from 400 to 499 that are no refusals."""
_PROXIES = {502, 503, 504}
_KEEP_METHOD = {307, 308}
"""Redirects after which a POST is still a POST."""
_DENIED = {1044, 1045, 1142}
"""MySQL's codes for an invalid password and a missing permission."""

_SIGN_IN = (
    "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or write "
    "user and password to ~/.mlflow/credentials"
)

_REFUSALS = {
    401: (DeniedError, f"{{problem}} (401). {_SIGN_IN}"),
    403: (
        DeniedError,
        (
            "does not permit this (403): {reason}. Ask its administrator for the permission to "
            "read, edit and delete in the experiment (MANAGE), and to create experiments"
        ),
    ),
    407: (
        DeniedError,
        (
            "is behind a proxy that needs a user and a password (407). Name them in HTTPS_PROXY or "
            "HTTP_PROXY"
        ),
    ),
    413: (
        RefusedError,
        (
            "does not accept files of this size (413). If nginx is in front of it, set its "
            "client_max_body_size to 0"
        ),
    ),
}
"""Kind and text of the error, by status."""

_ADDRESS_REFUSED = {
    "Invalid Host header": "--allowed-hosts",
    "Cross-origin request blocked": "--cors-allowed-origins",
}
"""By the beginning of the reason of a 403, the option of the server that would permit it."""

_CERTIFICATES = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH")

_UNREACHED = {
    "ProxyError": "the proxy of HTTPS_PROXY or HTTP_PROXY fails. Name this host in NO_PROXY?",
    "SSLCertVerificationError": (
        "its certificate is not accepted ({error.verify_message}). Name the host as the "
        "certificate does. For a private authority, set MLFLOW_TRACKING_SERVER_CERT_PATH=FILE to "
        "the certificate of the authority. MLFLOW_TRACKING_INSECURE_TLS=true turns the check off: "
        "only as a last resort"
    ),
    "SSLError": "TLS fails ({last}). If it has no TLS, write http://",
    "gaierror": "its host is unknown. Check the address, and the network",
    "ConnectionRefusedError": "the connection is refused. Is it running, and is the port right?",
    "TimeoutError": "no answer in time. Is it running, and is the way to it open?",
    "RetryError": "it has errors ({last}). Its log says why",
    "BadStatusLine": "it closes the connection",
    "ConnectionResetError": "it closes the connection",
    "ConnectionError": "is it running? ({last})",
}
"""By name of an exception of Python or requests, what happened; the first that applies."""
_CLOSED = {"BadStatusLine", "ConnectionResetError"}


def check_server(uri: str) -> str:
    """Check that an MLflow server answers, accepts the user and is new enough.

    Returns:
        Its version, or an empty string if that is unknown.

    Raises:
        StoreError: it does not.
        mlflow.exceptions.MlflowException: it cannot be reached.
    """
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    def get(path: str) -> Any:
        return http_request(get_default_host_creds(uri), path, "GET", timeout=_SECONDS)

    for name in _CERTIFICATES:
        file = os.environ.get(name)
        if file and uri.startswith("https:") and not Path(file).exists():
            raise StoreError(f"{name} names {file}, which does not exist")
    try:
        known = get_default_host_creds(uri)
        if known.username and known.password:
            learn_user(known.username, known.password)
    except (ConfigError, UnicodeDecodeError):  # Whose texts quote the file.
        raise StoreError(
            "~/.mlflow/credentials cannot be read. Below a line [mlflow] it needs the lines "
            "mlflow_tracking_username = ... and mlflow_tracking_password = ..., with %% for a %"
        ) from None
    answer = get(f"{_API}experiments/search?max_results=1")
    server = f"the tracking server {shown(uri)}"
    _check_redirects(server, answer)
    if not answer.ok and answer.status_code != 404:
        if answer.status_code == 400 and uri.startswith("http:") and not _is_json(answer):
            raise RefusedError(f"{server} does not accept HTTP. If it has TLS, write https://")
        raise _of_status(uri, answer.status_code, _quoted(answer))
    version = get("/version")
    found = re.match(r"(\d+)\.(\d+)[\w.+-]*", version.text.strip()) if version.ok else None
    if found and (int(found[1]), int(found[2])) < _LEAST:
        raise RefusedError(
            f"{server} runs MLflow {found[0]}. MLflow {'.'.join(map(str, _LEAST))} or later is "
            "needed: upgrade it"
        )
    if not answer.ok or not _is_json(answer):
        raise RefusedError(
            f"{shown(uri)} answers, but not as an MLflow server: it has no {_API}. Check host, "
            "port and path of the address"
        )
    return found[0] if found else ""


def _check_redirects(server: str, answer: Any) -> None:
    """Raise a RefusedError for a redirect, unless it leads to MLflow with every method."""
    target = answer.headers.get("Location", "") if answer.is_redirect else answer.url
    if not answer.is_redirect and _KEEP_METHOD.issuperset(
        each.status_code for each in answer.history
    ):
        return
    target = mask(target.partition("?")[0])
    if _API in target:
        raise RefusedError(
            f"{server} redirects to another address. Name that: {target.partition(_API)[0]}"
        )
    raise RefusedError(
        f"{server} redirects to {target}, as for a person who has to sign in. {_SIGN_IN}, or name "
        "the address of MLflow behind that page"
    )


def _is_json(answer: Any) -> bool:
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def _quoted(answer: Any) -> str:
    """Return MLflow's message in an answer, or its text."""
    text = answer.json().get("message") if _is_json(answer) else answer.text
    return _line(str(text or ""), answer.status_code)


def _line(text: str, status: int) -> str:
    """Return what a server answers in a line, without MLflow's words; the status for a page."""
    body = re.sub(r"^API request to endpoint .*? Response body: '(.*?)'?$", r"\1", text)
    line = mask(body.strip().partition("\n")[0])[:300].rstrip(".")
    return responses.get(status, "no reason") if line.startswith("<") or not line else line


def explain(uri: str, error: Exception) -> StoreError:
    """Return the error to raise for an error of MLflow, the network or a database."""
    causes, reason = list(_causes(error)), why(error)
    if not is_server(uri):
        return _of_database(shown(uri), causes, reason)
    server = f"the tracking server {shown(uri)}"
    if problem := _unreached(uri, causes):
        return StoreError(f"{server} does not answer: {problem}")
    status = _status(causes)
    if status is None:
        return StoreError(f"{server} cannot be used: {reason}")
    return _of_status(uri, status, reason)


def _of_status(uri: str, status: int, reason: str) -> StoreError:
    """Return the error for an answer with a status from 300 on."""
    server, reason = f"the tracking server {shown(uri)}", _line(reason, status)
    option = next((each for text, each in _ADDRESS_REFUSED.items() if reason.startswith(text)), "")
    if status == 403 and option:
        return DeniedError(
            f"{server} refuses its address (403): {reason}. Use the name that it expects, or add "
            f"this name to its option {option}"
        )
    if status in _PROXIES:
        return StoreError(f"{server} is not available ({status}): {reason}. Is it running?")
    if status >= 500 or status in _TEMPORARY:
        return StoreError(f"{server} answers with errors ({status}): {reason}. Its log says why.")
    kind, text = _REFUSALS.get(status, (RefusedError, "refused: {reason}"))
    given = _credentials(uri) if status == 401 else None
    problem = f"does not accept {given}" if given else "needs a user and a password"
    return kind(f"{server} {text.format(problem=problem, reason=reason)}")


def _credentials(uri: str) -> str | None:
    """Return words for the credentials that are sent to a server, or None without any."""
    from mlflow.utils.credentials import get_default_host_creds

    known = get_default_host_creds(uri)
    if "@" in uri:
        return "user and password in its address"
    if known.username and known.password:
        ignored = "; MLflow ignores MLFLOW_TRACKING_TOKEN as long as there is a password"
        return f"the user '{known.username}' with this password{ignored if known.token else ''}"
    return "this token" if known.token else None


def _unreached(uri: str, causes: list[BaseException]) -> str | None:
    """Return why a server was not reached, and what to do; None if it was."""
    for name, text in _UNREACHED.items():
        for error in causes:
            if name in {kind.__name__ for kind in type(error).__mro__}:
                problem = text.format(error=error, last=mask(str(causes[-1]))[:200])
                is_plain = name in _CLOSED and uri.startswith("http:")
                return f"{problem}. If it has TLS, write https://" if is_plain else problem
    return None


def _of_database(store: str, causes: list[BaseException], reason: str) -> StoreError:
    text = " ".join(map(str, causes))
    for fragment, meaning in (
        ("out-of-date database schema", "an older MLflow created it; see `mlflow db upgrade`"),
        ("Can't locate revision", "a newer MLflow created it; upgrade mlflow to read it"),
    ):
        if fragment in text:
            reason = meaning
    return _kind(causes)(f"the tracking store {store} cannot be used: {reason}")


def _kind(causes: list[BaseException]) -> type[StoreError]:
    """Return the kind of an error of a database: a StoreError unless it is surely permanent."""
    names = {kind.__name__ for error in causes for kind in type(error).__mro__}
    states = [getattr(each, "sqlstate", None) or getattr(each, "pgcode", "") for each in causes]
    codes = {each.args[0] for each in causes if each.args and isinstance(each.args[0], int)}
    is_database = "DBAPIError" in names
    if is_database and (
        any(str(state).startswith(("28", "42")) for state in states)
        or codes & _DENIED
        # psycopg gives no state if it cannot connect.
        or any("password authentication failed" in str(each) for each in causes)
    ):
        return DeniedError
    status = _status(causes)
    if status is None or not 400 <= status < 500 or status in _TEMPORARY:
        return StoreError
    # MLflow makes a 400 of every error of SQLAlchemy that is not an OperationalError.
    return (
        StoreError if is_database and not names & {"DataError", "IntegrityError"} else RefusedError
    )


def _status(causes: list[BaseException]) -> int | None:
    """Return the HTTP status of an error, or the one that MLflow's kind of error has."""
    from mlflow.exceptions import MlflowException, RestException

    for error in causes:
        if (response := getattr(error, "response", None)) is not None:
            return int(response.status_code)
    for error in causes:
        if isinstance(error, MlflowException):
            # The statuses that MLflow does not know become a 500, and are in its text only.
            if found := re.search(r"failed with error code (\d{3}) != ", str(error)):
                return int(found[1])
            is_unknown = error.error_code == "INTERNAL_ERROR"  # Unless the server says so.
            is_answer = isinstance(error, RestException)
            return None if is_unknown and not is_answer else int(error.get_http_status_code())
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors that it was raised from, the deepest last."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        # `reason` is that of urllib3, and `orig` that of SQLAlchemy.
        inner = (each.__cause__, each.__context__, *each.args)
        waiting += [*inner, getattr(each, "reason", None), getattr(each, "orig", None)]
