"""What `signs-sweep data info` shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.cli.data import info
from signs_sweep.data import Dataset, Fit, Origin, Part, Preparation, write_dataset, write_parts
from signs_sweep.data.copies import Copy
from signs_sweep.errors import UsageError


def test_groups_are_counted_if_there_are_any(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(dataset, tmp_path)
    info(str(tmp_path))
    assert "  groups  " not in capsys.readouterr().out
    grouped = replace(dataset, train_groups=np.array(["a", "b", "c"] * 4))
    write_dataset(grouped, tmp_path)
    info(str(tmp_path))
    assert "  groups       3 training\n" in capsys.readouterr().out
    write_dataset(replace(grouped, test_groups=np.array(["d"] * 4)), tmp_path)
    info(str(tmp_path))
    assert "  groups       3 training, 1 test\n" in capsys.readouterr().out


def test_what_the_files_hold_is_described(
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copies = [Copy(0, 1, is_exact=False), Copy(2, 1, is_exact=False), Copy(0, 2, is_exact=True)]
    monkeypatch.setattr("signs_sweep.data.summary.find_copies", lambda *_: copies)
    images, labels = dataset.train_images, dataset.train_labels
    parts = {
        "train": Part(images[:9], labels[:9]),
        "val": Part(images[8:], labels[8:]),
        "test": Part(dataset.test_images, dataset.test_labels),
    }
    origin = Origin(
        "photos.zip", "seed 3", "CC0", "Me\x1b 2020", Preparation(4, 5, 1, Fit.LETTERBOX)
    )
    write_parts(tmp_path, parts, dataset.classes, origin=origin)
    info(str(tmp_path))
    out, err = capsys.readouterr()
    assert "9 + 4 + 4 images" in out
    assert f"  validation   {tmp_path / 'val_signs.h5'}\n" in out
    assert "  image        4 x 4, 3 channels\n" in out
    assert "  near copies  1 of the test images, of training or validation images\n" in out
    assert "  source       photos.zip\n" in out
    assert "  made by      seed 3; 4 x 5, grey, letterbox\n" in out
    assert "  licence      CC0\n" in out
    assert "  citation     Me\\x1b 2020\n" in out
    assert [line.split()[:4] for line in out.splitlines()[-2:]] == [
        ["b", "3", "1", "1"],
        ["c", "3", "2", "1"],
    ]
    assert "1 of the 4 held-out images is also trained on" in " ".join(err.split())


def test_two_files_are_written_as_in_a_spec(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(dataset, tmp_path)
    info(f"{{train: {tmp_path}/train_signs.h5, test: '{tmp_path}/test_signs.h5'}}")
    assert "12 + 4 images" in capsys.readouterr().out
    with pytest.raises(UsageError, match="test: b"):
        info("{train: a.h5")
