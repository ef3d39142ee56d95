"""The view of an experiment in MLflow; tests/usage/test_browser.py checks the page."""

import json
import zlib
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.domain import Dense, Finished, Parameters, Progress, Run, Started, State
from signs_sweep.errors import UnknownExperimentError
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, MlflowTracker
from signs_sweep.tracking.mlflow.found import Record
from signs_sweep.tracking.mlflow.view import VIEW, route, view_of
from trials import make_trial

_MOST_CHARACTERS = 5000
"""The maximum length of a tag of an experiment in MLflow."""


def read(view: str) -> dict:
    return json.loads(zlib.decompress(b64decode(view.removeprefix("deflate;"))))


def record(params: dict[str, str], *metrics: str) -> Record:
    return Record("1", "FINISHED", params, {}, dict.fromkeys(metrics, 0.5))


def test_the_columns_are_the_results_and_what_varies() -> None:
    metrics = ("loss", "accuracy", "seconds", "final_train_accuracy", "test_accuracy")
    metrics += ("test_macro_f1", "test_nll", "val_ece")
    runs = [
        record({"l2": "0", "epochs": "9", "dropout": "1"}, *metrics),
        record({"l2": "0.1", "epochs": "9", "dropout": "2"}, *metrics),
    ]
    view = read(view_of(runs))
    assert view["selectedColumns"] == view["columnOrder"]
    assert view["selectedColumns"] == [
        "metrics.`test_accuracy`",
        "metrics.`final_train_accuracy`",
        "metrics.`loss`",
        "params.`l2`",
        "params.`dropout`",
        "tags.`signs_sweep.epochs`",
        "attributes.`Dataset`",
    ]
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`test_accuracy`", False)


def test_with_validation_the_runs_are_in_the_order_of_its_accuracy() -> None:
    curves = ["loss", "accuracy", "val_loss", "val_accuracy"]
    view = read(view_of([record({}, *curves, "test_accuracy")]))
    assert view["orderByKey"] == "metrics.`val_accuracy`"
    charts = [(item["type"], item["metricKey"]) for item in view["compareRunCharts"]]
    assert charts == [
        *(("LINE", name) for name in ("loss", "val_loss", "accuracy", "val_accuracy")),
        *(("BAR", name) for name in ("val_accuracy", "test_accuracy")),
    ]
    sections = {item["uuid"] for item in view["compareRunSections"]}
    assert {item["metricSectionId"] for item in view["compareRunCharts"]} == sections


def test_an_experiment_without_a_run_has_a_view() -> None:
    assert read(view_of([]))["compareRunCharts"] == []


def test_the_view_of_many_parameters_fits_in_a_tag() -> None:
    runs = [
        record({f"argument_{number}": str(value) for number in range(2000)}) for value in (1, 2)
    ]
    assert len(view_of(runs)) < _MOST_CHARACTERS


RUNS = [Run(Parameters(epochs=2, l2=l2), Dense((5,)), 0.0, "abcd") for l2 in (0, 0.1)]
INFO = DatasetInfo("toy", ("a", "b"), np.zeros((1, 4, 4, 3), np.uint8), drawn=False)
SWEEP = SweepRecord("first", "", "name: toy\n", "2 runs\n", "toy data")


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    return f"sqlite:///{tmp_path}/mlflow.db"


def train(uri: str, *experiments: str) -> None:
    """Record two runs in each of some experiments."""
    tracker = MlflowTracker(uri, {"abcd": INFO})
    tracker.open([replace(SWEEP, experiment=name) for name in experiments])
    for name in experiments:
        for number, run in enumerate(RUNS, start=1):
            tracker.start(make_trial(run, number=number, experiment=name), run)
            tracker.record(Started(run.run_id, 0, 1_700_000_000.0, {}))
            times = np.array([1_700_000_000_000, 1_700_000_001_000])
            tracker.record(Progress(run.run_id, 1, {"loss": np.array([2.0, 1.0])}, times))
            final = {"test_accuracy": 0.8}
            confusion = np.array([[3, 1], [2, 4]])
            tracker.record(Finished(run.run_id, 1_700_000_002.0, 2.0, final, confusion, b"", None))
        tracker.close(State.FINISHED, {})
        tracker.open([replace(SWEEP, experiment=other) for other in experiments])
    tracker.close(State.FINISHED, {})


@pytest.mark.slow
def test_a_sweep_leaves_a_view_of_its_runs_and_they_have_their_data_as_input(uri: str) -> None:
    from mlflow import MlflowClient

    train(uri, "first")
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("first")
    assert "params.`l2`" in read(experiment.tags[VIEW])["selectedColumns"]
    records = client.search_runs([experiment.experiment_id], "tags.`signs_sweep.run_id` LIKE '%'")
    parents = {run.data.tags["mlflow.parentRunId"] for run in records}
    for run in [*records, *map(client.get_run, parents)]:
        (found,) = run.inputs.dataset_inputs
        assert (found.dataset.name, found.dataset.digest) == ("toy", "abcd")
        profile = {"classes": 2, "names": ["a", "b"], "image": [4, 4, 3]}
        assert json.loads(found.dataset.profile) == profile
        assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]


@pytest.mark.slow
def test_the_page_is_that_of_the_named_or_only_experiment_or_the_list(uri: str) -> None:
    from mlflow import MlflowClient

    tracker = MlflowTracker(uri, {})
    assert tracker.save_view(None) == route(None) == "#/experiments?workflowType=machine_learning"
    train(uri, "first")
    assert tracker.save_view(None) == tracker.save_view("first") == route("1")
    train(uri, "second")
    assert tracker.save_view(None) == route(None)
    assert tracker.save_view("second") == route("2")
    with pytest.raises(UnknownExperimentError, match="did you mean 'second'"):
        tracker.save_view("secnd")
    # As in a store of an earlier version, and after a sweep that was killed.
    MlflowClient(uri).delete_experiment_tag("1", VIEW)
    tracker.save_view("first")
    assert VIEW in MlflowClient(uri).get_experiment("1").tags
