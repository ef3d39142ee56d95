"""From spec files to a plan: read them, find their data, and check them against the data."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from signs_sweep.data import (
    Dataset,
    DataSource,
    find_doubts,
    find_lacks,
    find_leak,
    find_source,
)
from signs_sweep.domain import GIVEN, METRICS, OF_ARGUMENTS, Dense, EarlyStopping, are_comparable
from signs_sweep.errors import DataError, DataWarning, SpecError, UsageError
from signs_sweep.planning.building import ModelSource, find_model
from signs_sweep.planning.plan import Plan, make_plan
from signs_sweep.spec import Experiment, load
from signs_sweep.statistics.sequential import first_threshold, least_pairs

_MOST_CHECKED = 200
"""Splits that are tried before anything is trained; others have an error of their own."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A plan with the data it needs.

    Attributes:
        plan: the runs.
        datasets: the data, by name of the experiment.
        sources: the locations from which workers load data, by fingerprint.
        models: the locations from which workers load functions that build models, by fingerprint.
        doubts: by name of the experiment, what makes results on its data doubtful, as sentences.
    """

    plan: Plan
    datasets: Mapping[str, Dataset]
    sources: Mapping[str, DataSource]
    models: Mapping[str, ModelSource]
    doubts: Mapping[str, Sequence[str]] = field(default_factory=dict)


def load_all(
    specs: Sequence[Path], overrides: Sequence[str], seeds: int | None = None
) -> list[Experiment]:
    """Read spec files; a file that is named several times is read once.

    `seeds` is the number of seeds, or None for all of the spec.

    Raises:
        SpecError: some specs have problems; the message lists those of all files.
        UsageError: an override is not valid.
    """
    experiments: list[Experiment] = []
    errors: list[SpecError] = []
    for spec in dict.fromkeys(specs):
        try:
            experiment = load(spec, overrides)
            experiments.append(experiment.with_seeds(seeds) if seeds else experiment)
        except SpecError as error:
            errors.append(error)
    if errors:
        raise SpecError("\n\n".join(map(str, errors)), partial(_within, errors))
    return experiments


def _within(errors: Sequence[SpecError], columns: int) -> str:
    return "\n\n".join(str(error.within(columns)) for error in errors)


def prepare(
    specs: Sequence[Path],
    *,
    overrides: Sequence[str] = (),
    seeds: int | None = None,
    data_dir: Path | None = None,
) -> Prepared:
    """Read specs and their data, and expand them into a plan.

    Properties of a dataset that make its results doubtful are a `DataWarning`, which is issued
    only here, although workers read the data again.

    Args:
        specs: the files.
        overrides: `KEY=VALUE`, for every run.
        seeds: number of seeds, or None for all of the spec.
        data_dir: the value of `--data`, or None.

    Raises:
        SpecError: the specs have problems, or do not fit their data.
        DataError: a dataset is damaged.
        UsageError: an override is not valid, or two experiments have the same name.
    """
    datasets: dict[str, Dataset] = {}
    sources: dict[str, DataSource] = {}
    read: dict[DataSource, Dataset] = {}
    of_data: dict[DataSource, list[str]] = {}
    doubts: dict[str, list[str]] = {}
    models: dict[str, ModelSource] = {}
    loaded = load_all(specs, overrides, seeds)
    experiments = [_with_model(experiment, models) for experiment in loaded]
    for experiment in experiments:
        source = _source(experiment, data_dir)
        if source not in read:
            read[source] = source.load()
            of_data[source] = [f"{source.name}: {doubt}" for doubt in find_doubts(read[source])]
            for doubt in of_data[source]:
                # The warning refers to the caller of a function in `api`.
                warnings.warn(doubt, DataWarning, stacklevel=3)
        dataset = datasets[experiment.name] = read[source]
        sources[dataset.fingerprint] = source
        if seeds is None:
            _check_growth(experiment)
        own = [f"{experiment.name}: {doubt}" for doubt in _check(experiment, dataset)]
        doubts[experiment.name] = [*of_data[source], *own]
        for doubt in (*own, *(f"{experiment.name}: {each}" for each in experiment.doubts())):
            warnings.warn(doubt, DataWarning, stacklevel=3)
    plan = make_plan([(each, datasets[each.name].fingerprint) for each in experiments])
    return Prepared(plan, datasets, sources, models, doubts)


@contextmanager
def _at(experiment: Experiment, *keys: str) -> Iterator[None]:
    """Turn a `DataError` into an error that points at a value of the spec."""
    try:
        yield
    except DataError as error:
        raise experiment.problem(*keys, message=str(error)) from error


def _source(experiment: Experiment, data_dir: Path | None) -> DataSource:
    # If the photos are missing, the folder is at fault, not the spec.
    with nullcontext() if experiment.data == "signs" else _at(experiment, "data"):
        return find_source(
            experiment.data,
            data_dir=data_dir,
            spec_folder=experiment.path.parent,
            is_validated=experiment.validation == GIVEN,
        )


def _with_model(experiment: Experiment, models: dict[str, ModelSource]) -> Experiment:
    """Return an experiment; if a function builds its model, with the fingerprint of the source."""
    model = experiment.model
    if isinstance(model, Dense):
        return experiment
    experiment.check_model()
    of_all, of_some = (
        {name.removeprefix(OF_ARGUMENTS) for name in experiment.arguments(of_all=of_all)}
        for of_all in (True, False)
    )
    with _at(experiment, "model", "build"):
        folder = experiment.path.parent
        source, wrong = find_model(model.function, sorted(of_some), folder, of_some - of_all)
    experiment.refuse_arguments(wrong)
    models[source.fingerprint] = source
    return replace(experiment, model=replace(model, source=source.fingerprint))


def _check_growth(experiment: Experiment) -> None:
    """Check that there is something to compare, and that the written seeds can be enough."""
    growth = experiment.growth
    if growth is None:
        return
    compared = sum(not point.is_baseline for point in experiment.points)
    if not compared and experiment.overrides:
        raise UsageError("--set makes all settings equal, so that until: clear compares nothing")
    if not compared:
        message = "until: clear has nothing to compare: every setting is a baseline"
        raise experiment.problem("seeds", message=message)
    _check_stopping(experiment)
    needed = least_pairs(first_threshold(compared, experiment.verdict.error))
    if growth.at_most < needed:
        amount = "1 comparison needs" if compared == 1 else f"{compared} comparisons need"
        seeds = "1 seed" if growth.at_most == 1 else f"{growth.at_most} seeds"
        message = f"no difference can be seen with {seeds}; {amount} at least {needed}"
        raise experiment.problem("seeds", "at_most", message=message)


def _check_stopping(experiment: Experiment) -> None:
    """Check that early stopping makes no settings that are compared incomparable."""
    default = "val_accuracy" if experiment.validation else "test_accuracy"
    metric = experiment.verdict.metric or default
    for point in experiment.points:
        if point.baseline is None:
            continue
        first, second = (EarlyStopping.of(each.parameters) for each in (point, point.baseline))
        if not are_comparable(first, second, metric):
            message = (
                "until: clear cannot decide between settings whose early stopping differs by "
                f"{METRICS[metric].title}, as it chooses epochs by the same images; compare by "
                "the test set (verdict: {metric: test_accuracy}), or use the same early_stopping "
                "everywhere"
            )
            raise experiment.problem("seeds", message=message)


def _check(experiment: Experiment, dataset: Dataset) -> list[str]:
    """Check a spec against its data; return doubts about the held-out samples."""
    fraction, folds = experiment.validation, experiment.folds
    seeds = {each.split_seed for each in experiment.seeds}
    if folds:  # All folds of the first partition, and a fold of each other.
        seeds = {*range(folds), *range(0, experiment.splits, folds)}
    with _at(experiment, "split" if folds else "validation"):
        splits = [dataset.split(fraction, folds, seed) for seed in sorted(seeds)[:_MOST_CHECKED]]
    smallest = min(len(training) for training, _ in splits)
    experiment.check_data(smallest, dataset.classes)
    partition = splits[: folds or 1]
    return [
        doubt for doubt in (find_leak(dataset, partition), find_lacks(dataset, splits)) if doubt
    ]
