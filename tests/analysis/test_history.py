"""The long tables of curves and predictions."""

from dataclasses import replace

import numpy as np
import pytest

from signs_sweep.analysis.history import build_history, build_predictions, curves_to_read
from signs_sweep.domain import Curve, Parameters, Predictions, Result, Row, State
from signs_sweep.errors import UsageError

LOSSES = Curve(np.array([1, 2]), np.array([0.5, 0.25]))
ACCURACIES = Curve(np.array([1, 2]), np.array([0.75, 1.0]))


def row(name: str, *, l2: float = 0.0, label: str | None = None, experiment: str = "toy") -> Row:
    metrics = {"accuracy": 1.0, "loss": 0.25, "test_loss": 0.5}
    result = Result(name, State.RUNNING, metrics, epochs=2, location=f"at {name}")
    return Row(experiment, name, label, Parameters(l2=l2, epochs=9, global_seed=3), result)


def new(name: str) -> Row:
    return Row("toy", name, None, Parameters(l2=0.5, epochs=9), None)


def of_set(classes: int, *, images: int = 2) -> Predictions:
    probabilities = np.full((images, classes), 0.25, np.float32)
    probabilities[:, 1] = 0.5
    return Predictions(np.arange(images) + 5, np.zeros(images, int), probabilities)


def test_there_is_a_row_per_run_metric_and_epoch_in_the_order_of_the_runs() -> None:
    curves = {
        "at a": {"loss": LOSSES, "accuracy": ACCURACIES},
        "at b": {"loss": Curve(np.array([1]), np.array([2.0]))},
    }
    table = build_history([row("b", l2=0.1), new("c"), row("a")], curves)
    assert list(table.columns) == [
        *("experiment", "l2", "global_seed", "init_seed", "split_seed"),
        *("run_id", "epoch", "metric", "value"),
    ]
    assert table["value"].dtype == np.float64
    assert table["epoch"].dtype == np.int64
    assert table.drop(columns=["experiment", "init_seed", "split_seed"]).to_numpy().tolist() == [
        [0.1, 3, "b", 1, "loss", 2.0],
        [0.0, 3, "a", 1, "loss", 0.5],
        [0.0, 3, "a", 2, "loss", 0.25],
        [0.0, 3, "a", 1, "accuracy", 0.75],
        [0.0, 3, "a", 2, "accuracy", 1.0],
    ]


def test_a_run_of_two_experiments_has_its_curve_in_both() -> None:
    rows = [row("a", label="m1"), row("a", experiment="other")]
    table = build_history(rows, {"at a": {"loss": LOSSES}})
    assert list(table.columns)[:2] == ["experiment", "label"]
    assert table["experiment"].tolist() == ["toy", "toy", "other", "other"]
    assert table["value"].tolist() == [0.5, 0.25, 0.5, 0.25]


def test_without_epochs_the_table_has_its_columns_and_no_rows() -> None:
    table = build_history([new("a")], {})
    assert table.empty
    assert list(table.columns)[-4:] == ["run_id", "epoch", "metric", "value"]
    assert build_predictions([new("a")], {}).empty


def test_all_curves_are_read_unless_some_are_named() -> None:
    rows = [new("a"), row("b")]
    assert curves_to_read(rows, []) == ["loss", "accuracy"]
    assert curves_to_read(rows, ["accuracy", "accuracy"]) == ["accuracy"]
    assert curves_to_read([new("a")], []) == []


@pytest.mark.parametrize("name", ["val_loss", "test_loss", "speed"])
def test_an_unknown_curve_is_an_error_that_names_the_known_curves(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}'. Known: loss, accuracy"):
        curves_to_read([row("a")], ["loss", name])
    with pytest.raises(UsageError, match="nothing has been trained"):
        curves_to_read([new("a")], [name])


def test_there_is_a_row_per_run_set_and_image_with_a_column_per_class() -> None:
    predictions = {
        "at a": {"validation": of_set(2), "test": of_set(2, images=1)},
        "at b": {"test": replace(of_set(3, images=1), classes=("x", "y", "z"))},
    }
    table = build_predictions([row("b", l2=0.1), row("c", l2=0.2), row("a")], predictions)
    assert list(table.columns)[1:] == [
        *("l2", "global_seed", "init_seed", "split_seed", "run_id", "set", "image"),
        *("true", "predicted", "true_class", "predicted_class", "p0", "p1", "p2"),
    ]
    assert table["p1"].dtype == np.float32
    values = table[["run_id", "set", "image", "true", "predicted", "p0", "p1"]].to_numpy()
    assert values.tolist() == [
        ["b", "test", 5, 0, 1, 0.25, 0.5],
        ["a", "validation", 5, 0, 1, 0.25, 0.5],
        ["a", "validation", 6, 0, 1, 0.25, 0.5],
        ["a", "test", 5, 0, 1, 0.25, 0.5],
    ]
    assert table["true_class"][0] == "x"
    assert table["true_class"].isna().tolist() == [False, True, True, True], "a has no names"
    assert table["predicted_class"][0] == "y"
    assert table["p2"].isna().tolist() == [False, True, True, True], "the data has two classes"
