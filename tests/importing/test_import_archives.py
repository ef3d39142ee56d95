"""Archives: pictures in them, and attacks with them."""

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import counts, importing, names, picture, save

from signs_sweep.errors import DataError
from signs_sweep.importing import archive, collect
from signs_sweep.importing.download import PUBLISHED, fetch


def pack(folder: Path, file: Path) -> Path:
    """Write an archive whose kind is that of its name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w") as zipped:
            for path in paths:
                zipped.write(path, path.relative_to(folder.parent))
    else:
        with tarfile.open(file, f"w:{file.suffix[1:].removeprefix('tar')}") as tar:
            tar.add(folder, folder.name)
    return file


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_an_archive_gives_the_dataset_of_its_folder(tmp_path: Path, name: str) -> None:
    folder = save(tmp_path / "in", *names("cat", "dog"))
    expected = importing(folder, tmp_path / "expected")[1]
    done, dataset = importing(pack(folder, tmp_path / name), tmp_path / "out")
    assert dataset.fingerprint == expected.fingerprint
    assert counts(done) == {"train": [5, 5], "test": [1, 1]}
    # Its name need not say what it is.
    (tmp_path / name).rename(tmp_path / "nameless")
    assert (
        importing(tmp_path / "nameless", tmp_path / "again")[1].fingerprint == dataset.fingerprint
    )


def test_a_zip_file_of_windows_and_one_with_a_damaged_member(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        for name in names("cat", "dog"):
            content = io.BytesIO()
            picture(name).save(content, "PNG")
            zipped.writestr("all\\" + name.replace("/", "\\"), content.getvalue())
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[content.index(b"IDAT") + 9] ^= 1
    (tmp_path / "a.zip").write_bytes(content)
    done, _ = importing(tmp_path / "a.zip", tmp_path / "out")
    assert [(name, reason[:22]) for name, reason in done.skipped] == [
        ("all/cat/0.png", "damaged in the archive")
    ]
    assert counts(done) == {"train": [4, 5], "test": [1, 1]}


def test_a_member_without_a_name_is_an_error(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr(zipfile.ZipInfo(""), b"")  # Found by fuzzing: an IndexError of zipfile.
    with pytest.raises(DataError, match="is damaged"):
        collect(str(tmp_path / "a.zip"), tmp_path)


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_links_within_an_archive_are_copies(tmp_path: Path, name: str) -> None:
    folder = save(tmp_path / "in", *names("cat", "dog"))
    (folder / "cat/6.png").symlink_to("0.png")
    os.link(folder / "cat/1.png", folder / "cat/7.png")
    (folder / "cat/8.png").symlink_to("6.png")
    for link, target in (("gone", "nothing"), ("here", "there"), ("there", "here")):
        (folder / f"cat/{link}.png").symlink_to(f"{target}.png")
    done, _ = importing(pack(folder, tmp_path / name), tmp_path / "out")
    assert done.counts["train"][0] + done.counts["test"][0] == 9
    skipped = ["in/cat/gone.png", "in/cat/here.png", "in/cat/there.png"]
    assert [name for name, _ in done.skipped] == skipped


def test_links_around_a_large_member_do_not_decompress_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(tmp_path / "in", *names("cat", "dog"))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(folder, "in")
        for number in range(50):
            tar.addfile(member(f"in/cat/{number + 6}.png", tarfile.LNKTYPE, "in/cat/0.png"))
            tar.addfile(member(f"in/dog/{number + 6}.png", tarfile.SYMTYPE, "0.png"))
    backwards = []

    class Stream(gzip.GzipFile):
        def seek(self, offset: int, whence: int = 0) -> int:
            backwards.append(whence == 0 and offset < self.tell())
            return super().seek(offset, whence)

    monkeypatch.setattr(archive, "_DECOMPRESSORS", ((b"\x1f\x8b", Stream),))
    done, _ = importing(tmp_path / "a.tar.gz", tmp_path / "out")
    assert counts(done) == {"train": [45, 45], "test": [11, 11]}
    assert sum(backwards) <= 2


WRONG: dict[str, Callable[[], tarfile.TarInfo]] = {
    "outside": lambda: member("a/../../evil.png"),
    "would be": lambda: member("/etc/evil.png"),
    "written outside": lambda: member("..\\evil.png"),
    "outside the folder": lambda: member("C:\\evil.png"),
    "is a link to outside": lambda: member("a/evil", tarfile.SYMTYPE, "../../etc"),
    "a link to": lambda: member("a/evil.png", tarfile.SYMTYPE, "/etc/passwd"),
    "link to outside": lambda: member("a/evil.png", tarfile.LNKTYPE, "../passwd"),
    "is a device": lambda: member("a/null", tarfile.CHRTYPE),
    "a device": lambda: member("a/pipe", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("problem", WRONG)
def test_a_dangerous_member_refuses_the_archive_before_anything_is_written(
    tmp_path: Path, problem: str
) -> None:
    file, scratch = (
        pack(save(tmp_path / "in", *names("cat", "dog")), tmp_path / "a.tar"),
        tmp_path / "s",
    )
    scratch.mkdir()
    with tarfile.open(file, "a") as tar:
        tar.addfile(WRONG[problem]())
    with pytest.raises(DataError, match=f"{problem}.*nothing of it was unpacked"):
        collect(str(file), scratch)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("name", "mode", "content", "problem"),
    [
        ("../evil.png", 0o100644, b"x", "outside the folder"),
        ("/evil.png", 0o100644, b"x", "outside the folder"),
        ("a/link", 0o120777, b"../../etc/passwd", "a link to outside"),
        ("a/null", 0o020644, b"", "a device"),
    ],
)
def test_a_dangerous_member_of_a_zip_archive_refuses_it(
    tmp_path: Path, name: str, mode: int, content: bytes, problem: str
) -> None:
    file = pack(save(tmp_path / "in", *names("cat", "dog")), tmp_path / "a.zip")
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(file, "a") as zipped:
        zipped.writestr(info, content)
    with pytest.raises(DataError, match=problem):
        collect(str(file), tmp_path)


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tar.xz"])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(tmp_path / "in", *names("cat", "dog"))
    (folder / "cat/zeros").write_bytes(bytes(3_000_000))
    with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(folder / "cat/zeros", "cat/zeros")
    if name != "a.zip":
        pack(folder, tmp_path / name)
    monkeypatch.setattr(archive, "_MOST_BYTES", 1_000_000)
    monkeypatch.setattr(archive, "_MOST_TIMES", 10)
    with pytest.raises(DataError, match="unpacks to more than 1,000,000 files or 1,000,000 bytes"):
        collect(str(tmp_path / name), tmp_path / "nowhere")


def test_a_header_that_understates_a_size_does_not_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("cat/zeros", bytes(3_000_000))
    content = file.read_bytes().replace(struct.pack("<I", 3_000_000), struct.pack("<I", 1000))
    file.write_bytes(content)
    monkeypatch.setattr(archive, "_MOST_BYTES", 1_000_000)
    monkeypatch.setattr(archive, "_MOST_TIMES", 10)
    (tmp_path / "s").mkdir()
    with pytest.raises(DataError):
        collect(str(file), tmp_path / "s")
    assert sum(path.stat().st_size for path in (tmp_path / "s").iterdir()) < 10_000


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path: Path, kind: bytes) -> None:
    file = tmp_path / "a.tar"
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, 1 << 40
    file.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_000))
    for read in (
        lambda: collect(str(file), tmp_path),
        lambda: collect("cifar10", tmp_path, file),
        lambda: fetch(PUBLISHED["sign-language-digits"], "01", given=str(file), must_verify=False),
    ):
        with pytest.raises(DataError, match="a header has 1,099,511,627,776 bytes"):
            read()


def test_a_disk_that_is_too_small_is_an_error_with_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pack(save(tmp_path / "in", *names("cat", "dog")), tmp_path / "a.zip")
    usage = archive.shutil.disk_usage(tmp_path)._replace(free=1234)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"unpacks to [\d,]+ bytes, but only 1,234 bytes are free"):
        collect(str(file), tmp_path)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.tgz"])
def test_a_truncated_or_empty_or_false_archive_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / name).write_bytes(b"not an archive")
    with pytest.raises(DataError, match=r"is damaged, or not a file of this kind|no pictures"):
        collect(str(tmp_path / name), tmp_path / "s")
    if name != "a.tgz":
        pack(save(tmp_path / "in", *names("cat", "dog")), tmp_path / name)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(DataError, match="damaged"):
            collect(str(tmp_path / name), tmp_path / "s")
