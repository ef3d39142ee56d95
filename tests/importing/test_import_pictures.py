"""How pictures are decoded, which are skipped, and what a killed or failed import leaves."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pictures import counts, importing, names, picture, save
from PIL import Image

from signs_sweep.data import Fit
from signs_sweep.errors import DataError, UsageError
from signs_sweep.importing import Choices, Collection, Item, claimed, collect, import_pictures


def test_pictures_that_cannot_be_used_are_skipped_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save(tmp_path / "in", *names("a", "b"))
    folder = source / "a"
    picture(0, (64, 64)).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:-200])
    (folder / "text.jpg").write_text("text")
    (folder / "empty.png").touch()
    (folder / "phone.HEIC").write_bytes(b"\x00\x00\x00\x18ftypheic")
    os.mkfifo(folder / "pipe.png")
    (folder / "print.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    picture(1, (7, 90)).save(folder / "tiny.png")
    picture(2, (800, 200)).save(folder / "large.png")
    frames = [picture(number) for number in range(3)]
    for suffix in ("gif", "webp", "png", "tif"):
        frames[0].save(folder / f"moving.{suffix}", save_all=True, append_images=frames[1:])
    for mode, bits in (("F", 32), ("I", 32), ("I;16", 16)):  # The last is not skipped.
        values = np.linspace(0, 65535, 256).reshape(16, 16)
        Image.fromarray(values.astype({"F": "f4", "I": "i4", "I;16": "u2"}[mode])).save(
            folder / f"values{mode[0]}{bits}.tif"
        )
    frames[0].save(folder / "phone.mpo", save_all=True, append_images=frames[1:])  # Not skipped.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    done, _ = importing(source, tmp_path / "out")
    reasons = dict(done.skipped)
    assert reasons.pop("a/cut.jpg").startswith("damaged: image file is truncated")
    no_range = "values of 32 bits have no known range: save it with 8 or 16 bits"
    several = "animated or of several pages: 3 frames"
    assert reasons == {
        "a/text.jpg": "not a picture",
        "a/empty.png": "not a picture",
        "a/phone.HEIC": "HEIC is not supported: save it as JPEG",
        "a/print.eps": "not a picture",
        "a/pipe.png": "not a file",
        "a/tiny.png": "tiny: 90 x 7 pixels",
        "a/valuesF32.tif": no_range,
        "a/valuesI32.tif": no_range,
        "a/large.png": "too large: 200 x 800 pixels; the limit is 100,000 pixels",
        **{f"a/moving.{suffix}": several for suffix in ("gif", "webp", "png", "tif")},
    }
    assert counts(done) == {"train": [6, 5], "test": [2, 1]}


def test_size_channels_and_fit_are_as_chosen(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for path in names("a", "b"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        image = picture(path, (40, 20))
        exif = Image.Exif()
        exif[0x0112] = 6  # On its side: 20 wide and 40 high.
        image.save(source / path, exif=exif)
    choices = {"size": (20, 30), "channels": 1, "fit": Fit.LETTERBOX}
    done, dataset = importing(source, tmp_path / "out", **choices)
    assert dataset.image_shape == (20, 30, 1)
    assert not dataset.train_images[:, :, [0, -1]].any()  # The bars are at the sides.
    assert dataset.train_images[:, :, 15].any()
    assert done.sizes == [((20, 40), 12)]


def test_any_exception_of_a_picture_skips_it_but_a_lack_of_memory_does_not(tmp_path: Path) -> None:
    def fail(error: BaseException) -> Callable[[], Image.Image]:
        def read() -> Image.Image:
            raise error

        return read

    items = [
        Item(path, path[0], None, None, lambda path=path: picture(path)) for path in names("a", "b")
    ]

    def attempt(error: BaseException) -> list[tuple[str, str]]:
        wrong = Item("wrong", "a", None, None, fail(error))
        found = Collection((*items, wrong), ("b", "a"), "here")
        with claimed(tmp_path / "out", overwrites=True) as target:
            return list(import_pictures(found, target, Choices(), lambda *_: None).skipped)

    assert attempt(RecursionError()) == [("wrong", "damaged: RecursionError")]
    assert attempt(AssertionError("odd")) == [("wrong", "damaged: odd")]
    with pytest.raises(DataError, match="wrong: the memory does not suffice"):
        attempt(MemoryError())
    with pytest.raises(KeyboardInterrupt):
        attempt(KeyboardInterrupt())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "test_signs.h5",
        "train_signs.h5",
    ]


def test_a_full_disk_is_an_error_with_the_bytes_and_leaves_the_old_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save(tmp_path / "in", *names("a", "b"))
    _, before = importing(source, tmp_path / "out")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DataError, match=r"needs up to 294,912 bytes in .*out, where [\d,]+ bytes"):
        importing(source, tmp_path / "out", overwrites=True)
    monkeypatch.undo()
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=294_911))
    with pytest.raises(DataError, match=r"needs up to 294,912 bytes in .*out, where 294,911 bytes"):
        importing(source, tmp_path / "out", overwrites=True)
    monkeypatch.undo()
    with pytest.raises(UsageError, match=r"has a dataset already.*--overwrite"):
        importing(source, tmp_path / "out")
    assert importing(source, tmp_path / "out", overwrites=True)[1].fingerprint == before.fingerprint


def test_two_imports_into_a_folder_are_refused(tmp_path: Path) -> None:
    source = save(tmp_path / "in", *names("a", "b"))
    with claimed(tmp_path / "out"), pytest.raises(UsageError, match="another import writes to"):
        importing(source, tmp_path / "out")
    importing(source, tmp_path / "out")


def test_every_phase_reports_its_progress_to_the_end(tmp_path: Path) -> None:
    found = collect(str(save(tmp_path / "in", *names("a", "b"))), tmp_path)
    calls: list[tuple[str, int, int]] = []
    with claimed(tmp_path / "out") as target:
        import_pictures(found, target, Choices(), lambda *call: calls.append(call))
    ends = [("decoding", 12, 12), ("comparing", 10 * 2, 10 * 2), ("writing", 12, 12)]
    assert [call for call in calls if call[1] == call[2]] == ends


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write to .*file/out: Not a directory"):
        importing(save(tmp_path / "in", *names("a", "b")), tmp_path / "file/out")


def test_a_new_dataset_leaves_no_validation_set_of_the_old(tmp_path: Path) -> None:
    paths = [f"{part}/{path}" for part in ("train", "val", "test") for path in names("a", "b")]
    importing(save(tmp_path / "in", *paths), tmp_path / "out", keeps_validation=True)
    importing(tmp_path / "in", tmp_path / "out", overwrites=True)


KILLING = """
import os, signal, sys
from signs_sweep.data import writing

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

