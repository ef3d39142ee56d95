"""`report`: a page about experiments that can be sent."""

from pathlib import Path
from typing import Annotated

import typer

from signs_sweep.cli.options import expanded
from signs_sweep.commands.options import Form, SeedOptions

_SUFFIXES = {".html": Form.HTML, ".htm": Form.HTML, ".md": Form.MD, ".tex": Form.LATEX}
_FILES = {Form.HTML: "report.html", Form.MD: "report.md", Form.LATEX: "report.tex"}


@expanded
def report(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="SPEC|EXPERIMENT", help="Spec files, or names of experiments."),
    ],
    shared: SeedOptions,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write it; - for stdout. [default: report.html, .md or .tex]",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option(
            "--format",
            help="A page, Markdown for a repository, or tables for a paper. "
            "[default: by the name of the file, else html]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a report on experiments: the verdict, figures, and how to reproduce it, in one file."""
    from signs_sweep.cli.notes import warn_of_leftovers
    from signs_sweep.cli.output import check_writable, write
    from signs_sweep.commands.reporting import gather, render
    from signs_sweep.commands.store import Store
    from signs_sweep.errors import UsageError

    suffix = output.suffix.lower() if output else ""
    if form is None and suffix and suffix not in _SUFFIXES:
        raise UsageError(
            f"cannot write {output}: the name of a report ends in .html, .md or .tex. "
            "Name the form with --format, or print the page for a PDF."
        )
    chosen = form or _SUFFIXES.get(suffix, Form.HTML)
    file = Path(_FILES[chosen]) if output is None else output
    is_stdout = str(file) == "-"
    if not is_stdout:
        check_writable(file)
    warn_of_leftovers(Store(shared.tracking_uri))
    write(render(gather(targets, shared), chosen), None if is_stdout else file)
