"""Damaged files and unexpected data: they are read correctly, or refused with a helpful message."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from signs_sweep.data import Dataset, find_source, read_dataset
from signs_sweep.errors import DataError

X, Y, CLASSES = "train_set_x", "train_set_y", "list_classes"
FILE = "train_signs.h5"


def read(folder: Path) -> Dataset:
    return read_dataset(folder / FILE, folder / "test_signs.h5", "toy")


def store(file: Path, key: str, value: object, **options: object) -> None:
    with h5py.File(file, "a") as opened:
        if key in opened:
            del opened[key]
        opened.create_dataset(key, data=value, **options)


def as_written(file: Path) -> None:
    """Leave it as this package writes it: with a checksum of each chunk."""


def compressed(file: Path) -> None:
    with h5py.File(file) as opened:
        images = opened[X][()]
    store(file, X, images, chunks=(2, 4, 4, 3), compression="gzip")


def contiguous(file: Path) -> None:
    with h5py.File(file) as opened:
        arrays = {key: opened[key][()] for key in opened}
    file.unlink()
    with h5py.File(file, "w", libver="latest") as opened:
        for key, array in arrays.items():
            opened[key] = array


@pytest.mark.parametrize("layout", [as_written, compressed, contiguous])
def test_a_damaged_file_is_read_or_refused_with_a_sentence(
    folder: Path, layout: Callable[[Path], None]
) -> None:
    file = folder / FILE
    layout(file)
    good = file.read_bytes()
    lot = random.Random(layout.__name__)
    refused = 0
    for _ in range(120):
        content = bytearray(good)
        for _ in range(lot.choice([1, 1, 1, 2, 5, 20])):
            content[lot.randrange(len(content))] = lot.choice([0, 255, lot.randrange(256)])
        if lot.random() < 0.05:
            del content[lot.randrange(len(content)) :]
        file.write_bytes(content)
        try:
            read(folder)
        except DataError as error:
            refused += 1
            assert str(folder) in str(error)  # noqa: PT017 - some are read, some refused
    assert refused > 10


STRANGE: dict[str, tuple[str, object, str]] = {
    "records": (X, np.zeros(12, [("a", "u1"), ("b", "f8")]), "has the shape"),
    "records as labels": (Y, np.zeros(12, [("a", "u1")]), "should be integers"),
    "complex images": (X, np.zeros((12, 4, 4, 3), complex), "should be uint8"),
    "texts as images": (X, np.full((12, 4, 4, 3), b"a"), "should be uint8"),
    "texts as labels": (Y, np.full(12, b"cat"), "should be integers"),
    "a single value": (X, np.uint8(3), "has the shape"),
    "a single label": (Y, 3, "has the shape"),
    "no values": (X, h5py.Empty("u1"), "has the shape None"),
    "no labels": (Y, h5py.Empty("i8"), "has the shape None"),
    "no classes": (CLASSES, h5py.Empty("S3"), "has the shape None"),
    "times": (X, np.zeros((12, 4, 4, 3)).astype(h5py.opaque_dtype("M8[s]")), "should be uint8"),
    "truths as labels": (Y, np.arange(12) % 2 > 0, r"Store labels\.astype\('int64'\)"),
    "labels that are NaN": (Y, np.full(12, np.nan), "label nan of image 0 is not$"),
    "labels that are infinite": (Y, np.full(12, np.inf), "label inf of image 0"),
    "labels between two": (Y, np.arange(12) / 2, "label 0.5 of image 1 is not$"),
    "huge labels": (Y, np.full(12, 2**64 - 1, np.uint64), "label 18446744073709551615"),
    "records as classes": (
        CLASSES,
        np.zeros(3, [("a", "u1")]),
        "a name or a number for each class",
    ),
    "equal images": (X, np.tile(np.arange(48, dtype="u1").reshape(4, 4, 3), (12, 1, 1, 1)), "same"),
    "images of one value": (X, np.full((12, 4, 4, 3), 7, np.uint8), "every pixel .* is 7"),
    "images of one class": (Y, np.ones(12, int), "all labels in train_set_y are 1"),
}


@pytest.mark.parametrize(("key", "value", "words"), STRANGE.values(), ids=STRANGE.keys())
def test_data_that_cannot_be_trained_on_are_refused(
    folder: Path, key: str, value: object, words: str
) -> None:
    store(folder / FILE, key, value)
    with pytest.raises(DataError, match=words) as caught:
        read(folder)
    assert FILE in str(caught.value)


def test_elements_that_numpy_does_not_support_are_refused(folder: Path) -> None:
    for kind in (h5py.h5t.UNIX_D32LE, h5py.ref_dtype, h5py.vlen_dtype("u1")):
        with h5py.File(folder / FILE, "a") as file:
            del file[X]
            if isinstance(kind, np.dtype):
                file.create_dataset(X, (12, 4, 4, 3), kind, chunks=(12, 4, 4, 3))
                file[X].id.write_direct_chunk((0, 0, 0, 0), bytes(12 * 48 * file[X].dtype.itemsize))
            else:
                space = h5py.h5s.create_simple((12, 4, 4, 3))
                plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                h5py.h5d.create(file.id, X.encode(), kind, space, plist)
        with pytest.raises(
            DataError, match=r"not support the type of its elements|should be uint8"
        ):
            read(folder)


def test_a_group_is_not_an_array(folder: Path) -> None:
    with h5py.File(folder / FILE, "a") as file:
        del file[X]
        file.create_group(X)
    with pytest.raises(
        DataError, match=r"no array 'train_set_x'. Its arrays: \(list_classes, train"
    ):
        read(folder)


@pytest.mark.parametrize("target", [f"/{X}", "/nowhere"])
def test_a_broken_link_is_named(folder: Path, target: str) -> None:
    with h5py.File(folder / FILE, "a") as file:
        del file[X]
        file[X] = h5py.SoftLink(target)
    with pytest.raises(DataError, match=f"train_set_x is a link to {target}, which cannot be"):
        read(folder)


def test_a_filter_that_is_not_installed_is_named(folder: Path) -> None:
    with h5py.File(folder / FILE, "a") as file:
        del file[X]
        space = h5py.h5s.create_simple((12, 4, 4, 3))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((12, 4, 4, 3))
        plist.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, ())
        array = h5py.h5d.create(file.id, X.encode(), h5py.h5t.NATIVE_UINT8, space, plist)
        array.write_direct_chunk((0, 0, 0, 0), b"squeezed")
    with pytest.raises(DataError, match=r"compressed with the filter 32001.*again with gzip"):
        read(folder)


@pytest.mark.parametrize("mark", [np.zeros(3), "yes", 1, h5py.Empty("f4")], ids=repr)
def test_an_attribute_of_another_program_does_not_make_a_dataset_drawn(
    folder: Path, dataset: Dataset, mark: object
) -> None:
    for name in (FILE, "test_signs.h5"):
        with h5py.File(folder / name, "a") as file:
            file.attrs["drawn"] = mark
    assert not read(folder).drawn
    assert read(folder).fingerprint == dataset.fingerprint


@pytest.mark.parametrize(
    "names", [[b"M\xfcll", b"\x1b[2J", b"ca\nt"], ["Müll", "\x1b[2J", "ca\nt"]]
)
def test_names_of_classes_can_be_shown_anywhere(folder: Path, names: list) -> None:
    for name in (FILE, "test_signs.h5"):
        store(folder / name, CLASSES, names)
    odd = "M\\xfcll" if isinstance(names[0], bytes) else "Müll"
    assert read(folder).classes == (odd, "\\x1b[2J", "ca\\nt")


def test_a_message_lists_no_more_names_than_a_person_reads(folder: Path) -> None:
    with h5py.File(folder / FILE, "a") as file:
        del file[X]
        for number in range(200):
            file[f"\x1b{number}" * 99] = 0
    with pytest.raises(DataError) as caught:
        read(folder)
    assert len(str(caught.value)) < 800
    assert str(caught.value).isprintable()


def test_a_pipe_and_a_folder_are_not_files(folder: Path) -> None:
    (folder / FILE).unlink()
    os.mkfifo(folder / FILE)
    with pytest.raises(DataError, match="is not a file"):
        read(folder)
    files = {"train": FILE, "test": "test_signs.h5"}
    with pytest.raises(DataError, match=f"the train file .*{FILE} is not a file"):
        find_source(files, data_dir=None, spec_folder=folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission_is_reported(folder: Path) -> None:
    (folder / FILE).chmod(0)
    with pytest.raises(DataError, match="you have no permission to read it"):
        read(folder)


@pytest.mark.parametrize("data", ["x" * 5000, "~nosuchuser/photos", "nul\0nul"])
def test_a_path_that_no_system_takes_is_refused(data: str, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        find_source(data, data_dir=None, spec_folder=tmp_path)
    with pytest.raises(DataError):
        find_source("signs", data_dir=Path(data), spec_folder=tmp_path)
