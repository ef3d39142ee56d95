"""What every scheduler promises, held against each of them."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from events import progress
from fakes import FixedScheduler
from signs_sweep.domain import (
    Dense,
    Growth,
    Parameters,
    Result,
    Run,
    State,
    Trial,
    TrialEnd,
    TrialState,
)
from signs_sweep.protocols import Scheduler
from signs_sweep.spec import Sampler
from signs_sweep.sweep.blocks import BlockScheduler
from trials import make_trial

sys.path.append(str(Path(__file__).parents[1] / "searching" / "study"))
from stories import MEDIAN, NO_PRUNER, SEARCH, SPACE, Story

MOST_TRIALS = 50
"""More than any scheduler here hands out."""

EPOCHS = 90


def trials(count: int, replicates: int = 2) -> list[Trial]:
    return [
        make_trial(
            *(
                Run(
                    Parameters(l2=number / 10, global_seed=seed, epochs=EPOCHS),
                    Dense((2,)),
                    0.2,
                    "data",
                )
                for seed in range(replicates)
            ),
            number=number,
        )
        for number in range(1, count + 1)
    ]


def blocks_of(given: list[Trial]) -> Callable[[Mapping[str, Result]], list[Trial]]:
    """Return a source of two blocks, of which the second needs the results of the first."""
    halves = [given[: len(given) // 2], given[len(given) // 2 :]]

    def next_block(results: Mapping[str, Result]) -> list[Trial]:
        if len(halves) == 1:
            assert {run_id for trial in given[: len(given) // 2] for run_id in trial.run_ids} <= (
                results.keys()
            )
        return halves.pop(0) if halves else []

    return next_block


WILCOXON = replace(NO_PRUNER, name="wilcoxon", startup=2)
REPLICATES = replace(SEARCH, replicates=Growth(1, 3))
DEAD = replace(NO_PRUNER, dead=True)
GRID = replace(SEARCH, trials=9, sampler=Sampler("grid", 0, 0), space=SPACE[1:])

SCHEDULERS: dict[str, Callable[[], Scheduler]] = {
    "fixed": lambda: FixedScheduler(trials(3)),
    "fixed without trials": lambda: FixedScheduler([]),
    "blocks": lambda: BlockScheduler(blocks_of(trials(4))),
    "study": lambda: Story(epochs=EPOCHS).scheduler,
    "study of several seeds": lambda: Story(seeds=3, epochs=EPOCHS).scheduler,
    "study of replicates": lambda: Story(REPLICATES, seeds=3, epochs=EPOCHS).scheduler,
    "study with median": lambda: Story(replace(SEARCH, pruner=MEDIAN)).scheduler,
    "study with wilcoxon": lambda: Story(replace(SEARCH, pruner=WILCOXON), seeds=8).scheduler,
    "study that stops dead networks": lambda: Story(replace(SEARCH, pruner=DEAD)).scheduler,
    "study of a grid": lambda: Story(GRID).scheduler,
}


@pytest.fixture(params=list(SCHEDULERS))
def scheduler(request: pytest.FixtureRequest) -> Scheduler:
    return SCHEDULERS[request.param]()


def epochs_of(run: Run, first: int, count: int, accuracy: float):
    """Return epochs of a network that does not learn."""
    curves = {"loss": [1.79] * count, "accuracy": [accuracy] * count}
    return progress(run, first, **curves, val_loss=[1.79] * count, val_accuracy=[accuracy] * count)


@dataclass
class Training:
    """Trains the trials of a scheduler as the loop does, and notes what it decides."""

    scheduler: Scheduler
    stopped: set[str] = field(default_factory=set)
    ends: list[TrialEnd] = field(default_factory=list)

    def train(self, trial: Trial, accuracy: float, state: State = State.FINISHED) -> TrialEnd:
        """Take a trial to its end, one run after the other, ten epochs at a time."""
        results: dict[str, Result] = {}
        is_wanted = True
        for run in trial.runs:
            if not is_wanted:
                results[run.run_id] = Result(run.run_id, State.KILLED)
                continue
            goes_on = all(
                self.scheduler.report(trial, epochs_of(run, first, 10, accuracy))
                for first in range(1, EPOCHS, 10)
            )
            if not goes_on:
                self.stopped.add(run.run_id)
            metrics = {"test_accuracy": accuracy, "val_accuracy": accuracy}
            ended = state if goes_on else State.KILLED
            result = Result(run.run_id, ended, metrics, EPOCHS, message="it broke")
            results[run.run_id] = result
            is_wanted = self.scheduler.end(trial, result) and is_wanted
        return self.tell(trial, [results[run_id] for run_id in trial.run_ids])

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        self.ends.append(self.scheduler.tell(trial, results))
        return self.ends[-1]


def test_one_trial_at_a_time_comes_to_an_end(scheduler: Scheduler) -> None:
    training = Training(scheduler)
    for number in range(MOST_TRIALS):
        trial = scheduler.ask()
        if trial is None:
            break
        assert trial.runs
        training.train(trial, accuracy=0.9 - number / 100)
    else:
        pytest.fail(f"still asking for more after {MOST_TRIALS} trials")
    assert scheduler.ask() is None


def test_several_trials_may_be_under_way_and_end_in_any_order(scheduler: Scheduler) -> None:
    training, under_way = Training(scheduler), []
    for number in range(MOST_TRIALS):
        under_way += [trial for trial in (scheduler.ask(), scheduler.ask()) if trial is not None]
        if not under_way:
            break
        training.train(under_way.pop(), accuracy=0.5 + number / 100)
    assert not under_way
    assert scheduler.ask() is None


def test_the_end_of_a_trial_says_how_it_ended(scheduler: Scheduler) -> None:
    training, asked = Training(scheduler), []
    while (trial := scheduler.ask()) is not None:
        asked.append(trial)
        end = training.train(trial, accuracy=0.9 - len(asked) / 50)
        assert end.trial.key == trial.key
        assert end.trial.run_ids == trial.run_ids[: len(end.trial.runs)]
        assert set(end.values) <= set(trial.run_ids)
        is_stopped = not training.stopped.isdisjoint(trial.run_ids)
        if is_stopped or end.state is TrialState.PRUNED:
            assert (end.state, end.value) == (TrialState.PRUNED, None)
            assert end.why
        else:
            assert end.state is TrialState.COMPLETE
    assert len({trial.key for trial in asked}) == len(asked)


def test_a_failed_run_fails_its_trial_and_the_others_go_on(scheduler: Scheduler) -> None:
    training = Training(scheduler)
    for _ in range(MOST_TRIALS):
        trial = scheduler.ask()
        if trial is None:
            break
        end = training.train(trial, 0.5, State.FAILED)
        assert end.state in (TrialState.FAILED, TrialState.PRUNED)
        assert end.value is None
        assert end.why
    else:
        pytest.fail(f"still asking for more after {MOST_TRIALS} trials")


def test_results_that_were_found_in_the_store_need_no_epochs(scheduler: Scheduler) -> None:
    training = Training(scheduler)
    metrics = {"test_accuracy": 0.5, "val_accuracy": 0.5}
    for _ in range(MOST_TRIALS):
        trial = scheduler.ask()
        if trial is None:
            return
        results = [Result(run_id, State.FINISHED, metrics) for run_id in trial.run_ids]
        for result in results:
            scheduler.end(trial, result)
        end = training.tell(trial, results)
        assert end.state in (TrialState.COMPLETE, TrialState.PRUNED)
    pytest.fail(f"still asking for more after {MOST_TRIALS} trials")


def test_the_first_run_has_nothing_against_it_and_goes_on(scheduler: Scheduler) -> None:
    trial = scheduler.ask()
    if trial is None:
        pytest.skip("this one hands out nothing")
    for run in trial.runs:
        assert scheduler.report(trial, epochs_of(run, 1, 5, accuracy=0.8)) is True


def test_the_runs_of_a_trial_differ_in_their_seeds_alone(scheduler: Scheduler) -> None:
    training = Training(scheduler)
    while (trial := scheduler.ask()) is not None:
        assert len(set(trial.run_ids)) == len(trial.runs)
        assert {run.setting for run in trial.runs} == {trial.setting}
        training.train(trial, 0.5)


@pytest.mark.parametrize("name", ["study with median", "study with wilcoxon"])
def test_what_is_worse_than_the_others_is_pruned(name: str) -> None:
    training = Training(SCHEDULERS[name]())
    accuracies = [0.9, 0.8, 0.3, 0.2, 0.1, 0.1]
    ends = [training.train(training.scheduler.ask(), accuracy) for accuracy in accuracies]
    assert ends[0].state is TrialState.COMPLETE
    assert ends[-1].state is TrialState.PRUNED


def test_a_dead_network_is_stopped() -> None:
    training = Training(SCHEDULERS["study that stops dead networks"]())
    end = training.train(training.scheduler.ask(), accuracy=1 / 6)
    assert end.state is TrialState.PRUNED
