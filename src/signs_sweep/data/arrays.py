"""The arrays of one HDF5 file. What HDF5 cannot read, or would make up, is a `DataError`."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data.memory import available_memory
from signs_sweep.data.unwritten import find_unwritten
from signs_sweep.errors import DataError


class StoredArray:
    """An array in a file, of which only shape and type have been read.

    Attributes:
        name: its name.
        shape: its shape; None if it has none, not even that of a single value.
        size: how many elements it has.
        dtype: type of an element.
    """

    def __init__(self, path: Path, dataset: Any) -> None:
        self._path, self._dataset = path, dataset
        with _reading(path):
            self.name = dataset.name.removeprefix("/")
            self.shape: tuple[int, ...] | None = dataset.shape
            self.dtype: np.dtype[Any] = dataset.dtype
            self.size: int = dataset.size or 0
        self._bytes = self.size * self.dtype.itemsize

    def check_memory(self) -> None:
        """Check that the values fit into the memory that is available.

        Raises:
            DataError: they do not.
        """
        available = available_memory()
        if available is not None and self._bytes > available:
            raise self._too_large(f"and {_gigabytes(available)} are available")

    def read(self) -> NDArray[Any]:
        """Read the values.

        Raises:
            DataError: they are damaged, or there is no memory for them.
        """
        with _reading(self._path, self._dataset):
            try:
                return np.asarray(self._dataset[()])
            except MemoryError as error:
                raise self._too_large("which could not be allocated") from error

    def _too_large(self, reason: str) -> DataError:
        return DataError(
            f"{self._path}: {self.name} needs {_gigabytes(self._bytes)} of memory, {reason}. "
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
                problem = "is not a file" if self.path.exists() else "is not there"
                raise DataError(f"{self.path} {problem}. It should be an HDF5 file.")
            self._file = h5py.File(self.path, "r")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        """Return an array; None if there is none of that name.

        Raises:
            DataError: it is damaged, not stored as a whole, a link that leads nowhere, or larger
                than the memory.
        """
        import h5py

        with _reading(self.path):
            link = self._file.get(name, getlink=True)
            if not isinstance(link, h5py.SoftLink | h5py.ExternalLink):
                found = self._file.get(name)
        if isinstance(link, h5py.SoftLink | h5py.ExternalLink):
            found = self._follow(name, link)
        if not isinstance(found, h5py.Dataset):
            return None
        with _reading(self.path):
            unwritten = find_unwritten(found)
        if unwritten:
            raise DataError(
                f"{self.path}: {name} cannot be read: {unwritten}. HDF5 would fill in zeros. "
                "Put back what is missing, or write the array again."
            )
        array = StoredArray(self.path, found)
        array.check_memory()
        return array

    def _follow(self, name: str, link: Any) -> Any:
        import h5py

        try:
            return self._file[name]
        except Exception as error:
            target = f"{link.path} in the file " if isinstance(link, h5py.ExternalLink) else ""
            target += getattr(link, "filename", link.path)
            raise DataError(
                f"{self.path}: {name} is a link to {target}, which cannot be followed. Put back "
                "what it leads to, or store the array itself."
            ) from error

    def attribute(self, name: str) -> Any:
        """Return an attribute of the file; None if it has none of that name."""
        with _reading(self.path):
            return self._file.attrs.get(name)


@contextmanager
def _reading(path: Path, dataset: Any = None) -> Iterator[None]:
    """Turn whatever h5py raises into a `DataError`. Only calls of h5py belong into it.

    A damaged file makes it raise a dozen types of exceptions, which no version promises.
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
            return "you may not read it. Ask its owner for permission"
        case errno.EAGAIN | errno.ENOLCK:
            return (
                "another program is writing to it. Wait until that is done, or, if none is, set "
                "the variable HDF5_USE_FILE_LOCKING=FALSE"
            )
    if dataset is not None and (lacking := _lacking_filter(dataset)):
        return f"it is compressed with {lacking}, which is not installed. Write it again with gzip"
    if isinstance(error, TypeError):
        return "NumPy has no such type of elements. Write it again with another one"
    if h5py.is_hdf5(path):
        return "it is damaged or was cut short. Fetch or make it again"
    return "it is not an HDF5 file"


def _lacking_filter(dataset: Any) -> str | None:
    from h5py import h5z

    try:
        plist = dataset.id.get_create_plist()
        filters = [plist.get_filter(number) for number in range(plist.get_nfilters())]
        lacking = [one for one in filters if not h5z.filter_avail(one[0])]
    except Exception:  # noqa: BLE001 - the file is damaged, and what for is told already
        return None
    return f"the filter {lacking[0][0]} {lacking[0][3]!r}" if lacking else None


def _gigabytes(amount: int) -> str:
    return f"{amount / 1e9:,.1f} GB"
