"""Prepare a search: from a spec to an open study."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from signs_sweep.commands.options import MOST_WORKERS, Options
from signs_sweep.commands.running import fitting
from signs_sweep.commands.store import Store
from signs_sweep.domain import (
    PAIR_NAMES,
    SEED_NAMES,
    TRAINING_VERSION,
    Component,
    Growth,
    Seeds,
)
from signs_sweep.errors import StoreError, UsageError
from signs_sweep.executors import choose_devices, find_gpus
from signs_sweep.planning.preparation import Prepared
from signs_sweep.project import claim_study
from signs_sweep.project.databases import resolve, without_password
from signs_sweep.searching.execution import Searching
from signs_sweep.searching.study import OwnTrials, open_study
from signs_sweep.searching.study.methods import missing_package, proposals
from signs_sweep.searching.study.space import is_complete
from signs_sweep.searching.study.storage import recover, using_storage
from signs_sweep.spec import Categories, Experiment, Range, Search
from signs_sweep.statistics.replicates import aggregate


def begin_search(
    prepared: Prepared,
    tracking_uri: str | None,
    options: Options,
    *,
    trials: int | None = None,
    timeout: float | None = None,
) -> Searching:
    """Open the study of an experiment and claim it for this process.

    Args:
        prepared: exactly one experiment, with its data.
        tracking_uri: the tracking store, as given by the user.
        options: how to train.
        trials: total number of trials; overrides the spec.
        timeout: seconds after which no trial starts; overrides the spec.

    Raises:
        DataError: the workers do not fit into memory.
        SpecError: the spec cannot be searched.
        StoreError: the tracking store or the study's database cannot be used.
        UsageError: so many workers do not fit into memory, the study belongs to a different
            search, or another process is using it.
    """
    (part,) = prepared.plan.parts
    experiment = _with_replicates(part.experiment)
    dataset = prepared.datasets[experiment.name]
    _check_fresh_seeds(experiment)
    training, _ = dataset.split(experiment.validation, experiment.folds)
    _check_batches(experiment, len(training))
    search = experiment.search
    if trials is not None:
        if not isinstance(trials, int) or trials < 1:
            raise UsageError(f"--trials {trials}: a whole number from 1 was expected")
        search = replace(search, trials=trials)
    if timeout is not None:
        if not timeout > 0:
            raise UsageError(f"--timeout {timeout:g}: a number of seconds above 0 was expected")
        search = replace(search, timeout=timeout)
    if package := missing_package(search.sampler):
        message = f"the sampler {search.sampler.name} needs a package: pip install {package}"
        raise experiment.problem("search", "sampler", "name", message=message)
    store = Store(tracking_uri, prepared, options)
    leftovers = store.write_leftovers()
    storage = _storage(experiment, search, store)
    try:
        claim = claim_study(store.paths, storage, experiment.name)
    except StoreError as error:
        if search.storage is None:
            raise
        raise experiment.problem("search", "storage", message=str(error)) from error
    if claim is None:
        raise UsageError(
            f"another process is running the search '{experiment.name}'. Wait until it ends, or "
            "stop it: its results are kept."
        )
    devices: list[str | None] = (
        [None] * (options.workers or MOST_WORKERS)
        if options.is_cluster
        else choose_devices(options.workers, find_gpus(os.environ), options.workers_per_gpu)
    )
    try:
        own, recovered = _open(experiment, search, storage, dataset.fingerprint)
        searching = Searching(
            *(prepared, experiment, search, store, own, storage, options, devices, recovered),
            leftovers=leftovers,
            claim=claim,
        )
        _fit_into_memory(searching)
    except BaseException:
        claim.release()
        raise
    return searching


def _fit_into_memory(searching: Searching) -> None:
    """Leave out workers that do not fit; a complete search starts none."""
    if searching.left and not searching.options.is_cluster:
        datasets = searching.prepared.datasets.values()
        searching.devices, searching.scarce = fitting(
            searching.devices, datasets, searching.options
        )


def _with_replicates(experiment: Experiment) -> Experiment:
    """Check an experiment, and return it with the seeds that a trial gets at most."""
    experiment.check_search()
    replicates = experiment.search.replicates
    return experiment.with_seeds(replicates.at_most) if replicates else experiment


def _storage(experiment: Experiment, search: Search, store: Store) -> str:
    """Return the URL of the study's database."""
    if search.storage is None:
        return store.paths.studies
    try:
        storage = resolve(search.storage, Path.cwd(), "mlruns/optuna.db")
    except StoreError as error:
        raise experiment.problem("search", "storage", message=str(error)) from error
    if len({without_password(uri).partition("?")[0] for uri in (storage, store.uri)}) == 1:
        message = "this is the tracking store; the study needs a separate database"
        raise experiment.problem("search", "storage", message=message)
    return storage


