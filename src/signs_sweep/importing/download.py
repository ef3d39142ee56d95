"""Published datasets of pictures: downloading, verifying and reading them."""

import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha1, sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from signs_sweep.domain.masking import learn, mask
from signs_sweep.errors import DataError
from signs_sweep.importing.arrays import reading
from signs_sweep.importing.items import Collection, Item
from signs_sweep.process.durable import replacing

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST_BYTES = 1_000_000_000
"""An archive may unpack to so many bytes."""

_SECONDS_WITHOUT_ANSWER = 30


@dataclass(frozen=True)
class Published:
    """A dataset that is published as a folder of a Git repository.

    Attributes:
        name: its name for commands.
        archive: address of an archive of the repository. Its bytes may change, its files do not.
        listing: address of the list of its files with their Git hashes, as GitHub's API gives it.
        folder: folder with a sub-folder of JPEG files for each class.
        classes: names of the classes.
        pictures: number of pictures.
        licence: their licence.
        citation: how to cite them.
    """

    name: str
    archive: str
    listing: str
    folder: str
    classes: tuple[str, ...]
    pictures: int
    licence: str
    citation: str


_REPOSITORY = "ardamavi/Sign-Language-Digits-Dataset"
_COMMIT = "4b09433ef9d5c60602e8805bb54b8aa2428527f8"

PUBLISHED: Mapping[str, Published] = {
    "sign-language-digits": Published(
        "sign-language-digits",
        f"https://codeload.github.com/{_REPOSITORY}/zip/{_COMMIT}",
        f"https://api.github.com/repos/{_REPOSITORY}/git/trees/{_COMMIT}?recursive=1",
        "Dataset",
        tuple("0123456789"),
        2062,
        "Apache-2.0",
        "Mavi, A. (2020), A New Dataset and Proposed Convolutional Neural Network Architecture for "
        "Classification of American Sign Language Digits, arXiv:2011.08927",
    )
}
"""The datasets that can be downloaded, by name."""


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


@dataclass(frozen=True)
class Fetched:
    """A published dataset on this machine.

    Attributes:
        collection: its pictures.
        unverified: why the files could not be compared with those published; None if they were,
            and are the same.
    """

    collection: Collection
    unverified: str | None


