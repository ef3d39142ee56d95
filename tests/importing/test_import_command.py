"""`signs-sweep data import`, as it is called."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pictures import names, picture, save
from PIL import Image

from signs_sweep.cli.app import app
from signs_sweep.data import find_source
from signs_sweep.errors import UsageError

Command = Callable[..., tuple[str, str]]
KEEPS = "--keep-val keeps them apart"
DROPS = "--drop-duplicates drops them"
NAMED = "0 pixel for pixel and 1 nearly: train/a/copy.png and test/a/0.png"


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return a function that calls the command in a folder, and returns what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[str, str]:
        words: Sequence[str] = ["data", "import", *arguments]
        monkeypatch.setattr(sys, "argv", ["signs-sweep", *words])
        app(words, standalone_mode=False)
        printed = capsys.readouterr()
        return printed.out, printed.err

    return call


def test_the_report_says_what_was_done_and_what_to_write(tmp_path: Path, command: Command) -> None:
    parts = [f"{part}/{path}" for part in ("train", "val", "test") for path in names("a", "b")]
    save(tmp_path / "in", *parts)
    copied = picture("test/a/0.png", (48, 32))
    copied.save(tmp_path / "in/train/a/copy.png")
    picture("train/b/0.png").save(tmp_path / "in/train/b/same.png")
    (tmp_path / "in/train/a/x.png").write_text("text")
    out, err = command("in", "-o", "out", "--size", "16x24", "--grey")
    assert out.splitlines() == [
        "wrote out: 26 training + 12 test images",
        "  images      16 x 24, grey, crop",
        "  pictures    16 x 24 (37), 32 x 48 (1)",
        "  test set    as given",
        f"  validation  12 images of a validation set joined the training set; {KEEPS}",
        "  skipped     1 file:",
        "    train/a/x.png: not a picture",
        "  class  training  test",
        "  a            13     6",
        "  b            13     6",
    ]
    assert err.splitlines() == [
        f"warning: 1 training image with the same pixels as an earlier image of the class; {DROPS}",
        f"warning: 1 training image with a copy in the test set, {NAMED}; {DROPS}",
        "  look                 signs-sweep data info out --sheet sheet.png",
        "  write a first spec   signs-sweep init out",
    ]
    out, err = command(
        "in", "-o", "out", "--size=16x24", "--overwrite", "--drop-duplicates", "--keep-val"
    )
    assert "wrote out: 12 training + 12 validation + 12 test images" in out
    assert "  dropped     1 training image with the same pixels" in out
    assert "  dropped     1 training image with a copy in the test set" in out
    assert "warning" not in err
    dataset = find_source("out", data_dir=None, spec_folder=tmp_path, is_validated=True).load()
    assert dataset.origin is not None
    assert dataset.origin.made.startswith("signs-sweep data import in -o out --size=16x24")


def test_equal_pictures_of_two_classes_are_a_doubt_and_all_of_them_are_dropped(
    tmp_path: Path, command: Command
) -> None:
    save(tmp_path / "in", *names("train/a", "train/b", "test/a", "test/b"))
    for copy in ("train/b/first.png", "train/a/second.png", "test/b/third.png"):
        picture("train/a/0.png").save(tmp_path / "in" / copy)
    doubt = "4 images with the same pixels as an image of a different class: test/b/third.png and "
    _, err = command("in", "-o", "out")
    assert f"warning: {doubt}" in err
    out, err = command("in", "-o", "out", "--overwrite", "--drop-duplicates")
    assert f"  dropped     {doubt}" in out
    assert "wrote out: 11 training + 12 test images" in out
    assert "warning" not in err


def test_pictures_of_12_bits_in_files_of_16_are_a_doubt(tmp_path: Path, command: Command) -> None:
    for bits, is_doubtful in ((12, True), (16, False)):
        for path in names("a", "b"):
            (tmp_path / f"{bits}" / path).parent.mkdir(parents=True, exist_ok=True)
            values = np.asarray(picture(path, (64, 64)).convert("L"), np.uint16) << (bits - 8)
            Image.fromarray(values).save(tmp_path / f"{bits}" / path)
        _, err = command(f"{bits}", "-o", f"out{bits}")
        assert ("warning: the values of all images are from 0 to" in err) == is_doubtful


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "0"], "--size 0: expected pixels"),
        (["--size", "64x"], "--size 64x: expected pixels"),
        (["--size", "9999"], "from 1 to 4096"),
        (["--fit", "zoom"], "--fit zoom: expected crop or letterbox"),
        (["--test", "1"], "--test 1: expected a fraction"),
        (["--test", "nan"], "--test nan: expected a fraction"),
        (["--test", "1e-300"], "--test 1e-300: expected a fraction from 0.001"),
        (["--seed", "-1"], "--seed -1: expected 0 or more"),
    ],
)
def test_a_wrong_option_is_an_error_before_anything_is_made(
    tmp_path: Path, command: Command, arguments: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        command("in", "-o", "out", *arguments)
    assert not list(tmp_path.iterdir())
