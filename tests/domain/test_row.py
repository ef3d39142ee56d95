"""What a row counts as."""

import math
from typing import get_args

import pytest

from signs_sweep.domain import (
    CURVE_METRICS,
    METRICS,
    SCORES,
    ComparedMetric,
    Parameters,
    Result,
    Row,
    State,
)
from signs_sweep.spec.search import Metric

VALUES = {"loss": 0.5, "val_accuracy": 0.75}
FINISHED = Result("run-1", State.FINISHED, VALUES)
GUESSING = Result("run-1", State.FINISHED, VALUES, guessing_since=1)
DIVERGED = Result("run-1", State.FAILED, VALUES, chance=0.25)
BROKEN = Result("run-1", State.FAILED, VALUES)
STOPPED = Result("run-1", State.KILLED, VALUES)


@pytest.mark.parametrize(
    ("result", "loss", "accuracy", "failed_to_learn"),
    [
        (FINISHED, 0.5, 0.75, False),
        (GUESSING, 0.5, 0.75, True),
        (DIVERGED, math.inf, 0.25, True),
        (BROKEN, None, None, None),
        (STOPPED, None, None, None),
        (None, None, None, None),
    ],
)
def test_a_diverged_run_counts_as_guessing_and_an_unfinished_one_not_at_all(
    result: Result | None, loss: float, accuracy: float, failed_to_learn: bool | None
) -> None:
    row = Row("toy", "run-1", None, Parameters(), result)
    assert row.counted("loss") == loss
    assert row.counted("val_accuracy") == accuracy
    assert row.failed_to_learn is failed_to_learn


def test_a_diverged_run_counts_as_guessing_by_every_metric() -> None:
    row = Row("toy", "run-1", None, Parameters(), DIVERGED)
    counted = {name: row.counted(f"test_{name}") for name in SCORES}
    assert counted == {
        "macro_f1": pytest.approx(2 / (4 * 5)),
        "balanced_accuracy": 0.25,
        "nll": math.inf,
        "brier": math.inf,
        "ece": math.inf,
        "top2_accuracy": 0.5,
    }
    assert row.counted("seconds") == math.inf


def test_every_metric_that_may_be_compared_or_optimized_is_known() -> None:
    assert {*get_args(ComparedMetric), *get_args(Metric), *CURVE_METRICS} <= METRICS.keys()


def test_a_metric_that_a_finished_run_lacks_does_not_count() -> None:
    assert Row("toy", "run-1", None, Parameters(), FINISHED).counted("test_accuracy") is None
