"""From what a store has of runs to results."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from signs_sweep.domain import PARAMETERS, Parameters, Result, State
from signs_sweep.errors import UnknownExperimentError
from signs_sweep.project.databases import shown
from signs_sweep.protocols import RecordedRun
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import search_all

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_FEW = 4
"""Runs that are asked for one by one: MLflow has no condition for several, and a page is large."""


@dataclass(frozen=True)
class Record:
    """One run in MLflow that this package recorded.

    Attributes:
        location: its id in MLflow.
        status: its state, in MLflow's words.
        params: as MLflow keeps them, as text.
        tags: all of them.
        metrics: the last value of each.
    """

    location: str
    status: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


def ask_for_records(
    client: "MlflowClient",
    uri: str,
    experiment: str | None,
    run_ids: Collection[str] | None = None,
) -> list[Record]:
    """Ask MLflow for the records of an experiment, or of all, those of each run oldest first.

    Args:
        client: the store.
        uri: the same, for messages.
        experiment: name of an experiment, or None for all.
        run_ids: the runs, or None for all.

    Raises:
        StoreError: there is no such experiment.
    """
    experiments = {one.name: one.experiment_id for one in client.search_experiments()}
    if experiment is not None:
        if experiment not in experiments:
            raise unknown_experiment(experiment, experiments, uri)
        experiments = {experiment: experiments[experiment]}
    wanted = None if run_ids is None else set(run_ids)
    found = [
        _record(run)
        for pattern in (["%"] if wanted is None or len(wanted) > _FEW else wanted)
        for run in search_all(
            client, experiments.values(), f"tags.`{tags.RUN_ID}` LIKE '{pattern}'"
        )
    ]
    return [record for record in found if wanted is None or record.tags[tags.RUN_ID] in wanted]


def _record(run: "Run") -> Record:
    data = run.data
    return Record(run.info.run_id, run.info.status, data.params, data.tags, data.metrics)


def unknown_experiment(name: str, names: Iterable[str], uri: str) -> UnknownExperimentError:
    """Return the error for an experiment that is not in a store."""
    listed = sorted(names)
    near = get_close_matches(name, listed, n=1)
    question = f"; did you mean '{near[0]}'?" if near else "."
    return UnknownExperimentError(
        f"no experiment '{name}' in {shown(uri)}{question} There are: {', '.join(listed[:20])}"
    )


def best_records(records: Iterable[Record]) -> dict[str, Record]:
    """Choose one record per run: a finished one wins, and among equals the latest."""
    best: dict[str, Record] = {}
    for record in records:
        run_id = record.tags[tags.RUN_ID]
        known = best.get(run_id)
        if known is None or record.status == "FINISHED" or known.status != "FINISHED":
            best[run_id] = record
    return best


def result_of(record: Record) -> Result:
    """Return what a record says of a run."""
    return Result(
        run_id=record.tags[tags.RUN_ID],
        state=_state(record),
        metrics={name: value for name, value in record.metrics.items() if name != "seconds"},
        epochs=int(record.tags.get(tags.EPOCHS, 0)),
        seconds=record.metrics.get("seconds"),
        message=record.tags.get(tags.MESSAGE),
        location=record.location,
        guessing_since=int(record.tags[tags.GUESSING_SINCE])
        if tags.GUESSING_SINCE in record.tags
        else None,
    )


def recorded_run(record: Record) -> RecordedRun:
    """Return a record with its parameters; one that is older than a parameter has its default."""
    given = record.params
    values: dict[str, Any] = {
        name: entry.kind(given[name]) for name, entry in PARAMETERS.items() if name in given
    }
    known = {*PARAMETERS, "validation"}
    return RecordedRun(
        label=record.tags.get(tags.LABEL),
        parameters=Parameters(**values),
        model={name: value for name, value in given.items() if name not in known},
        baseline=record.tags.get(tags.BASELINE),
        version=version_of(record),
        result=result_of(record),
    )


def version_of(record: Record) -> int:
    """Return the version of the training that a run was recorded with."""
    return int(record.tags.get(tags.TRAINING_VERSION, 1))


def _state(record: Record) -> State:
    """Return the state; what MLflow calls SCHEDULED has not ended."""
    if record.status == State.KILLED.value and tags.PRUNED in record.tags:
        return State.PRUNED
    return State(record.status) if record.status in State.__members__ else State.RUNNING
