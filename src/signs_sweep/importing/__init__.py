"""Turning other people's pictures into a dataset: from files, archives and arrays to HDF5.

`collect` makes a `Collection` of a source; `import_pictures` turns that into the files of a
dataset, in a folder that is `claimed`.
"""

import shlex
from dataclasses import replace
from pathlib import Path

from signs_sweep.errors import DataError
from signs_sweep.importing.archive import collect_archive, is_archive
from signs_sweep.importing.arranging import similar
from signs_sweep.importing.arrays import read_npz
from signs_sweep.importing.claim import Target, claimed
from signs_sweep.importing.files import SUFFIXES
from signs_sweep.importing.folder import collect_folder
from signs_sweep.importing.huggingface import read_huggingface
from signs_sweep.importing.importer import Choices, Imported, import_pictures
from signs_sweep.importing.items import Collection, Item
from signs_sweep.importing.manifest import collect_manifest
from signs_sweep.importing.phases import OnProgress, Phase
from signs_sweep.importing.published import KERAS_DATASETS, read_published

__all__ = [
    "Choices",
    "Collection",
    "Imported",
    "Item",
    "OnProgress",
    "Phase",
    "Target",
    "claimed",
    "collect",
    "import_pictures",
]


def collect(
    source: str,
    scratch: Path,
    given: Path | None = None,
    on_progress: OnProgress = lambda *_: None,
) -> Collection:
    """Return the pictures of a source.

    Args:
        source: a folder, a zip or tar archive, a CSV file, an `.npz` file, one of `KERAS_DATASETS`
            (a folder of such a name is written `./mnist`), or `hf:` and a dataset of Hugging Face.
        scratch: existing folder for unpacked files, which must exist as long as the collection.
        given: for one of `KERAS_DATASETS`, its file or folder; None for Keras's cache.
        on_progress: called while an archive is unpacked.

    Raises:
        DataError: there is no such source, it cannot be read, or has no pictures with classes.
    """
    if not source.strip():
        raise DataError("the name of the source is empty. Name the current folder as a dot: .")
    found = _collect(source, scratch, given, on_progress)
    if alike := similar({item.label for item in found.items}):
        remark = f"classes whose names differ only in case or spaces: {alike}"
        return replace(found, remarks=(*found.remarks, remark))
    return found


def _collect(source: str, scratch: Path, given: Path | None, on_progress: OnProgress) -> Collection:
    if source in KERAS_DATASETS:
        return read_published(source, given)
    if given is not None:
        raise DataError(f"--from is only for {', '.join(KERAS_DATASETS)}. Name the source itself.")
    if source.startswith("hf:"):
        return read_huggingface(source.removeprefix("hf:"))
    try:
        path = Path(source).expanduser()
        if path.suffix.lower() == ".npz":
            return read_npz(path)
        if path.is_dir():
            return collect_folder(path)
        if path.is_file() and path.suffix.lower() == ".csv":
            return collect_manifest(path)
        if path.is_file() and is_archive(path):
            return collect_archive(path, scratch, on_progress)
        if path.is_file() and (advice := _advice(path)):
            raise DataError(f"{source} {advice}")
        problem = "is not a folder, an archive or a CSV file" if path.exists() else "does not exist"
    except (OSError, RuntimeError) as error:  # No permission, a name that is too long, no home.
        raise DataError(f"cannot read {source}: {error}") from error
    raise DataError(
        f"{source} {problem}. Name a folder of pictures, a zip or tar archive of such a folder, a "
        "CSV file with the columns path and label, an .npz file, "
        f"{', '.join(KERAS_DATASETS)}, or hf:NAME."
    )


def _advice(file: Path) -> str:
    """Return why a file of a known kind cannot be imported, after its name; else nothing."""
    match file.suffix.lower():
        case ".7z" | ".rar":
            return "is an archive of a kind that is not read: unpack it first"
        case ".npy":
            return "is a single array: store an .npz file with x_train and y_train"
        case ".h5" | ".hdf5":
            folder = shlex.quote(str(file.parent))
            return f"may be part of a dataset already: see `signs-sweep data info {folder}`"
        case suffix if suffix in SUFFIXES:
            return f"is a single picture: name its folder, {file.parent}"
    return ""
