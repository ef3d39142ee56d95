"""The commands as Python functions.

They have the options of the commands, raise what the commands would print, and return the results.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from signs_sweep.analysis.comparison import BY_SETTING, compare_settings
from signs_sweep.analysis.settings import BaselineValues
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.analysis.verdict import Verdicts
from signs_sweep.commands.comparing import (
    SpecPath,
    find_runs,
    read_history,
    read_predictions,
)
from signs_sweep.commands.images import images_of
from signs_sweep.commands.models import find_named
from signs_sweep.commands.options import (
    Form,
    Keywords,
    Options,
    SeedOptions,
    SharedOptions,
    takes_options,
)
from signs_sweep.commands.outcome import Outcome
from signs_sweep.commands.predicting import export_model, predict_photos, prediction_table
from signs_sweep.commands.reporting import gather, render
from signs_sweep.commands.running import begin
from signs_sweep.commands.store import Store
from signs_sweep.errors import UsageError
from signs_sweep.planning.plan import Plan
from signs_sweep.planning.preparation import load_all, prepare
from signs_sweep.searching.beginning import begin_search
from signs_sweep.searching.outcome import SearchOutcome
from signs_sweep.spec import Experiment

if TYPE_CHECKING:
    import pandas as pd

Overrides = Mapping[str, Any] | Sequence[str] | None
"""Values of hyperparameters for every run, as `{"epochs": 20}` or as `["epochs=20"]`."""


def load(spec: SpecPath, *, overrides: Overrides = None) -> Experiment:
    """Read and check a spec.

    Args:
        spec: path of the file.
        overrides: values of hyperparameters for every run, as in `{"epochs": 20}`.

    Raises:
        SpecError: the spec has problems; the message lists all of them with their places.
        UsageError: an override is not valid.
    """
    (experiment,) = load_all([Path(spec)], _arguments(overrides))
    return experiment


def plan(
    *specs: SpecPath,
    overrides: Overrides = None,
    seeds: int | None = None,
    data: SpecPath | None = None,
) -> Plan:
    """Expand specs into the runs that they ask for; nothing is trained.

    Args:
        specs: paths of the files.
        overrides: values of hyperparameters for every run.
        seeds: number of seeds; by default all of the spec, or as many as the verdicts may need.
        data: folder of the photos; else `SIGNS_DATA`, else `data`.

    Raises:
        SpecError: a spec has problems.
        DataError: the data cannot be used.
        UsageError: an override is not valid, or two experiments have the same name.
    """
    shared = SeedOptions(_arguments(overrides), _path(data), seeds=seeds)
    return prepare(
        _paths(specs), overrides=shared.overrides, seeds=shared.seeds, data_dir=shared.data
    ).plan


@takes_options
def run(
    *specs: SpecPath,
    overrides: Overrides = None,
    seeds: int | None = None,
    data: SpecPath | None = None,
    tracking_uri: str | None = None,
    budget: float | None = None,
    force: bool = False,
    **options: Unpack[Keywords],
) -> Outcome:
    """Train the runs of specs and record them in MLflow. Settled runs are not trained again.

    Args:
        specs: paths of the files.
        overrides: values of hyperparameters for every run.
        seeds: number of seeds: those of the spec, in order, then further pairs.
        data: folder of the photos; else `SIGNS_DATA`, else `data`.
        tracking_uri: MLflow store; else `MLFLOW_TRACKING_URI`, else `sqlite:///mlruns/mlflow.db`.
        budget: seconds; runs are trained seed after seed, and no seed begins that would end later.
        force: whether to train settled runs again, from their beginning.
        options: other options of `signs-sweep run`, such as `workers=2`; see
            `signs_sweep.commands.options.Options`.

    Returns:
        The results, including those of failed runs.

    Raises:
        SpecError: a spec has problems.
        DataError: the data cannot be used.
        StoreError: the store cannot be read or written.
        UsageError: an argument is not valid.
        KeyboardInterrupt: it was interrupted; everything up to then is recorded.
    """
    chosen = Options.of(run, {**options, "budget": budget, "force": force})
    shared = SeedOptions(_arguments(overrides), _path(data), tracking_uri, seeds)
    prepared = prepare(
        _paths(specs), overrides=shared.overrides, seeds=shared.seeds, data_dir=shared.data
    )
    running = begin(prepared, tracking_uri, chosen)
    outcome = running.execute(lambda _: None)
    if outcome.was_interrupted:
        raise KeyboardInterrupt
    if wrong := running.log_report(outcome, shared):
        warnings.warn(wrong, stacklevel=2)
    return outcome


@takes_options
def search(
    spec: SpecPath,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    overrides: Overrides = None,
    data: SpecPath | None = None,
    tracking_uri: str | None = None,
    **options: Unpack[Keywords],
) -> SearchOutcome:
    """Search the space of a spec with Optuna; find and confirm the winner over fresh seeds.

    A search that was interrupted resumes; the results of a finished search are only read.

    Args:
        spec: path of the file.
        trials: total number of trials, earlier trials included; by default that of the spec.
        timeout: seconds after which no trial begins; by default that of the spec.
        overrides: values of hyperparameters for every run; these are not searched then.
        data: folder of the photos; else `SIGNS_DATA`, else `data`.
        tracking_uri: MLflow store; else `MLFLOW_TRACKING_URI`, else `sqlite:///mlruns/mlflow.db`.
        options: other options of `signs-sweep search`, such as `workers=2`; see
            `signs_sweep.commands.options.Options`.

    Returns:
        The Optuna study and its results: `best` of the search, `winner` of the race, `standings`,
        `confirmed`, `optimism`, `runs(number)` for the runs of a trial, `importances`.

    Raises:
        SpecError: the spec has problems, or cannot be searched.
        DataError: the data cannot be used.
        StoreError: the store or the study's database cannot be used.
        UsageError: an argument is not valid, or the study belongs to a different spec.
        KeyboardInterrupt: it was interrupted; everything up to then is recorded.
    """
    chosen = Options.of(search, options)
    prepared = prepare([Path(spec)], overrides=_arguments(overrides), data_dir=_path(data))
    searching = begin_search(prepared, tracking_uri, chosen, trials=trials, timeout=timeout)
    outcome = searching.execute(lambda _: None)
    if outcome.was_interrupted:
        raise KeyboardInterrupt
    shared = SharedOptions(_arguments(overrides), _path(data), tracking_uri)
    if wrong := searching.log_report(outcome, shared):
        warnings.warn(wrong, stacklevel=2)
    return outcome


def compare(
    *targets: SpecPath,
    overrides: Overrides = None,
    seeds: int | None = None,
    data: SpecPath | None = None,
    tracking_uri: str | None = None,
    by: str | None = None,
    baseline: BaselineValues | str | None = None,
    sort: str | None = None,
    metrics: Sequence[str] = (),
) -> "pd.DataFrame":
    """Return the runs, or the settings, of specs or experiments as a table.

    For a spec with a `search` section, it includes the runs of the search.

    Args:
        targets: spec files, or names of experiments in the store.
        overrides: values of hyperparameters for every run of the specs.
        seeds: number of seeds of the specs: their own, in order, then further pairs.
        data: folder of the photos; else `SIGNS_DATA`, else `data`.
        tracking_uri: MLflow store; else `MLFLOW_TRACKING_URI`, else `sqlite:///mlruns/mlflow.db`.
        by: one row per setting, with its verdict, instead of one row per run: a parameter whose
            values are compared, or `setting` to compare with the baseline of the spec; see
            `signs_sweep.analysis.table.build_settings` for its columns.
        baseline: compare with this setting instead: values by parameter, or a label; the table then
            has one row per setting.
        sort: column to sort by, best first; by default in the order of the plan.
        metrics: further metrics to show.

    Returns:
        One row per run, indexed by run_id: the hyperparameters that vary, `version` if the runs
        have several training versions, `global_seed` and `init_seed`, `state` (NEW for a run that
        was never started in this version, PRUNED for a run that a search stopped), `loss` (training
        loss of the last epoch), `final_train_accuracy`, `val_accuracy` with validation,
        `test_accuracy`, `is_baseline` and `difference` with a baseline, `epochs`, and `seconds` of
        training; `diagnosis`, `diagnosis_since` and `diagnosis_gap` if there is any,
        `guessing_since` if a run collapsed, and `older_version` if an older training version has
        finished a NEW run.

    Raises:
        SpecError: a spec has problems.
        StoreError: the store cannot be read, or does not have the experiment.
        UsageError: no run has the column `sort` or a metric in `metrics`, or no setting the values
            of `baseline`.
    """
    shared = SeedOptions(_arguments(overrides), _path(data), tracking_uri, seeds)
    store = Store(tracking_uri)
    found = find_runs(targets, shared, store)
    if by is None and baseline is None:
        return build_table(found.rows, found.rules, sort=sort, metrics=metrics)
    images = images_of(found.rows, store)
    compared = compare_settings(
        *(found.rows, found.rules), by=by or BY_SETTING, baseline=baseline, images=images
    )
    return build_settings(found.rows, compared, sort=sort, metrics=metrics, images=images)


def verdicts(
    *targets: SpecPath,
    overrides: Overrides = None,
    seeds: int | None = None,
    data: SpecPath | None = None,
    tracking_uri: str | None = None,
    by: str = BY_SETTING,
    baseline: BaselineValues | str | None = None,
) -> Verdicts:
    """Return the verdict on each setting of specs or experiments that has a baseline.

    The arguments are those of `compare`.

    Raises:
        SpecError: a spec has problems.
        StoreError: the store cannot be read, or does not have the experiment.
        UsageError: no setting has the values of `baseline`, or the parameter does not exist.
    """
    shared = SeedOptions(_arguments(overrides), _path(data), tracking_uri, seeds)
    store = Store(tracking_uri)
    found = find_runs(targets, shared, store)
    compared = compare_settings(
        *(found.rows, found.rules),
        by=by,
        baseline=baseline,
        images=images_of(found.rows, store),
    )
    return Verdicts(verdict for comparison in compared for verdict in comparison.decisive)


def report(
    *targets: SpecPath,
    output: SpecPath | None = None,
    form: str = "html",
    overrides: Overrides = None,
    seeds: int | None = None,
    data: SpecPath | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Return a report on specs or experiments: verdicts, figures, and how to reproduce them.

    Args:
        targets: as for `compare`.
        output: a file to write it to, if any.
        form: `html` for a page in one file, `md` for Markdown, or `latex` for tables for a paper.
        overrides: as for `compare`.
        seeds: as for `compare`.
        data: as for `compare`; the pictures on the page are read from there.
        tracking_uri: as for `compare`.

    Raises:
        SpecError: a spec has problems.
        StoreError: the store cannot be read, or does not have the experiment.
        UsageError: `form` has a different value.
    """
    if form not in [known.value for known in Form]:
        names = ", ".join(known.value for known in Form)
        raise UsageError(f"unknown form '{form}' of a report. Known: {names}")
    shared = SeedOptions(_arguments(overrides), _path(data), tracking_uri, seeds)
    text = render(gather(targets, shared), Form(form))
    if output is not None:
        Path(output).write_text(text, encoding="utf-8")
    return text


