"""Downloading a file."""

import re
from pathlib import Path
from typing import Any, Protocol

from signs_sweep.domain.masking import learn, mask
from signs_sweep.errors import DataError
from signs_sweep.process.durable import replacing

_SECONDS_WITHOUT_ANSWER = 30


class Progress(Protocol):
    """What pooch calls while it downloads.

    Attributes:
        total: number of bytes; 0 if the server does not state it.
    """

    total: int

    def update(self, size: int, /) -> None:
        """Count further bytes."""

    def reset(self) -> None:
        """Count from 0 again."""

    def close(self) -> None:
        """End."""


def is_address(text: str) -> bool:
    """Whether a text is an address on the web, and not a path."""
    return re.match("(?i)https?://", text) is not None


def shown_address(address: str) -> str:
    """Return an address without its password and its query, which may hold a signature."""
    learn(address)
    return re.split("[?#]", mask(address))[0] if is_address(address) else address


def download(address: str, path: Path, progress: Progress | None = None) -> None:
    """Download a file. If that fails or is interrupted, nothing of it remains.

    Args:
        address: its address.
        path: where to store it, in a folder that is created if necessary.
        progress: called while it is downloaded.

    Raises:
        DataError: it cannot be downloaded or stored.
    """
    from pooch import HTTPDownloader
    from requests import RequestException

    bar: Any = progress or False
    load = HTTPDownloader(bar, chunk_size=65_536, timeout=_SECONDS_WITHOUT_ANSWER)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, has_rivals=True) as aside:
            load(address, str(aside), None)
    except RequestException as error:
        shown = shown_address(address)
        host = shown.split("/")[2].rpartition("@")[2]
        reason = _reason(error).replace(address, shown)
        raise DataError(f"cannot download from {host}: {reason}.") from error
    except OSError as error:
        raise DataError(
            f"cannot store what is downloaded in {path.parent}: {error.strerror or error}. Free "
            "some space, or set the variable XDG_CACHE_HOME to store it in another folder."
        ) from error


def _reason(error: Any) -> str:
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    reasons = (  # From the special to the general: the first are connection errors as well.
        (exceptions.SSLError, "the server's certificate is not valid, or a proxy replaced it"),
        (exceptions.ProxyError, "the proxy refused the connection"),
        (exceptions.Timeout, f"the server did not answer within {_SECONDS_WITHOUT_ANSWER} s"),
        (exceptions.ConnectionError, "the server cannot be reached"),
        (exceptions.ChunkedEncodingError, "the connection broke"),
    )
    return next((text for kind, text in reasons if isinstance(error, kind)), str(error))
