"""Pictures for the tests of an import, and importing them."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from signs_sweep.data import Dataset, find_source
from signs_sweep.importing import Choices, Imported, claimed, collect, import_pictures


def picture(name: object, size: tuple[int, int] = (24, 16)) -> Image.Image:
    """Return a picture of coloured areas; no two names have similar ones."""
    generator = np.random.default_rng(zlib.crc32(repr(name).encode()))
    areas = generator.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return Image.fromarray(areas).resize(size, Image.Resampling.BICUBIC)


def names(*classes: str, number: int = 6) -> list[str]:
    """Return names of pictures in folders of classes."""
    return [f"{label}/{index}.png" for label in classes for index in range(number)]


def save(folder: Path, *paths: str) -> Path:
    """Write pictures into a folder and return it."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        picture(path).save(folder / path)
    return folder


def importing(
    source: Path, folder: Path, *, overwrites: bool = False, **choices: Any
) -> tuple[Imported, Dataset]:
    """Import a source; return what was done, and the dataset as a spec finds it."""
    with claimed(folder, overwrites=overwrites) as target:
        found = collect(str(source), target.scratch)
        done = import_pictures(found, target, Choices(**choices), lambda *_: None)
    parts = ("test", "train", "val") if "val" in done.counts else ("test", "train")
    assert sorted(path.name for path in folder.iterdir()) == [f"{part}_signs.h5" for part in parts]
    source_files = find_source(
        str(folder), data_dir=None, spec_folder=Path(), is_validated="val" in parts
    )
    return done, source_files.load()


def counts(done: Imported) -> dict[str, list[int]]:
    """Return the number of images by part and class."""
    return {part: numbers.tolist() for part, numbers in done.counts.items()}