def history(
    *targets: SpecPath,
    overrides: Overrides = None,
    seeds: int | None = None,
    data: SpecPath | None = None,
    tracking_uri: str | None = None,
    metrics: Sequence[str] = (),
) -> "pd.DataFrame":
    """Return the curves of the runs of specs or experiments as a long table.

    Args:
        targets: as for `compare`.
        overrides: as for `compare`.
        seeds: as for `compare`.
        data: as for `compare`.
        tracking_uri: as for `compare`.
        metrics: some of `loss`, `accuracy`, `val_loss` and `val_accuracy`; by default all that a
            run has.

    Returns:
        One row per run, metric and epoch, with the runs in the order of `compare`: `experiment`,
        `label` if a run has one, the hyperparameters that vary, `global_seed`, `init_seed`,
        `run_id`, `epoch` (from 1), `metric`, and `value`, a float64. A run that has not finished
        has the epochs recorded so far; a run that was never started has no rows.

    Raises:
        SpecError: a spec has problems.
        StoreError: the store cannot be read, or does not have the experiment.
        UsageError: no run has a curve of one of `metrics`.
    """
    shared = SeedOptions(_arguments(overrides), _path(data), tracking_uri, seeds)
    return read_history(targets, shared, metrics)


def predictions(
    *targets: SpecPath,
    overrides: Overrides = None,
    seeds: int | None = None,
    data: SpecPath | None = None,
    tracking_uri: str | None = None,
) -> "pd.DataFrame":
    """Return what the finished runs of specs or experiments predict, image by image.

    Args:
        targets: as for `compare`.
        overrides: as for `compare`.
        seeds: as for `compare`.
        data: as for `compare`.
        tracking_uri: as for `compare`.

    Returns:
        One row per run and image, with the runs in the order of `compare`: `experiment`, `label` if
        a run has one, the hyperparameters that vary, `global_seed`, `init_seed`, `run_id`, `set`
        (`validation` for held-out samples, or `test`), `image` (its position in the training set,
        the given validation set or the test set, from 0), `true` and `predicted` (indices of
        classes), `true_class` and `predicted_class` (their names; missing for runs recorded before
        signs-sweep kept them), and the probabilities `p0`, `p1`, ... of the classes, float32.
        The trials of a search are not tested: they have only the held-out samples. Runs recorded
        before signs-sweep kept predictions have no rows.

    Raises:
        SpecError: a spec has problems.
        StoreError: the store cannot be read, or does not have the experiment.
    """
    shared = SeedOptions(_arguments(overrides), _path(data), tracking_uri, seeds)
    return read_predictions(targets, shared)


