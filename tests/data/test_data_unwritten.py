"""Arrays that are not stored completely: HDF5 reads zeros for the rest, without an error."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from signs_sweep.data import Dataset, read_dataset
from signs_sweep.errors import DataError

KEY = "train_set_x"


def read(folder: Path) -> Dataset:
    return read_dataset(folder / "train_signs.h5", folder / "test_signs.h5", "toy")


def store_elsewhere(folder: Path, how: str, images: np.ndarray) -> Path:
    """Put the training images into a file of their own, and refer to it; return that file."""
    other = folder / "other.h5"
    with h5py.File(folder / "train_signs.h5", "a") as file:
        del file[KEY]
        if how == "raw":
            other = folder / "other.raw"
            external = [(str(other), 0, images.nbytes)]
            file.create_dataset(KEY, images.shape, "u1", external=external)[:] = images
            return other
        with h5py.File(other, "w") as source:
            source["a"] = images
        if how == "link":
            file[KEY] = h5py.ExternalLink("other.h5", "/a")
        elif how == "whole":
            layout = h5py.VirtualLayout(images.shape, "u1")
            layout[:] = h5py.VirtualSource(other, "a", images.shape)
            file.create_virtual_dataset(KEY, layout)
        elif how == "by image":
            layout = h5py.VirtualLayout(images.shape, "u1")
            for index in range(len(images)):
                layout[index] = h5py.VirtualSource("other.h5", "a", images.shape)[index]
            file.create_virtual_dataset(KEY, layout)
        elif how == "growing":
            grows = (None, *images.shape[1:])
            layout = h5py.VirtualLayout(images.shape, "u1", maxshape=grows)
            source = h5py.VirtualSource("other.h5", "a", images.shape, maxshape=grows)
            layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
            file.create_virtual_dataset(KEY, layout)
        elif how == "through another":
            with h5py.File(folder / "between.h5", "w") as between:
                layout = h5py.VirtualLayout(images.shape, "u1")
                layout[:] = h5py.VirtualSource("other.h5", "a", images.shape)
                between.create_virtual_dataset("b", layout)
            layout = h5py.VirtualLayout(images.shape, "u1")
            layout[:] = h5py.VirtualSource("between.h5", "b", images.shape)
            file.create_virtual_dataset(KEY, layout)
    return other


@pytest.mark.parametrize("how", ["raw", "link", "whole", "by image", "growing", "through another"])
def test_images_in_another_file_are_read_while_it_is_there(
    folder: Path, dataset: Dataset, how: str
) -> None:
    other = store_elsewhere(folder, how, dataset.train_images)
    content = other.read_bytes()
    assert read(folder).fingerprint == dataset.fingerprint
    other.unlink()
    with pytest.raises(DataError, match=r"train_signs\.h5.*Restore (what is missing|the target)"):
        read(folder)
    other.write_bytes(content)  # As the message says.
    assert read(folder).fingerprint == dataset.fingerprint


def test_an_external_file_that_is_truncated_is_refused(folder: Path, dataset: Dataset) -> None:
    other = store_elsewhere(folder, "raw", dataset.train_images)
    other.write_bytes(other.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"other\.raw, which is truncated"):
        read(folder)


def numbered_sources(folder: Path, images: np.ndarray) -> None:
    """Write each image to a file of its own, which a virtual dataset finds by its number."""
    for index, image in enumerate(images):
        with h5py.File(folder / f"image-{index}.h5", "w") as file:
            file["a"] = image[None]
    shape = images.shape
    target = h5py.h5s.create_simple(shape, (h5py.h5s.UNLIMITED, *shape[1:]))
    target.select_hyperslab(
        (0, 0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1, 1), (1, 1, 1, 1), (1, *shape[1:])
    )
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.VIRTUAL)
    source = h5py.h5s.create_simple((1, *shape[1:]))
    plist.set_virtual(target, b"image-%b.h5", b"a", source)
    with h5py.File(folder / "train_signs.h5", "a") as file:
        del file[KEY]
        h5py.h5d.create(file.id, KEY.encode(), h5py.h5t.NATIVE_UINT8, target, plist)


def test_sources_that_are_numbered_must_all_be_there(folder: Path, dataset: Dataset) -> None:
    numbered_sources(folder, dataset.train_images)
    assert read(folder).fingerprint == dataset.fingerprint
    (folder / "image-5.h5").unlink()
    with pytest.raises(DataError, match=r"12 labels in train_set_y, but 5 images"):
        read(folder)


def never_written(file: h5py.File) -> None:
    file.create_dataset(KEY, (12, 4, 4, 3), "u1")


def partly_written(file: h5py.File) -> None:
    file.create_dataset(KEY, (12, 4, 4, 3), "u1", chunks=(1, 4, 4, 3))[:7] = 9


def partly_mapped(file: h5py.File) -> None:
    file["a"] = np.arange(6 * 48).reshape(6, 4, 4, 3).astype(np.uint8)
    layout = h5py.VirtualLayout((12, 4, 4, 3), "u1")
    layout[:6] = h5py.VirtualSource(".", "a", (6, 4, 4, 3))
    file.create_virtual_dataset(KEY, layout)


def of_a_source_never_written(file: h5py.File) -> None:
    file.create_dataset("a", (12, 4, 4, 3), "u1")
    layout = h5py.VirtualLayout((12, 4, 4, 3), "u1")
    layout[:] = h5py.VirtualSource(".", "a", (12, 4, 4, 3))
    file.create_virtual_dataset(KEY, layout)


def of_itself(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((12, 4, 4, 3), "u1")
    layout[:] = h5py.VirtualSource(".", KEY, (12, 4, 4, 3))
    file.create_virtual_dataset(KEY, layout)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (never_written, "nothing was ever written"),
        (partly_written, "5 of its 12 chunks were never written"),
        (partly_mapped, "no source fills 50% of it"),
        (of_a_source_never_written, "nothing was ever written"),
        (of_itself, "has itself as a source"),
    ],
)
def test_what_was_never_written_is_refused(
    folder: Path, write: Callable[[h5py.File], None], words: str
) -> None:
    with h5py.File(folder / "train_signs.h5", "a") as file:
        del file[KEY]
        write(file)
    with pytest.raises(DataError, match=words):
        read(folder)


def test_labels_that_were_never_written_are_refused(folder: Path) -> None:
    with h5py.File(folder / "test_signs.h5", "a") as file:
        del file["test_set_y"]
        file.create_dataset("test_set_y", (4,), "i8")
    with pytest.raises(DataError, match=r"test_set_y cannot be read: nothing was ever written"):
        read(folder)


def test_images_larger_than_the_memory_are_refused_before_they_are_read(folder: Path) -> None:
    chunk = (300_000, 64, 64, 3)
    with h5py.File(folder / "train_signs.h5", "a") as file:
        del file[KEY]
        shape = (300 * chunk[0], *chunk[1:])
        images = file.create_dataset(KEY, shape, "u1", chunks=chunk, compression="gzip")
        for number in range(300):
            images.id.write_direct_chunk((number * chunk[0], 0, 0, 0), b"not looked into")
    with pytest.raises(
        DataError, match=r"needs 1,105\.9 GB of memory, but only .* GB is available"
    ):
        read(folder)
