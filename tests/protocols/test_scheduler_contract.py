"""What every scheduler guarantees, tested on each."""

import pytest

from events import progress
from signs_sweep.domain import Dense, Parameters, Result, Run, State, Trial
from signs_sweep.protocols import Scheduler
from signs_sweep.sweep.fixed import FixedScheduler
from trials import make_trial

MOST_TRIALS = 50
"""More than any scheduler here hands out."""


def trials(count: int, replicates: int = 2) -> list[Trial]:
    return [
        make_trial(
            *(
                Run(Parameters(l2=number / 10, global_seed=seed), Dense((2,)), 0.0, "data")
                for seed in range(replicates)
            ),
            number=number,
        )
        for number in range(1, count + 1)
    ]


def make_fixed() -> Scheduler:
    return FixedScheduler(trials(3))


def make_fixed_without_trials() -> Scheduler:
    return FixedScheduler([])


@pytest.fixture(params=[make_fixed, make_fixed_without_trials])
def scheduler(request: pytest.FixtureRequest) -> Scheduler:
    return request.param()


def results_of(trial: Trial, state: State = State.FINISHED) -> list[Result]:
    metrics = {"test_accuracy": 0.5, "val_accuracy": 0.5}
    return [Result(run.run_id, state, metrics, epochs=1) for run in trial.runs]


def test_one_trial_at_a_time_comes_to_an_end(scheduler: Scheduler) -> None:
    for _ in range(MOST_TRIALS):
        trial = scheduler.ask()
        if trial is None:
            break
        assert trial.runs
        scheduler.tell(trial, results_of(trial))
    else:
        pytest.fail(f"still asking for more after {MOST_TRIALS} trials")
    assert scheduler.ask() is None


def test_several_trials_may_be_in_progress_and_end_in_any_order(scheduler: Scheduler) -> None:
    under_way: list[Trial] = []
    for _ in range(MOST_TRIALS):
        asked = [trial for trial in (scheduler.ask(), scheduler.ask()) if trial is not None]
        under_way += asked
        if not under_way:
            break
        last = under_way.pop()
        scheduler.tell(last, results_of(last))
    assert not under_way
    assert scheduler.ask() is None


@pytest.mark.parametrize("state", [State.FAILED, State.KILLED])
def test_trials_that_failed_or_were_stopped_do_not_end_the_sweep(
    scheduler: Scheduler, state: State
) -> None:
    for _ in range(MOST_TRIALS):
        trial = scheduler.ask()
        if trial is None:
            return
        scheduler.tell(trial, results_of(trial, state))
    pytest.fail(f"still asking for more after {MOST_TRIALS} trials")


def test_a_run_with_nothing_against_it_continues(scheduler: Scheduler) -> None:
    trial = scheduler.ask()
    if trial is None:
        pytest.skip("this one hands out nothing")
    for run in trial.runs:
        assert scheduler.report(trial, progress(run)) is True
    scheduler.tell(trial, results_of(trial))


def test_the_runs_of_a_trial_differ_only_in_their_seeds(scheduler: Scheduler) -> None:
    while (trial := scheduler.ask()) is not None:
        assert len({run.run_id for run in trial.runs}) == len(trial.runs)
        without_seeds = {
            (run.parameters.learning_rate, run.parameters.l2, run.parameters.keep_prob, run.model)
            for run in trial.runs
        }
        assert len(without_seeds) == 1
        scheduler.tell(trial, results_of(trial))
