"""Reading the records of runs from MLflow's SQLite file, without MLflow.

Importing MLflow and opening a store with it takes 2 to 4 s, and answering for 1,000 runs another
one; reading the five tables takes some hundredths. So `plan`, `compare` and the look-up of a `run`
are answered at once. Nothing is ever written here. Where the file is not as expected, the caller
asks MLflow.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.found import Record, unknown_experiment

_RUNS = """
    FROM runs JOIN experiments USING (experiment_id)
    WHERE runs.lifecycle_stage = 'active' AND experiments.lifecycle_stage = 'active'
    AND (:experiment IS NULL OR experiments.name = :experiment)
    AND run_uuid IN (
        SELECT run_uuid FROM tags WHERE key = :mark
        AND (:run_ids IS NULL OR value IN (SELECT json_each.value FROM json_each(:run_ids)))
    )
"""
_ACTIVE = "SELECT name FROM experiments WHERE lifecycle_stage = 'active'"


def read_records(
    path: Path, uri: str, experiment: str | None, run_ids: Collection[str] | None = None
) -> list[Record]:
    """Return the records of an experiment, or of all, oldest first.

    Args:
        path: the file.
        uri: the store, for messages.
        experiment: name of an experiment, or None for all.
        run_ids: the runs, or None for all.

    Raises:
        StoreError: there is no such experiment.
        sqlite3.Error: the file is no database, not (yet) one of MLflow, or locked.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=2)) as database:
        database.execute("BEGIN")  # One state of the store, whatever is written meanwhile.
        if experiment is not None:
            names = [name for (name,) in database.execute(_ACTIVE)]
            if experiment not in names:
                raise unknown_experiment(experiment, names, uri)
        return _read(database, experiment, run_ids)


def _read(
    database: sqlite3.Connection, experiment: str | None, run_ids: Collection[str] | None
) -> list[Record]:
    wanted = None if run_ids is None else json.dumps(list(run_ids))
    chosen = {"experiment": experiment, "mark": tags.RUN_ID, "run_ids": wanted}
    runs = database.execute(
        f"SELECT run_uuid, status {_RUNS} ORDER BY start_time, run_uuid", chosen
    ).fetchall()
    params: dict[str, dict[str, str]] = defaultdict(dict)
    its_tags: dict[str, dict[str, str]] = defaultdict(dict)
    metrics: dict[str, dict[str, float]] = defaultdict(dict)
    mine = f"WHERE run_uuid IN (SELECT run_uuid {_RUNS})"
    for kept, table in ((params, "params"), (its_tags, "tags")):
        query = f"SELECT run_uuid, key, value FROM {table} {mine}"  # noqa: S608 - no input in it
        for location, name, value in database.execute(query, chosen):
            kept[location][name] = value
    query = f"SELECT run_uuid, key, value, is_nan FROM latest_metrics {mine}"  # noqa: S608 - as above
    for location, name, value, is_nan in database.execute(query, chosen):
        metrics[location][name] = float("nan") if is_nan else value
    return [
        Record(location, status, params[location], its_tags[location], metrics[location])
        for location, status in runs
    ]
