"""Reading and writing datasets, and the errors of unusable ones."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from signs_sweep.data import (
    Dataset,
    Part,
    find_source,
    read_dataset,
    write_dataset,
    write_parts,
)
from signs_sweep.errors import DataError


def read(folder: Path) -> Dataset:
    return read_dataset(folder / "train_signs.h5", folder / "test_signs.h5", "toy")


def test_what_was_written_is_read(folder: Path, dataset: Dataset) -> None:
    found = read(folder)
    assert found.fingerprint == dataset.fingerprint
    assert found.classes == dataset.classes
    assert found.image_shape == (4, 4, 3)
    assert found.train_labels.dtype == np.int64
    assert not found.train_images.flags.writeable


def test_large_images_are_written_in_pieces_of_whole_images(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (500, 128, 128, 3), np.uint8)
    rows = np.random.default_rng(1).permutation(500)
    part = Part(images, np.arange(500) % 2, rows=rows)
    write_parts(tmp_path, {"train": part, "test": Part(images[:2], np.arange(2))}, ("a", "b"))
    with h5py.File(tmp_path / "train_signs.h5") as file:
        assert file["train_set_x"].chunks == (20, 128, 128, 3)
    assert np.array_equal(read(tmp_path).train_images, images[rows])


def test_a_drawn_dataset_stays_one(tmp_path: Path, dataset: Dataset) -> None:
    write_dataset(replace(dataset, drawn=True), tmp_path)
    assert read(tmp_path).drawn


def test_the_fingerprint_follows_the_content_and_not_the_name(dataset: Dataset) -> None:
    assert replace(dataset, name="other").fingerprint == dataset.fingerprint
    changed = dataset.train_images.copy()
    changed[0, 0, 0, 0] ^= 1
    assert replace(dataset, train_images=changed).fingerprint != dataset.fingerprint
    labels = dataset.test_labels[::-1].copy()
    assert replace(dataset, test_labels=labels).fingerprint != dataset.fingerprint
    assert replace(dataset, classes=("a", "b", "d")).fingerprint != dataset.fingerprint


def test_the_fingerprint_is_that_from_before_there_were_groups(dataset: Dataset) -> None:
    assert dataset.fingerprint == "2587a8bb414cc974"
    grouped = [
        replace(dataset, **{part: np.array(list(names))})
        for part in ("train_groups", "test_groups")
        for names in ("aaaa", "aaab")
    ]
    assert len({each.fingerprint for each in (dataset, *grouped)}) == 5


def test_groups_are_read_as_names(folder: Path, dataset: Dataset) -> None:
    assert read(folder).train_groups is None
    names = np.array(["Zo\u00eb", "b", "10"] * 4)
    write_dataset(replace(dataset, train_groups=names), folder)
    found = read(folder)
    assert found.train_groups is not None
    assert found.train_groups.tolist() == names.tolist()
    assert not found.train_groups.flags.writeable
    assert found.test_groups is None
    assert found.fingerprint == replace(dataset, train_groups=names).fingerprint
    text = names.astype(object)
    for values, expected in ((np.arange(12), [*map(str, range(12))]), (text, names.tolist())):
        set_groups(values)(folder / "train_signs.h5")
        groups = read(folder).train_groups
        assert groups is not None
        assert groups.tolist() == expected


def set_groups(values: object) -> Callable[[Path], None]:
    def apply(file: Path) -> None:
        with h5py.File(file, "a") as opened:
            opened.pop("train_set_groups", None)
            opened["train_set_groups"] = values

    return apply


def change(key: str, value: object) -> Callable[[Path], None]:
    def apply(file: Path) -> None:
        with h5py.File(file, "a") as opened:
            del opened[key]
            if value is not None:
                opened[key] = value

    return apply


DAMAGES: list[tuple[str, Callable[[Path], object], str]] = [
    ("missing", lambda file: file.unlink(), "does not exist"),
    ("a folder", lambda file: (file.unlink(), file.mkdir()), "not a file"),
    ("empty", lambda file: file.write_bytes(b""), "not an HDF5 file"),
    ("text", lambda file: file.write_text("hello"), "not an HDF5 file"),
    (
        "truncated",
        lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
        "damaged or truncated",
    ),
    ("no images", change("train_set_x", None), "no array 'train_set_x'"),
    ("no labels", change("train_set_y", None), "no array 'train_set_y'"),
    ("no classes", change("list_classes", None), "no array 'list_classes'"),
    ("grey", change("train_set_x", np.zeros((12, 4, 4), np.uint8)), r"\(12, 4, 4, 1\)"),
    ("floats", change("train_set_x", np.zeros((12, 4, 4, 3))), "should be uint8"),
    ("no image", change("train_set_x", np.zeros((0, 4, 4, 3), np.uint8)), "is empty"),
    ("few labels", change("train_set_y", np.zeros(11, int)), "11 labels .* 12 images"),
    ("column", change("train_set_y", np.zeros((12, 1), int)), "one label for each image"),
    ("float labels", change("train_set_y", np.zeros(12)), "should be integers"),
    ("label 3", change("train_set_y", np.full(12, 3)), "label 3 of image 0 .* 0 to 2"),
    ("label -1", change("train_set_y", np.full(12, -1)), "label -1"),
    ("other classes", change("list_classes", [b"x", b"y", b"z"]), "do not match"),
    ("twice", change("list_classes", [b"x", b"x", b"z"]), "a class twice"),
    (
        "large",
        change("train_set_x", np.arange(2304).reshape(12, 8, 8, 3).astype(np.uint8)),
        "do not match",
    ),
    ("few groups", set_groups(np.arange(11)), r"train_set_groups has the shape \(11,\).* \(12,\)"),
    ("group column", set_groups(np.zeros((12, 1), int)), r"Store groups.reshape\(12\)"),
    ("float groups", set_groups(np.zeros(12)), "train_set_groups holds float64; .*astype"),
    ("no name", set_groups([b"a", b"", b"c", b""] * 3), "no group for 6 images; .* image 1"),
]


@pytest.mark.parametrize(("damage", "words"), [d[1:] for d in DAMAGES], ids=[d[0] for d in DAMAGES])
def test_each_damage_is_named_with_its_file(folder: Path, damage, words: str) -> None:
    damage(folder / "train_signs.h5")
    with pytest.raises(DataError, match=words) as caught:
        read(folder)
    assert "train_signs.h5" in str(caught.value)


def test_a_changed_byte_in_an_image_is_noticed(folder: Path) -> None:
    file = folder / "train_signs.h5"
    with h5py.File(file) as opened:
        offset = opened["train_set_x"].id.get_chunk_info(0).byte_offset
    content = bytearray(file.read_bytes())
    content[offset] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged"):
        read(folder)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, dataset: Dataset) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write"):
        write_dataset(dataset, tmp_path / "file")


def test_a_spec_names_a_folder_or_two_files_relative_to_itself(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(folder, home / "mine")
    by_folder = find_source("mine", data_dir=None, spec_folder=home)
    files = {"train": "mine/train_signs.h5", "test": "mine/test_signs.h5"}
    by_files = find_source(files, data_dir=None, spec_folder=home)
    assert by_folder.load().fingerprint == by_files.load().fingerprint
    assert by_folder.name == "mine"


def test_signs_is_looked_for_where_the_user_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.delenv("SIGNS_DATA", raising=False)
    found = find_source("signs", data_dir=folder, spec_folder=Path())
    assert found.train == folder / "train_signs.h5"
    monkeypatch.setenv("SIGNS_DATA", str(folder))
    assert find_source("signs", data_dir=None, spec_folder=Path()) == found
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(DataError, match=r"train_signs\.h5 and test_signs\.h5 are missing"):
        find_source("signs", data_dir=empty, spec_folder=Path())
    with pytest.raises(DataError, match="does not exist"):
        find_source("signs", data_dir=empty / "no", spec_folder=Path())


@pytest.mark.parametrize("name", ["sings", "Drawn"])
def test_an_unknown_dataset_names_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"unknown dataset .*signs and drawn"):
        find_source(name, data_dir=None, spec_folder=tmp_path)
