"""Reading runs and their curves from the tables of MLflow's database, without MLflow.

Importing MLflow and opening a store takes 2 to 4 s, and reading 1,000 runs with it another second.
Reading the five tables takes some hundredths of a second: `plan`, `compare` and `run` wait for it.
Nothing is written here. If the tables are not as expected, the caller asks MLflow.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from signs_sweep.domain import Curve
from signs_sweep.project.databases import sqlite_path
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.found import (
    Record,
    UnexpectedError,
    curve_of,
    unknown_experiment,
)

_RUNS = """
    SELECT run_uuid, status, start_time, end_time, tags.value
    FROM runs JOIN experiments USING (experiment_id) JOIN tags USING (run_uuid)
    WHERE runs.lifecycle_stage = 'active' AND experiments.lifecycle_stage = 'active'
    AND tags.key = :mark
"""
_OLDEST_FIRST = " ORDER BY start_time, run_uuid"
_EXPERIMENTS = "SELECT name FROM experiments"
_ACTIVE = f"{_EXPERIMENTS} WHERE lifecycle_stage = 'active'"
_HAS_TABLES = "SELECT to_regclass('experiments') IS NOT NULL"
_TAGS = """
    SELECT key, value FROM experiment_tags JOIN experiments USING (experiment_id)
    WHERE name = :name
"""
_VALUES = """
    SELECT value FROM experiment_tags JOIN experiments USING (experiment_id)
    WHERE key = :name AND lifecycle_stage = 'active'
"""
_CURVE = """
    SELECT step, value, is_nan FROM metrics WHERE run_uuid = :location AND key = :name
    ORDER BY step, timestamp
"""
_AT_ONCE = 500
"""Most values in a condition."""

_Query = Callable[[str, Mapping[str, object]], Iterable[Any]]


class Tables:
    """Reads a SQLite file or a PostgreSQL database.

    A file that does not exist and a database without MLflow's tables hold nothing. All methods
    raise an UnexpectedError if it is not a database, cannot be reached, is not (yet) a database of
    MLflow, or locked.
    """

    def __init__(self, uri: str) -> None:
        """Remember the store, as `resolve_uri` returns it."""
        self._uri = uri

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it, not even the experiment that MLflow creates."""
        with self._opened() as query:
            return not list(query(_EXPERIMENTS, {}))

    def records(
        self,
        experiment: str | None = None,
        run_ids: Collection[str] | None = None,
        mark: str = tags.RUN_ID,
    ) -> list[Record]:
        """See `ask_for_records`."""
        with self._opened() as query:
            chosen: dict[str, object] = {"mark": mark}
            condition = ""
            if experiment is not None:
                names = [name for (name,) in query(_ACTIVE, {})]
                if experiment not in names:
                    raise unknown_experiment(experiment, names, self._uri)
                chosen["experiment"] = experiment
                condition = " AND experiments.name = :experiment"
            wanted = None if run_ids is None else set(run_ids)
            if wanted is not None and len(wanted) <= _AT_ONCE:
                listed, values = _listed(list(wanted))
                condition += f" AND tags.value IN ({listed})"
                chosen |= values
            runs = [
                run
                for *run, value in query(_RUNS + condition + _OLDEST_FIRST, chosen)
                if wanted is None or value in wanted
            ]
            return _read(query, runs)

    def curves(
        self, locations: Collection[str], metrics: Collection[str]
    ) -> Mapping[str, Mapping[str, Curve]]:
        """Return the curves of records, by location and metric.

        1,000 runs of 1,500 epochs with four metrics take 6 s, of which SQLite takes 4.
        """
        with self._opened() as query:
            return {
                location: {
                    name: curve_of(query(_CURVE, {"location": location, "name": name}))
                    for name in metrics
                }
                for location in locations
            }

    def experiment_tags(self, experiment: str) -> Mapping[str, str]:
        """Return the tags of an experiment."""
        with self._opened() as query:
            return dict(iter(query(_TAGS, {"name": experiment})))

    def tag_values(self, name: str) -> list[str]:
        """Return the values that a tag has in all experiments."""
        with self._opened() as query:
            return [value for (value,) in query(_VALUES, {"name": name})]

    def folders(self, locations: Collection[str]) -> dict[str, Path]:
        """Return the folders of artifacts of records, by location, where they are on this machine.

        The predictions of 1,000 runs are read from there in 1 s; through MLflow it takes 50 s.
        """
        with self._opened() as query:
            rows = _selected(query, "run_uuid, artifact_uri FROM runs", list(locations))
            return {
                location: Path(url2pathname(uri.removeprefix("file://")))
                for location, uri in rows
                if uri.startswith("file:///")
            }

    @contextmanager
    def _opened(self) -> Iterator[_Query]:
        """Open the database for reading; all queries see the same state of the store."""
        path = sqlite_path(self._uri)
        if path is not None and not path.exists():
            yield lambda *_: ()
            return
        if path is not None:
            address = f"{path.absolute().as_uri()}?mode=ro"
            try:
                with closing(sqlite3.connect(address, uri=True, timeout=2)) as database:
                    database.execute("BEGIN")
                    yield database.execute
            except sqlite3.Error as error:
                raise UnexpectedError from error
            return
        from sqlalchemy import create_engine, text
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.pool import NullPool

        try:
            engine = create_engine(self._uri, poolclass=NullPool, isolation_level="REPEATABLE READ")
            with engine.connect() as connection:
                if connection.execute(text(_HAS_TABLES)).scalar():
                    yield lambda query, values: map(tuple, connection.execute(text(query), values))
                else:
                    yield lambda *_: ()
        except (SQLAlchemyError, ImportError) as error:
            raise UnexpectedError from error


def _listed(values: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return values as a list in SQL: the names of its parameters, and the parameters."""
    named = {f"value{number}": value for number, value in enumerate(values)}
    return ", ".join(f":{name}" for name in named) or "NULL", named


def _selected(query: _Query, columns: str, locations: Sequence[str]) -> Iterator[Any]:
    """Yield the rows of a table that belong to records."""
    for first in range(0, len(locations), _AT_ONCE):
        listed, values = _listed(locations[first : first + _AT_ONCE])
        yield from query(f"SELECT {columns} WHERE run_uuid IN ({listed})", values)


def _read(query: _Query, runs: Sequence[Sequence[Any]]) -> list[Record]:
    locations = [location for location, *_ in runs]
    params: dict[str, dict[str, str]] = defaultdict(dict)
    tag_values: dict[str, dict[str, str]] = defaultdict(dict)
    metrics: dict[str, dict[str, float]] = defaultdict(dict)
    steps: dict[str, dict[str, int]] = defaultdict(dict)
    for kept, table in ((params, "params"), (tag_values, "tags")):
        columns = f"run_uuid, key, value FROM {table}"
        for location, name, value in _selected(query, columns, locations):
            kept[location][name] = value
    columns = "run_uuid, key, value, is_nan, step FROM latest_metrics"
    for location, name, value, is_nan, step in _selected(query, columns, locations):
        metrics[location][name] = float("nan") if is_nan else value
        steps[location][name] = step
    return [
        Record(
            *(location, status, params[location], tag_values[location], metrics[location]),
            *(began, ended, steps[location]),
        )
        for location, status, began, ended in runs
    ]
