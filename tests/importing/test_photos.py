"""Photos to classify: which are found, in which order, and what is wrong with the others."""

from pathlib import Path

import numpy as np
import pytest
from pictures import save
from PIL import Image

from signs_sweep.data import Preparation
from signs_sweep.importing import photos
from signs_sweep.importing.photos import decode_photos, find_photos


def test_a_folder_stands_for_the_pictures_directly_in_it(tmp_path: Path) -> None:
    save(tmp_path, "b 2.png", "a.JPG", "inner/c.png", ".hidden.png")
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    long = tmp_path / f"{'x' * 300}.png"
    found = find_photos([tmp_path / "gone.png", tmp_path, tmp_path / "empty", long])
    assert found[:3] == [tmp_path / name for name in ("gone.png", "a.JPG", "b 2.png")]
    assert found[3].reason == "a folder without pictures"
    assert found[4].reason == "File name too long"
    assert len(found) == 5


def test_photos_are_decoded_in_batches_and_none_ends_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "_AT_ONCE", 2)
    save(tmp_path, "a.png", "b.png", "d.png")
    (tmp_path / "c.png").write_text("text", encoding="utf-8")
    Image.new("RGB", (4, 4)).save(tmp_path / "e.png")
    done = []
    found = find_photos([tmp_path / "empty.png", tmp_path])
    batches = list(decode_photos(found, Preparation(8, 8), lambda *now: done.append(now[1:])))
    assert [len(batch) for batch in batches] == [2, 2, 2]
    missing, a, b, c, d, e = (photo for batch in batches for photo in batch)
    assert (missing.image, missing.reason) == (None, "No such file or directory")
    assert (c.image, c.reason) == (None, "not a picture")
    assert (e.image, e.reason) == (None, "tiny: 4 x 4 pixels")
    for photo in (a, b, d):
        with Image.open(photo.name) as picture:
            assert np.array_equal(photo.image, Preparation(8, 8).apply(picture))
    assert done[-1] == (6, 6)
