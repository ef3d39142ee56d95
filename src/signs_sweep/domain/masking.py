"""Secrets known to this process, masked by value wherever text leaves it.

Errors and records mask their texts on creation, and the command line masks everything that it
writes to stderr. Masking is by value, wherever the secret occurs: also in messages of libraries,
which quote URLs in their own ways.
"""

import json
import os
import re
import traceback
from base64 import b64encode
from collections.abc import Iterable
from typing import Any, TextIO
from urllib.parse import quote, unquote, unquote_plus

_SECRET_KEY = r"(?:pass(?!file)|pwd|token|secret|api_?key)[\w.-]*="  # noqa: S105 - a pattern
_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD", "RAY_AUTH_TOKEN")
"""Variables of the environment whose value is a secret."""
_LEAST = 6
"""Characters a secret needs to be masked everywhere; a shorter one would match unrelated text."""

_everywhere: set[str] = set()
_within_uris: set[str] = set()


def learn(uri: str) -> None:
    """Remember the secrets in a URI: its password, and any among its options."""
    if match := re.search(r"://([^/:@]*):(.*)@", uri, re.DOTALL):
        user, rest = match.groups()
        # SQLAlchemy lets a password end at the first @, a browser at the last.
        for password in (rest.partition("@")[0], rest):
            _remember(password, user)
            _remember_pair(unquote(user), unquote(password))
    for text in (uri, unquote_plus(uri)):
        for value in re.findall(rf"(?i)[?&;][\w.-]*{_SECRET_KEY}([^&;\s'\"]*)", text):
            _remember(value)


def learn_user(user: str, password: str) -> None:
    """Remember a password, and user and password as sent in HTTP headers."""
    _remember(password, user)
    _remember_pair(user, password)


def _learn_environment() -> None:
    for name, value in os.environ.items():
        if name in _VARIABLES:
            _remember(value)
        elif "://" in value:
            learn(value)
    if password := os.environ.get("MLFLOW_TRACKING_PASSWORD"):
        _remember_pair(os.environ.get("MLFLOW_TRACKING_USERNAME", ""), password)


def _remember_pair(user: str, password: str) -> None:
    """Remember user and password as sent in HTTP headers, which a server may echo."""
    _everywhere.add(b64encode(f"{user}:{password}".encode()).decode())


def _remember(secret: str, user: str = "") -> None:
    """Remember a secret in every encoding; if it is the user name, mask it in URIs only."""
    plain = unquote(secret)
    forms = {secret, plain, unquote_plus(secret)}
    for text in (secret, plain):
        forms |= {quote(text, safe=""), repr(text)[1:-1], json.dumps(text)[1:-1]}
    is_short = len(plain) < _LEAST or plain == unquote(user)
    (_within_uris if is_short else _everywhere).update(forms - {""})


def mask(text: str) -> str:
    """Return a text with `***` for each known secret.

    Known are the learned secrets and those in the environment: the passwords and tokens for MLflow,
    PostgreSQL and Ray, and those in URIs.
    """
    _learn_environment()
    for secret in sorted(_everywhere, key=len, reverse=True):
        text = text.replace(secret, "***")
    for secret in sorted(_within_uris, key=len, reverse=True):
        value = re.escape(secret)
        text = re.sub(rf"(://[^\s/:@]*:){value}(?=@)", r"\1***", text)
        text = re.sub(rf"(?i)({_SECRET_KEY}){value}(?=[&;\s]|$)", r"\1***", text)
    return text


def shown_cause(error: BaseException) -> BaseException | None:
    """Return an exception to raise another from: None if its traceback contains a secret."""
    text = "".join(traceback.format_exception(error))
    return error if mask(text) == text else None


class MaskedStream:
    """A text stream that masks secrets and otherwise behaves like the stream it wraps."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without its secrets."""
        return self._stream.write(mask(text))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines without their secrets."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
