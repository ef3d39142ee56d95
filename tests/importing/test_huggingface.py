"""Datasets of Hugging Face as pictures, from folders: no test uses a network."""

import sys
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.errors import DataError
from signs_sweep.importing.huggingface import read_huggingface

datasets = pytest.importorskip("datasets")

COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (90, 90, 90)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def split(labels, feature=None, column: str = "label"):
    from PIL import Image

    pictures = [Image.new("RGB", (8, 6), colour) for colour in COLOURS[: len(labels)]]
    features = datasets.Features(
        {
            "image": datasets.Image(),
            column: feature or datasets.ClassLabel(names=["cat", "dog", "eel"]),
        }
    )
    return datasets.Dataset.from_dict({"image": pictures, column: labels}, features=features)


def facts(collection):
    return [(item.name, item.label, item.part) for item in collection.items]


def test_the_splits_of_a_saved_dataset_become_parts(tmp_path) -> None:
    path = tmp_path / "saved"
    parts = {"train": [1, 0, 1], "validation": [0], "test": [0, -1], "unlabelled": [-1]}
    datasets.DatasetDict({name: split(labels) for name, labels in parts.items()}).save_to_disk(path)
    found = read_huggingface(str(path))
    assert facts(found) == [
        ("train[0]", "dog", "train"),
        ("train[1]", "cat", "train"),
        ("train[2]", "dog", "train"),
        ("validation[0]", "cat", "val"),
        ("test[0]", "cat", "test"),
    ]
    assert found.classes == ("cat", "dog", "eel")
    assert found.skipped == (("test[1]", "it has no label"),)
    assert "ignored: unlabelled" in found.remarks
    picture = found.items[2].open()
    assert picture.format == "PNG"
    assert np.array_equal(np.asarray(picture)[0, 0], COLOURS[2])


def test_splits_with_other_names_of_classes_are_joined_by_name(tmp_path) -> None:
    names = datasets.ClassLabel(names=["dog", "fox"])
    parts = {"Training": split([0, 1]), "testing": split([0, 1], names), "extra": split([2])}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    found = read_huggingface(str(tmp_path / "saved"))
    assert [(item.label, item.part) for item in found.items] == [
        ("cat", "train"),
        ("dog", "train"),
        ("dog", "test"),
        ("fox", "test"),
    ]
    assert found.classes == ("cat", "dog", "eel", "fox")


def test_a_remark_names_splits_with_other_names_that_are_joined(tmp_path) -> None:
    parts = {"fold1": split([0]), "fold\x1b2": split([1])}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    found = read_huggingface(str(tmp_path / "saved"))
    assert facts(found) == [("fold1[0]", "cat", None), (r"fold\x1b2[0]", "dog", None)]
    assert r"the training set consists of the splits fold\x1b2, fold1" in found.remarks


def test_a_dataset_without_a_test_set_is_to_be_split(tmp_path) -> None:
    split(["b", "a"], datasets.Value("string")).save_to_disk(tmp_path / "saved")
    found = read_huggingface(str(tmp_path / "saved"))
    assert facts(found) == [("train[0]", "b", None), ("train[1]", "a", None)]
    assert found.classes is None


def test_a_folder_of_parquet_files_is_read(tmp_path) -> None:
    (tmp_path / "data").mkdir()
    for part in ("train", "test"):
        split([2, 0]).to_parquet(tmp_path / "data" / f"{part}-00000.parquet")
    found = read_huggingface(str(tmp_path / "data"))
    assert facts(found)[1:3] == [("train[1]", "cat", "train"), ("test[0]", "eel", "test")]
    assert found.items[3].open().size == (8, 6)


def test_a_folder_of_pictures_is_read(tmp_path) -> None:
    from PIL import Image

    for part, name in (("train", "a"), ("train", "b"), ("test", "a"), ("test", "b")):
        folder = tmp_path / "own" / part / name
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 6), COLOURS[name == "a"]).save(folder / "1.png")
    found = read_huggingface(str(tmp_path / "own"))
    assert [item.label for item in found.items] == ["a", "b", "a", "b"]
    assert found.items[1].open().getpixel((0, 0)) == COLOURS[0]


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        (
            {"image": datasets.Value("int64"), "label": datasets.Value("int64")},
            "no column of image",
        ),
        ({"image": datasets.Image(), "age": datasets.Value("int64")}, r"no column of labels.*age"),
    ],
)
def test_missing_columns_are_an_error_that_lists_the_columns(tmp_path, features, problem) -> None:
    columns = {name: [None] for name in features}
    rows = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    rows.save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=problem):
        read_huggingface(str(tmp_path / "saved"))


def test_a_name_that_is_not_found_and_a_folder_without_data_are_errors(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"someone/none cannot be loaded.*huggingface\.co"):
        read_huggingface("someone/none")
    with pytest.raises(DataError, match="that load_dataset reads"):
        read_huggingface(str(tmp_path))


def test_without_the_package_the_error_names_the_command_that_installs_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'signs-sweep\[huggingface\]'"):
        read_huggingface("mnist")


def test_small_pictures_of_the_same_size_keep_it(tmp_path) -> None:
    from PIL import Image

    for side, mode, kept in (
        (28, "L", ((28, 28), 1)),
        (64, "RGB", ((64, 64), 3)),
        (65, "L", (None, None)),
        (28, "RGBA", (None, None)),
    ):
        features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
        rows = {"image": [Image.new(mode, (side, side))] * 2, "label": ["a", "b"]}
        folder = tmp_path / f"{mode}{side}"
        datasets.Dataset.from_dict(rows, features=features).save_to_disk(folder)
        found = read_huggingface(str(folder))
        assert (found.size, found.channels) == kept


def test_no_name_is_an_error() -> None:
    with pytest.raises(DataError, match="hf: has no name after it"):
        read_huggingface(" ")
