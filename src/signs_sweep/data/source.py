"""Locating a dataset: from the `data` of a spec to its files."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from signs_sweep.data.dataset import Dataset
from signs_sweep.data.drawn import DRAWN_VERSION, draw_dataset
from signs_sweep.data.layout import TEST_FILE, TRAIN_FILE, VALIDATION_FILE
from signs_sweep.data.reading import read_dataset
from signs_sweep.data.writing import write_dataset
from signs_sweep.errors import DataError

KNOWN_DATASETS: tuple[str, ...] = ("signs", "drawn")
"""The datasets that a spec can name. A folder with such a name is written `./signs`."""

_SUFFIXES = {".h5", ".hdf5"}


@dataclass(frozen=True)
class DataSource:
    """The files of a dataset. Small and picklable, so that workers can load the dataset.

    Attributes:
        name: its name for people.
        train: file with the training set.
        test: file with the test set.
        drawn: whether this is the built-in drawn dataset, which also replaces `signs` if there are
            no photos; the caller informs the user.
        validation: file with the validation set, if it is used.
    """

    name: str
    train: Path
    test: Path
    drawn: bool
    validation: Path | None = None

    def load(self) -> Dataset:
        """Read the files.

        Raises:
            DataError: a file is missing, damaged or not in the expected layout.
        """
        return read_dataset(
            self.train, self.test, self.name, validation=self.validation, drawn=self.drawn
        )


def find_source(
    data: str | Mapping[str, str],
    *,
    data_dir: Path | None,
    spec_folder: Path,
    is_validated: bool | None = False,
) -> DataSource:
    """Find the files that the `data` of a spec refers to.

    Reads no images, except those of the drawn dataset, which is stored when it is first used.

    Args:
        data: a name in `KNOWN_DATASETS`, a folder, or `{train: a.h5, test: b.h5}`, which may also
            have `validation`.
        data_dir: value of `--data`, the folder of the photos. If None, it is the environment
            variable `SIGNS_DATA`, or else `data` in the current folder.
        spec_folder: folder of the spec, to which its paths are relative.
        is_validated: whether the validation set that comes with the dataset is used; None: if
            there is one.

    Raises:
        DataError: the dataset does not exist, or one of its files is missing.
    """
    try:
        if not isinstance(data, str):
            source = _from_files(data, spec_folder)
        elif data == "drawn":
            source = _drawn_source()
        elif data == "signs":
            source = _signs_source(data_dir)
        elif (folder := spec_folder / _expanded(data)).is_dir():
            source = _from_folder(folder, folder.resolve().name)
        else:
            raise DataError(_unknown(data, folder))
        if is_validated:
            return _validated(source)
        exists = source.validation is not None and source.validation.is_file()
        return source if exists and is_validated is None else replace(source, validation=None)
    except OSError as error:  # A name that is too long, a folder that may not be entered.
        raise DataError(f"cannot look for the data: {error}") from error


def _validated(source: DataSource) -> DataSource:
    """Check that a dataset comes with a validation set."""
    if source.drawn:
        raise DataError(
            "validation: given, but the drawn dataset has no validation set. Write a fraction to "
            "hold out, as in validation: 0.2."
        )
    if source.validation is None or not source.validation.is_file():
        raise DataError(
            f"validation: given needs the file {source.train.with_name(VALIDATION_FILE)}, which "
            "does not exist. Write a fraction to hold out, as in validation: 0.2, or import the "
            "pictures again with --keep-val if they have a folder named val."
        )
    return source


def _expanded(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DataError(f"{path} begins with ~, but there is no home folder for it") from error


def photo_folder(data_dir: Path | None) -> Path | None:
    """Return the folder of the photos; None if the drawn images are used instead.

    Args:
        data_dir: see `find_source`.

    Raises:
        DataError: a folder was chosen that does not exist.
    """
    chosen = data_dir or os.environ.get("SIGNS_DATA")
    folder = _expanded(chosen or "data")
    if chosen and not folder.is_dir():
        raise DataError(
            f"the data folder {folder} does not exist. Set --data or SIGNS_DATA to the folder with "
            f"{TRAIN_FILE} and {TEST_FILE}, or set neither to use drawn images."
        )
    if chosen or (folder / TRAIN_FILE).exists() or (folder / TEST_FILE).exists():
        return folder
    return None


def _signs_source(data_dir: Path | None) -> DataSource:
    folder = photo_folder(data_dir)
    return _drawn_source() if folder is None else _from_folder(folder, "signs")


def _from_folder(folder: Path, name: str) -> DataSource:
    missing = [file for file in (TRAIN_FILE, TEST_FILE) if not (folder / file).is_file()]
    if missing:
        others = sorted(file.name for file in folder.iterdir() if file.suffix in _SUFFIXES)
        raise DataError(
            f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing in the data "
            f"folder {folder}."
            + (
                f" It has {', '.join(others)}. For files with other names, write "
                "data: {train: a.h5, test: b.h5} in the spec."
                if others
                else f" {_import_advice(folder)}"
            )
        )
    files = (folder / file for file in (TRAIN_FILE, TEST_FILE, VALIDATION_FILE))
    train, test, validation = files
    return DataSource(name, train, test, drawn=False, validation=validation)


def _import_advice(source: Path) -> str:
    return (
        "To turn pictures into a dataset, use: signs-sweep data import "
        f"{shlex.quote(str(source))} -o data/mine"
    )


def _from_files(data: Mapping[str, str], spec_folder: Path) -> DataSource:
    if not {"train", "test"} <= set(data) <= {"train", "test", "validation"}:
        raise DataError(
            f"data has the keys {', '.join(data) or '(none)'}; it should be {{train: a.h5, "
            "test: b.h5}, with validation: c.h5 if there is such a file"
        )
    files = {part: spec_folder / _expanded(path) for part, path in data.items()}
    for part, file in files.items():
        if not file.is_file():
            problem = "is not a file" if file.exists() else "does not exist"
            raise DataError(f"data: the {part} file {file} {problem}")
    name = files["train"].stem.removeprefix("train_")
    return DataSource(
        name, files["train"], files["test"], drawn=False, validation=files.get("validation")
    )


def _drawn_source() -> DataSource:
    """Return the drawn dataset in the user's cache folder; draw it if it cannot be read.

    Drawing takes seconds, reading milliseconds.

    Raises:
        DataError: the cache folder is not writable.
    """
    from platformdirs import user_cache_path

    folder = user_cache_path("signs-sweep") / f"drawn-{DRAWN_VERSION}"
    source = DataSource("drawn", folder / TRAIN_FILE, folder / TEST_FILE, drawn=True)
    try:
        source.load()
    except DataError:
        try:
            write_dataset(draw_dataset(), folder)
        except DataError as error:
            raise DataError(
                f"the drawn dataset cannot be stored: {error} Set the variable XDG_CACHE_HOME to "
                "store it in another folder."
            ) from error
    return source


def _unknown(data: str, folder: Path) -> str:
    if folder.is_file():
        return (
            f"data: {data} is a file. A dataset is a folder with {TRAIN_FILE} and {TEST_FILE}, or "
            "{train: a.h5, test: b.h5}."
            + (f" {_import_advice(folder)}" if folder.suffix not in _SUFFIXES else "")
        )
    nearest = get_close_matches(data, KNOWN_DATASETS, n=1)
    return (
        f"unknown dataset '{data}'"
        + (f"; did you mean '{nearest[0]}'?" if nearest else ".")
        + f" Known datasets: {' and '.join(KNOWN_DATASETS)}. There is no folder {folder}."
    )
