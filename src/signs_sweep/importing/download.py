"""Published datasets of pictures: downloading, verifying and reading them."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha1, sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from signs_sweep.errors import DataError
from signs_sweep.importing.archive import is_archive, opened
from signs_sweep.importing.arrays import check_memory
from signs_sweep.importing.items import Collection, Item
from signs_sweep.importing.web import Progress, download, is_address, shown_address

if TYPE_CHECKING:
    from PIL.Image import Image


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
    must_verify: bool = True,
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
        must_verify: whether it is an error if the list of the published files cannot be had.
        progress: called while the archive is downloaded.

    Raises:
        DataError: it cannot be downloaded, stored or verified, or its files are not those
            published.
    """
    from platformdirs import user_cache_path

    cache = user_cache_path("signs-sweep")
    address = given or published.archive
    shown = shown_address(address)
    path = cache / f"{published.name}-{sha256(address.encode()).hexdigest()[:8]}"
    if not is_address(address):
        path = Path(address)
        if not path.is_file():
            raise DataError(
                f"{path} is not a file. Pass a zip or tar archive, or the address of such a file; "
                "a folder is imported with data import."
            )
    elif not path.is_file():
        try:
            download(address, path, progress)
        except DataError as error:
            raise DataError(f"{error} {_alternatives(published)}") from error
    listing, hashes, unverified = cache / f"{published.name}.json", None, None
    try:
        hashes = _read_listing(published, listing)
    except DataError as error:
        unverified = str(error)
        if must_verify:
            raise DataError(
                f"{shown} cannot be verified without the list of the published files: {error} Try "
                "again later, or import it without this with --unverified."
            ) from error
    try:
        contents = _read_archive(path, published.folder)
        _check(contents, hashes, published)
    except DataError as error:
        if not is_address(address):
            raise DataError(f"{path} is not {published.name}: {error}") from error
        with suppress(OSError):
            path.unlink()
            listing.unlink()
        raise DataError(
            f"what {shown} sent is not {published.name}: {error} It was removed. "
            f"{_alternatives(published)}"
        ) from error
    items = tuple(
        Item(name, name.partition("/")[0], None, None, partial(_open, content))
        for name, content in sorted(contents.items())
        if _is_picture(name) and name.partition("/")[0] in classes
    )
    collection = Collection(
        items, tuple(classes), shown, licence=published.licence, citation=published.citation
    )
    return Fetched(collection, unverified)


def _alternatives(published: Published) -> str:
    return (
        f"Try again later; or get {published.archive} in a browser or on a different machine, and "
        "pass the file as --from FILE, without a network with --unverified; or begin with the "
        "drawn images (data: drawn), which need no network."
    )


def _read_listing(published: Published, path: Path) -> dict[str, str]:
    """Return the Git hashes of the published files, by their paths below the folder."""
    if not path.is_file():
        download(published.listing, path)
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
        if name.startswith(below) and (found := _inner(PurePosixPath(name), published.folder))
    }
    if not inner:
        with suppress(OSError):
            path.unlink()
        raise DataError(f"{published.listing} did not send a complete list of the files.")
    return inner


def _inner(path: PurePosixPath, folder: str) -> str | None:
    """Return the path of a file below the folder, or None if it is not below it or is hidden."""
    depth = path.parts[:2].index(folder) + 1 if folder in path.parts[:2] else len(path.parts)
    is_hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return None if is_hidden else "/".join(path.parts[depth:]) or None


def _read_archive(path: Path, folder: str) -> dict[str, bytes]:
    """Return the contents of the files below the folder, by their paths."""
    if not is_archive(path):
        with path.open("rb") as file:
            is_page = file.read(1000).lstrip()[:1] == b"<"
        raise DataError(
            "it is a web page, such as that of a proxy."
            if is_page
            else "it is not a zip or tar archive, or is truncated."
        )
    with opened(path) as archive:
        inner = {found: each for each in archive.members if (found := _inner(each.path, folder))}
        check_memory(path, sum(member.size for member in inner.values()))
        return {name: member.read() for name, member in inner.items()}


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


def _open(content: bytes) -> "Image":
    from PIL import Image

    return Image.open(BytesIO(content), formats=["JPEG"])
