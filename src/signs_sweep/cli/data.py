"""`signs-sweep data`: look at a dataset, or make one."""

from pathlib import Path
from typing import Annotated

import typer

from signs_sweep.cli.options import Commands, Data

data_app = typer.Typer(cls=Commands, help="Look at a dataset, or make one.", no_args_is_help=True)


_WIDEST_NAME = 40
"""Characters that are shown of the name of a class."""


@data_app.command()
def info(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="What a spec says: signs, drawn or a folder.")
    ] = "signs",
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a contact sheet of its images, as PNG."),
    ] = None,
    data: Data = None,
) -> None:
    """Show where a dataset is, its sizes, classes and fingerprint."""
    import numpy as np

    from signs_sweep.cli.output import say, write_bytes
    from signs_sweep.cli.text import columns
    from signs_sweep.data import contact_sheet, find_doubts, find_source

    source = find_source(dataset, data_dir=data, spec_folder=Path())
    found = source.load()
    height, width, channels = found.image_shape
    kinds = "drawn images" if found.drawn else "photos"
    print(f"{found.name}: {len(found.train_labels):,} + {len(found.test_labels):,} {kinds}")
    print(f"  training     {source.train}")
    print(f"  test         {source.test}")
    print(f"  image        {height} x {width}, {channels} channels")
    print(f"  fingerprint  {found.fingerprint}")
    counts = [
        np.bincount(labels, minlength=len(found.classes))
        for labels in (found.train_labels, found.test_labels)
    ]
    rows = [
        [name[:_WIDEST_NAME], str(train), str(test)]
        for name, train, test in zip(found.classes, *counts, strict=True)
    ]
    print("\n".join(columns(["class", "training", "test"], rows)), flush=True)
    say(*(f"warning: {doubt}" for doubt in find_doubts(found)))
    if sheet is not None:
        write_bytes(contact_sheet(found), sheet)


@data_app.command()
def make(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write the two HDF5 files.")
    ] = Path("data"),
) -> None:
    """Write the built-in drawn dataset in the layout of the photos, to look at or to change."""
    from signs_sweep.data import TEST_FILE, TRAIN_FILE, draw_dataset, write_dataset
    from signs_sweep.errors import UsageError

    for file in (TRAIN_FILE, TEST_FILE):
        if (folder / file).exists():
            raise UsageError(f"{folder / file} is there already; name another folder")
    write_dataset(draw_dataset(), folder)
    print(f"wrote {folder / TRAIN_FILE} and {folder / TEST_FILE}")
