"""What the store has of the runs of a spec or of an experiment: results, curves, predictions."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from signs_sweep.analysis.comparison import Rules
from signs_sweep.analysis.history import build_history, build_predictions, curves_to_read
from signs_sweep.analysis.settings import settings_of
from signs_sweep.commands.options import SeedOptions
from signs_sweep.commands.outcome import rows_of, rules_of
from signs_sweep.commands.store import Store
from signs_sweep.data import Dataset
from signs_sweep.domain import Row, VerdictRule
from signs_sweep.errors import StoreError, UnknownExperimentError, UsageError
from signs_sweep.planning.plan import Part
from signs_sweep.planning.preparation import prepare
from signs_sweep.project.tracking_store import store_exists
from signs_sweep.spec import Experiment

if TYPE_CHECKING:
    import pandas as pd

_FURTHER = 30
"""Seeds beyond those of a spec that are looked up in the store."""

_MOST_SETTINGS = 200

SpecPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Found:
    """The runs of specs and experiments.

    Attributes:
        rows: the runs, in order, those of a setting in the order of its seeds.
        rules: how the settings of each experiment are compared, by its name.
        notes: remarks for a person.
        datasets: the data of specs, by fingerprint.
        specs: the experiments of specs, by name.
        doubts: of specs, what makes results on their data doubtful, by name of the experiment.
    """

    rows: list[Row]
    rules: Rules
    notes: Sequence[str] = ()
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    specs: Mapping[str, Experiment] = field(default_factory=dict)
    doubts: Mapping[str, Sequence[str]] = field(default_factory=dict)


def find_runs(targets: Sequence[SpecPath], shared: SeedOptions, store: Store) -> Found:
    """Return the runs of specs or experiments, from a store; see `signs_sweep.compare`."""
    if not targets:
        raise UsageError("nothing to compare: name a spec file or an experiment")
    rows: dict[tuple[str, str, str | None], Row] = {}
    rules: dict[str, VerdictRule] = {}
    specs: dict[str, SpecPath] = {}
    notes: list[str] = []
    datasets: dict[str, Dataset] = {}
    experiments: dict[str, Experiment] = {}
    doubts: dict[str, Sequence[str]] = {}
    for target in dict.fromkeys(targets):
        if is_spec(target):
            found = _of_spec(Path(target), shared, store)
            (name,) = found.rules
            if specs.setdefault(name, target) is not target:
                raise UsageError(f"{specs[name]} and {target} both have the name '{name}'")
        else:
            found = _of_experiment(str(target), store)
        for row in found.rows:  # A spec and its experiment have the same runs.
            rows.setdefault((row.experiment, row.run_id, row.label), row)
        for name, rule in found.rules.items():
            rules.setdefault(name, rule)
        notes += found.notes
        datasets |= found.datasets
        experiments |= found.specs
        doubts |= found.doubts
    return Found(list(rows.values()), rules, notes, datasets, experiments, doubts)


def read_history(
    targets: Sequence[SpecPath], shared: SeedOptions, metrics: Sequence[str]
) -> "pd.DataFrame":
    """Return the curves of the runs of specs or experiments; see `signs_sweep.history`."""
    store = Store(shared.tracking_uri)
    rows = find_runs(targets, shared, store).rows
    names = curves_to_read(rows, metrics)
    return build_history(rows, store.index.curves(_locations(rows), names))


def read_predictions(targets: Sequence[SpecPath], shared: SeedOptions) -> "pd.DataFrame":
    """Return the predictions of the runs of specs or experiments; see `signs_sweep.predictions`."""
    store = Store(shared.tracking_uri)
    rows = find_runs(targets, shared, store).rows
    return build_predictions(rows, store.index.predictions(_locations(rows)))


def _locations(rows: Sequence[Row]) -> list[str]:
    """Return where the store keeps the runs, each once."""
    found = (row.result.location for row in rows if row.result)
    return list(dict.fromkeys(location for location in found if location))


def _of_spec(spec: Path, shared: SeedOptions, store: Store) -> Found:
    prepared = prepare([spec], overrides=shared.overrides, seeds=shared.seeds, data_dir=shared.data)
    store.index.freeze()
    (part,) = prepared.plan.parts
    known = store.find(prepared.plan)
    datasets = {each.fingerprint: each for each in prepared.datasets.values()}
    found = Found(
        *(rows_of(part, known.results, known.older), rules_of(prepared.plan)),
        datasets=datasets,
        specs={part.experiment.name: part.experiment},
        doubts=prepared.doubts,
    )
    if not store_exists(store.uri):
        return found
    if not part.experiment.has_search:
        return replace(found, notes=_further_seeds(part, store))
    try:
        recorded = store.index.list_runs(part.experiment.name)
    except UnknownExperimentError:
        return found
    rows = found.rows
    planned = {row.run_id for row in rows}
    is_begun = any(row.result is not None for row in rows)
    others = [row for row in recorded if row.run_id not in planned]
    return replace(found, rows=[*rows, *others] if is_begun or not others else others)


def _further_seeds(part: Part, store: Store) -> list[str]:
    """Return a note if the store has finished runs of the settings with seeds beyond the plan's."""
    experiment, count = part.experiment, len(part.experiment.seeds)
    if len(part.trials) > _MOST_SETTINGS:
        return []
    try:
        further = experiment.with_seeds(count + _FURTHER).seeds[count:]
    except UsageError:  # Overrides set all seeds.
        return []
    most = 0
    for place, seeds in enumerate(further, start=count + 1):
        run_ids = [
            run.run_id
            for trial in part.trials
            for run in experiment.replicates(trial.setting, [seeds])
        ]
        found = store.index.find(run_ids).values()
        if not found:  # Sweeps train the seeds in order.
            break
        if any(result.state.is_finished for result in found):
            most = place
    if not most:
        return []
    return [f"{experiment.name} has finished runs with more seeds: --seeds {most} shows them."]


def _of_experiment(name: str, store: Store) -> Found:
    if not store_exists(store.uri):
        raise StoreError(
            f"'{name}' is neither a spec file nor an experiment: there is no tracking store, since "
            "nothing has been run here yet"
        )
    rule = store.index.rule(name)
    places = {seeds.pair: place for place, seeds in enumerate(rule.seeds)}
    settings = settings_of(store.index.list_runs(name))
    rows = [
        row
        for setting in settings
        for row in sorted(
            setting.rows, key=lambda row: (places.get(row.seeds.pair, len(places)), row.seeds)
        )
    ]
    return Found(rows, {name: rule})


def is_spec(target: SpecPath) -> bool:
    """Whether a target is a spec file, not the name of an experiment."""
    path = Path(target)
    with suppress(OSError):  # The name is too long, or its folder must not be searched.
        return path.suffix.lower() in {".yaml", ".yml"} or path.is_file()
    return False
