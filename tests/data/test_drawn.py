"""The drawn hands and the contact sheet."""

import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from signs_sweep.data import Dataset, contact_sheet, draw_dataset, find_source
from signs_sweep.data.drawn import Pose, Scene, draw_hand
from signs_sweep.errors import DataError


@pytest.mark.slow
def test_the_drawn_dataset_is_as_large_as_the_photos_in_equal_classes() -> None:
    drawn = draw_dataset()
    assert drawn.train_images.shape == (1080, 64, 64, 3)
    assert drawn.test_images.shape == (120, 64, 64, 3)
    assert np.bincount(drawn.train_labels).tolist() == [180] * 6
    assert np.bincount(drawn.test_labels).tolist() == [20] * 6
    assert drawn.drawn
    everything = np.concatenate([drawn.train_images, drawn.test_images]).reshape(1200, -1)
    assert len(np.unique(everything, axis=0)) == 1200


def test_a_dataset_is_the_same_in_every_process() -> None:
    code = (
        "from signs_sweep.data import draw_dataset; "
        "print(draw_dataset(7, (24, 32), 12, 6).fingerprint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == draw_dataset(7, (24, 32), 12, 6).fingerprint


def test_seed_size_and_number_can_be_chosen() -> None:
    drawn = draw_dataset(7, (24, 32), 18, 7)
    assert drawn.train_images.shape == (18, 24, 32, 3)
    assert drawn.test_images.shape == (7, 24, 32, 3)
    assert np.bincount(drawn.train_labels).tolist() == [3] * 6
    assert drawn.drawn
    assert drawn.origin is not None
    assert drawn.origin.made.startswith("seed 7")
    assert not np.array_equal(drawn.train_images, draw_dataset(8, (24, 32), 18, 7).train_images)


def test_more_raised_fingers_have_more_edges() -> None:
    def edges(raised: int) -> float:
        randoms = [np.random.default_rng([raised, n]) for n in range(12)]
        hands = [draw_hand(Scene.draw(r), Pose.draw(raised, r), r) for r in randoms]
        # Above the palm, where raised fingers are, seen from left to right.
        return float(np.mean([np.abs(np.diff(h[:36].astype(int), axis=1)).mean() for h in hands]))

    assert edges(0) < edges(2) < edges(5)


def test_images_of_a_series_resemble_each_other() -> None:
    random = np.random.default_rng(0)
    scene, pose = Scene.draw(random), Pose.draw(2, random)

    def distance(other: Scene, posed: Pose) -> float:
        first, second = (
            draw_hand(*shown, random).astype(float) for shown in ((scene, pose), (other, posed))
        )
        return float(np.abs(first - second).mean())

    near = [distance(scene, pose.moved(random)) for _ in range(8)]
    far = [distance(Scene.draw(random), Pose.draw(2, random)) for _ in range(8)]
    assert np.mean(near) < np.mean(far) / 2


def test_where_there_are_no_photos_signs_is_drawn_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    drawings = []

    def draw() -> Dataset:
        drawings.append(1)
        return replace(dataset, name="drawn", drawn=True)

    monkeypatch.setattr("signs_sweep.data.source.draw_dataset", draw)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SIGNS_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("signs", "drawn"):
        source = find_source(name, data_dir=None, spec_folder=tmp_path)
        assert source.drawn
        assert source.load().fingerprint == dataset.fingerprint
    assert len(drawings) == 1


def test_a_cache_that_cannot_be_written_is_an_error_that_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    (tmp_path / "cache").touch()
    monkeypatch.setattr("signs_sweep.data.source.draw_dataset", lambda: dataset)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="XDG_CACHE_HOME"):
        find_source("drawn", data_dir=None, spec_folder=tmp_path)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_contact_sheet_is_a_picture(dataset: Dataset, channels: int) -> None:
    images = np.repeat(dataset.train_images[..., :1], channels, axis=3)
    shown = replace(dataset, train_images=images, test_images=images[:4])
    picture = Image.open(BytesIO(contact_sheet(shown)))
    assert picture.format == "PNG"
    assert picture.width > 800
    assert len(np.unique(np.asarray(picture))) > 20


def test_a_contact_sheet_refuses_what_cannot_be_seen(dataset: Dataset) -> None:
    odd = dataset.train_images[..., :2]
    with pytest.raises(DataError, match="2 channels"):
        contact_sheet(replace(dataset, train_images=odd, test_images=odd))


@pytest.mark.skipif(not os.environ.get("SIGNS_DATA"), reason="the photos are not here")
def test_the_photos_are_read() -> None:
    photos = find_source("signs", data_dir=None, spec_folder=Path()).load()
    assert photos.train_images.shape == (1080, 64, 64, 3)
    assert photos.test_images.shape == (120, 64, 64, 3)
    assert photos.classes == tuple("012345")
    assert not photos.drawn
