"""Properties of events and states."""

import numpy as np
import pytest

from signs_sweep.domain import Progress, Result, State


@pytest.mark.parametrize(
    ("state", "is_finished", "has_ended"),
    [
        (State.RUNNING, False, False),
        (State.FINISHED, True, True),
        (State.FAILED, False, True),
        (State.KILLED, False, True),
    ],
)
def test_a_state_knows_whether_it_counts_and_whether_it_is_the_last(
    state: State, is_finished: bool, has_ended: bool
) -> None:
    assert state.is_finished is is_finished
    assert state.has_ended is has_ended


@pytest.mark.parametrize(
    ("state", "metrics", "chance", "has_diverged", "is_settled"),
    [
        (State.FINISHED, {"test_accuracy": 0.5}, None, False, True),
        (State.FINISHED, {"loss": 0.5}, None, False, False),
        (State.FAILED, {"loss": 0.5}, 0.25, True, True),
        (State.FAILED, {"loss": 0.5}, None, False, False),
        # Its record was continued, or its process was killed before the record ended.
        (State.RUNNING, {"loss": 0.5}, 0.25, False, False),
        (State.KILLED, {"loss": 0.5}, 0.25, False, False),
    ],
)
def test_a_run_is_settled_once_it_is_tested_or_has_failed_by_diverging(
    state: State, metrics: dict, chance: float | None, has_diverged: bool, is_settled: bool
) -> None:
    result = Result("run-1", state, metrics, chance=chance)
    assert result.has_diverged is has_diverged
    assert result.is_settled is is_settled


def test_there_are_no_states_but_these() -> None:
    assert {state.value for state in State} == {
        *("RUNNING", "FINISHED", "FAILED", "KILLED", "PRUNED")
    }


@pytest.mark.parametrize(("first", "count", "last"), [(1, 1, 1), (1, 32, 32), (33, 7, 39)])
def test_progress_knows_its_last_epoch(first: int, count: int, last: int) -> None:
    times = np.arange(count, dtype=np.int64)
    assert Progress("run-1", first, {"loss": np.zeros(count)}, times).last_epoch == last
