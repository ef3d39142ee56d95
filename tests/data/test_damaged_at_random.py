"""Random damage to an HDF5 file: an error or the right data, never other data or a crash."""

import random
from pathlib import Path

import h5py
import numpy as np
import pytest

from signs_sweep.data import Origin, Part, read_dataset, write_parts
from signs_sweep.errors import DataError

MUTATIONS = 1_250


def part(samples: int) -> Part:
    random_values = np.random.default_rng(samples)
    labels = np.arange(samples, dtype=np.int64) % 3
    images = random_values.integers(0, 256, (samples, 6, 6, 3)).astype(np.uint8)
    return Part(images, labels, np.array([f"group {label // 2}" for label in range(samples)]))


def as_published(file: Path) -> None:
    """Write a file again in HDF5's oldest format, which other programs write by default."""
    with h5py.File(file) as source:
        arrays = {name: source[name][()] for name in source}
    with h5py.File(file, "w") as target:
        for name, array in arrays.items():
            target.create_dataset(name, data=array, chunks=True, fletcher32=True)


def damaged(content: bytes, random_values: random.Random) -> bytes:
    """Return a copy with one or more bytes changed, overwritten, moved, inserted or cut off."""
    copy, size = bytearray(content), len(content)
    first, second = random_values.randrange(size), random_values.randrange(size)
    length = random_values.randrange(1, 300)
    match random_values.randrange(7):
        case 0:
            copy[first] ^= 1 << random_values.randrange(8)
        case 1 | 2:  # Most of what describes the arrays is in the beginning.
            copy[first % 3000 % size] = random_values.choice([0, 1, 255, second % 256])
        case 3:
            for _ in range(random_values.randrange(2, 40)):
                copy[random_values.randrange(size)] = random_values.randrange(256)
        case 4:
            del copy[first:]
        case 5:
            copy[first : first + length] = copy[second : second + length]
        case 6:
            copy[first:first] = random_values.randbytes(length % 9)
    return bytes(copy)


@pytest.mark.slow
@pytest.mark.parametrize("is_published", [True, False], ids=["as published", "as written here"])
def test_random_damage_is_an_error_or_has_no_effect(tmp_path: Path, *, is_published: bool) -> None:
    parts = {"train": part(12), "test": part(6)}
    write_parts(tmp_path, parts, ("cat", "dog", "elk"), origin=Origin("here"))
    train, test = tmp_path / "train_signs.h5", tmp_path / "test_signs.h5"
    if is_published:
        as_published(train)
    undamaged, content = read_dataset(train, test, "x").fingerprint, train.read_bytes()
    errors = 0
    for number in range(MUTATIONS):
        train.write_bytes(damaged(content, random.Random(number)))
        try:
            found = read_dataset(train, test, "x").fingerprint
        except DataError:
            errors += 1
        else:
            assert found == undamaged, f"mutation {number}"
    assert errors > MUTATIONS / 10
