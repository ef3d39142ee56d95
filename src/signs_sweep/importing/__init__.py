"""Turning other people's pictures into a dataset: from files, archives and arrays to HDF5.

`collect` makes a `Collection` of a source; `import_pictures` turns that into the files of a
dataset, in a folder that is `claimed`.
"""

from pathlib import Path

from signs_sweep.errors import DataError
from signs_sweep.importing.archive import collect_archive, is_archive
from signs_sweep.importing.claim import Target, claimed
from signs_sweep.importing.folder import collect_folder
from signs_sweep.importing.importer import Choices, Imported, import_pictures
from signs_sweep.importing.items import Collection, Item
from signs_sweep.importing.manifest import collect_manifest

__all__ = [
    "Choices",
    "Collection",
    "Imported",
    "Item",
    "Target",
    "claimed",
    "collect",
    "import_pictures",
]


def collect(source: str, scratch: Path) -> Collection:
    """Return the pictures of a source.

    Args:
        source: a folder, a zip or tar archive, or a CSV file.
        scratch: existing folder for unpacked files, which must exist as long as the collection.

    Raises:
        DataError: there is no such source, it cannot be read, or has no pictures with classes.
    """
    try:
        path = Path(source).expanduser()
        if path.is_dir():
            return collect_folder(path)
        if path.is_file() and path.suffix.lower() == ".csv":
            return collect_manifest(path)
        if path.is_file() and is_archive(path):
            return collect_archive(path, scratch)
        problem = "is not a folder, an archive or a CSV file" if path.exists() else "does not exist"
    except (OSError, RuntimeError) as error:  # No permission, a name that is too long, no home.
        raise DataError(f"cannot read {source}: {error}") from error
    raise DataError(
        f"{source} {problem}. Name a folder of pictures, a zip or tar archive of such a folder, or "
        "a CSV file with the columns path and label."
    )
