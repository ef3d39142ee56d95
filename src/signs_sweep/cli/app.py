"""The commands and their options."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from signs_sweep.cli.data import data_app
from signs_sweep.cli.tables import Format

app = typer.Typer(
    name="signs-sweep",
    help="Honest experiments on small TensorFlow models: declare, run, compare.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")

Specs = Annotated[list[Path], typer.Argument(metavar="SPEC...", help="Spec files.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a parameter of every run; may be repeated."
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Folder of the photos. [default: $SIGNS_DATA, else data]"
    ),
]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        metavar="URI",
        help="MLflow store. [default: $MLFLOW_TRACKING_URI, else sqlite:///mlruns/mlflow.db]",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Processes that train; 0 trains in this one, for a debugger. "
        "[default: one per GPU, else one per core, or fewer for little work]",
    ),
]
WorkersPerGpu = Annotated[int, typer.Option(metavar="N", help="Processes that share a GPU.")]
Retries = Annotated[
    int, typer.Option(metavar="N", help="How often a run goes on after its process died.")
]
CheckpointSeconds = Annotated[
    float, typer.Option(metavar="S", help="Seconds between two checkpoints of a run.")
]
StallSeconds = Annotated[
    float, typer.Option(metavar="S", help="A worker that sends nothing for so long is killed.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]


@app.command()
def run(
    specs: Specs,
    workers: Workers = None,
    workers_per_gpu: WorkersPerGpu = 1,
    retries: Retries = 2,
    checkpoint_seconds: CheckpointSeconds = 10,
    stall_seconds: StallSeconds = 600,
    force: Annotated[
        bool, typer.Option("--force", help="Train finished runs again, from their beginning.")
    ] = False,
    quiet: Quiet = False,
    overrides: Overrides = None,
    data: Data = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Train the runs of specs, and record them in MLflow. Finished runs are not trained again."""
    from signs_sweep.cli.output import Given, announce_leftovers
    from signs_sweep.cli.running import run_specs
    from signs_sweep.commands.options import Options
    from signs_sweep.commands.running import begin
    from signs_sweep.planning.preparation import prepare

    options = Options(workers, workers_per_gpu, force, retries, checkpoint_seconds, stall_seconds)
    prepared = prepare(specs, overrides=overrides or [], data_dir=data)
    announce_leftovers(tracking_uri, quiet=quiet)
    running = begin(prepared, tracking_uri, options)
    given = Given(overrides or [], data, tracking_uri)
    raise typer.Exit(run_specs(running, specs, given, quiet=quiet))


@app.command()
def plan(
    specs: Specs,
    overrides: Overrides = None,
    data: Data = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show what `run` would train: runs, whether they are cached, and how long it would take."""
    from signs_sweep.cli.planning import show_plan
    from signs_sweep.commands.store import Store
    from signs_sweep.planning.preparation import prepare

    prepared = prepare(specs, overrides=overrides or [], data_dir=data)
    show_plan(prepared, Store(tracking_uri))


@app.command()
def search(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="Spec file.")],
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
    workers: Workers = None,
    workers_per_gpu: WorkersPerGpu = 1,
    retries: Retries = 2,
    checkpoint_seconds: CheckpointSeconds = 10,
    stall_seconds: StallSeconds = 600,
    quiet: Quiet = False,
    overrides: Overrides = None,
    data: Data = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Search the space of a spec with Optuna, and confirm the winner over fresh seeds."""
    from signs_sweep.cli.output import Given, announce_leftovers
    from signs_sweep.cli.searching import run_search
    from signs_sweep.commands.options import Options
    from signs_sweep.planning.preparation import prepare
    from signs_sweep.searching.beginning import begin_search

    options = Options(
        workers,
        workers_per_gpu,
        retries=retries,
        checkpoint_seconds=checkpoint_seconds,
        stall_seconds=stall_seconds,
    )
    prepared = prepare([spec], overrides=overrides or [], data_dir=data)
    announce_leftovers(tracking_uri, quiet=quiet)
    searching = begin_search(prepared, tracking_uri, options, trials=trials, timeout=timeout)
    given = Given(overrides or [], data, tracking_uri)
    raise typer.Exit(run_search(searching, spec, output, given, quiet=quiet))


@app.command()
def compare(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="SPEC|EXPERIMENT...", help="Spec files, or names of experiments."),
    ],
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
    overrides: Overrides = None,
    data: Data = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show the runs of specs or experiments in one table, and means over seeds."""
    from signs_sweep.cli.comparing import show_comparison
    from signs_sweep.cli.output import say, waiting_line
    from signs_sweep.commands.comparing import find_rows
    from signs_sweep.commands.store import Store

    say(*waiting_line(Store(tracking_uri).waiting()))
    rows = find_rows(targets, overrides or (), data, tracking_uri)
    show_comparison(rows, form, output, sort=sort, metrics=metric or [], means=means)


@app.command()
def ui(
    port: Annotated[
        int | None,
        typer.Option(metavar="N", help="Port. [default: 5000, or a free one if it is taken]"),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
    tracking_uri: TrackingUri = None,
) -> None:
    """Start MLflow's pages on the store, on this machine alone, until Ctrl-C."""
    from signs_sweep.commands.ui import serve
    from signs_sweep.project.tracking_store import default_artifact_root, resolve_uri

    uri = resolve_uri(tracking_uri, Path.cwd())
    raise typer.Exit(
        serve(
            uri,
            default_artifact_root(uri),
            port,
            announce=lambda line: print(line, flush=True),
            open_browser=not no_browser,
        )
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