def predict(
    run: str,
    *images: SpecPath,
    overrides: Overrides = None,
    seeds: int | None = None,
    data: SpecPath | None = None,
    tracking_uri: str | None = None,
) -> "pd.DataFrame":
    """Classify photos with trained models.

    A photo is prepared as the training images were: turned upright, cropped to their proportions,
    resized.

    Args:
        run: a run_id, the id of a run in MLflow, a unique beginning of either; `best:` and a spec
            file or the name of an experiment for the best run of the best setting; or `ensemble:`
            and the same for the mean over all finished runs of that setting.
        images: files, or folders of files.
        overrides: as for `compare`, for a spec.
        seeds: as for `compare`, for a spec.
        data: as for `compare`, for a spec.
        tracking_uri: as for `compare`.

    Returns:
        One row per photo: `photo` (its path), `predicted_class`, its `probability`,
        `is_unfamiliar` (whether the photo is unlike the training data; missing if the model has no
        rule for it), for an ensemble `agreeing` (runs that give it this class by themselves) and
        `members` (all runs), `error` (why it is unreadable, else missing), and for each class NAME
        its probability `p_NAME`.

    Raises:
        DataError: the memory does not suffice for a photo.
        SpecError: the spec has problems.
        StoreError: the store or the model cannot be read.
        UsageError: there is no such run, there are several, or it has no model.
    """
    shared = SeedOptions(_arguments(overrides), _path(data), tracking_uri, seeds)
    named = find_named(run, shared)
    return prediction_table(predict_photos(named, map(Path, images), tracking_uri), named)


