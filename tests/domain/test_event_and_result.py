"""Properties of events and states."""

import numpy as np
import pytest

from signs_sweep.domain import Progress, State


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


def test_there_are_no_states_but_these() -> None:
    assert {state.value for state in State} == {
        *("RUNNING", "FINISHED", "FAILED", "KILLED", "PRUNED")
    }


@pytest.mark.parametrize(("first", "count", "last"), [(1, 1, 1), (1, 32, 32), (33, 7, 39)])
def test_progress_knows_its_last_epoch(first: int, count: int, last: int) -> None:
    times = np.arange(count, dtype=np.int64)
    assert Progress("run-1", first, {"loss": np.zeros(count)}, times).last_epoch == last
