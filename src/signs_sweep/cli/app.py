"""The commands and their options."""

import platform
import sys
from pathlib import Path
from typing import Annotated

import typer

from signs_sweep.cli.data import data_app
from signs_sweep.cli.options import Commands, TrackingUri, expanded
from signs_sweep.cli.tables import Format
from signs_sweep.commands.options import NOT_IN_SEARCH, Given, Options

app = typer.Typer(
    name="signs-sweep",
    cls=Commands,
    help="Honest experiments on small TensorFlow models: declare, run, compare.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")

Specs = Annotated[list[Path], typer.Argument(metavar="SPEC", help="Spec files.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]


def _show_versions(is_wanted: bool) -> None:
    """Write the versions of this program and of what results depend on, and end."""
    from importlib.metadata import PackageNotFoundError, version

    if not is_wanted:
        return
    print(f"signs-sweep {version('signs-sweep')}")
    print(f"  Python {platform.python_version()}")
    for name in ("TensorFlow", "MLflow", "Optuna"):
        try:
            print(f"  {name} {version(name.lower())}")
        except PackageNotFoundError:  # As of TensorFlow for another processor.
            print(f"  {name} (version unknown)")
    raise typer.Exit


@app.callback()
def _program(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_versions,
            is_eager=True,
            help="Show the versions of signs-sweep, Python, TensorFlow, MLflow and Optuna.",
        ),
    ] = False,
) -> None:
    pass


@app.command()
@expanded()
def run(specs: Specs, options: Options, given: Given, *, quiet: Quiet = False) -> None:
    """Train the runs of specs, and record them in MLflow. Finished runs are not trained again."""
    from signs_sweep.cli.output import announce_leftovers
    from signs_sweep.cli.running import run_specs
    from signs_sweep.commands.running import begin
    from signs_sweep.planning.preparation import prepare

    prepared = prepare(specs, overrides=given.overrides, data_dir=given.data)
    announce_leftovers(given.tracking_uri, quiet=quiet)
    running = begin(prepared, given.tracking_uri, options)
    raise typer.Exit(run_specs(running, specs, given, quiet=quiet))


@app.command()
@expanded()
def plan(specs: Specs, given: Given) -> None:
    """Show what `run` would train: runs, whether they are cached, and how long it would take."""
    from signs_sweep.cli.planning import show_plan
    from signs_sweep.commands.store import Store
    from signs_sweep.planning.preparation import prepare

    prepared = prepare(specs, overrides=given.overrides, data_dir=given.data)
    show_plan(prepared, Store(given.tracking_uri))


@app.command()
@expanded(without=NOT_IN_SEARCH)
def search(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="Spec file.")],
    options: Options,
    given: Given,
    *,
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Trials in all, with those of before. [default: the spec's]"
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="S", help="Seconds after which none begins. [default: the spec's]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the best trial as a spec."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Search the space of a spec with Optuna, and confirm the winner over fresh seeds."""
    from signs_sweep.cli.output import announce_leftovers
    from signs_sweep.cli.searching import run_search
    from signs_sweep.planning.preparation import prepare
    from signs_sweep.searching.beginning import begin_search

    prepared = prepare([spec], overrides=given.overrides, data_dir=given.data)
    announce_leftovers(given.tracking_uri, quiet=quiet)
    searching = begin_search(prepared, given.tracking_uri, options, trials=trials, timeout=timeout)
    raise typer.Exit(run_search(searching, spec, output, given, quiet=quiet))


@app.command()
@expanded()
def compare(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="SPEC|EXPERIMENT", help="Spec files, or names of experiments."),
    ],
    given: Given,
    *,
    sort: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="Column to sort by, best first. [default: as planned]"),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further metric to show; may be repeated."),
    ] = None,
    means: Annotated[
        bool, typer.Option("--means", help="One line a setting: means over its seeds.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to a file, not to stdout."),
    ] = None,
) -> None:
    """Show the runs of specs or experiments in one table, and means over seeds."""
    from signs_sweep.cli.comparing import show_comparison
    from signs_sweep.cli.output import say, waiting_line
    from signs_sweep.commands.comparing import find_rows
    from signs_sweep.commands.store import Store

    say(*waiting_line(Store(given.tracking_uri).waiting()))
    rows = find_rows(targets, given)
    show_comparison(rows, form, output, sort=sort, metrics=metric or [], means=means)


@app.command()
def ui(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="SPEC|EXPERIMENT",
            help="Spec file or name of an experiment to show. [default: all experiments]",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="N", help="Port. [default: 5000, or a free one if it is taken]"),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show the runs of an experiment in MLflow: a server on this machine alone, until Ctrl-C."""
    from signs_sweep.commands.store import Store
    from signs_sweep.commands.ui import show

    def announce(address: str) -> None:
        print(address, flush=True)

    raise typer.Exit(
        show(Store(tracking_uri), target, port, announce=announce, open_browser=not no_browser)
    )


@app.command()
def clean(
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Also the ends of finished runs, with which longer runs would begin."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    tracking_uri: TrackingUri = None,
) -> None:
    """Remove checkpoints that nothing needs any more. Lists them first, and asks."""
    from signs_sweep.cli.cleaning import clean_store
    from signs_sweep.commands.store import Store

    clean_store(Store(tracking_uri), ends=everything, is_agreed=yes)


@app.command()
def schema() -> None:
    """Print the JSON schema of a spec, for editors."""
    from signs_sweep.spec import schema_json

    sys.stdout.write(schema_json().rstrip("\n") + "\n")
