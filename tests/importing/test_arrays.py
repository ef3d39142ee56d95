"""Arrays as pictures: `.npz` files, and the datasets of Keras from its cache or from files."""

import gzip
import pickle
import random
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.errors import DataError
from signs_sweep.importing.arrays import read_npz
from signs_sweep.importing.published import read_published

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 28, 28)).astype(np.uint8)
COLOUR = RANDOM.integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
LABELS = np.array([3, 1, 0, 9, 9, 2])


def write(path: Path, **arrays) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def complete(path: Path, images=GREY, labels=LABELS, **more) -> Path:
    half = {"x_test": images[4:], "y_test": labels[4:]}
    return write(path, **{"x_train": images[:4], "y_train": labels[:4], **half, **more})


def pixels(collection, row: int):
    return np.asarray(collection.items[row].open())


def test_images_of_an_npz_file_keep_their_pixels_size_parts_and_labels(tmp_path) -> None:
    path = complete(tmp_path / "own.npz", x_val=GREY[:1], y_val=np.array([[7]]))
    found = read_npz(path)
    assert [(item.name, item.label, item.part) for item in found.items][3:6] == [
        ("x_train[3]", "9", "train"),
        ("x_val[0]", "7", "val"),
        ("x_test[0]", "9", "test"),
    ]
    assert np.array_equal(pixels(found, 3), GREY[3])
    assert (found.size, found.channels, found.source) == ((28, 28), 1, str(path))


def test_without_a_test_set_the_images_are_to_be_split(tmp_path) -> None:
    found = read_npz(write(tmp_path / "a.npz", x_train=COLOUR, y_train=LABELS))
    assert {item.part for item in found.items} == {None}
    assert np.array_equal(pixels(found, 5), COLOUR[5])
    assert found.channels == 3


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([[1], [0], [2]]), ["1", "0", "2"]),
        (np.eye(3)[[2, 0, 1]], ["2", "0", "1"]),
        (np.array(["cat", "dog", "cat"]), ["cat", "dog", "cat"]),
        (np.array([b"cat", b"dog", b"cat"]), ["cat", "dog", "cat"]),
    ],
    ids=["column", "one-hot", "names", "bytes"],
)
def test_labels_may_be_a_column_one_hot_or_names(tmp_path, labels, names) -> None:
    found = read_npz(write(tmp_path / "a.npz", x_train=GREY[:3], y_train=labels))
    assert [item.label for item in found.items] == names


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"x": GREY, "y": LABELS}, "no array x_train and no array y_train. Its arrays: x, y"),
        ({"x_train": GREY, "x_test": GREY, "y_train": LABELS}, "no array y_test"),
        ({"x_train": GREY / 255, "y_train": LABELS}, "(images * 255).round().astype('uint8')"),
        ({"x_train": GREY.astype(int), "y_train": LABELS}, "store images.astype('uint8')"),
        ({"x_train": GREY.reshape(6, -1), "y_train": LABELS}, "has the shape (6, 784)"),
        ({"x_train": GREY[..., None][:0], "y_train": LABELS[:0]}, "has the shape (0, 28, 28, 1)"),
        ({"x_train": GREY, "y_train": LABELS[:5]}, "it should be (6,)"),
        ({"x_train": GREY, "y_train": LABELS / 1}, "Store labels.astype('int64')."),
        ({"x_train": GREY, "y_train": np.eye(9)[:6] * 2}, "row 0 is not one-hot"),
        ({"x_train": GREY, "y_train": np.array([{}] * 6)}, "holds Python objects"),
        ({"x_train": GREY, "y_train": LABELS, "x_test": COLOUR, "y_test": LABELS}, "differ"),
    ],
)
def test_other_arrays_are_an_error_with_what_to_store(tmp_path, arrays, problem) -> None:
    with pytest.raises(DataError) as error:
        read_npz(write(tmp_path / "a.npz", **arrays))
    assert problem in str(error.value)


def test_an_array_that_exceeds_the_memory_is_refused_before_it_is_read(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("signs_sweep.importing.arrays.available_memory", lambda: 3000)
    with pytest.raises(DataError, match=r"needs 0\.0 GB of memory"):
        read_npz(complete(tmp_path / "a.npz"))


def test_an_array_with_a_huge_header_is_refused_before_it_is_read(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        size = 50_000_000
        archive.writestr(
            "x_train.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", size) + bytes(size)
        )
        archive.writestr("y_train.npy", b"")
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"a\.npz cannot be read"):
            read_npz(tmp_path / "a.npz")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_batch_of_the_size_of_cifar10_is_read_from_an_archive(tmp_path) -> None:
    folder = write_batches(tmp_path / "batches")
    images = RANDOM.integers(0, 256, (1000, 32, 32, 3)).astype(np.uint8)
    (folder / "test_batch").write_bytes(batch(images, np.arange(1000) % 10))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(folder, "cifar-10-batches-py")
    assert np.array_equal(pixels(read_published("cifar10", tmp_path / "a.tar.gz"), 10), images[0])


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, *, is_zipped: bool) -> Path:
    folder.mkdir(parents=True)
    for prefix, rows in (("train", slice(4)), ("t10k", slice(4, 6))):
        for name, array in (("images-idx3", GREY), ("labels-idx1", LABELS.astype(np.uint8))):
            content = idx(array[rows])
            file = folder / f"{prefix}-{name}-ubyte{'.gz' * is_zipped}"
            file.write_bytes(gzip.compress(content) if is_zipped else content)
    return folder


