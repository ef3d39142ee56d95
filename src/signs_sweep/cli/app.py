"""The commands and their options."""

import platform
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from signs_sweep.cli import downloading as _downloading  # noqa: F401 - it adds commands
from signs_sweep.cli import importing as _importing  # noqa: F401 - it adds commands
from signs_sweep.cli.data import data_app
from signs_sweep.cli.options import Commands, Data, TrackingUri, expanded, positive
from signs_sweep.cli.reporting import report
from signs_sweep.cli.streams import width_of
from signs_sweep.cli.text import fill
from signs_sweep.commands.options import (
    DoctorFormat,
    Format,
    Options,
    PredictionFormat,
    SeedOptions,
    SharedOptions,
    Sharing,
)

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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show only results and errors.")]


def _show_versions(is_wanted: bool) -> None:
    """Write the versions of this program and of the libraries that results depend on, and end."""
    from importlib.metadata import PackageNotFoundError, version

    if not is_wanted:
        return
    print(f"signs-sweep {version('signs-sweep')}")
    print(f"  Python {platform.python_version()}")
    for name in ("TensorFlow", "MLflow", "Optuna"):
        try:
            print(f"  {name} {version(name.lower())}")
        except PackageNotFoundError:  # TensorFlow has other names on some processors.
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
def init(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="Folder of a dataset. [default: SIGNS_DATA or data, without photos there the "
            "drawn images]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write the spec.")
    ] = Path("experiments/first.yaml"),
) -> None:
    """Write a first spec for a dataset, with comments, that gets a verdict in minutes."""
    from signs_sweep.cli.starting import write_first_spec

    raise typer.Exit(write_first_spec(folder, output))


@app.command()
@expanded
def run(
    specs: Specs,
    options: Options,
    shared: SeedOptions,
    *,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Train seed after seed, and begin no seed that would not end in time, as in 30m.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Train finished or diverged runs again, from the start.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Train the runs of specs, and record them in MLflow. Finished runs are not trained again."""
    from signs_sweep.cli.notes import announce_leftovers
    from signs_sweep.cli.running import run_specs
    from signs_sweep.commands.options import parse_time
    from signs_sweep.commands.running import begin
    from signs_sweep.commands.store import Store
    from signs_sweep.planning.preparation import prepare

    options = replace(options, force=force, budget=parse_time("--budget", budget))
    prepared = prepare(specs, overrides=shared.overrides, seeds=shared.seeds, data_dir=shared.data)
    if not quiet:
        announce_leftovers(Store(shared.tracking_uri))
    running = begin(prepared, shared.tracking_uri, options)
    raise typer.Exit(run_specs(running, specs, shared, quiet=quiet))


@app.command()
@expanded
def plan(
    specs: Specs,
    shared: SeedOptions,
    sharing: Sharing,
    *,
    deviation: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            callback=positive,
            help="Standard deviation between seeds of the metric, such as 0.05. "
            "[default: from the store]",
        ),
    ] = None,
) -> None:
    """Show what `run` would train: runs, whether they are cached, and how long it would take."""
    from signs_sweep.cli.notes import warn_of_leftovers
    from signs_sweep.cli.planning import show_plan
    from signs_sweep.commands.store import Store
    from signs_sweep.planning.preparation import prepare

    prepared = prepare(specs, overrides=shared.overrides, seeds=shared.seeds, data_dir=shared.data)
    store = Store(shared.tracking_uri, sharing=sharing)
    warn_of_leftovers(store)
    show_plan(prepared, store, deviation)


@app.command()
@expanded
def search(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="Spec file.")],
    options: Options,
    shared: SharedOptions,
    *,
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Total trials, earlier ones included. [default: the spec's]"
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="Seconds after which no trial begins. [default: the spec's]"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the best trial as a spec."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Search the space of a spec with Optuna; find and confirm the winner over fresh seeds."""
    from signs_sweep.cli.notes import announce_leftovers
    from signs_sweep.cli.searching import run_search
    from signs_sweep.commands.store import Store
    from signs_sweep.planning.preparation import prepare
    from signs_sweep.searching.beginning import begin_search

    prepared = prepare([spec], overrides=shared.overrides, data_dir=shared.data)
    if not quiet:
        announce_leftovers(Store(shared.tracking_uri))
    searching = begin_search(prepared, shared.tracking_uri, options, trials=trials, timeout=timeout)
    raise typer.Exit(run_search(searching, spec, output, shared, quiet=quiet))


@app.command()
@expanded
def compare(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="SPEC|EXPERIMENT", help="Spec files, or names of experiments."),
    ],
    shared: SeedOptions,
    *,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="PARAM",
            help="One row per setting, with its verdict: compare the values of a parameter; or "
            "`setting` to compare with the baseline of the spec.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="SETTING",
            help="Compare with this setting: a label, or values such as l2=0,keep_prob=1. "
            "[default: the spec's]",
        ),
    ] = None,
    detail: Annotated[
        bool,
        typer.Option("--detail", help="Also statistics that are valid for a single look."),
    ] = False,
    sort: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="Column to sort by, best first. [default: plan order]"),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further metric to show; may be repeated."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Format of the table.")] = Format.TABLE,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to a file instead of stdout."),
    ] = None,
) -> None:
    """Show the runs of specs or experiments in one table, and the verdicts on settings."""
    from signs_sweep.analysis.answer import refusals
    from signs_sweep.analysis.comparison import BY_SETTING, compare_settings
    from signs_sweep.analysis.remarks import kind_lines, test_set_lines, version_lines
    from signs_sweep.cli.notes import warn_of_leftovers
    from signs_sweep.cli.output import say, write
    from signs_sweep.cli.tables import View, comparison_text
    from signs_sweep.commands.comparing import find_runs
    from signs_sweep.commands.images import images_of
    from signs_sweep.commands.store import Store

    store = Store(shared.tracking_uri)
    warn_of_leftovers(store)
    found = find_runs(targets, shared, store)
    width = width_of(sys.stdout) if output is None else None
    has_settings = by is not None or baseline is not None or detail
    has_images = detail or (has_settings and form in (Format.CSV, Format.JSON))
    images = images_of(found.rows, store) if has_images else None
    compared = compare_settings(
        *(found.rows, found.rules), by=by or BY_SETTING, baseline=baseline, images=images
    )
    view = View(form, sort, metric or [], has_settings, detail, images)
    text = comparison_text(found.rows, found.rules, compared, view, width)
    verdicts = [verdict for each in compared for verdict in each.decisive]
    notes = (*version_lines(found.rows), *test_set_lines(verdicts, found.rows, store.index.tested))
    notes += (*kind_lines(found.rows), *refusals(compared))
    for note in (*found.notes, *notes):
        if form in (Format.TABLE, Format.MD):
            text += f"\n{fill(note, width)}\n"
        else:
            say(f"note: {note}")
    write(text, output)


