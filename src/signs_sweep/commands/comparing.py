"""What the store has of the runs of a spec or of an experiment: results, curves, predictions."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from signs_sweep.analysis.history import build_history, build_predictions, curves_to_read
from signs_sweep.commands.options import SharedOptions
from signs_sweep.commands.outcome import rows_of
from signs_sweep.commands.store import Store
from signs_sweep.domain import Row
from signs_sweep.errors import StoreError, UnknownExperimentError, UsageError
from signs_sweep.planning.preparation import prepare
from signs_sweep.project.tracking_store import store_exists

if TYPE_CHECKING:
    import pandas as pd

SpecPath = str | os.PathLike[str]


def find_rows(targets: Sequence[SpecPath], shared: SharedOptions) -> list[Row]:
    """Return the runs of specs or experiments, in order; see `signs_sweep.compare`."""
    if not targets:
        raise UsageError("nothing to compare: name a spec file or an experiment")
    rows: list[Row] = []
    for target in targets:
        if is_spec(target):
            rows += _rows_of_spec(Path(target), shared)
        else:
            rows += _rows_of_experiment(str(target), shared.tracking_uri)
    return rows


def read_history(
    targets: Sequence[SpecPath], shared: SharedOptions, metrics: Sequence[str]
) -> "pd.DataFrame":
    """Return the curves of the runs of specs or experiments; see `signs_sweep.history`."""
    rows = find_rows(targets, shared)
    names = curves_to_read(rows, metrics)
    return build_history(rows, Store(shared.tracking_uri).index.curves(_locations(rows), names))


def read_predictions(targets: Sequence[SpecPath], shared: SharedOptions) -> "pd.DataFrame":
    """Return the predictions of the runs of specs or experiments; see `signs_sweep.predictions`."""
    rows = find_rows(targets, shared)
    return build_predictions(rows, Store(shared.tracking_uri).index.predictions(_locations(rows)))


def _locations(rows: Sequence[Row]) -> list[str]:
    """Return where the store keeps the runs, each once."""
    found = (row.result.location for row in rows if row.result)
    return list(dict.fromkeys(location for location in found if location))


def _rows_of_spec(spec: Path, shared: SharedOptions) -> list[Row]:
    prepared = prepare([spec], overrides=shared.overrides, data_dir=shared.data)
    store = Store(shared.tracking_uri)
    (part,) = prepared.plan.parts
    found = store.find(prepared.plan)
    rows = rows_of(part, found.results, found.older)
    if not part.experiment.has_search or not store_exists(store.uri):
        return rows
    try:
        recorded = store.index.list_runs(part.experiment.name)
    except UnknownExperimentError:
        return rows
    planned = {row.run_id for row in rows}
    known = [row for row in rows if row.result is not None]
    return known + [row for row in recorded if row.run_id not in planned] or rows


def _rows_of_experiment(name: str, tracking_uri: str | None) -> list[Row]:
    store = Store(tracking_uri)
    if not store_exists(store.uri):
        raise StoreError(
            f"'{name}' is neither a spec file nor an experiment: there is no tracking store, since "
            "nothing has been run here yet"
        )
    return store.index.list_runs(name)


def is_spec(target: SpecPath) -> bool:
    """Whether a target is a spec file, not the name of an experiment."""
    path = Path(target)
    return path.suffix.lower() in {".yaml", ".yml"} or path.is_file()
