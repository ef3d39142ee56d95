"""Pictures in a zip or tar archive, which need not be trustworthy.

All members are checked before the first is unpacked. The files that are written have numbers as
names, so that no name in the archive decides where anything is written.
"""

import bz2
import errno
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
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from signs_sweep.errors import DataError
from signs_sweep.importing.folder import collect_files
from signs_sweep.importing.items import Collection, printable

_MOST_MEMBERS = 1_000_000
_MOST_BYTES, _MOST_TIMES = 1_000_000_000, 100
"""An archive may unpack to so many bytes, or to so many times its size if that is more."""

_LONGEST_PIECE = 1_000_000
"""Most bytes of an archive that are in memory, such as the header of a member."""

_DECOMPRESSORS: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
"""By the first bytes of a file, what decompresses it."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class _Member:
    """A file in an archive: its name, its size in bytes as stated, and a function to open it."""

    name: str
    size: int
    open: Callable[[], IO[bytes] | None]


def is_archive(file: Path) -> bool:
    """Whether a file is a zip archive, or may be a tar archive by its name or first bytes."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if ".tar" in suffixes or suffixes[-1:] in ([".tgz"], [".tbz2"], [".txz"], [".zip"]):
        return True
    with file.open("rb") as stream:
        first = stream.read(512)
    is_compressed = any(first.startswith(magic) for magic, _ in _DECOMPRESSORS)
    return is_compressed or first[257:262] == b"ustar" or zipfile.is_zipfile(file)


def collect_archive(file: Path, scratch: Path) -> Collection:
    """Unpack an archive and return the pictures in it; see `collect_files`.

    Args:
        file: a zip archive, or a tar archive, also compressed with gzip, bzip2 or xz.
        scratch: existing folder for the unpacked files.

    Raises:
        DataError: the file is not an archive or is damaged, would unpack to too much, or has a
            member outside the archive, a link to outside or a device; nothing was unpacked then.
    """
    skipped: list[tuple[str, str]] = []
    files: dict[PurePosixPath, Path] = {}
    with _reading(file):
        read = _zip_members if zipfile.is_zipfile(file) else _tar_members
        with read(file, skipped) as members:
            left = _check_sizes(file, members, scratch)
            for number, member in enumerate(members):
                target = scratch / f"{number:06}"
                try:
                    left -= _unpack(member, target, left)
                except Exception as error:  # Damaged archives raise any type.
                    if getattr(error, "errno", None) in _NO_SPACE:
                        raise
                    skipped.append((printable(member.name), f"damaged in the archive: {error}"))
                else:
                    files[_inner_path(file, member.name)] = target
                if left < 0:
                    raise _too_large(file)
    found = collect_files(files, str(file))
    return replace(found, skipped=tuple(sorted((*found.skipped, *skipped))))


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"cannot unpack {file}: {error.strerror}") from error
        raise DataError(
            f"{file} cannot be read: it is damaged, or not a zip or tar archive ({error})"
        ) from error


def _check_sizes(file: Path, members: list[_Member], scratch: Path) -> int:
    """Return how many bytes may be unpacked at most."""
    total, limit = sum(member.size for member in members), _limit(file)
    if total > limit or len(members) > _MOST_MEMBERS:
        raise _too_large(file)
    free = shutil.disk_usage(scratch).free
    if total > free:
        raise DataError(
            f"{file} unpacks to {total:,} bytes, but only {free:,} bytes are free in {scratch}"
        )
    return min(limit, free)


def _limit(file: Path) -> int:
    return max(_MOST_BYTES, _MOST_TIMES * file.stat().st_size)


def _too_large(file: Path) -> DataError:
    return DataError(
        f"{file} unpacks to more than {_MOST_MEMBERS:,} files or {_limit(file):,} bytes, as "
        "archives do that are made to fill disks. If you trust it, unpack it and import the folder."
    )


def _unpack(member: _Member, target: Path, left: int) -> int:
    """Write a member to a file, and return its bytes; it ends soon after `left` bytes."""
    written = 0
    with target.open("wb") as out, _opened(member) as source:
        while written <= left and (piece := source.read(_LONGEST_PIECE)):
            out.write(piece)
            written += len(piece)
    return written


def _opened(member: _Member) -> IO[bytes]:
    source = member.open()
    if source is None:  # A link to a folder.
        raise KeyError("not a file")
    return source


@contextmanager
def _zip_members(file: Path, skipped: list[tuple[str, str]]) -> Iterator[list[_Member]]:
    with zipfile.ZipFile(file) as archive:
        members = []
        for info in archive.infolist():
            mode = info.external_attr >> 16
            kind = stat.S_IFMT(mode)
            _inner_path(file, info.filename)
            if info.flag_bits & 1:
                raise DataError(f"{file} is encrypted. Unpack it and import the folder.")
            if kind == stat.S_IFLNK:
                target = archive.open(info).read(_LONGEST_PIECE).decode(errors="replace")
                _check_link(file, info.filename, posixpath.dirname(info.filename), target)
                skipped.append((printable(info.filename), "a link"))
            elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(file, info.filename, "is a device")
            elif not info.is_dir():
                read = _zip_opener(archive, info)
                members.append(_Member(info.filename, info.file_size, read))
        yield members


def _zip_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(info)


@contextmanager
def _tar_members(file: Path, skipped: list[tuple[str, str]]) -> Iterator[list[_Member]]:
    del skipped  # The contents of links are those of the files that they lead to.
    with file.open("rb") as plain:
        first = plain.read(6)
    opener = next((o for magic, o in _DECOMPRESSORS if first.startswith(magic)), None)
    stream = opener(file) if opener else file.open("rb")
    with stream, tarfile.TarFile(fileobj=cast("IO[bytes]", _Pieces(stream))) as archive:
        members: list[_Member] = []
        size, limit = 0, _limit(file)
        for info in archive:
            _inner_path(file, info.name)
            if info.issym() or info.islnk():
                place = posixpath.dirname(info.name) if info.issym() else ""
                _check_link(file, info.name, place, info.linkname)
            elif not (info.isfile() or info.isdir()):
                raise _refused(file, info.name, "is a device")
            size += info.size
            if size > limit or len(members) > _MOST_MEMBERS:
                raise _too_large(file)  # Before the rest is decompressed to find more.
            if not info.isdir():
                members.append(_Member(info.name, info.size, _tar_opener(archive, info)))
        stream.seek(archive.offset)
        if any(stream.read(tarfile.BLOCKSIZE)):  # tarfile takes it for the end.
            raise tarfile.ReadError("the header of a member is invalid")
        yield members


def _tar_opener(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], IO[bytes] | None]:
    return lambda: archive.extractfile(info)


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


def _check_link(file: Path, name: str, place: str, target: str) -> None:
    reached = posixpath.normpath(posixpath.join(place, target.replace("\\", "/")))
    if reached.startswith("/") or reached.split("/")[0] == ".." or re.match("[A-Za-z]:", target):
        raise _refused(file, name, "is a link to outside the archive")


def _refused(file: Path, name: str, problem: str) -> DataError:
    return DataError(
        f"{file}: the member {printable(name)[:200]} {problem}. Such an archive is refused; "
        "nothing of it was unpacked."
    )
