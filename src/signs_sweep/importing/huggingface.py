"""Datasets of Hugging Face: from its hub, from its cache or from a folder."""

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs_sweep.errors import DataError
from signs_sweep.importing.files import open_picture
from signs_sweep.importing.items import PART_NAMES, Collection, Item, printable

if TYPE_CHECKING:
    from PIL.Image import Image


_SIDE, _LOOKED_AT = 64, 100
"""Pictures of the same size keep it up to this side, if the first pictures have it."""


def read_huggingface(name: str) -> Collection:
    """Return the pictures of a dataset of Hugging Face. They stay encoded until they are opened.

    Args:
        name: a folder that `save_to_disk` wrote or that `datasets.load_dataset` reads (Parquet
            files, pictures), or the name of a dataset on the hub.

    Raises:
        DataError: the package `datasets` is not installed, or the dataset cannot be loaded or has
            no column of images or of labels.
    """
    if not name.strip():
        raise DataError("hf: has no name after it. Add a folder or the name of a dataset.")
    splits = _load(name)
    named = {split: rows for split, rows in splits.items() if split.lower() in PART_NAMES}
    known = named or splits
    first = next(iter(known.values()))
    image, label = _columns(first.features, name)
    used = {split: rows for split, rows in known.items() if {image, label} <= {*rows.features}}
    goals = {split: PART_NAMES.get(split.lower(), "train") for split in used}
    remarks = [f"labels are the column {label}"]
    if other := sorted(split for split in used if split.lower() not in PART_NAMES):
        remarks.append(f"the training set consists of the splits {', '.join(other)}")
    if ignored := sorted(set(splits) - set(used)):
        remarks.append(f"ignored: {', '.join(ignored)}")
    items: list[Item] = []
    skipped: list[tuple[str, str]] = []
    for split, rows in used.items():
        goal = None if goals[split] == "train" and "test" not in goals.values() else goals[split]
        encoded = _encoded(rows, image)
        for row, text in enumerate(_labels(rows, label)):
            if text is None:
                skipped.append((printable(f"{split}[{row}]"), "it has no label"))
            else:
                open_ = partial(_open, encoded, row, image)
                items.append(Item(printable(f"{split}[{row}]"), text, goal, None, open_))
    size, channels = _stored(items)
    return Collection(
        tuple(items),
        tuple(dict.fromkeys(name for rows in used.values() for name in _classes(rows, label)))
        or None,
        f"hf:{name}",
        size,
        channels,
        licence=first.info.license or "",
        citation=" ".join((first.info.citation or "").split()),
        skipped=tuple(skipped),
        remarks=tuple(map(printable, remarks)),
    )


def _stored(items: Sequence[Item]) -> tuple[tuple[int, int] | None, int | None]:
    """Return the size and channels of small grey or RGB pictures, if the first ones are alike."""
    found = set()
    for item in items[:_LOOKED_AT]:
        with suppress(Exception), item.open() as picture:  # Damaged ones are skipped later.
            found.add((picture.height, picture.width, picture.mode))
    if len(found) != 1:
        return None, None
    height, width, mode = found.pop()
    if max(height, width) > _SIDE or mode not in {"L", "RGB"}:
        return None, None
    return (height, width), 1 if mode == "L" else 3


def _load(name: str) -> Mapping[str, Any]:
    """Return the splits of a dataset."""
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"hf:{name} needs the package datasets. Install it: "
            "pip install 'signs-sweep[huggingface]'"
        ) from error
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # It reports each retry.
    datasets.disable_progress_bars()
    folder = Path(os.path.expanduser(name))  # noqa: PTH111  # which raises no exception
    try:
        if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
            loaded = datasets.load_from_disk(str(folder))
        else:
            loaded = datasets.load_dataset(str(folder) if folder.is_dir() else name)
    except Exception as error:  # datasets and its libraries raise many types.
        advice = (
            "Expected is a folder that save_to_disk wrote, or that load_dataset reads."
            if folder.is_dir()
            else "Expected is a folder, or the name of a dataset on "
            "https://huggingface.co/datasets; without a network, its copy in the cache of Hugging "
            "Face is used."
        )
        reason = str(error).partition("\n")[0]
        raise DataError(f"hf:{name} cannot be loaded: {reason or error!r}. {advice}") from error
    return loaded if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}


def _columns(features: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return the names of the columns of images and of labels."""
    from datasets import ClassLabel, Image, Value

    def first(kind: type, preferred: tuple[str, ...]) -> str | None:
        found = [column for column, feature in features.items() if isinstance(feature, kind)]
        return next((column for column in preferred if column in found), None) or next(
            iter(found), None
        )

    image = first(Image, ("image", "img"))
    label = first(ClassLabel, ("label", "labels"))
    if label is None:
        plain = [column for column, feature in features.items() if isinstance(feature, Value)]
        label = next((column for column in ("label", "labels") if column in plain), None)
    if image is None or label is None:
        columns = ", ".join(
            f"{column} ({type(kind).__name__})" for column, kind in features.items()
        )
        lacking = "images (type Image)" if image is None else "labels (type ClassLabel, or label)"
        raise DataError(f"hf:{name} has no column of {lacking}. Its columns: {printable(columns)}.")
    return image, label


def _classes(rows: Any, column: str) -> tuple[str, ...]:
    """Return the names of the classes that a column has; none if it holds the names themselves."""
    return tuple(getattr(rows.features[column], "names", None) or ())


def _labels(rows: Any, column: str) -> list[str | None]:
    """Return the name of the class of each row; None for a row without a label."""
    names = _classes(rows, column)
    if not names:
        return [None if value is None else str(value) for value in rows[column]]
    return [
        None if value is None or not 0 <= value < len(names) else names[value]
        for value in rows[column]
    ]


def _encoded(rows: Any, image: str) -> Any:
    """Return the images of a split as they are stored."""
    from datasets import Image

    return rows.select_columns([image]).cast_column(image, Image(decode=False))


def _open(rows: Any, row: int, column: str) -> "Image":
    stored = rows[row][column]
    if stored is None:
        raise OSError("there is no picture")
    content = stored["bytes"]
    return open_picture(Path(stored["path"]) if content is None else BytesIO(content))
