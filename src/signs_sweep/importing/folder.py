"""Pictures in a folder, whose classes are its sub-folders or the beginnings of the file names."""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from signs_sweep.data import TRAIN_FILE
from signs_sweep.errors import DataError
from signs_sweep.importing.files import OUTSIDE, SUFFIXES, is_inside, open_picture
from signs_sweep.importing.items import PART_NAMES, Collection, Item, printable

_PART = re.compile(rf"({'|'.join(PART_NAMES)})([\W\d_].*)?", re.IGNORECASE)
"""Name of the folder of a part, such as `train`, `train_signs` or `train2017`."""

_MOST_NAMED, _WIDEST_NAME = 5, 40
"""Names in a message, and their characters."""

_OTHER_SYSTEMS = {"__macosx", "thumbs.db", "desktop.ini"}
"""What other operating systems leave in folders, in lower case."""

_SAVED = {"dataset_dict.json", "dataset_info.json", "state.json"}
"""What `save_to_disk` of Hugging Face writes."""

ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar"})
"""How the names of archives end."""

_BEGINNINGS = "what is before the first underscore of a file name"

_LAYOUTS = (
    "Put the pictures of each class into a folder with its name, as in cat/1.jpg and dog/1.jpg, or "
    "begin the file names with it, as in cat_1.jpg and dog_1.jpg, or write a CSV file with the "
    "columns path and label."
)


def collect_folder(folder: Path) -> Collection:
    """Return the pictures in a folder and in the folders below it.

    Raises:
        DataError: the folder cannot be read, or has no pictures in a layout with classes.
    """
    files = dict(_walk(folder))
    links = sorted(name for name, path in files.items() if path is None and not _is_hidden(name))
    inside = {name: path for name, path in files.items() if path is not None}
    if links and not inside:
        raise DataError(
            f"{folder} has only links to outside, which are not followed: {_and(map(str, links))}. "
            "Copy the pictures into the folder."
        )
    found = collect_files(inside, str(folder))
    skipped = [(printable(str(name)), OUTSIDE) for name in links]
    return replace(found, skipped=tuple(sorted((*found.skipped, *skipped))))


def _walk(folder: Path) -> Iterator[tuple[PurePosixPath, Path | None]]:
    """Yield the path of each file relative to the folder with its path, None if that is outside.

    Links to folders are followed within the folder; those to folders outside are yielded, too.
    """
    real = os.path.realpath(folder)
    entered: set[tuple[int, int]] = set()

    def fail(error: OSError) -> None:
        raise DataError(f"cannot read {error.filename}: {error.strerror}") from error

    for place, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        status = Path(place).stat()
        if (key := (status.st_dev, status.st_ino)) in entered:  # A link to a folder above.
            folders.clear()
            continue
        entered.add(key)
        outside = {
            name
            for name in (*folders, *files)
            if (path := Path(place, name)).is_symlink() and not is_inside(path, real)
        }
        folders[:] = sorted({*folders} - outside)
        for name in (*files, *outside.difference(files)):
            path = Path(place, name)
            inner = PurePosixPath(path.relative_to(folder).as_posix())
            yield inner, None if name in outside else path


