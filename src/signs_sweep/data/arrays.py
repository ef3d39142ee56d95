"""The arrays of an HDF5 file. Values that are unreadable or were not stored are a `DataError`."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.unwritten import find_unwritten
from signs_sweep.errors import DataError
from signs_sweep.process.memory import available_memory, gigabytes


class StoredArray:
    """An array in a file, whose values are read on request.

    Attributes:
        name: its name.
        shape: its shape; None for a null dataset, which has no values.
        size: number of its elements.
        dtype: type of its elements.

    Raises:
        DataError: the values do not fit into the available memory.
    """

    def __init__(self, path: Path, dataset: Any) -> None:
        self._path, self._dataset = path, dataset
        with _reading(path):
            self.name = dataset.name.removeprefix("/")
            self.shape: tuple[int, ...] | None = dataset.shape
            self.dtype: np.dtype[Any] = dataset.dtype
            self.size: int = dataset.size or 0
        self._bytes = self.size * self.dtype.itemsize
        available = available_memory()
        if available is not None and self._bytes > available:
            raise self._too_large(f"but only {gigabytes(available)} is available")

    def error(self, problem: str) -> DataError:
        """Return an error about the array as a whole."""
        return DataError(f"{self._path}: {self.name} {problem}")

    def read(self) -> NDArray[Any]:
        """Read the values.

        Raises:
            DataError: the values are damaged or do not fit into memory.
        """
        with _reading(self._path, self._dataset):
            try:
                return np.asarray(self._dataset[()])
            except MemoryError as error:
                raise self._too_large("which could not be allocated") from error

    def _too_large(self, reason: str) -> DataError:
        return self.error(
            f"needs {gigabytes(self._bytes)} of memory, {reason}. "
            "Use fewer or smaller images, or a machine with more memory."
        )


class ArrayFile:
    """An HDF5 file that is open for reading. A context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        import h5py

        with _reading(self.path):
            if not self.path.is_file():
                problem = "is not a file" if self.path.exists() else "does not exist"
                raise DataError(f"{self.path} {problem}. It should be an HDF5 file.")
            self._file = h5py.File(self.path, "r")
        return self

    def __exit__(self, *_: object) -> None:
        with _reading(self.path):
            self._file.close()

    def names(self) -> list[str]:
        """Return the names of the arrays at the top of the file."""
        import h5py

        with _reading(self.path):
            return sorted(
                name for name in self._file if self._file.get(name, getclass=True) is h5py.Dataset
            )

    def find(self, name: str) -> StoredArray | None:
        """Return an array, or None if the file has no array of this name.

        Raises:
            DataError: the array is damaged, not stored completely, a broken link, or larger than
                the available memory.
        """
        import h5py

        with _reading(self.path):
            link = self._file.get(name, getlink=True)
        if link is None:
            return None
        if isinstance(link, h5py.SoftLink | h5py.ExternalLink):
            dataset = self._follow(name, link)
        else:
            with _reading(self.path):
                dataset = self._file[name]  # Its `get` returns None for an array that is damaged.
        if not isinstance(dataset, h5py.Dataset):
            return None
        with _reading(self.path):
            unwritten = find_unwritten(dataset)
        if unwritten:
            raise DataError(
                f"{self.path}: {name} cannot be read: {unwritten}. HDF5 would fill in zeros. "
                "Restore what is missing, or write the array again."
            )
        return StoredArray(self.path, dataset)

    def _follow(self, name: str, link: Any) -> Any:
        import h5py

        try:
            return self._file[name]
        except Exception as error:
            target = f"{link.path} in the file " if isinstance(link, h5py.ExternalLink) else ""
            target += getattr(link, "filename", link.path)
            raise DataError(
                f"{self.path}: {name} is a link to {target}, which cannot be opened. Restore the "
                "target, or store the array itself."
            ) from error

    def attribute(self, name: str) -> Any:
        """Return an attribute of the file, or None if the file has no attribute of this name."""
        with _reading(self.path):
            return self._file.attrs.get(name)


@contextmanager
def _reading(path: Path, dataset: Any = None) -> Iterator[None]:
    """Turn exceptions of h5py into a `DataError`. Use it only around calls of h5py.

    For damaged files h5py raises a dozen types of exceptions, none of them documented.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read: {_reason(path, dataset, error)} ({error})"
        ) from error


def _reason(path: Path, dataset: Any, error: Exception) -> str:
    import h5py

    match getattr(error, "errno", None):
        case errno.EACCES | errno.EPERM:
            return "you have no permission to read it. Ask its owner"
        case errno.EAGAIN | errno.ENOLCK:
            return (
                "another program is writing to it. Wait until that program has finished, or, if no "
                "program is writing, set the variable HDF5_USE_FILE_LOCKING=FALSE"
            )
    if dataset is not None and (missing := _missing_filter(dataset)):
        return f"it is compressed with {missing}, which is not installed. Write it again with gzip"
    if isinstance(error, TypeError):
        return "NumPy does not support the type of its elements. Write it with a different type"
    if h5py.is_hdf5(path):
        return "it is damaged or truncated. Download or create it again"
    return "it is not an HDF5 file"


def _missing_filter(dataset: Any) -> str | None:
    from h5py import h5z

    try:
        plist = dataset.id.get_create_plist()
        filters = [plist.get_filter(number) for number in range(plist.get_nfilters())]
        missing = [(key, name) for key, _, _, name in filters if not h5z.filter_avail(key)]
    except Exception:  # noqa: BLE001 - the file is damaged, which the caller reports
        return None
    return f"the filter {missing[0][0]} {missing[0][1]!r}" if missing else None
