"""Zip and tar archives, which need not be trustworthy.

All members are checked before the first is read. The files that are unpacked have numbers as names,
so that no name in the archive decides where anything is written.
"""

import bz2
import gzip
import lzma
import posixpath
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from signs_sweep.errors import DataError
from signs_sweep.importing.files import NO_SPACE, reading
from signs_sweep.importing.folder import collect_files
from signs_sweep.importing.items import Collection, printable
from signs_sweep.importing.phases import OnProgress, Phase

_MOST_MEMBERS = 1_000_000
_MOST_BYTES, _MOST_TIMES = 1_000_000_000, 100
"""An archive may unpack to so many bytes, or to so many times its size if that is more."""

_LONGEST_PIECE = 1_000_000
"""Most bytes of an archive that are in memory, such as the header of a member."""

_LONGEST_PATH, _MOST_LINKS = 4096, 40
"""As in Linux: bytes in the target of a link, and links that lead to each other."""

_DECOMPRESSORS: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
"""By the first bytes of a file, what decompresses it."""


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        path: its path in the archive.
        size: its size in bytes; it cannot be read to more.
        open: opens it for reading.
    """

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]

    def read(self) -> bytes:
        """Return its content."""
        with self.open() as file:
            return b"".join(iter(partial(file.read, _LONGEST_PIECE // 2), b""))


@dataclass(frozen=True)
class Archive:
    """What is in an archive.

    Attributes:
        members: its files, in the order in which they are stored: in another order, each would
            decompress everything before it again.
        links: by the path of a link in it, the path that the link leads to.
    """

    members: list[Member] = field(default_factory=list)
    links: dict[PurePosixPath, PurePosixPath] = field(default_factory=dict)


def is_archive(file: Path) -> bool:
    """Whether a file is a zip archive, or may be a tar archive by its name or first bytes."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if ".tar" in suffixes or suffixes[-1:] in ([".tgz"], [".tbz2"], [".txz"], [".zip"]):
        return True
    with file.open("rb") as stream:
        first = stream.read(512)
    is_compressed = any(first.startswith(magic) for magic, _ in _DECOMPRESSORS)
    return is_compressed or first[257:262] == b"ustar" or zipfile.is_zipfile(file)


def collect_archive(file: Path, scratch: Path, on_progress: OnProgress) -> Collection:
    """Unpack an archive and return the pictures in it; see `collect_files`.

    Args:
        file: a zip archive, or a tar archive, also compressed with gzip, bzip2 or xz.
        scratch: existing folder for the unpacked files.
        on_progress: called with the number of files that are unpacked.

    Raises:
        DataError: as from `opened`, or the disk is full.
    """
    skipped: list[tuple[str, str]] = []
    files: dict[PurePosixPath, Path] = {}
    with opened(file) as archive:
        total, free = sum(each.size for each in archive.members), shutil.disk_usage(scratch).free
        no_room = DataError(
            f"{file} unpacks to {total:,} bytes, but only {free:,} bytes are free in {scratch}"
        )
        if total > free:
            raise no_room
        for number, member in enumerate(archive.members):
            target = scratch / f"{number:06}"
            try:
                with target.open("wb") as out, member.open() as source:
                    shutil.copyfileobj(source, out)
            except Exception as error:  # Damaged archives raise any type.
                if getattr(error, "errno", None) in NO_SPACE:
                    raise no_room from error
                skipped.append((printable(str(member.path)), f"damaged in the archive: {error}"))
            else:
                files[member.path] = target
            on_progress(Phase.UNPACKING, number + 1, len(archive.members))
        for link, target_of_link in archive.links.items():
            reached = target_of_link
            for _ in range(_MOST_LINKS):
                reached = archive.links.get(reached, reached)
            if reached in files:
                files[link] = files[reached]
            else:
                skipped.append((printable(str(link)), "a link to something else than a file"))
    found = collect_files(files, str(file))
    return replace(found, skipped=tuple(sorted((*found.skipped, *skipped))))


