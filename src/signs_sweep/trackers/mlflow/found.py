"""From what the store answers to results."""

from typing import TYPE_CHECKING

from signs_sweep.records import Parameters, Result, State
from signs_sweep.trackers.mlflow import tags
from signs_sweep.trackers.recorded import RecordedRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlflow import MlflowClient
    from mlflow.entities import Run

_PAGE = 5000


def recorded_runs(client: "MlflowClient", experiment_ids: list[str]) -> "Iterator[Run]":
    """Yield the runs that this package recorded, oldest first."""
    token = None
    while True:
        page = client.search_runs(
            experiment_ids,
            filter_string=f"tags.`{tags.RUN_ID}` LIKE '%'",
            max_results=_PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def best_records(runs: "Iterable[Run]") -> "dict[str, Run]":
    """Choose one record per run: a finished one wins, and among equals the latest."""
    best: dict[str, Run] = {}
    for run in runs:
        run_id = run.data.tags[tags.RUN_ID]
        known = best.get(run_id)
        if known is None or run.info.status == "FINISHED" or known.info.status != "FINISHED":
            best[run_id] = run
    return best


def result_of(run: "Run") -> Result:
    """Return what a record says of a run."""
    metrics = dict(run.data.metrics)
    return Result(
        run_id=run.data.tags[tags.RUN_ID],
        state=_state(run.info.status),
        metrics={name: value for name, value in metrics.items() if name != "seconds"},
        epochs=int(run.data.tags.get(tags.EPOCHS, 0)),
        seconds=metrics.get("seconds"),
        message=run.data.tags.get(tags.MESSAGE),
        location=run.info.run_id,
    )


def recorded_run(run: "Run") -> RecordedRun:
    """Return a record with its parameters."""
    given = run.data.params
    parameters = Parameters(
        learning_rate=float(given["learning_rate"]),
        batch_size=int(given["batch_size"]),
        epochs=int(given["epochs"]),
        l2=float(given["l2"]),
        keep_prob=float(given["keep_prob"]),
        global_seed=int(given["global_seed"]),
        init_seed=int(given["init_seed"]),
    )
    result = result_of(run)
    return RecordedRun(result.run_id, run.data.tags.get(tags.LABEL), parameters, result)


def _state(status: str) -> State:
    """Return the state; what MLflow calls SCHEDULED has not ended."""
    return State(status) if status in State.__members__ else State.RUNNING
