"""`signs-sweep data`: look at or make a dataset."""

import sys
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signs_sweep.cli.options import Commands, Data, image_size
from signs_sweep.cli.streams import width_of

if TYPE_CHECKING:
    from signs_sweep.data import Dataset, DataSource, Origin, Summary

data_app = typer.Typer(cls=Commands, help="Look at or make a dataset.", no_args_is_help=True)

_MOST_DRAWN = 4
"""Gigabytes of images that are drawn at most, since all of them are in memory."""

_LEAST_SIDE, _LONGEST_SIDE = 16, 512
"""Sides of drawn images, in pixels."""

_WIDEST_NAME = 40
"""Characters shown of the name of a class."""


@data_app.command()
def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="As in a spec: signs, drawn, a folder or {train: a.h5, test: b.h5}.",
        ),
    ] = "signs",
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a contact sheet of its images and the mean image of each class, as PNG.",
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Describe a dataset: location, origin, classes, sizes, values, repeated images."""
    from signs_sweep.cli.output import say, write
    from signs_sweep.cli.text import columns, fill
    from signs_sweep.data import contact_sheet, find_doubts, find_leak, find_source, summarize
    from signs_sweep.domain import GIVEN

    source = find_source(_written(name), data_dir=data, spec_folder=Path(), is_validated=None)
    dataset = source.load()
    summary = summarize(dataset)
    sizes = " + ".join(f"{part.size:,}" for part in summary.parts)
    print(f"{dataset.name}: {sizes} {'drawn ' if dataset.drawn else ''}images")
    facts = _facts(dataset, source, summary)
    wide, columns_shown = max(map(len, facts)), width_of(sys.stdout)
    for fact, text in facts.items():
        if text:
            print(fill(f"  {fact.ljust(wide)}  {text}", columns_shown, " " * (wide + 4)))
    table = {"class": [label[:_WIDEST_NAME] for label in dataset.classes]}
    table |= {part.name: [*map(str, part.counts)] for part in summary.parts}
    table["mean"] = ["" if isnan(mean) else f"{mean:.1f}" for mean in summary.class_means]
    print("\n".join(columns(table.items(), columns_shown)), flush=True)
    doubts = find_doubts(dataset)
    leak = find_leak(dataset, [dataset.split(GIVEN)]) if dataset.given else None
    say(*(f"warning: {doubt}" for doubt in (*doubts, leak) if doubt))
    if sheet is not None:
        write(contact_sheet(dataset), sheet)


def _written(name: str) -> str | Mapping[str, str]:
    """Return the dataset of an argument that is written as in a spec."""
    from signs_sweep.errors import UsageError
    from signs_sweep.spec.reader import parse_value

    if not name.startswith("{"):
        return name
    node = parse_value(name)
    values = node.plain() if node is not None else None
    if not isinstance(values, dict):
        raise UsageError(f"DATASET is {name}; expected {{train: a.h5, test: b.h5}}")
    return {str(part): str(path) for part, path in values.items()}


def _facts(dataset: "Dataset", source: "DataSource", summary: "Summary") -> dict[str, str]:
    """Return what there is to say about a dataset, by title; empty if it does not apply."""
    from signs_sweep.domain.formats import count

    height, width, channels = dataset.image_shape
    files = {"training": source.train, "validation": source.validation, "test": source.test}
    facts = {part: str(file) for part, file in files.items() if file}
    facts["image"] = f"{height} x {width}, {count(channels, 'channel')}"
    facts["values"] = f"{summary.low} to {summary.high}, mean {summary.mean:.1f}, in training"
    facts["constant"] = ", ".join(
        f"channel {number + 1} is always {value}" for number, value in summary.constant.items()
    )
    facts["fingerprint"] = summary.fingerprint
    if summary.fingerprint_given:
        facts["fingerprint"] += f"; with validation: given, {summary.fingerprint_given}"
    groups = [f"{part.groups:,} {part.name}" for part in summary.parts if part.groups is not None]
    facts["groups"] = ", ".join(groups)
    repeated = [f"{part.repeated:,} in {part.name}" for part in summary.parts if part.repeated]
    facts["repeated"] = ", ".join(repeated) or "no image is in a part twice"
    many = f"{summary.near:,}" if summary.near else "none"
    others = "training or validation images" if dataset.given else "training images"
    facts["near copies"] = f"{many} of the test images, of {others}"
    return facts | _origin(dataset.origin)


def _origin(origin: "Origin | None") -> dict[str, str]:
    """Return where the images come from, by title."""
    from signs_sweep.data.reading import printable_name

    if origin is None:
        return {}
    made, how = origin.made, origin.preparation
    if how is not None:
        colours = "grey" if how.channels == 1 else "RGB"
        made += f"{'; ' if made else ''}{how.height} x {how.width}, {colours}, {how.fit.value}"
    facts = {
        "source": origin.source,
        "made by": made,
        "licence": origin.licence,
        "citation": origin.citation,
    }
    return {title: printable_name(text) for title, text in facts.items()}


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
    from signs_sweep.errors import DataError, UsageError

    height, width = image_size(size, _LEAST_SIDE, _LONGEST_SIDE)
    tested = max(number // 9, 6) if test is None else test
    if (gigabytes := (number + tested) * height * width * 3 / 1e9) > _MOST_DRAWN:
        raise UsageError(
            f"the images would take {gigabytes:,.1f} GB of memory; at most {_MOST_DRAWN} GB are "
            "drawn. Choose a smaller --number or --size."
        )
    for file in (TRAIN_FILE, TEST_FILE):
        if (folder / file).exists():
            raise UsageError(f"{folder / file} already exists; name another folder")
    try:
        write_dataset(draw_dataset(seed, (height, width), number, tested), folder)
    except DataError:
        (folder / TEST_FILE).unlink(missing_ok=True)  # Alone, it would be in the way.
        raise
    print(f"wrote {folder / TRAIN_FILE} and {folder / TEST_FILE}")
