"""`signs-sweep data download`: a published dataset."""

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signs_sweep.cli.data import data_app
from signs_sweep.cli.importing import ImportOptions, finish
from signs_sweep.cli.options import expanded
from signs_sweep.cli.output import say, write
from signs_sweep.cli.streams import has_cursor
from signs_sweep.domain.masking import mask
from signs_sweep.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@data_app.command()
@expanded
def download(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dataset: sign-language-digits.")],
    options: ImportOptions,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where to write. [default: data/NAME]"
        ),
    ] = None,
    classes: Annotated[
        str, typer.Option(metavar="LIST", help="Which classes, as in 0-9 or 0,2,4.")
    ] = "0-5",
    given: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE|URL", help="An archive on this machine, or a mirror."),
    ] = None,
) -> None:
    """Download a published dataset of pictures, verify it, and import it."""
    from signs_sweep.importing import claimed
    from signs_sweep.importing.download import PUBLISHED, fetch

    if name not in PUBLISHED:
        raise UsageError(f"unknown dataset '{name}'. Known: {', '.join(PUBLISHED)}.")
    published = PUBLISHED[name]
    chosen = _chosen(classes, published.classes)
    options.choices()
    with claimed(output or Path("data", name), overwrites=options.overwrite) as target:
        with _progress(given or published.archive) as progress:
            fetched = fetch(published, chosen, given=given, progress=progress)
        if fetched.unverified is None:
            verified = f"all {published.pictures:,} pictures have the published content"
        else:
            verified = "not verified: only the number of pictures was checked"
            say(f"warning: {verified}, because {fetched.unverified}")
        made = mask(f"{shlex.join(['signs-sweep', *sys.argv[1:]])} ({verified})")
        finish(fetched.collection, target, options, made)
        print(f"licence: {published.licence}\ncitation: {published.citation}", flush=True)
        write(
            f"{name}\n\nsource: {fetched.collection.source}\nlicence: {published.licence}\n"
            f"citation: {published.citation}\nmade by: {made}\n",
            target.folder / "SOURCE.txt",
        )


def _chosen(text: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Return classes by a list of names and ranges.

    Raises:
        UsageError: it is not such a list, or has fewer than two classes.
    """
    wanted: set[str] = set()
    for piece in text.split(","):
        ends = re.fullmatch(r"\s*(\w+)\s*(?:-\s*(\w+)\s*)?", piece)
        first, last = (ends[1], ends[2] or ends[1]) if ends else ("", "")
        if not {first, last} <= set(classes):
            raise UsageError(
                f"--classes: '{piece}' should be a class or a range of {classes[0]} to "
                f"{classes[-1]}, as in 0-5 or 0,2,4"
            )
        wanted.update(classes[classes.index(first) : classes.index(last) + 1])
    if len(wanted) < 2:
        raise UsageError(f"--classes {text}: at least two classes are needed, as in 0-5 or 0,2,4")
    return tuple(name for name in classes if name in wanted)


class _Bar:
    """A progress bar for pooch; it appears when the first bytes are there.

    Attributes:
        total: number of bytes; 0 if it is unknown.
    """

    def __init__(self, bars: "Progress", address: str) -> None:
        self.total = 0
        self._bars, self._address = bars, address
        self._task: TaskID | None = None

    def update(self, size: int) -> None:
        """Count further bytes."""
        if self._task is None:
            self._task = self._bars.add_task("downloading", total=self.total or None)
            if self._bars.disable:
                say(f"downloading {self._address}")
        self._bars.update(self._task, advance=size)

    def reset(self) -> None:
        """Count from 0 again."""
        if self._task is not None:
            self._bars.reset(self._task)

    def close(self) -> None:
        """End; the bar disappears with the others."""


@contextmanager
def _progress(address: str) -> Iterator[_Bar]:
    """Show a download: as a bar on a terminal, elsewhere as a line."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console, is_hidden = Console(stderr=True), not has_cursor(sys.stderr)
    with Progress(*columns, console=console, transient=True, disable=is_hidden) as bars:
        yield _Bar(bars, address)
