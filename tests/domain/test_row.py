"""What a row counts as."""

import math

import pytest

from signs_sweep.domain import Parameters, Result, Row, State

METRICS = {"loss": 0.5, "val_accuracy": 0.75}
FINISHED = Result("run-1", State.FINISHED, METRICS)
GUESSING = Result("run-1", State.FINISHED, METRICS, guessing_since=1)
DIVERGED = Result("run-1", State.FAILED, METRICS, chance=0.25)
BROKEN = Result("run-1", State.FAILED, METRICS)
STOPPED = Result("run-1", State.KILLED, METRICS)


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


def test_a_metric_that_a_finished_run_lacks_does_not_count() -> None:
    assert Row("toy", "run-1", None, Parameters(), FINISHED).counted("test_accuracy") is None
