"""The long tables: a row for each epoch of each run, or for each image, as pandas DataFrames."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signs_sweep.analysis.settings import varying_values
from signs_sweep.domain import CURVE_METRICS, SEED_NAMES, Curve, Predictions, Row
from signs_sweep.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def curves_to_read(rows: Sequence[Row], metrics: Sequence[str]) -> list[str]:
    """Return the metrics to read: `metrics`, each once; by default all curves that a run has.

    Raises:
        UsageError: no run has a curve of one of `metrics`.
    """
    recorded = {name for row in rows if row.result for name in row.result.metrics}
    known = [name for name in CURVE_METRICS if name in recorded]
    for name in metrics:
        if name not in known:
            names = ", ".join(known) or "none yet: nothing has been trained"
            raise UsageError(f"no run has a curve of '{name}'. Known: {names}")
    return list(dict.fromkeys(metrics)) or known


def build_history(rows: Sequence[Row], curves: Mapping[str, Mapping[str, Curve]]) -> "pd.DataFrame":
    """Return one row per run, metric and epoch; see `signs_sweep.history` for the columns.

    Args:
        rows: the runs, in order.
        curves: by location of a record and metric.
    """
    parts = [
        (number, name, curve)
        for number, location in enumerate(map(_location, rows))
        for name, curve in curves.get(location, {}).items()
    ]
    lengths = [len(curve.epochs) for _, _, curve in parts]
    table = _repeated(rows, [number for number, _, _ in parts], lengths)
    table["epoch"] = _joined((epochs for _, _, (epochs, _) in parts), np.int64)
    table["metric"] = np.repeat(np.array([name for _, name, _ in parts], object), lengths)
    table["value"] = _joined((values for _, _, (_, values) in parts), np.float64)
    return table


def build_predictions(
    rows: Sequence[Row], predictions: Mapping[str, Mapping[str, Predictions]]
) -> "pd.DataFrame":
    """Return one row per run and image; see `signs_sweep.predictions` for the columns.

    Args:
        rows: the runs, in order.
        predictions: by location of a record and set.
    """
    parts = [
        (number, name, of_set)
        for number, location in enumerate(map(_location, rows))
        for name, of_set in predictions.get(location, {}).items()
    ]
    lengths = [len(of_set.images) for _, _, of_set in parts]
    table = _repeated(rows, [number for number, _, _ in parts], lengths)
    table["set"] = np.repeat(np.array([name for _, name, _ in parts], object), lengths)
    table["image"] = _joined((of_set.images for _, _, of_set in parts), np.int64)
    table["true"] = _joined((of_set.labels for _, _, of_set in parts), np.int64)
    table["predicted"] = _joined((of_set.predicted for _, _, of_set in parts), np.int64)
    for name, labels in (("true_class", "labels"), ("predicted_class", "predicted")):
        table[name] = _joined((_names(part, getattr(part, labels)) for _, _, part in parts), object)
    classes = max((of_set.probabilities.shape[1] for _, _, of_set in parts), default=0)
    for label in range(classes):
        table[f"p{label}"] = _joined((_column(of_set, label) for _, _, of_set in parts), np.float32)
    return table


def _location(row: Row) -> str:
    return (row.result and row.result.location) or ""


def _column(predictions: Predictions, label: int) -> NDArray[np.float32]:
    """Return the probabilities of a class; NaN if the data of the run does not have it."""
    probabilities = predictions.probabilities
    if label < probabilities.shape[1]:
        return probabilities[:, label]
    return np.full(len(probabilities), np.nan, np.float32)


def _names(predictions: Predictions, labels: NDArray[np.int64]) -> NDArray[Any]:
    """Return the names of labels, missing if the store does not have them."""
    if not predictions.classes:
        return np.full(len(labels), None, object)
    return np.array(predictions.classes, object)[labels]


def _joined(arrays: Iterable[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *arrays])


def _repeated(
    rows: Sequence[Row], numbers: Sequence[int], lengths: Sequence[int]
) -> "pd.DataFrame":
    """Return the columns that describe the runs with these numbers, each repeated."""
    import pandas as pd

    columns = ["experiment", *(["label"] if any(row.label for row in rows) else [])]
    columns += [*varying_values(rows), *SEED_NAMES, "run_id"]
    records = [
        row.params | {"experiment": row.experiment, "label": row.label, "run_id": row.run_id}
        for row in rows
    ]
    runs = pd.DataFrame(records, columns=columns)
    return runs.iloc[np.repeat(np.array(numbers, np.int64), lengths)].reset_index(drop=True)
