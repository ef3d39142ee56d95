"""`signs-sweep data download`: a published dataset."""

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signs_sweep.cli.data import data_app
from signs_sweep.cli.importing import ImportOptions, progress, report
from signs_sweep.cli.options import expanded
from signs_sweep.cli.output import say
from signs_sweep.cli.streams import bars
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
    unverified: Annotated[
        bool,
        typer.Option(
            "--unverified", help="Import it even if the list of the published files cannot be had."
        ),
    ] = False,
) -> None:
    """Download a published dataset of pictures, verify it, and import it."""
    from rich.progress import DownloadColumn, TransferSpeedColumn

    from signs_sweep.importing import claimed, import_pictures
    from signs_sweep.importing.download import PUBLISHED, fetch
    from signs_sweep.importing.web import shown_address

    if name not in PUBLISHED:
        raise UsageError(f"unknown dataset '{name}'. Known: {', '.join(PUBLISHED)}.")
    published = PUBLISHED[name]
    chosen = _chosen(classes, published.classes)
    choices = options.choices()
    folder, address = output or Path("data", name), given or published.archive
    with claimed(folder, overwrites=options.overwrite) as target:
        with bars(DownloadColumn(), TransferSpeedColumn()) as shown:
            bar = _Bar(shown, shown_address(address))
            fetched = fetch(
                published, chosen, given=given, must_verify=not unverified, progress=bar
            )
        if fetched.unverified is None:
            verified = f"all {published.pictures:,} pictures have the published content"
        else:
            verified = "not verified: only the number of pictures was checked"
            say(f"warning: {verified}, because {fetched.unverified}")
        words = [word.replace(address, shown_address(address)) for word in sys.argv[1:]]
        made = mask(f"{shlex.join(['signs-sweep', *words])} ({verified})")
        with progress() as on_progress:
            imported = import_pictures(
                fetched.collection, target, replace(choices, made=made), on_progress
            )
    report(imported, folder, choices)
    print(f"licence: {published.licence}\ncitation: {published.citation}", flush=True)


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
