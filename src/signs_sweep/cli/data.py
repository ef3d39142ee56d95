"""`signs-sweep data`: look at or make a dataset."""

from pathlib import Path
from typing import Annotated

import typer

from signs_sweep.cli.options import Commands, Data, image_size

data_app = typer.Typer(cls=Commands, help="Look at or make a dataset.", no_args_is_help=True)

_MOST_DRAWN = 4
"""Gigabytes of images that are drawn at most, since all of them are in memory."""

_WIDEST_NAME = 40
"""Characters shown of the name of a class."""


@data_app.command()
def info(
    name: Annotated[
        str, typer.Argument(metavar="DATASET", help="As in a spec: signs, drawn or a folder.")
    ] = "signs",
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a contact sheet of its images, as PNG."),
    ] = None,
    data: Data = None,
) -> None:
    """Show the location, sizes, classes and fingerprint of a dataset."""
    import numpy as np

    from signs_sweep.cli.output import say, write
    from signs_sweep.cli.text import columns
    from signs_sweep.data import contact_sheet, find_doubts, find_source

    source = find_source(name, data_dir=data, spec_folder=Path())
    dataset = source.load()
    height, width, channels = dataset.image_shape
    kinds = "drawn images" if dataset.drawn else "photos"
    print(f"{dataset.name}: {len(dataset.train_labels):,} + {len(dataset.test_labels):,} {kinds}")
    print(f"  training     {source.train}")
    print(f"  test         {source.test}")
    print(f"  image        {height} x {width}, {channels} channels")
    print(f"  fingerprint  {dataset.fingerprint}")
    numbers = [
        f"{len(np.unique(groups)):,} {part}"
        for part, groups in (("training", dataset.train_groups), ("test", dataset.test_groups))
        if groups is not None
    ]
    if numbers:
        print(f"  groups       {', '.join(numbers)}")
    table = {"class": [label[:_WIDEST_NAME] for label in dataset.classes]}
    for title, labels in (("training", dataset.train_labels), ("test", dataset.test_labels)):
        table[title] = [*map(str, np.bincount(labels, minlength=len(dataset.classes)))]
    print("\n".join(columns(table.items())), flush=True)
    say(*(f"warning: {doubt}" for doubt in find_doubts(dataset)))
    if sheet is not None:
        write(contact_sheet(dataset), sheet)


@data_app.command()
def make(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write the two HDF5 files.")
    ] = Path("data"),
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Other seeds draw others.")] = 0,
    size: Annotated[
        str, typer.Option(metavar="SIZE", help="Pixels: a side, or HEIGHTxWIDTH as 64x48.")
    ] = "64",
    number: Annotated[
        int, typer.Option(metavar="N", min=6, help="Training images of all classes.")
    ] = 1080,
    test: Annotated[
        int | None,
        typer.Option(metavar="N", min=6, help="Test images.", show_default="a ninth of --number"),
    ] = None,
) -> None:
    """Draw hands that show 0 to 5 and write them in the layout of the photos.

    Without options, it is the built-in dataset.
    """
    from signs_sweep.data import TEST_FILE, TRAIN_FILE, draw_dataset, write_dataset
    from signs_sweep.errors import UsageError

    height, width = image_size(size)
    tested = max(number // 9, 6) if test is None else test
    if (gigabytes := (number + tested) * height * width * 3 / 1e9) > _MOST_DRAWN:
        raise UsageError(
            f"the images would take {gigabytes:,.1f} GB of memory; at most {_MOST_DRAWN} GB are "
            "drawn. Choose a smaller --number or --size."
        )
    for file in (TRAIN_FILE, TEST_FILE):
        if (folder / file).exists():
            raise UsageError(f"{folder / file} already exists; name another folder")
    write_dataset(draw_dataset(seed, (height, width), number, tested), folder)
    print(f"wrote {folder / TRAIN_FILE} and {folder / TEST_FILE}")
