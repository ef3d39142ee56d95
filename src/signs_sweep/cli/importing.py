"""`signs-sweep data import`: turn pictures into a dataset."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signs_sweep.cli.data import data_app
from signs_sweep.cli.options import expanded, image_size
from signs_sweep.cli.output import say, show_commands
from signs_sweep.cli.streams import bars, width_of
from signs_sweep.cli.text import columns, fill
from signs_sweep.commands.options import Option, SharedOptions
from signs_sweep.domain.formats import count
from signs_sweep.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from signs_sweep.importing import Choices, Imported, OnProgress, Phase

_MOST_SIZES, _MOST_SKIPPED, _MOST_NAMED = 5, 20, 3
"""Sizes of pictures, skipped files, and names of other things in a report."""

_SMALL_RANGE = 26
"""A tenth of the range of values."""

_WIDEST_NAME = 40
_LONGEST_SIDE, _LEAST_TEST = 4096, 0.001
_TITLES = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class ImportOptions:
    """How pictures become a dataset: the options of commands that end in `report`.

    Raises:
        UsageError: a value is out of range.
    """

    size: Annotated[
        str | None,
        Option("Size of the images, as in 64 or 48x64 (height x width). [default: 64]", "SIZE"),
    ] = None
    fit: Annotated[
        str,
        Option(
            "How pictures get their proportions: cut off two sides, or add bars.", "crop|letterbox"
        ),
    ] = "crop"
    is_grey: Annotated[
        bool | None,
        Option("Grey or colour images. [default: rgb]", "", flag="--grey/--rgb"),
    ] = None
    test: Annotated[
        float,
        Option("Part of each class for the test set, if the pictures have no parts.", "FRACTION"),
    ] = 0.2
    seed: Annotated[int, Option("Which of the random test sets.", "N")] = 0
    drop_duplicates: Annotated[
        bool,
        Option(
            "Drop copies of test images from the training set, repeated images, and equal images "
            "of several classes.",
            *("", 0, 0, "--drop-duplicates"),
        ),
    ] = False
    overwrite: Annotated[
        bool, Option("Replace a dataset in the folder.", "", 0, 0, "--overwrite")
    ] = False

    def choices(self) -> "Choices":
        """Return the options as the importer needs them.

        Raises:
            UsageError: a value is out of range.
        """
        from signs_sweep.data import Fit
        from signs_sweep.importing import Choices

        if self.fit not in set(Fit):
            raise UsageError(f"--fit {self.fit}: expected {' or '.join(Fit)}")
        if not _LEAST_TEST <= self.test < 1:
            raise UsageError(
                f"--test {self.test:g}: expected a fraction from {_LEAST_TEST} to less than 1"
            )
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: expected 0 or more")
        return Choices(
            size=None if self.size is None else image_size(self.size, 1, _LONGEST_SIDE),
            channels={None: None, True: 1, False: 3}[self.is_grey],
            fit=Fit(self.fit),
            test=self.test,
            seed=self.seed,
            drops_copies=self.drop_duplicates,
        )


@data_app.command("import")
@expanded
def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder of pictures, a zip or tar archive, a CSV file, an .npz file, mnist, "
            "fashion_mnist, cifar10, or hf:NAME for a dataset of Hugging Face.",
        ),
    ],
    options: ImportOptions,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write the dataset.")
    ],
    given: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="File or folder of mnist, fashion_mnist or cifar10. [default: Keras's cache]",
        ),
    ] = None,
    keep_val: Annotated[
        bool,
        typer.Option(
            "--keep-val",
            help="Keep a validation set for `validation: given`; else it joins the training set.",
        ),
    ] = False,
) -> None:
    """Turn pictures into a dataset: classes from folders, file names or a CSV file."""
    from signs_sweep.importing import claimed, collect, import_pictures

    made = shlex.join(["signs-sweep", *sys.argv[1:]])
    choices = replace(options.choices(), keeps_validation=keep_val, made=made)
    with claimed(output, overwrites=options.overwrite) as target, progress() as on_progress:
        collection = collect(source, target.scratch, given, on_progress)
        imported = import_pictures(collection, target, choices, on_progress)
    report(imported, output, choices)


def report(imported: "Imported", folder: Path, choices: "Choices") -> None:
    """Print what was done: the end of every command that imports.

    Args:
        imported: what was done.
        folder: the folder of the dataset.
        choices: the choices of the import.
    """
    from signs_sweep.data import KNOWN_DATASETS

    width = width_of(sys.stdout)
    for line in _report(imported, folder, is_dropped=choices.drops_copies):
        print(fill(line, width, "    "))
    table = {"class": [label[:_WIDEST_NAME] for label in imported.classes]}
    for part, counts in imported.counts.items():
        table[_TITLES[part]] = [*map(str, counts)]
    print("\n".join(columns(table.items(), width)))
    sys.stdout.flush()
    say(*(f"warning: {doubt}" for doubt in _doubts(imported, is_dropped=choices.drops_copies)))
    command = SharedOptions().command
    name = f"./{folder}" if str(folder) in KNOWN_DATASETS else folder
    show_commands(
        [
            ("look", command("data", "info", name, "--sheet", "sheet.png")),
            ("write a first spec", command("init", folder)),
        ]
    )


@contextmanager
def progress() -> Iterator["OnProgress"]:
    """Show how far each phase of an import is, on a terminal."""
    from rich.progress import TaskProgressColumn, TimeRemainingColumn

    tasks: dict[str, TaskID] = {}
    with bars(TaskProgressColumn(), TimeRemainingColumn()) as shown:

        def update(phase: "Phase", done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = shown.add_task(phase)
            shown.update(tasks[phase], completed=done, total=total)

        try:
            yield update
        except KeyboardInterrupt:
            say("interrupted: no dataset was written. The same command starts again.")
            raise


def _report(imported: "Imported", folder: Path, *, is_dropped: bool) -> Iterator[str]:
    """Yield lines about what was done."""
    made = imported.preparation
    sizes = [f"{counts.sum():,} {_TITLES[part]}" for part, counts in imported.counts.items()]
    yield f"wrote {folder}: {' + '.join(sizes)} images"
    colours = "grey" if made.channels == 1 else "RGB"
    yield f"  images      {made.height} x {made.width}, {colours}, {made.fit}"
    found = [f"{height} x {width} ({number:,})" for (height, width), number in imported.sizes]
    yield f"  pictures    {', '.join(_some(found, _MOST_SIZES))}"
    if imported.groups:
        numbers = [f"{number:,} {_TITLES[part]}" for part, number in imported.groups.items()]
        yield f"  groups      {', '.join(numbers)}"
    yield f"  test set    {'split off at random' if imported.is_split else 'as given'}"
    if imported.joined:
        yield (
            f"  validation  {count(imported.joined, 'image')} of a validation set joined the "
            "training set; --keep-val keeps them apart"
        )
    for remark in imported.remarks:
        yield f"  remark      {remark}"
    if is_dropped:
        yield from (f"  dropped     {text}" for text in _duplicates(imported))
    if imported.skipped:
        yield f"  skipped     {count(len(imported.skipped), 'file')}:"
        lines = [f"{name}: {reason}" for name, reason in imported.skipped]
        yield from (f"    {line}" for line in _some(lines, _MOST_SKIPPED))


def _doubts(imported: "Imported", *, is_dropped: bool) -> Iterator[str]:
    """Yield sentences about what makes results on the dataset doubtful."""
    for part, counts in imported.counts.items():
        missing = [
            f"'{name[:_WIDEST_NAME]}'"
            for name, number in zip(imported.classes, counts, strict=True)
            if not number
        ]
        if missing:
            yield f"without {_TITLES[part]} images: {', '.join(_some(missing, _MOST_NAMED))}"
    low, high = imported.values
    if high - low < _SMALL_RANGE:
        yield (
            f"the values of all images are from {low} to {high}, of 0 to 255; files of 16 bits may "
            "hold pictures of 10 or 12 bits: scale their values to 16 bits before the import"
        )
    if not is_dropped:
        yield from (f"{text}; --drop-duplicates drops them" for text in _duplicates(imported))


def _duplicates(imported: "Imported") -> Iterator[str]:
    """Yield texts about equal images with several labels, in a part and in two parts."""
    if imported.contradictory:
        number = sum(map(len, imported.contradictory))
        names = [" and ".join(_some(equal, _MOST_NAMED)) for equal in imported.contradictory]
        yield (
            f"{count(number, 'image')} with the same pixels as an image of a different class: "
            + ", ".join(_some(names, _MOST_NAMED))
        )
    for part, number in imported.repeated.items():
        if number:
            noun = count(number, f"{_TITLES[part]} image")
            yield f"{noun} with the same pixels as an earlier image of the class"
    for (part, other), pairs in imported.copies.items():
        if pairs:
            number = len({first for first, _, _ in pairs})
            exact = len({first for first, _, is_exact in pairs if is_exact})
            names = [f"{first} and {second}" for first, second, _ in pairs]
            yield (
                f"{count(number, f'{_TITLES[part]} image')} with a copy in the {_TITLES[other]} "
                f"set, {exact:,} pixel for pixel and {number - exact:,} nearly: "
                + ", ".join(_some(names, _MOST_NAMED))
            )


def _some(texts: Sequence[str], most: int) -> list[str]:
    """Return the first of some texts, and how many more there are."""
    rest = len(texts) - most
    return [*texts[:most], *([f"and {rest:,} more"] if rest > 0 else [])]