def _open(experiment: Experiment, search: Search, storage: str, data: str) -> tuple[OwnTrials, int]:
    """Open the study and recover it; return how many trials a dead process had left running."""

    def runs_of(values: Mapping[str, Any]) -> list[str]:
        setting = experiment.setting(experiment.point(values), data)
        return [run.run_id for run in experiment.replicates(setting)]

    def value_of(values: Sequence[float]) -> float:
        how, maximize = search.objective.aggregate, search.objective.maximize
        return aggregate(values, how, maximize=maximize, splits=experiment.splits)

    try:
        with using_storage(storage):
            study = open_study(
                storage,
                experiment.name,
                meaning(experiment, data),
                proposals(search, experiment.setting(experiment.point({}), data).parameters.epochs),
                maximize=search.objective.maximize,
                metric=search.objective.metric,
            )
            own = OwnTrials(study, search.space, runs_of, value_of, search.replicates)
            own.check_enqueued()
            return own, recover(own.study, partial(is_complete, search.space))
    except StoreError as error:
        if search.storage is None:
            raise
        raise experiment.problem("search", "storage", message=str(error)) from error


def _check_fresh_seeds(experiment: Experiment) -> None:
    if experiment.search.confirm and experiment.forced.keys() >= set(PAIR_NAMES):
        raise UsageError(
            "--set sets both seeds, so there are no fresh seeds for the winner: set only one of "
            "them, or write confirm: 0"
        )


def _check_batches(experiment: Experiment, samples: int) -> None:
    """Check that the largest batch of the space is not larger than the training set."""
    for dimension in experiment.search.space:
        if isinstance(dimension, Range):
            largest = dimension.high if dimension.name == "batch_size" else 0
        else:
            largest = max(choice.values.get("batch_size", 0) for choice in dimension.choices)
        if largest > samples:
            message = f"batch_size goes up to {largest:,}, but the training set has {samples:,}"
            raise experiment.problem("search", "space", "batch_size", message=message)


def meaning(experiment: Experiment, data: str) -> dict[str, object]:
    """Return what the values of a search depend on besides the point, by name."""
    default = experiment.setting(experiment.point({}), data)
    parameters, objective = default.parameters, experiment.search.objective
    searched = {name for part in experiment.search.space for name in part.names}
    searched |= {"keep_prob"} if "dropout" in searched else set()
    model = default.model.without(searched)
    base = {
        name: parameters.text(name)
        for name in parameters.significant
        if name not in searched and name not in SEED_NAMES
    }
    return {
        "space": [_meaning_of(dimension) for dimension in experiment.search.space],
        "objective": [objective.metric, objective.maximize, objective.aggregate],
        "base": base,
        "model": model and repr(model.identity),
        "seeds": [_meaning_of_seeds(seeds) for seeds in experiment.seeds],
        **_meaning_of_replicates(experiment.search.replicates),
        "validation": None if experiment.folds else experiment.validation,
        **({"split": [experiment.folds, experiment.repeats]} if experiment.folds else {}),
        "data": data,
        "version of the training": TRAINING_VERSION,
    }


def _meaning_of_seeds(seeds: Seeds) -> list[int]:
    """Return seeds, without the seed of the split at its default: it is newer than studies."""
    return [*seeds] if seeds.split_seed else [*seeds[:2]]


def _meaning_of_replicates(replicates: Growth | None) -> dict[str, str]:
    """Return how many seeds a trial gets; nothing if it gets all: it is newer than studies."""
    if replicates is None:
        return {}
    return {"replicates": f"{replicates.at_least} to {replicates.at_most}"}


def _plain(value: Any) -> Any:
    return value.plain if isinstance(value, Component) else value


def _meaning_of(dimension: Categories | Range) -> list[object]:
    under = [[dimension.under.dimension, dimension.under.choice]] if dimension.under else []
    if isinstance(dimension, Categories):
        choices = [
            [choice.text, {name: _plain(value) for name, value in choice.values.items()}]
            for choice in dimension.choices
        ]
        return [dimension.name, choices, *under]
    bounds = [dimension.low, dimension.high, dimension.log, dimension.step]
    return [dimension.name, *bounds, *under]