def fetch(
    published: Published,
    classes: Sequence[str],
    *,
    given: str | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Return the pictures of a published dataset.

    The archive and the list of its files are kept in the user's cache folder, so that they are
    downloaded only the first time. An archive with other files than those published is refused, and
    removed from the cache.

    Args:
        published: the dataset.
        classes: which of its classes.
        given: path or address of its archive (zip or tar), with or without the folder above
            `published.folder`; None for the address at which it is published.
        progress: called while the archive is downloaded.

    Raises:
        DataError: it cannot be downloaded or stored, or its files are not those published.
    """
    from platformdirs import user_cache_path

    cache = user_cache_path("signs-sweep")
    address = given or published.archive
    learn(address)
    is_address = re.match("(?i)https?://", address) is not None
    path = cache / f"{published.name}-{sha256(address.encode()).hexdigest()[:8]}"
    if not is_address:
        path = Path(address)
        if not path.is_file():
            raise DataError(
                f"{path} is not a file. Pass a zip or tar archive, or the address of such a file; "
                "a folder is imported with data import."
            )
    elif not path.is_file():
        try:
            _download(address, path, progress)
        except DataError as error:
            raise DataError(f"{error} {_alternatives(published)}") from error
    listing, hashes, unverified = cache / f"{published.name}.json", None, None
    try:
        hashes = _read_listing(published, listing)
    except DataError as error:
        unverified = str(error)
    try:
        contents = _read_archive(path, published.folder)
        _check(contents, hashes, published)
    except DataError as error:
        if not is_address:
            raise DataError(f"{path} is not {published.name}: {error}") from error
        with suppress(OSError):
            path.unlink()
            listing.unlink()
        raise DataError(
            f"what {address} sent is not {published.name}: {error} It was removed. "
            f"{_alternatives(published)}"
        ) from error
    return Fetched(_collect(contents, classes, mask(address), published), unverified)


def _alternatives(published: Published) -> str:
    return (
        f"Try again later; or get {published.archive} in a browser or on a different machine, and "
        "pass the file as --from FILE; or begin with the drawn images (data: drawn), which need no "
        "network."
    )


def _download(address: str, path: Path, progress: Progress | None = None) -> None:
    """Download a file. If that fails or is interrupted, nothing of it remains."""
    from pooch import HTTPDownloader
    from requests import RequestException

    bar: Any = progress or False
    download = HTTPDownloader(bar, chunk_size=65_536, timeout=_SECONDS_WITHOUT_ANSWER)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, has_rivals=True) as aside:
            download(address, str(aside), None)
    except RequestException as error:
        host = address.split("/")[2].rpartition("@")[2]
        raise DataError(f"cannot download from {host}: {_reason(error)}.") from error
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


def _read_listing(published: Published, path: Path) -> dict[str, str]:
    """Return the Git hashes of the published files, by their paths below the folder."""
    if not path.is_file():
        _download(published.listing, path)
    hashes: dict[str, str] = {}
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        listing = json.loads(path.read_bytes())
        if not listing["truncated"]:
            hashes = {
                str(entry["path"]): str(entry["sha"])
                for entry in listing["tree"]
                if entry["type"] == "blob"
            }
    below = f"{published.folder}/"
    inner = {
        found: digest
        for name, digest in hashes.items()
        if name.startswith(below) and (found := _inner(name, published.folder))
    }
    if not inner:
        with suppress(OSError):
            path.unlink()
        raise DataError(f"{published.listing} did not send a complete list of the files.")
    return inner


def _inner(path: str, folder: str) -> str | None:
    """Return the path of a file below the folder, or None if it is not below it or is hidden."""
    parts = PurePosixPath(path).parts
    depth = parts[:2].index(folder) + 1 if folder in parts[:2] else len(parts)
    is_hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    return None if is_hidden else "/".join(parts[depth:]) or None


def _read_archive(path: Path, folder: str) -> dict[str, bytes]:
    """Return the contents of the files below the folder, by their paths."""
    with reading(path):
        if zipfile.is_zipfile(path):
            return dict(_unzipped(path, folder))
        if tarfile.is_tarfile(path):
            return dict(_untarred(path, folder))
        with path.open("rb") as file:
            is_page = file.read(1000).lstrip()[:1] == b"<"
        raise DataError(
            "it is a web page, such as that of a proxy."
            if is_page
            else "it is not a zip or tar archive, or is truncated."
        )


def _unzipped(path: Path, folder: str) -> Iterator[tuple[str, bytes]]:
    left = _MOST_BYTES
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            inner = None if info.is_dir() else _inner(info.filename, folder)
            if inner:
                left = _less(left, info.file_size)
                yield inner, archive.read(info)


def _untarred(path: Path, folder: str) -> Iterator[tuple[str, bytes]]:
    left = _MOST_BYTES
    with tarfile.open(path) as archive:
        for info in archive:
            left = _less(left, info.size)
            inner = _inner(info.name, folder) if info.isfile() else None
            if inner and (file := archive.extractfile(info)):
                yield inner, file.read()


def _less(left: int, size: int) -> int:
    if size > left:
        raise DataError(f"it unpacks to more than {_MOST_BYTES:,} bytes.")
    return left - size


def _check(
    contents: Mapping[str, bytes], hashes: Mapping[str, str] | None, published: Published
) -> None:
    """Check that files are those published.

    Raises:
        DataError: they are not.
    """
    if hashes is not None:
        found = {path: _git_hash(content) for path, content in contents.items()}
        wrong = sorted(path for path in {*found, *hashes} if found.get(path) != hashes.get(path))
        if wrong:
            named = ", ".join(_named(path, found, hashes) for path in wrong[:5])
            raise DataError(
                f"{len(wrong):,} of {len({*found, *hashes}):,} files below {published.folder} "
                f"differ: {named}{', ...' if len(wrong) > 5 else ''}."
            )
    folders = {path.partition("/")[0] for path in contents if "/" in path}
    pictures = sum(map(_is_picture, contents))
    if folders != set(published.classes) or pictures != published.pictures:
        raise DataError(
            f"{published.folder} has {len(folders)} folders and {pictures:,} pictures; it should "
            f"have {len(published.classes)} and {published.pictures:,}."
        )


def _git_hash(content: bytes) -> str:
    """Return the name that Git gives a file with this content."""
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _named(path: str, found: Mapping[str, str], hashes: Mapping[str, str]) -> str:
    problem = "missing" if path not in found else "changed" if path in hashes else "not published"
    return f"{path} ({problem})"


def _is_picture(path: str) -> bool:
    return path.lower().endswith((".jpg", ".jpeg"))


def _collect(
    contents: Mapping[str, bytes], classes: Sequence[str], address: str, published: Published
) -> Collection:
    items = tuple(
        Item(path, path.partition("/")[0], None, None, partial(_open, content))
        for path, content in sorted(contents.items())
        if _is_picture(path) and path.partition("/")[0] in classes
    )
    return Collection(
        items,
        tuple(classes),
        address,
        licence=published.licence,
        citation=published.citation,
    )


def _open(content: bytes) -> "Image":
    from PIL import Image

    return Image.open(BytesIO(content), formats=["JPEG"])
