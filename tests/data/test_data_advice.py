"""Each suggestion in a message about data works: it is followed here."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from signs_sweep.data import Dataset, find_source, read_dataset, split_rows
from signs_sweep.errors import DataError

X, Y, CLASSES = "train_set_x", "train_set_y", "list_classes"


def read(folder: Path) -> Dataset:
    return read_dataset(folder / "train_signs.h5", folder / "test_signs.h5", "toy")


@dataclass(frozen=True)
class Advice:
    """An array that a user stored otherwise, what the message says, and the same in code."""

    key: str
    store: Callable[[np.ndarray], np.ndarray]
    words: str
    follow: Callable[[np.ndarray], np.ndarray]
    same: bool = True


ADVICE = {
    "floats from 0 to 1": Advice(
        X,
        lambda images: images / 255,
        "from 0 to 1, store (images * 255).round().astype('uint8')",
        lambda images: (images * 255).round().astype("uint8"),
    ),
    "floats from 0 to 255": Advice(
        X,
        lambda images: images.astype("float32"),
        "If the values already have this range, store images.astype('uint8')",
        lambda images: images.astype("uint8"),
    ),
    "integers": Advice(
        X,
        lambda images: images.astype("int64"),
        "store images.astype('uint8')",
        lambda images: images.astype("uint8"),
    ),
    "black and white": Advice(
        X,
        lambda images: images > 127,
        "Store images.astype('uint8') * 255",
        lambda images: images.astype("uint8") * 255,
        same=False,
    ),
    "column": Advice(
        Y, lambda labels: labels[:, None], "labels.reshape(-1)", lambda labels: labels.reshape(-1)
    ),
    "row": Advice(
        Y, lambda labels: labels[None], "labels.reshape(-1)", lambda labels: labels.reshape(-1)
    ),
    "one-hot": Advice(
        Y,
        lambda labels: np.eye(3)[labels],
        "labels.argmax(axis=1)",
        lambda labels: labels.argmax(axis=1),
    ),
    "floats": Advice(
        Y,
        lambda labels: labels.astype(float),
        "labels.astype('int64')",
        lambda labels: labels.astype("int64"),
    ),
    "from 1": Advice(Y, lambda labels: labels + 1, "Store labels - 1", lambda labels: labels - 1),
    "a row of classes": Advice(
        CLASSES,
        lambda classes: classes[None],
        "list_classes.reshape(-1)",
        lambda classes: classes.reshape(-1),
    ),
}


@pytest.mark.parametrize("advice", ADVICE.values(), ids=ADVICE.keys())
def test_an_array_stored_as_the_message_says_is_read(
    folder: Path, dataset: Dataset, advice: Advice
) -> None:
    file = folder / "train_signs.h5"
    with h5py.File(file, "a") as opened:
        stored = advice.store(opened[advice.key][()])
        del opened[advice.key]
        opened[advice.key] = stored
    with pytest.raises(DataError) as caught:
        read(folder)
    assert advice.words in str(caught.value)
    with h5py.File(file, "a") as opened:
        del opened[advice.key]
        opened[advice.key] = advice.follow(stored)
    assert (read(folder).fingerprint == dataset.fingerprint) == advice.same


def test_grey_images_stored_with_a_channel_are_read(folder: Path) -> None:
    for part in ("train", "test"):
        with h5py.File(folder / f"{part}_signs.h5", "a") as file:
            grey = file[f"{part}_set_x"][..., 0]
            del file[f"{part}_set_x"]
            file[f"{part}_set_x"] = grey
    for part in ("train", "test"):
        with pytest.raises(DataError, match=r"Store grey images as images\[..., None\]"):
            read(folder)
        with h5py.File(folder / f"{part}_signs.h5", "a") as file:
            images = file[f"{part}_set_x"][()]
            del file[f"{part}_set_x"]
            file[f"{part}_set_x"] = images[..., None]
    assert read(folder).image_shape == (4, 4, 1)


@pytest.mark.parametrize("key", [X, Y, CLASSES])
def test_an_array_of_a_similar_name_is_renamed(folder: Path, dataset: Dataset, key: str) -> None:
    with h5py.File(folder / "train_signs.h5", "a") as file:
        file.move(key, f"{key}_")
    with pytest.raises(DataError, match=f"If '{key}_' is this array, rename it to '{key}'"):
        read(folder)
    with h5py.File(folder / "train_signs.h5", "a") as file:
        file.move(f"{key}_", key)
    assert read(folder).fingerprint == dataset.fingerprint


@pytest.mark.parametrize("key", [X, Y, CLASSES])
def test_an_array_that_is_not_there_is_not_sought_among_those_that_belong(
    folder: Path, key: str
) -> None:
    with h5py.File(folder / "train_signs.h5", "a") as file:
        del file[key]
    with pytest.raises(DataError, match=f"no array '{key}'") as caught:
        read(folder)
    assert "rename" not in str(caught.value)


def test_swapped_files_are_distinguished_from_names_of_the_other_part(
    folder: Path, dataset: Dataset
) -> None:
    train, test = folder / "train_signs.h5", folder / "test_signs.h5"
    with pytest.raises(DataError, match="The two files are swapped"):
        read_dataset(test, train, "toy")
    with h5py.File(test, "a") as file:
        for letter in "xy":
            file.move(f"test_set_{letter}", f"train_set_{letter}")
    for letter in "xy":
        words = f"If 'train_set_{letter}' is this array, rename it to 'test_set_{letter}'"
        with pytest.raises(DataError, match=words):
            read(folder)
        with h5py.File(test, "a") as file:
            file.move(f"train_set_{letter}", f"test_set_{letter}")
    assert read(folder).fingerprint == dataset.fingerprint


def test_one_file_for_both_parts_is_not_called_swapped(folder: Path) -> None:
    train = folder / "train_signs.h5"
    with pytest.raises(DataError, match="no array 'test_set_x'") as caught:
        read_dataset(train, train, "toy")
    assert "swapped" not in str(caught.value)
    assert "rename" not in str(caught.value)


def test_files_of_other_names_go_into_the_spec(folder: Path, dataset: Dataset) -> None:
    (folder / "train_signs.h5").rename(folder / "a.h5")
    (folder / "test_signs.h5").rename(folder / "b.hdf5")
    with pytest.raises(
        DataError, match=r"It has a\.h5, b\.hdf5\. For files with other names, write data"
    ):
        find_source(str(folder), data_dir=None, spec_folder=Path())
    files = {"train": "a.h5", "test": "b.hdf5"}
    source = find_source(files, data_dir=None, spec_folder=folder)
    assert source.load().fingerprint == dataset.fingerprint


def test_a_drawn_dataset_is_kept_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    (tmp_path / "in the way").touch()
    monkeypatch.setattr("signs_sweep.data.source.draw_dataset", lambda: dataset)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "in the way"))
    with pytest.raises(DataError, match="Set the variable XDG_CACHE_HOME to store it"):
        find_source("drawn", data_dir=None, spec_folder=tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert find_source("drawn", data_dir=None, spec_folder=tmp_path).load().drawn


@pytest.mark.parametrize("sizes", [(100, 4), (4, 100), (7, 7, 3), (2, 50)])
def test_the_fraction_that_a_message_names_can_be_held_out(sizes: tuple[int, ...]) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    with pytest.raises(DataError, match="Use a fraction of at least") as caught:
        split_rows(labels, None, 0.001)
    fraction = float(str(caught.value).split("at least ")[1].split(",")[0])
    _, held_out = split_rows(labels, None, fraction)
    assert len(np.unique(labels[held_out])) == len(sizes)


@pytest.mark.slow
def test_a_file_that_another_program_writes_is_read_without_locks_if_asked(
    folder: Path, dataset: Dataset
) -> None:
    code = (
        "import sys; from pathlib import Path; from signs_sweep.data import read_dataset; "
        "print(read_dataset(*map(Path, sys.argv[1:]), 'toy').fingerprint)"
    )
    command = [sys.executable, "-c", code, folder / "train_signs.h5", folder / "test_signs.h5"]
    with h5py.File(folder / "train_signs.h5", "a") as writing:
        writing.flush()
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "another program is writing to it" in refused.stderr
        assert "set the variable HDF5_USE_FILE_LOCKING=FALSE" in refused.stderr
        environment = os.environ | {"HDF5_USE_FILE_LOCKING": "FALSE"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == dataset.fingerprint


def test_a_damaged_drawn_dataset_is_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    monkeypatch.setattr("signs_sweep.data.source.draw_dataset", lambda: dataset)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = find_source("drawn", data_dir=None, spec_folder=tmp_path)
    with h5py.File(source.train, "a") as file:
        del file[X]
        file[X] = h5py.SoftLink(f"/{X}")
    assert find_source("drawn", data_dir=None, spec_folder=tmp_path).load()
