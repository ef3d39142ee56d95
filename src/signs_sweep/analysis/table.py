"""The table of runs, as a pandas DataFrame."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from signs_sweep.errors import UsageError
from signs_sweep.planning import varying_parameters
from signs_sweep.records import SEED_NAMES, Parameters, Result

if TYPE_CHECKING:
    import pandas as pd

METRIC_COLUMNS = ("loss", "final_train_accuracy", "val_accuracy", "test_accuracy")
"""Shown for every run, where it has them; `loss` is the training loss of the last epoch."""


@dataclass(frozen=True)
class Row:
    """A run in the table.

    Attributes:
        experiment: name of the experiment it is shown under.
        run_id: the run.
        label: the name its trial has in the spec, or None.
        parameters: hyperparameters and seeds.
        result: what is known of it; None for a run that was never started.
    """

    experiment: str
    run_id: str
    label: str | None
    parameters: Parameters
    result: Result | None


def build_table(
    rows: Sequence[Row], *, sort: str | None = None, metrics: Sequence[str] = ()
) -> "pd.DataFrame":
    """Return one line a run: what varies, seeds, state, metrics, epochs and seconds.

    Args:
        rows: the runs, in the order to show.
        sort: a column to sort by, best first for accuracies and losses; the order given if None.
        metrics: further metrics to show.

    Returns:
        A DataFrame indexed by run_id. Columns that would be empty or the same everywhere
        (`experiment` of a single one, labels that nobody gave, parameters that do not vary) are
        left out; `epochs` is the number trained, or asked for where there is no result.

    Raises:
        UsageError: `sort` or one of `metrics` is not known of any run.
    """
    import pandas as pd

    known = {name for row in rows if row.result for name in row.result.metrics}
    for name in metrics:
        if name not in known:
            raise UsageError(_unknown("metric", name, known))
    varying = varying_parameters([row.parameters for row in rows])
    shown = [name for name in (*METRIC_COLUMNS, *metrics) if name in known]
    columns = ["experiment", "label", *(name for name in varying if name != "epochs"), *SEED_NAMES]
    columns += ["state", *dict.fromkeys(shown), "epochs", "seconds"]
    records = [_record(row, columns) for row in rows]
    index = pd.Index([row.run_id for row in rows], name="run_id")
    table = pd.DataFrame(records, index=index, columns=columns)
    if len({row.experiment for row in rows}) < 2:
        table = table.drop(columns="experiment", errors="ignore")
    if not any(row.label for row in rows):
        table = table.drop(columns="label", errors="ignore")
    if sort is None:
        return table
    if sort not in table.columns:
        raise UsageError(_unknown("column to sort by", sort, table.columns))
    is_better_high = sort.endswith("accuracy")
    return table.sort_values(sort, ascending=not is_better_high, kind="stable")


def _record(row: Row, columns: Iterable[str]) -> list[Any]:
    """Return the values of a run, column by column."""
    result = row.result
    known: dict[str, Any] = dict(result.metrics) if result else {}
    known |= asdict(row.parameters)
    known |= {
        "experiment": row.experiment,
        "label": row.label,
        "state": result.state.value if result else "NEW",
        "epochs": result.epochs if result else row.parameters.epochs,
        "seconds": result.seconds if result else None,
    }
    return [known.get(name) for name in columns]


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = ", ".join(sorted(map(str, known))) or "none yet: nothing has been trained"
    return f"unknown {what} '{name}'. Known: {names}"
