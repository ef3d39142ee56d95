"""The datasets of `keras.datasets`, from Keras's cache or from files of the user."""

import gzip
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.errors import DataError
from signs_sweep.importing.archive import is_archive, opened
from signs_sweep.importing.arrays import Arrays, check_memory, collect, npz_arrays
from signs_sweep.importing.files import reading
from signs_sweep.importing.items import Collection
from signs_sweep.importing.pickles import load_plain

_IDX = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_CIFAR = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
_LARGEST_BATCH = 64_000_000
"""Bytes; the batches of CIFAR-10 have 31 MB."""


@dataclass(frozen=True)
class _Known:
    """A dataset of `keras.datasets`.

    Attributes:
        places: where Keras keeps it, relative to `datasets` in its folder; the newest layout first.
        shape: height, width and channels of its images.
        classes: names of its classes.
        licence: its licence, or "".
        citation: how to cite it.
    """

    places: tuple[str, ...]
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    licence: str
    citation: str


_KNOWN: Mapping[str, _Known] = {
    "mnist": _Known(
        ("mnist.npz",),
        (28, 28, 1),
        tuple("0123456789"),
        "CC BY-SA 3.0",
        "LeCun, Y., Bottou, L., Bengio, Y., and Haffner, P. (1998), Gradient-based learning "
        "applied to document recognition, Proceedings of the IEEE 86(11)",
    ),
    "fashion_mnist": _Known(
        ("fashion-mnist",),
        (28, 28, 1),
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        "MIT",
        "Xiao, H., Rasul, K., and Vollgraf, R. (2017), Fashion-MNIST: a novel image dataset for "
        "benchmarking machine learning algorithms, arXiv:1708.07747",
    ),
    "cifar10": _Known(
        (
            "cifar-10-batches-py-target",
            "cifar-10-batches-py",
            "cifar-10-batches-py-target_archive",
            "cifar-10-batches-py.tar.gz",
            "cifar-10-python.tar.gz",
        ),
        (32, 32, 3),
        (
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        "",
        "Krizhevsky, A. (2009), Learning multiple layers of features from tiny images, University "
        "of Toronto",
    ),
}

KERAS_DATASETS = tuple(_KNOWN)
"""The datasets that `read_published` reads."""


def read_published(name: str, given: Path | None = None) -> Collection:
    """Return a dataset of `keras.datasets`.

    Args:
        name: one of `KERAS_DATASETS`.
        given: an `.npz` file, a folder with idx files (as they are or as `.gz`), or the batches of
            CIFAR-10 as a folder or an archive; None for what is in Keras's cache.

    Raises:
        DataError: it is not there, damaged, or a different dataset.
    """
    known = _KNOWN[name]
    path = given or _cached(name, known)
    arrays = _read(path)
    for part, (images, _) in arrays.items():
        shape = (*images.shape[1:], 1)[:3]
        if shape != known.shape:
            raise DataError(
                f"{path} is not {name}: its {part} images have the shape {shape}, those of {name} "
                f"{known.shape}. Import a dataset of your own by the name of its file."
            )
    return collect(
        arrays, str(path), classes=known.classes, licence=known.licence, citation=known.citation
    )


def _cached(name: str, known: _Known) -> Path:
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "datasets"
    for place in known.places:
        if (home / place).exists():
            return home / place
    raise DataError(
        f"{name} is not in the cache of Keras ({home / known.places[0]}). With a network, get it "
        f'by python -c "import keras; keras.datasets.{name}.load_data()", or pass the file or '
        "folder that you have as --from."
    )


def _read(path: Path) -> Arrays:
    with reading(path):
        if not path.is_dir():
            if is_archive(path) and not zipfile.is_zipfile(path):
                return _from_batches(path, _batches_of_archive(path))
            return npz_arrays(path)
        if (path / "mnist.npz").is_file():
            return npz_arrays(path / "mnist.npz")
        if any(path.glob("*-idx3-ubyte*")):
            return {part: (_idx(path, x), _idx(path, y)) for part, (x, y) in _IDX.items()}
        inner = path / "cifar-10-batches-py"
        return _from_batches(path, _batches_of_folder(inner if inner.is_dir() else path))


def _idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Return the array in an idx file: a header with the type and sizes, then the values."""
    path = folder / name if (folder / name).is_file() else folder / f"{name}.gz"
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else Path.open
    with reading(path), opened(path, "rb") as file:
        dimensions = int(name[-7])  # idx3 and idx1
        if file.read(4) != bytes((0, 0, 8, dimensions)):
            raise ValueError(f"it does not begin as an idx file of {dimensions} dimensions")
        shape = np.frombuffer(file.read(4 * dimensions), ">u4").tolist()
        check_memory(path, prod(shape))
        values = file.read(prod(shape) + 1)
        if len(values) != prod(shape):
            raise ValueError(f"it should have {prod(shape):,} values, and has {len(values):,}")
        return np.frombuffer(values, np.uint8).reshape(shape)


def _batches_of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for names in _CIFAR.values():
        for name in names:
            if (file := folder / name).is_file():
                _check_batch(file.stat().st_size)
                yield name, file.read_bytes()


def _batches_of_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    wanted = {name for names in _CIFAR.values() for name in names}
    with opened(path) as archive:
        for member in archive.members:
            if member.path.name in wanted:
                _check_batch(member.size)
                yield member.path.name, member.read()


def _check_batch(size: int) -> None:
    if size > _LARGEST_BATCH:
        raise ValueError(f"a batch has more than {_LARGEST_BATCH:,} bytes")


def _from_batches(path: Path, batches: Iterator[tuple[str, bytes]]) -> Arrays:
    found = {name: _batch(content) for name, content in batches}
    missing = [name for names in _CIFAR.values() for name in names if name not in found]
    if missing:
        raise DataError(
            f"{path} has no {', no '.join(missing)}. Expected are an .npz file with x_train, "
            "a folder with train-images-idx3-ubyte.gz and the three others of its kind, or the "
            "batches of CIFAR-10 (data_batch_1 to data_batch_5 and test_batch)."
        )
    return {
        part: (
            np.concatenate([found[name][0] for name in names]),
            np.concatenate([found[name][1] for name in names]),
        )
        for part, names in _CIFAR.items()
    }


def _batch(content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images of shape (n, 32, 32, 3), and labels, of a batch of CIFAR-10."""
    stored = load_plain(content)
    data, labels = stored[b"data"], stored[b"labels"]
    if not isinstance(data, np.ndarray) or not all(type(label) is int for label in labels):
        raise TypeError("a batch should hold an array of images and a list of labels")
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(labels, np.int64)
