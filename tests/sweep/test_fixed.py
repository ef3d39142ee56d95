"""A scheduler for a fixed list of trials."""

import numpy as np

from events import progress
from signs_sweep.domain import Dense, Parameters, Result, Run, State, Trial, TrialState
from signs_sweep.sweep.fixed import FixedScheduler
from trials import make_trial


def trial(number: int) -> Trial:
    run = Run(Parameters(global_seed=number), Dense((2,)), 0.0, "data")
    return make_trial(run, number=number)


def test_trials_come_in_their_order_each_once() -> None:
    trials = [trial(number) for number in (3, 1, 2)]
    scheduler = FixedScheduler(trials)
    assert [scheduler.ask() for _ in range(5)] == [*trials, None, None]


def test_any_iterable_of_trials_is_accepted() -> None:
    scheduler = FixedScheduler(trial(number) for number in range(3))
    assert scheduler.ask() == trial(0)


def test_every_run_continues_and_results_change_nothing() -> None:
    first, second = trial(1), trial(2)
    scheduler = FixedScheduler([first, second])
    assert scheduler.ask() is first
    run_id = first.runs[0].run_id
    diverged = progress(run_id, loss=[np.inf])
    assert scheduler.report(first, diverged) is True
    end = scheduler.tell(first, [Result(run_id, State.FAILED, message="it broke")])
    assert (end.trial, end.state, end.why) == (first, TrialState.FAILED, "it broke")
    assert scheduler.ask() is second
