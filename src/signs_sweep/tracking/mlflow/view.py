"""The page of an experiment in MLflow: a table of its runs, and their curves side by side.

Without a saved view MLflow opens in its mode for language models, with the sweeps as collapsed rows
and without a chart. A view is the state of the page in JSON. MLflow reads it from a tag of the
experiment if the URL names that tag. It is compressed, because a tag has at most 5,000 characters.
MLflow does not document the state; tests check the page in a browser.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from signs_sweep.domain import PARAMETER_NAMES
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.found import Record

_LONGEST = 5000
"""Characters of a tag."""

_KEY = "signs-sweep"
VIEW = f"mlflow.sharedViewState.{_KEY}"
"""The tag that holds the view of an experiment."""

_TRAINING_MODE = {"workflowType": "machine_learning"}
_CURVES = ("loss", "val_loss", "accuracy", "val_accuracy")
_FINAL = ("val_accuracy", "test_accuracy", "final_train_accuracy")
"""The metrics with a bar for each run. The first that was recorded sorts the runs, best first."""

_DEFAULTS: dict[str, Any] = {
    "runsExpanded": {},
    "runsPinned": [],
    "runsHidden": [],
    "runsHiddenMode": "SHOW_ALL",
    "runsVisibilityMap": {},
    "viewMaximized": False,
    "runListHidden": False,
    "isAccordionReordered": True,
    "groupBy": None,
    "groupsExpanded": {},
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "autoRefreshEnabled": True,
    "globalLineChartConfig": {
        "xAxisKey": "step",
        "lineSmoothness": 0,
        "selectedXAxisMetricKey": "",
    },
}
"""The state that does not depend on the experiment; earlier versions of MLflow need all of it."""


def route(experiment_id: str | None) -> str:
    """Return the end of the URL of an experiment's page, or of the list of experiments."""
    if experiment_id is None:
        return f"#/experiments?{urlencode(_TRAINING_MODE)}"
    view = {"viewStateShareKey": _KEY, **_TRAINING_MODE, "compareRunsMode": "CHART"}
    return f"#/experiments/{experiment_id}/runs?{urlencode(view)}"


def view_of(records: Sequence[Record]) -> str:
    """Return the view of an experiment with these runs.

    Sorting by a metric lists the runs separately and not below their sweeps, which would be
    collapsed: since MLflow 3.17 a view does not decide which rows are expanded. Columns are left
    out if the view would otherwise be longer than a tag may be.
    """
    varying = _varying(records)
    while len(view := _compressed(records, varying)) > _LONGEST and varying:
        varying = varying[: len(varying) // 2]
    return view


def _compressed(records: Sequence[Record], varying: Sequence[str]) -> str:
    recorded = {name for record in records for name in record.metrics}
    curves = [name for name in _CURVES if name in recorded]
    final = [name for name in _FINAL if name in recorded]
    columns = [
        *(_column("metrics", name) for name in [*final, *curves[:1]]),
        *(_column("params", name) for name in varying),
        _column("tags", tags.EPOCHS),
        _column("attributes", "Dataset"),
    ]
    state = {
        **_DEFAULTS,
        "searchFilter": f"tags.`{tags.RUN_ID}` LIKE '%'",
        "orderByKey": _column("metrics", final[0] if final else _FINAL[-1]),
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": columns,
        "compareRunCharts": [_chart("LINE", name) for name in curves]
        + [_chart("BAR", name) for name in final],
        "compareRunSections": [_section("LINE", "Curves"), _section("BAR", "Results")],
    }
    return f"deflate;{b64encode(zlib.compress(json.dumps(state).encode())).decode()}"


def _varying(records: Sequence[Record]) -> list[str]:
    """Return the params whose values differ, in the order of a spec."""
    recorded = (name for record in records for name in record.params)
    names = dict.fromkeys([*PARAMETER_NAMES, *recorded])
    return [name for name in names if len({record.params.get(name) for record in records}) > 1]


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _chart(kind: str, metric: str) -> dict[str, Any]:
    return {
        "uuid": f"{kind}-{metric}",
        "type": kind,
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "metricSectionId": kind,
        "deleted": False,
        "isGenerated": False,
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "selectedXAxisMetricKey": "",
        "range": {},
    }


def _section(kind: str, name: str) -> dict[str, Any]:
    return {
        "uuid": kind,
        "name": name,
        "display": True,
        "isReordered": True,
        "columns": 2,
    }
