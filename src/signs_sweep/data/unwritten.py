"""Finding values that are not stored: HDF5 fills in zeros for them, and raises no error.

Chunks that were never written, missing sources of a virtual dataset and missing parts of an
external file all read as zeros, and a network learns zeros to an accuracy of 1.
"""

import math
import os
from pathlib import Path
from typing import Any

_BYTES_OF_CHECKSUM = 4


def find_unwritten(dataset: Any, seen: frozenset[tuple[str, str]] = frozenset()) -> str | None:
    """Return which part of a dataset is not stored, or None if everything is stored.

    Args:
        dataset: an `h5py.Dataset`.
        seen: file and name of the virtual datasets that have this dataset as a source.
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
        return _of_chunked(dataset)
    if dataset.id.get_space_status() == h5d.SPACE_STATUS_NOT_ALLOCATED:
        return "nothing was ever written to it"
    return None


def _of_chunked(dataset: Any) -> str | None:
    chunks = math.prod(
        -(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True)
    )
    missing = chunks - dataset.id.get_num_chunks()
    if missing > 0:
        return f"{missing:,} of its {chunks:,} chunks were never written"
    damaged = _damaged_chunks(dataset)
    return f"{damaged:,} of its {chunks:,} chunks are damaged" if damaged else None


def _damaged_chunks(dataset: Any) -> int:
    """Return the number of chunks without the checksum or of another size than the dataset has.

    No program writes such chunks, but a damaged index of chunks may contain them. HDF5 then returns
    damaged values, or reads memory that is not its own.
    """
    from h5py import h5z

    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    skipped, size = 0, math.prod(dataset.chunks) * dataset.dtype.itemsize
    if h5z.FILTER_FLETCHER32 in filters:
        skipped, size = 1 << filters.index(h5z.FILTER_FLETCHER32), size + _BYTES_OF_CHECKSUM
    has_size = set(filters) <= {h5z.FILTER_FLETCHER32}
    found: list[bool] = []
    dataset.id.chunk_iter(
        lambda chunk: found.append(
            bool(chunk.filter_mask & skipped or (has_size and chunk.size != size))
        )
    )
    return sum(found)


def _of_external(dataset: Any) -> str | None:
    prefix = os.environ.get("HDF5_EXTFILE_PREFIX", "")
    folder = prefix.replace("${ORIGIN}", str(Path(dataset.file.filename).absolute().parent))
    left = dataset.size * dataset.dtype.itemsize
    for name, offset, size in dataset.external:
        needed, file = min(left, size), Path(folder, name).absolute()
        left -= needed
        if not file.is_file():
            return f"its values are in the file {file}, which does not exist"
        if file.stat().st_size < offset + needed:
            return f"its values are in the file {file}, which is truncated"
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
        except RuntimeError:  # Unlimited: it is as long as its source.
            mapped += dataset.size
        file = os.fsdecode(plist.get_virtual_filename(number))
        name = os.fsdecode(plist.get_virtual_dsetname(number))
        if "%b" in file + name:  # Numbered sources: it ends at the first that is missing.
            continue
        if problem := _of_source(dataset, file, name, seen | {place}):
            return problem
    if mapped < dataset.size:
        return f"it is a virtual dataset, and no source fills {1 - mapped / dataset.size:.0%} of it"
    return None


def _of_source(dataset: Any, file: str, name: str, seen: frozenset[tuple[str, str]]) -> str | None:
    """Return which part of a source of a virtual dataset is not stored, or None."""
    import h5py

    for path in _places(dataset, file):
        try:
            opened = h5py.File(path, "r")
        except OSError:
            continue
        with opened:
            source = opened.get(name)
            if not isinstance(source, h5py.Dataset):
                return f"it is a virtual dataset, and its source {name} in {path} does not exist"
            problem = find_unwritten(source, seen)
            return problem and f"it is a virtual dataset with the source {path}: {problem}"
    return f"it is a virtual dataset, and its source {file} does not exist or cannot be read"


def _places(dataset: Any, file: str) -> list[Path]:
    """Return the paths where HDF5 looks for a source, in order; it uses the first that opens."""
    own = Path(dataset.file.filename).absolute()
    if file == ".":
        return [own]
    stored = Path(file)
    relative = stored.name if stored.is_absolute() else file
    prefixes = [path for path in os.environ.get("HDF5_VDS_PREFIX", "").split(":") if path]
    places = [folder / relative for folder in (*map(Path, prefixes), own.parent)]
    places.insert(0 if stored.is_absolute() else len(places), stored)
    return [*places, own.resolve().parent / relative]