@contextmanager
def opened(file: Path) -> Iterator[Archive]:
    """Yield what is in a zip or tar archive, after checks.

    Raises:
        DataError: the file is not an archive or is damaged, would unpack to too much, or has a
            member outside the archive, a link to outside or a device.
    """
    with reading(file), (_zip if zipfile.is_zipfile(file) else _tar)(file) as archive:
        yield archive


@contextmanager
def _zip(file: Path) -> Iterator[Archive]:
    with zipfile.ZipFile(file) as stored:
        found, size = Archive(), 0
        for info in stored.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            path = _inner_path(file, info.filename)
            if info.flag_bits & 1:
                raise DataError(f"{file} is encrypted. Unpack it and import the folder.")
            if kind == stat.S_IFLNK:
                with stored.open(info) as link:
                    target = link.read(_LONGEST_PATH).decode(errors="replace")
                found.links[path] = _reached(file, path, path.parent, target)
            elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(file, info.filename, "is a device")
            elif not info.is_dir():
                size += info.file_size
                _check_size(file, found, size)
                found.members.append(Member(path, info.file_size, partial(stored.open, info)))
        yield found


@contextmanager
def _tar(file: Path) -> Iterator[Archive]:
    with file.open("rb") as plain:
        first = plain.read(6)
    opener = next((o for magic, o in _DECOMPRESSORS if first.startswith(magic)), None)
    stream = opener(file) if opener else file.open("rb")
    with stream, tarfile.TarFile(fileobj=cast("IO[bytes]", _Pieces(stream))) as stored:
        found, size = Archive(), 0
        for info in stored:
            path = _inner_path(file, info.name)
            size += info.size
            _check_size(file, found, size)  # Before the rest is decompressed to find more.
            if info.issym() or info.islnk():
                place = path.parent if info.issym() else PurePosixPath()
                found.links[path] = _reached(file, path, place, info.linkname)
            elif info.isfile():
                read = cast("Callable[[], IO[bytes]]", partial(stored.extractfile, info))
                found.members.append(Member(path, info.size, read))
            elif not info.isdir():
                raise _refused(file, info.name, "is a device")
        stream.seek(stored.offset)
        if any(stream.read(tarfile.BLOCKSIZE)):  # tarfile takes it for the end.
            raise tarfile.ReadError("the header of a member is invalid")
        yield found


class _Pieces:
    """A stream that is read in pieces of limited size: a header may claim to be of any size."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes.

        Raises:
            tarfile.ReadError: they are more than any header needs.
        """
        if not 0 <= size <= _LONGEST_PIECE:
            raise tarfile.ReadError(f"a header has {size:,} bytes")
        return self._stream.read(size)


def _inner_path(file: Path, name: str) -> PurePosixPath:
    """Return the path of a member, with the separators of any system.

    Raises:
        DataError: it is outside the archive.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
        raise _refused(file, name, "would be written outside the folder")
    return path


def _reached(file: Path, link: PurePosixPath, place: PurePosixPath, target: str) -> PurePosixPath:
    """Return the path that a link in a folder leads to."""
    reached = posixpath.normpath(place / target.replace("\\", "/"))
    if reached.startswith("/") or reached.split("/")[0] == ".." or re.match("[A-Za-z]:", target):
        raise _refused(file, str(link), "is a link to outside the archive")
    return PurePosixPath(reached)


def _check_size(file: Path, found: Archive, size: int) -> None:
    limit = max(_MOST_BYTES, _MOST_TIMES * file.stat().st_size)
    if size > limit or len(found.members) + len(found.links) >= _MOST_MEMBERS:
        raise DataError(
            f"{file} unpacks to more than {_MOST_MEMBERS:,} files or {limit:,} bytes, as archives "
            "do that are made to fill disks. If you trust it, unpack it and import the folder."
        )


def _refused(file: Path, name: str, problem: str) -> DataError:
    return DataError(
        f"{file}: the member {printable(name)[:200]} {problem}. Such an archive is refused; "
        "nothing of it was unpacked."
    )