match sys.argv.pop(1):
    case "decoding":
        write, left = os.pwrite, [3]
        def pwrite(*arguments):
            left[0] -= 1
            return write(*arguments) if left[0] else kill()
        os.pwrite = pwrite
    case "writing":
        write = writing._write_part
        def written(file, name, *rest):
            return kill() if name == "train" else write(file, name, *rest)
        writing._write_part = written
from signs_sweep.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["decoding", "writing"])
@pytest.mark.parametrize("has_dataset", [False, True])
def test_a_killed_import_leaves_no_dataset_and_the_same_command_starts_again(
    tmp_path: Path, moment: str, has_dataset: bool
) -> None:
    source = save(tmp_path / "in", *names("a", "b"))
    _, expected = importing(source, tmp_path / "expected")
    if has_dataset:
        importing(save(tmp_path / "old", *names("c", "d")), tmp_path / "out")
    old = {path.name: path.read_bytes() for path in tmp_path.glob("out/*.h5")}
    command = ["data", "import", str(source), "-o", str(tmp_path / "out"), "--overwrite"]
    done = subprocess.run([sys.executable, "-c", KILLING, moment, *command], check=False)
    assert done.returncode == -signal.SIGKILL
    files = {path.name: path.read_bytes() for path in tmp_path.glob("out/*.h5")}
    assert files == old
    assert (
        importing(source, tmp_path / "out", overwrites=has_dataset)[1].fingerprint
        == expected.fingerprint
    )


def test_an_error_after_copies_were_dropped_counts_them(tmp_path: Path) -> None:
    source = save(tmp_path / "in", *names("train/a", "train/b", "test/a", "test/b"))
    for number in range(6):
        picture(f"test/b/{number}.png").save(source / f"train/b/{number}.png")
    with pytest.raises(
        DataError, match=r"the train set has 6 pictures of class 'a' \(6 were dropped as copies\)"
    ):
        importing(source, tmp_path / "out", drops_copies=True)
    for number in range(5):
        picture("same").save(source / f"train/b/{number}.png")
    with pytest.raises(
        DataError,
        match=r"class 'b' has 2 pictures; .* 3 \(4 more are unreadable, dropped as copies",
    ):
        importing(source / "train", tmp_path / "out", drops_copies=True)