app.command()(report)


Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Id of a run, or its beginning; best:SPEC is the best run of a spec or experiment, "
        "ensemble:SPEC all runs of its best setting.",
    ),
]


@app.command()
@expanded
def predict(
    run: Run,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Photos, or folders of photos.")
    ],
    shared: SeedOptions,
    *,
    form: Annotated[
        PredictionFormat,
        typer.Option("--format", help="Text, or all probabilities as CSV or JSON."),
    ] = PredictionFormat.TEXT,
    show: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the photos as the model gets them, as a sheet in PNG."
        ),
    ] = None,
) -> None:
    """Classify photos with a trained model: a line for each, with its class and probability."""
    from signs_sweep.cli.predicting import predict_images

    raise typer.Exit(predict_images(run, images, shared, form, show))


@app.command()
@expanded
def export(
    run: Run,
    shared: SeedOptions,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="A file named .keras or .onnx."),
    ],
) -> None:
    """Write the model of a run to a file for Keras or for ONNX."""
    from signs_sweep.cli.predicting import export_to

    export_to(run, output, shared)


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
        typer.Option(metavar="N", help="Port. [default: 5000, or a free port if 5000 is taken]"),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show the runs of an experiment in MLflow: a server on this machine only, until Ctrl-C."""
    from signs_sweep.cli.output import say
    from signs_sweep.commands.store import Store
    from signs_sweep.commands.ui import show

    store = Store(tracking_uri)
    raise typer.Exit(
        show(
            store,
            target,
            port,
            announce=partial(print, flush=True),
            warn=lambda message: say(f"warning: {message}"),
            open_browser=not no_browser,
        )
    )


@app.command()
@expanded
def clean(
    shared: SeedOptions,
    sharing: Sharing,
    *,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SPEC|EXPERIMENT",
            help="Spec files, or names of experiments, whose runs to remove. [default: only "
            "checkpoints that are no longer needed]",
            show_default=False,
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Remove runs that ended longer ago, as in 30d: of the specs and experiments, "
            "else all.",
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Without runs: also the ends of finished runs, from which longer runs would "
            "continue.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs, or checkpoints that are no longer needed. Lists them first, and asks."""
    from signs_sweep.cli.cleaning import clean_runs, clean_store
    from signs_sweep.commands.options import parse_time
    from signs_sweep.commands.store import Store
    from signs_sweep.errors import UsageError

    store = Store(shared.tracking_uri, sharing=sharing)
    age = parse_time("--older-than", older_than)
    with closing(store.claims):
        if not targets and age is None:
            clean_store(store, ends=everything, is_agreed=yes)
            return
        if everything:
            raise UsageError("--all is for checkpoints: runs are removed with all of theirs")
        clean_runs(store, targets or [], shared, age=age, is_agreed=yes)


@app.command()
def doctor(
    *,
    selftest: Annotated[
        bool,
        typer.Option(
            "--selftest",
            help="Also train a tiny run twice, once with its process killed, and compare the bits.",
        ),
    ] = False,
    form: Annotated[
        DoctorFormat, typer.Option("--format", help="Text for a bug report, or JSON.")
    ] = DoctorFormat.TEXT,
    data: Data = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Check installation, machine, store and data, and say what to do if something is not right."""
    from signs_sweep.cli.doctor import show_checks

    raise typer.Exit(show_checks(tracking_uri, data, form, is_tested=selftest))


@app.command()
def schema() -> None:
    """Print the JSON schema of a spec, for editors."""
    from signs_sweep.spec import schema_json

    sys.stdout.write(schema_json().rstrip("\n") + "\n")