def text(value: bytes) -> bytes:
    """A string as Python 2 wrote it."""
    return b"T" + struct.pack("<i", len(value)) + value


def batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    """A batch of CIFAR-10, byte for byte as NumPy 1 wrote it under Python 2."""
    flat = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    sizes = b"".join(b"J" + struct.pack("<i", size) for size in flat.shape) + b"\x86"
    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|")
    dtype += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b")
    array += b"\x87R(K\x01" + sizes + dtype + b"\x89" + text(flat.tobytes()) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


def write_batches(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number in range(1, 6):
        (folder / f"data_batch_{number}").write_bytes(batch(COLOUR[:2], LABELS[:2]))
    (folder / "test_batch").write_bytes(batch(COLOUR[2:], LABELS[2:]))
    return folder


def test_the_datasets_of_keras_are_read_from_its_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    folder = tmp_path / "datasets"
    write_idx(folder / "fashion-mnist", is_zipped=True)
    write_batches(folder / "cifar-10-batches-py-target" / "cifar-10-batches-py")
    complete(folder / "mnist.npz")
    mnist, fashion, cifar = map(read_published, ("mnist", "fashion_mnist", "cifar10"))
    assert [item.label for item in mnist.items] == list("310992")
    assert [item.label for item in fashion.items][:2] == ["Dress", "Trouser"]
    assert np.array_equal(pixels(fashion, 4), GREY[4])
    assert [item.part for item in cifar.items] == ["train"] * 10 + ["test"] * 4
    assert [cifar.items[row].label for row in (2, 10)] == ["cat", "airplane"]
    assert np.array_equal(pixels(cifar, 3), COLOUR[1])
    assert cifar.classes[9] == "truck"


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_a_dataset_that_is_not_cached_is_an_error_that_states_how_to_get_it(
    tmp_path, monkeypatch, name
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(DataError, match=rf"keras\.datasets\.{name}\.load_data\(\).*--from"):
        read_published(name)


def test_a_dataset_is_read_from_files_of_the_user(tmp_path) -> None:
    folder = write_idx(tmp_path / "raw", is_zipped=False)
    assert np.array_equal(pixels(read_published("mnist", folder), 0), GREY[0])
    with tarfile.open(tmp_path / "cifar.tar.gz", "w:gz") as archive:
        archive.add(write_batches(tmp_path / "batches"), "cifar-10-batches-py")
    for path in (tmp_path / "batches", tmp_path / "cifar.tar.gz"):
        assert np.array_equal(pixels(read_published("cifar10", path), 13), COLOUR[5])
    with pytest.raises(DataError, match="is not cifar10"):
        read_published("cifar10", folder)
    (tmp_path / "batches" / "test_batch").unlink()
    with pytest.raises(DataError, match="has no test_batch"):
        read_published("cifar10", tmp_path / "batches")


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("called"),)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({b"data": Evil(), b"labels": []}, 2),
        b"\x80\x02r\xff\xff\xff\x7f.",  # A place in the memo that would take 16 GB.
        b"\x80\x05\x96\xff\xff\xff\xff\xff\x00\x00\x00.",  # A bytearray of 1 TB.
    ],
    ids=["call", "memo", "bytearray"],
)
def test_a_pickle_calls_nothing_and_takes_no_memory(tmp_path, monkeypatch, content) -> None:
    monkeypatch.chdir(tmp_path)
    (write_batches(tmp_path / "batches") / "data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match="batches cannot be read"):
        read_published("cifar10", tmp_path / "batches")
    assert not Path("called").exists()


def mutated(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(min(len(changed), chance.choice((100, 10**9))))
        match chance.randrange(4):
            case 0:
                changed[place] = chance.randrange(256)
            case 1:
                changed[place] ^= 1 << chance.randrange(8)
            case 2:
                del changed[place : place + chance.randint(1, 50)]
            case _:
                changed[place:place] = chance.randbytes(chance.randint(1, 8))
        if not changed:
            break
    return bytes(changed)


def npz(folder: Path):
    return complete(folder / "a.npz"), read_npz


def npy(folder: Path):
    """An array in an `.npz` file that is intact otherwise."""
    member, whole, changed = folder / "x_train.npy", folder / "a.npz", folder / "b.npz"
    np.save(member, GREY[:4])
    complete(whole)

    def read(path: Path):
        with zipfile.ZipFile(whole) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(changed, "w") as archive:
            for name, content in (members | {path.name: path.read_bytes()}).items():
                archive.writestr(name, content)
        return read_npz(changed)

    return member, read


def raw_idx(folder: Path):
    files = write_idx(folder / "idx", is_zipped=False)
    return files / "train-images-idx3-ubyte", lambda _: read_published("mnist", files)


def cifar(folder: Path):
    files = write_batches(folder / "batches")
    return files / "test_batch", lambda _: read_published("cifar10", files)


def cifar_archive(folder: Path):
    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        archive.add(write_batches(folder / "batches"), "cifar-10-batches-py")
    return folder / "a.tar.gz", lambda path: read_published("cifar10", path)


@pytest.mark.parametrize("make", [npz, npy, raw_idx, cifar, cifar_archive])
def test_mutated_files_are_an_error_or_read_as_images(tmp_path, make) -> None:
    goal, read = make(tmp_path)
    content, chance = goal.read_bytes(), random.Random(make.__name__)
    outcomes = set()
    for _ in range(200):
        goal.write_bytes(mutated(content, chance))
        try:
            found = read(goal)
        except DataError:
            outcomes.add("error")
        else:
            outcomes.add("read")
            for item in found.items[:3]:
                item.open().load()
    assert "error" in outcomes
