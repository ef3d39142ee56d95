"""Finding what HDF5 would make up: it fills in what is not stored, and raises no error.

Chunks that were never written, the sources of a virtual dataset that are gone and what an external
file lacks all read as zeros, and a network learns zeros to an accuracy of 1.
"""

import math
import os
from pathlib import Path
from typing import Any


def find_unwritten(dataset: Any, seen: frozenset[tuple[str, str]] = frozenset()) -> str | None:
    """Say what of a dataset is not stored; None where all is.

    Args:
        dataset: an `h5py.Dataset`.
        seen: file and name of the virtual datasets that this one is a source of.
    """
    from h5py import h5d

    layout = dataset.id.get_create_plist().get_layout()
    if layout == h5d.VIRTUAL:
        return _of_virtual(dataset, seen)
    if not dataset.size:
        return None
    if dataset.external:
        return _of_external(dataset)
    if layout == h5d.CHUNKED:
        chunks = math.prod(
            -(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True)
        )
        lacking = chunks - dataset.id.get_num_chunks()
        return f"{lacking:,} of its {chunks:,} chunks were never written" if lacking > 0 else None
    if dataset.id.get_space_status() == h5d.SPACE_STATUS_NOT_ALLOCATED:
        return "nothing was ever written to it"
    return None


def _of_external(dataset: Any) -> str | None:
    prefix = os.environ.get("HDF5_EXTFILE_PREFIX", "")
    folder = prefix.replace("${ORIGIN}", str(Path(dataset.file.filename).absolute().parent))
    left = dataset.size * dataset.dtype.itemsize
    for name, offset, size in dataset.external:
        needed, file = min(left, size), Path(folder, name).absolute()
        left -= needed
        if not file.is_file():
            return f"its values are in the file {file}, which is not there"
        if file.stat().st_size < offset + needed:
            return f"its values are in the file {file}, which was cut short"
    return None


def _of_virtual(dataset: Any, seen: frozenset[tuple[str, str]]) -> str | None:
    place = (dataset.file.filename, dataset.name)
    if place in seen:
        return f"it is a virtual dataset that has itself as a source: {dataset.name}"
    plist = dataset.id.get_create_plist()
    mapped = 0
    for number in range(plist.get_virtual_count()):
        target = plist.get_virtual_vspace(number)
        try:
            mapped += target.get_select_npoints()
        except RuntimeError:  # Without limit: it is as long as its source is.
            mapped += dataset.size
        file = os.fsdecode(plist.get_virtual_filename(number))
        name = os.fsdecode(plist.get_virtual_dsetname(number))
        if "%b" in file + name:  # Sources that are numbered: it ends where one is not there.
            continue
        if problem := _of_source(dataset, file, name, seen | {place}):
            return problem
    if mapped < dataset.size:
        return f"it is a virtual dataset, and no source fills {1 - mapped / dataset.size:.0%} of it"
    return None


def _of_source(dataset: Any, file: str, name: str, seen: frozenset[tuple[str, str]]) -> str | None:
    """Say what is not stored of a source of a virtual dataset."""
    import h5py

    for path in _places(dataset, file):
        try:
            opened = h5py.File(path, "r")
        except OSError:
            continue
        with opened:
            source = opened.get(name)
            if not isinstance(source, h5py.Dataset):
                return f"it is a virtual dataset, and its source {name} in {path} is not there"
            problem = find_unwritten(source, seen)
            return problem and f"it is a virtual dataset, and of its source {path}: {problem}"
    return f"it is a virtual dataset, and its source {file} is not there, or cannot be read"


def _places(dataset: Any, file: str) -> list[Path]:
    """Return where HDF5 looks for a source, in its order; it takes the first that opens."""
    own = Path(dataset.file.filename).absolute()
    if file == ".":
        return [own]
    given = Path(file)
    relative = given.name if given.is_absolute() else file
    prefixes = [path for path in os.environ.get("HDF5_VDS_PREFIX", "").split(":") if path]
    folders = [*map(Path, prefixes), own.parent]
    first = [given] if given.is_absolute() else []
    return [
        *first,
        *(folder / relative for folder in folders),
        given,
        own.resolve().parent / relative,
    ]
