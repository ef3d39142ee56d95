"""What `signs-sweep data make` writes."""

import errno
from pathlib import Path

import pytest

from signs_sweep.cli.data import make
from signs_sweep.data import find_source, writing
from signs_sweep.errors import DataError, UsageError


def test_it_writes_a_drawn_dataset_of_the_seed_size_and_number(tmp_path: Path) -> None:
    folder = tmp_path / "hands"
    make(folder, seed=5, size="24x16", number=90)
    made = find_source(str(folder), data_dir=None, spec_folder=tmp_path).load()
    assert made.train_images.shape == (90, 24, 16, 3)
    assert made.test_images.shape == (10, 24, 16, 3)
    assert made.drawn
    assert made.origin is not None
    assert "seed 5" in made.origin.made
    with pytest.raises(UsageError, match="already exists"):
        make(folder)


@pytest.mark.parametrize("size", ["", "8", "64x", "x64", "64x48x3", "64x1000", "-64"])
def test_a_size_is_a_side_or_height_and_width(size: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected pixels"):
        make(tmp_path / "hands", size=size)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"87\.4 GB of memory"):
        make(tmp_path / "hands", size="512", number=100_000)
    assert not list(tmp_path.iterdir())


def test_where_the_disk_is_full_nothing_is_left_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    write_part = writing._write_part

    def fail(file: object, name: str, *rest: object) -> object:
        if name == "train":
            raise OSError(errno.ENOSPC, "the text of HDF5")
        return write_part(file, name, *rest)

    monkeypatch.setattr(writing, "_write_part", fail)
    with pytest.raises(DataError, match="hands: No space left on device"):
        make(tmp_path / "hands", size="16", number=12)
    assert not list((tmp_path / "hands").iterdir())