def collect_files(files: Mapping[PurePosixPath, Path], source: str) -> Collection:
    """Return the pictures among files.

    A sole folder at the top is passed over. If then two folders, or the only one, are named like
    parts of a dataset, each has its own pictures and folders of classes.

    Args:
        files: where the contents are, by path relative to the folder that they come from.
        source: what they come from, for messages and the origin of the dataset.

    Raises:
        DataError: there are no pictures in a layout with classes, or the layout is ambiguous.
    """
    inner = {path: path for path in sorted(files) if not _is_hidden(path)}
    sole = ""
    while _has_sole_folder(inner.values()):
        sole = next(_pictures(inner.values())).parts[0]
        inner = {path: _below(rest) for path, rest in inner.items() if len(rest.parts) > 1}
    part_of = _parts(_folders(inner.values()), source)
    if not part_of:
        _check_inner_folders(inner.values(), source)
    by_folder, skipped = _by_part(inner, part_of)
    items: list[Item] = []
    _check_classes(
        {name: _folders(members.values()) for name, members in by_folder.items()}, source
    )
    for folder, members in by_folder.items():
        part = part_of.get(folder)
        for path, label in _labels(members):
            name = printable(str(path))
            if label is None:
                skipped.append((name, "no class"))
            else:
                read = partial(open_picture, files[path])
                items.append(Item(name, label, part, None, read))
    if not items:
        raise DataError(f"{source} has no pictures with classes{_reason(source, inner, sole)}")
    has_folders = any(_folders(members.values()) for members in by_folder.values())
    if len(labels := {item.label for item in items}) == 1:
        beginning = "" if has_folders else f", {_BEGINNINGS}"
        raise DataError(
            f"{source} has only the class '{printable(*labels)[:_WIDEST_NAME]}' "
            f"({len(items):,} files){beginning}; at least two are needed. {_LAYOUTS}"
        )
    items.sort(key=lambda item: item.name)
    skipped.sort()
    remarks = _deep(by_folder.values()) if has_folders else (f"classes are {_BEGINNINGS}",)
    return Collection(tuple(items), None, source, skipped=tuple(skipped), remarks=remarks)


def _by_part(
    inner: Mapping[PurePosixPath, PurePosixPath], part_of: Mapping[str, str]
) -> tuple[dict[str, dict[PurePosixPath, PurePosixPath]], list[tuple[str, str]]]:
    """Return the files by folder of a part, "" without parts, and those that are in none."""
    by_folder: dict[str, dict[PurePosixPath, PurePosixPath]] = {}
    skipped: list[tuple[str, str]] = []
    for path, rest in inner.items():
        if not part_of:
            by_folder.setdefault("", {})[path] = rest
        elif rest.parts[0] in part_of and len(rest.parts) > 1:
            by_folder.setdefault(rest.parts[0], {})[path] = _below(rest)
        else:
            skipped.append((printable(str(path)), "not in the folder of a part"))
    return by_folder, skipped


def _deep(parts: Iterable[Mapping[PurePosixPath, PurePosixPath]]) -> tuple[str, ...]:
    """Return a remark about pictures in folders below those of classes, if there are any."""
    deep = [
        f"{printable(str(path))} to '{printable(rest.parts[0])}'"
        for members in parts
        for path, rest in members.items()
        if len(rest.parts) > 2 and _is_picture(rest)
    ]
    remark = "pictures in deeper folders belong to the class at the top"
    return tuple(f"{remark}: {len(deep):,}, such as {example}" for example in deep[:1])


def _reason(source: str, files: Mapping[PurePosixPath, PurePosixPath], sole: str) -> str:
    """Return why files have no classes and what to do, as the end of a sentence and others.

    Args:
        source: where the files are.
        files: their paths in it, and in the sole folder.
        sole: name of the folder that was passed over, or an empty text.
    """
    if not files:
        return ": it is empty"
    names = {path.name: path for path in files}
    if TRAIN_FILE in names:
        folder = shlex.quote(printable(str(PurePosixPath(source, names[TRAIN_FILE].parent))))
        return (
            f": it is a dataset already. See `signs-sweep data info {folder}`, and begin with "
            f"`signs-sweep init {folder}`."
        )
    if found := sorted(_SAVED & set(names)):
        return f": {found[0]} is a file of Hugging Face. If save_to_disk wrote it: hf:{source}"
    if archives := [str(path) for path in files if path.suffix.lower() in ARCHIVES]:
        return f", but {_and(archives)}. Unpack what is in it, and import the new folder."
    if not (number := len([*_pictures(files)])):
        return f": none of its {len(files):,} files has the name of a picture, such as 1.jpg"
    only = f"it has only the folder '{printable(sole)[:_WIDEST_NAME]}', and two classes are needed"
    return f": {only if sole else f'its pictures ({number:,}) are not in folders'}. {_LAYOUTS}"


