"""Damaged files of every kind end in a clean error or a dataset, never in another exception."""

import csv
import io
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import names, picture

from signs_sweep.data import find_source
from signs_sweep.errors import DataError, UsageError
from signs_sweep.importing import Choices, claimed, collect, import_pictures

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF")


def mutated(content: bytes, generator: random.Random) -> bytes:
    """Change, remove, repeat or cut some bytes, more often near the beginning."""
    changed = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 4, 16))):
        limit = generator.choice((64, 512, len(changed)))
        place = generator.randrange(max(min(limit, len(changed)), 1))
        match generator.randrange(6):
            case 0:
                changed[place : place + 1] = bytes([generator.randrange(256)])
            case 1:
                changed[place : place + 4] = generator.choice(
                    (b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff")
                )
            case 2:
                del changed[place : place + generator.randrange(1, 32)]
            case 3:
                changed[place:place] = changed[place : place + generator.randrange(1, 64)]
            case 4:
                changed[place : place + 1] = bytes(
                    [(changed[place : place + 1] or b"x")[0] ^ 1 << generator.randrange(8)]
                )
            case 5 if generator.random() < 0.2:
                del changed[place:]
    return bytes(changed)


def encoded(name: str, form: str) -> bytes:
    content = io.BytesIO()
    options = {"TIFF": {"compression": "tiff_lzw"}}.get(form, {})
    picture(name, (12, 10)).save(content, form, **options)
    return content.getvalue()


def pictures_in(folder: Path, generator: random.Random) -> Path:
    """Write two good pictures of each class, and forty of each that are damaged."""
    sound = {form: encoded(form, form) for form in FORMATS}
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for number in range(2):
            (folder / label / f"{number}.png").write_bytes(encoded(f"{label}{number}", "PNG"))
        for number in range(40):
            form = generator.choice(FORMATS)
            (folder / label / f"x{number}.{form.lower()}").write_bytes(
                mutated(sound[form], generator)
            )
    return folder


def zip_in(folder: Path, generator: random.Random) -> Path:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", generator.choice((0, 8, 12, 14))) as zipped:
        for name in names("a", "b", number=3):
            zipped.writestr(name, encoded(name, "PNG"))
    return _file(folder / "a.zip", content, generator)


def tar_in(folder: Path, generator: random.Random) -> Path:
    content = io.BytesIO()
    kind = generator.choice(("", "", "gz", "bz2", "xz"))
    with tarfile.open(fileobj=content, mode=f"w:{kind}") as tar:
        for name in names("a", "b", number=3):
            info, picture_ = tarfile.TarInfo(name), encoded(name, "PNG")
            info.size = len(picture_)
            tar.addfile(info, io.BytesIO(picture_))
    return _file(folder / "a.tar", content, generator)


def manifest_in(folder: Path, generator: random.Random) -> Path:
    folder.mkdir()
    content = io.StringIO()
    writer = csv.writer(content)
    writer.writerow(["path", "label", "split", "group"])
    for name in names("a", "b", number=4):
        path = name.replace("/", "")
        (folder / path).write_bytes(encoded(name, "PNG"))
        writer.writerow([path, name[0], "train" if "3" not in name else "test", path])
    return _file(folder / "list.csv", io.BytesIO(content.getvalue().encode()), generator)


def _file(path: Path, content: io.BytesIO, generator: random.Random) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(mutated(content.getvalue(), generator))
    return path


def ending(source: Path, folder: Path) -> str:
    """Import a source; return how that ended, after a look at what it left."""
    try:
        with claimed(folder) as target:
            found = collect(str(source), target.scratch)
            done = import_pictures(found, target, Choices(size=(8, 8), test=0.5), lambda *_: None)
    except (DataError, UsageError) as error:
        is_clean = not folder.exists() and "\n" not in str(error)
        return "error" if is_clean else "unclean error"
    dataset = find_source(str(folder), data_dir=None, spec_folder=Path()).load()
    assert len(dataset.train_labels) == done.counts["train"].sum()
    assert all(reason for _, reason in done.skipped)
    return "dataset"


KINDS: dict[str, Callable[[Path, random.Random], Path]] = {
    "pictures": pictures_in,
    "zip": zip_in,
    "tar": tar_in,
    "csv": manifest_in,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "number", [6, pytest.param(300, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_damaged_source_ends_in_a_clean_error_or_a_dataset(
    tmp_path: Path, kind: str, number: int
) -> None:
    rounds = number // 10 or 1 if kind == "pictures" else number
    endings = set()
    for seed in range(rounds):
        generator = random.Random(seed)
        source = KINDS[kind](tmp_path / f"in{seed}", generator)
        endings.add(ending(source, tmp_path / f"out{seed}"))
    assert endings <= {"error", "dataset"}
    assert number < 100 or kind == "pictures" or len(endings) == 2