def export(
    run: str,
    path: SpecPath,
    *,
    overrides: Overrides = None,
    seeds: int | None = None,
    data: SpecPath | None = None,
    tracking_uri: str | None = None,
) -> None:
    """Write the model of a run to a file.

    Args:
        run: as for `predict`, but not an ensemble.
        path: the file: `.keras` for a copy of the model, or `.onnx`, which needs the packages of
            `signs-sweep[onnx]`.
        overrides: as for `compare`, for a spec.
        seeds: as for `compare`, for a spec.
        data: as for `compare`, for a spec.
        tracking_uri: as for `compare`.

    Raises:
        OSError: the file cannot be written.
        SpecError: the spec has problems.
        StoreError: the store or the model cannot be read.
        UsageError: there is no such run, it has no model, the file has a different ending, or a
            package is missing.
    """
    shared = SeedOptions(_arguments(overrides), _path(data), tracking_uri, seeds)
    content = export_model(find_named(run, shared), Path(path), tracking_uri)
    Path(path).write_bytes(content)


def _paths(specs: Sequence[SpecPath]) -> list[Path]:
    if not specs:
        raise UsageError("nothing to do: name a spec file")
    return [Path(spec) for spec in specs]


def _path(value: SpecPath | None) -> Path | None:
    return None if value is None else Path(value)


def _arguments(overrides: Overrides) -> list[str]:
    if isinstance(overrides, Mapping):
        return [f"{key}={value}" for key, value in overrides.items()]
    return list(overrides or ())