def _parts(folders: Sequence[str], source: str) -> dict[str, str]:
    """Return the part of each folder if two folders, or the only one, are parts, else nothing."""
    matches = {name: match for name in folders if (match := _PART.fullmatch(name))}
    if len(matches) < min(len(folders), 2):
        return {}  # Among vehicles, train is a class.
    if others := [name for name in folders if name not in matches]:
        raise DataError(
            f"{source} has the folders {_and(matches)}, and besides them {_and(others)}. Move what "
            "is not in a part elsewhere, or remove it; or, if all of them are classes, put them "
            "into a folder named train."
        )
    return {name: PART_NAMES[match[1].lower()] for name, match in matches.items()}


def _check_inner_folders(paths: Iterable[PurePosixPath], source: str) -> None:
    """Check that there are no parts in the folders of classes: they would be joined."""
    inner = {
        str(PurePosixPath(*path.parts[:2])) for path in _pictures(paths) if len(path.parts) > 2
    }
    names = {
        path: match for path in sorted(inner) if (match := _PART.fullmatch(path.split("/")[1]))
    }
    if len({PART_NAMES[match[1].lower()] for match in names.values()}) > 1:
        raise DataError(
            f"{source} has folders of parts in those of classes: {_and(names)}. Put the parts at "
            "the top, as in train/cat and test/cat, or write a CSV file with the columns path, "
            "label and split."
        )


def _check_classes(classes: Mapping[str, Sequence[str]], source: str) -> None:
    """Check that all folders of parts have folders of classes in them, or none has."""
    without = [name for name, folders in classes.items() if not folders]
    if without and len(without) < len(classes):
        others = [name for name in classes if name not in without]
        raise DataError(
            f"{source} has folders of classes in {_and(others)}, but not in {_and(without)}. Put "
            "the pictures of each class into a folder there, too; or, if they have no classes, "
            f"move {_and(without)} elsewhere."
        )


def _and(names: Iterable[str]) -> str:
    shown = [printable(name)[:_WIDEST_NAME] for name in names]
    rest = len(shown) - _MOST_NAMED
    return " and ".join(shown[:_MOST_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


def _labels(
    members: Mapping[PurePosixPath, PurePosixPath],
) -> Iterator[tuple[PurePosixPath, str | None]]:
    """Yield each path with its class, or None if it has none."""
    has_folders = bool(_folders(members.values()))
    for path, rest in members.items():
        if has_folders:
            yield path, rest.parts[0] if len(rest.parts) > 1 else None
        else:
            label, underscore, _ = rest.name.partition("_")
            yield path, label if label and underscore and _is_picture(rest) else None


def _is_hidden(path: PurePosixPath) -> bool:
    return any(name.startswith(".") or name.lower() in _OTHER_SYSTEMS for name in path.parts)


def _is_picture(path: PurePosixPath) -> bool:
    return path.suffix.lower() in SUFFIXES


def _pictures(paths: Iterable[PurePosixPath]) -> Iterator[PurePosixPath]:
    return (path for path in paths if _is_picture(path))


def _below(path: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(*path.parts[1:])


def _folders(paths: Iterable[PurePosixPath]) -> list[str]:
    """Return the folders at the top that have pictures in them or below."""
    return sorted({path.parts[0] for path in _pictures(paths) if len(path.parts) > 1})


def _has_sole_folder(paths: Iterable[PurePosixPath]) -> bool:
    """Whether all pictures are in a sole folder, which is not that of a part."""
    tops = {path.parts[0] for path in _pictures(paths)}
    return len(tops) == 1 and tops == set(_folders(paths)) and not _PART.fullmatch(tops.pop())
