"""What `compare` prints."""

import sys
from collections.abc import Sequence
from pathlib import Path

from signs_sweep.analysis.settings import replicated
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.cli.output import say, write
from signs_sweep.cli.streams import width_of
from signs_sweep.cli.tables import Format, render
from signs_sweep.cli.text import fill
from signs_sweep.cli.versions import version_lines
from signs_sweep.domain import Row


def show_comparison(
    rows: Sequence[Row],
    form: Format,
    output: Path | None,
    *,
    sort: str | None,
    metrics: Sequence[str],
    means: bool,
) -> None:
    """Write the table of runs or of settings; for people, both where settings have several seeds.

    What is to be said of the versions of the training is below it, or on stderr.

    Args:
        rows: the runs.
        form: how to write it.
        output: where to, or None for stdout.
        sort: a column to sort by.
        metrics: further metrics to show.
        means: whether to write the table of settings alone.

    Raises:
        UsageError: `sort` or one of `metrics` is not known of any run, or the file cannot be
            written.
    """
    width = width_of(sys.stdout) if output is None else None
    build = build_settings if means else build_table
    text = render(build(rows, sort=sort, metrics=metrics), form, width)
    is_for_people = form in (Format.TABLE, Format.MD)
    if is_for_people and not means and (several := replicated(rows)):
        title = "means over seeds\n" if form is Format.TABLE else "Means over seeds:\n\n"
        text += f"\n{title}{render(build_settings(several, metrics=metrics), form, width)}"
    notes = version_lines(rows)
    if is_for_people:
        text += "".join(f"\n{fill(note, width)}\n" for note in notes)
    else:
        say(*(f"note: {note}" for note in notes))
    write(text, output)
