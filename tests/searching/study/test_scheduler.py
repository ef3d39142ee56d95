"""A study as a scheduler: Optuna proposes trials and gets their results."""

import itertools
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from stories import MEDIAN, NO_PRUNER, SEARCH, Story, is_chosen, search_through

from events import progress
from signs_sweep.domain import PARAMETERS, Dense, Growth, Result, State, Trial, TrialState
from signs_sweep.errors import StoreError, UsageError
from signs_sweep.searching.study import open_study
from signs_sweep.searching.study.methods import proposals
from signs_sweep.searching.study.scheduler import count_done, ends_of
from signs_sweep.searching.study.storage import recover
from signs_sweep.spec import Categories, Choice, Objective, Range, Sampler, Search


def test_it_proposes_the_requested_number_of_trials_within_the_space() -> None:
    story = Story()
    runs = search_through(story)
    assert len(runs) == 6
    for run in runs:
        assert 1e-4 <= run.parameters.l2 <= 0.1
        assert run.parameters.batch_size in (16, 32, 48, 64)
        assert run.model in (Dense((25, 12)), Dense((50,)))
        assert run.run_id, "the values can be hashed"
    assert story.scheduler.ask() is None
    assert [end.state for end in story.ends] == [TrialState.COMPLETE] * 6
    assert story.study.trials[0].user_attrs["runs"] == [runs[0].run_id]


def test_trials_under_way_count() -> None:
    story = Story()
    trials = [story.scheduler.ask() for _ in range(7)]
    assert trials.count(None) == 1


def test_a_search_whose_study_another_process_has_taken_over_ends() -> None:
    story = Story(SEARCH)
    story.scheduler._is_lost = lambda: True
    with pytest.raises(StoreError, match="taken over the search"):
        story.scheduler.ask()
    assert story.study.trials == []


def test_after_the_deadline_nothing_is_proposed() -> None:
    story = Story()
    story.scheduler._deadline = 0.0
    assert story.scheduler.ask() is None


@pytest.mark.parametrize("name", ["tpe", "random", "qmc", "cmaes"])
def test_the_same_seed_proposes_the_same_points(name: str) -> None:
    search = replace(SEARCH, sampler=Sampler(name, seed=3, startup=2))
    first, second = (search_through(Story(search)) for _ in range(2))
    assert first == second
    other = replace(SEARCH, sampler=Sampler(name, seed=4, startup=2))
    assert search_through(Story(other)) != first


@pytest.mark.parametrize("name", ["tpe", "random"])
@pytest.mark.parametrize("killed_at", [0, 3, 5])
def test_a_search_that_was_killed_resumes_with_the_same_points(
    tmp_path: Path, name: str, killed_at: int
) -> None:
    search = replace(SEARCH, sampler=Sampler(name, seed=3, startup=2))
    undisturbed = search_through(Story(search))
    url = f"sqlite:///{tmp_path}/optuna.db"

    def opened() -> optuna.Study:
        return open_study(url, "toy", {}, {}, maximize=True, metric="val_accuracy")

    killed = Story(search, study=opened())
    before = search_through(killed, most=killed_at)
    left = killed.scheduler.ask()
    study = opened()
    assert recover(study, is_chosen) == 1
    assert count_done(study) == killed_at
    after = search_through(Story(search, study=study))
    assert after[0] == left.runs[0]
    assert before + after == undisturbed
    assert count_done(study) == 6
    assert recover(study, is_chosen) == 0


def test_more_trials_can_be_added_later() -> None:
    story = Story()
    search_through(story)
    assert story.scheduler.ask() is None
    longer = Story(replace(SEARCH, trials=8), study=story.study)
    assert len(search_through(longer)) == 2


def test_the_grid_is_traversed_once_in_the_order_of_the_spec() -> None:
    space = (
        Categories("l2", tuple(Choice(str(value), {"l2": value}) for value in (0.1, 0.01))),
        Range("batch_size", 16, 48, log=False, step=16, is_integer=True),
    )
    search = replace(SEARCH, trials=50, sampler=Sampler("grid", 0, 0), space=space)
    story = Story(search)
    runs = search_through(story)
    points = [(run.parameters.l2, run.parameters.batch_size) for run in runs]
    assert points == list(itertools.product((0.1, 0.01), (16, 32, 48)))
    assert search_through(Story(search, study=story.study)) == []


@pytest.mark.parametrize(
    ("how", "maximize", "expected"),
    [
        ("mean", True, 0.7),
        ("median", True, 0.8),
        ("min", True, 0.4),
        ("min", False, 0.9),
        ("lower_bound", True, 0.7 - 4.302652729911275 * 0.2645751311064591 / math.sqrt(3)),
        ("lower_bound", False, 0.7 + 4.302652729911275 * 0.2645751311064591 / math.sqrt(3)),
    ],
)
def test_replicates_are_aggregated(how: str, maximize: bool, expected: float) -> None:
    values = [0.8, 0.4, 0.9]
    objective = Objective("val_accuracy", maximize=maximize, aggregate=how)
    story = Story(replace(SEARCH, objective=objective), seeds=3)
    trial = story.scheduler.ask()
    story.finish(trial, *values)
    assert story.study.trials[0].value == pytest.approx(expected)
    kept = story.study.trials[0].user_attrs["values"]
    assert kept == {run.run_id: value for run, value in zip(trial.runs, values, strict=True)}


def test_a_run_that_fails_fails_its_trial_and_the_other_runs_are_not_trained() -> None:
    story = Story(seeds=2)
    trial = story.scheduler.ask()
    failed = Result(trial.runs[0].run_id, State.FAILED, message="the loss is nan in epoch 3")
    assert not story.scheduler.end(trial, failed)
    end = story.scheduler.tell(trial, [failed, Result(trial.runs[1].run_id, State.KILLED)])
    assert story.study.trials[0].state.name == "FAIL"
    assert (end.state, end.why) == (TrialState.FAILED, "the loss is nan in epoch 3")
    assert count_done(story.study) == 1


def test_a_cached_run_that_was_recorded_without_the_objective_fails_its_trial() -> None:
    objective = Objective("val_nll", maximize=False, aggregate="mean")
    story = Story(replace(SEARCH, objective=objective), seeds=2)
    trial = story.scheduler.ask()
    old = Result(trial.runs[0].run_id, State.FINISHED, {"val_accuracy": 0.5})
    assert not story.scheduler.end(trial, old)
    end = story.scheduler.tell(trial, [old, Result(trial.runs[1].run_id, State.KILLED)])
    assert end.state is TrialState.FAILED
    assert "was recorded by an earlier version, without val_nll: choose another" in end.why


def test_a_run_that_is_worse_than_others_at_the_same_epoch_is_pruned() -> None:
    story = Story(replace(SEARCH, pruner=MEDIAN))
    for _ in range(2):
        trial = story.scheduler.ask()
        assert story.scheduler.report(trial, story.progress(trial, [0.5] * 90))
        story.finish(trial, 0.5)
    good, bad = story.scheduler.ask(), story.scheduler.ask()
    assert story.scheduler.report(good, story.progress(good, [0.6] * 40))
    assert story.scheduler.report(bad, story.progress(bad, [0.4] * 9))
    assert not story.scheduler.report(bad, story.progress(bad, [0.4] * 9, first=10))
    assert not story.scheduler.report(bad, story.progress(bad, [0.9] * 9, first=19)), "final"
    story.finish(bad, 0.4, state=State.KILLED)
    assert story.study.trials[3].state.name == "PRUNED"
    assert story.study.trials[3].intermediate_values == {10: 0.4}
    assert story.ends[-1].why == "worse than others at epoch 10"


@pytest.mark.parametrize("pieces", [[90], [1] * 90, [7, 50, 33]])
def test_what_is_pruned_does_not_depend_on_how_epochs_arrive(pieces: list[int]) -> None:
    story = Story(replace(SEARCH, pruner=MEDIAN))
    curve = np.linspace(0.2, 0.8, 90)
    for _ in range(2):
        trial = story.scheduler.ask()
        story.scheduler.report(trial, story.progress(trial, curve))
        story.finish(trial, 0.8)
    trial = story.scheduler.ask()
    worse = np.concatenate([curve[:45], curve[45:] - 0.3])
    first = 1
    for piece in pieces:
        part = worse[first - 1 : first - 1 + piece]
        if not story.scheduler.report(trial, story.progress(trial, part, first=first)):
            break
        first += piece
    assert list(story.study.trials[2].intermediate_values) == [10, 20, 30, 40, 50]


@pytest.mark.parametrize(("patience", "is_kept"), [(11, True), (12, False)])
@pytest.mark.parametrize("size", [1, 7, 90])
def test_the_epoch_at_which_its_rule_ends_a_run_does_not_prune_it(
    size: int, patience: int, is_kept: bool
) -> None:
    options = {"metric": "val_accuracy", "patience": patience}
    rule = PARAMETERS["early_stopping"].component("", options)
    space = (Categories("early_stopping", (Choice("rule", {"early_stopping": rule}),)),)
    story = Story(replace(SEARCH, pruner=MEDIAN, space=space))
    for _ in range(2):
        trial = story.scheduler.ask()
        assert story.scheduler.report(trial, story.progress(trial, np.linspace(0.5, 0.9, 90)))
        story.finish(trial, 0.9)
    trial = story.scheduler.ask()
    curve = [0.5] * 8 + [0.56] + [0.55] * patience  # At epoch 20, it is worse than the others.
    wanted = [
        story.scheduler.report(trial, story.progress(trial, curve[first : first + size], first + 1))
        for first in range(0, len(curve), size)
    ]
    assert wanted[-1] is is_kept


def test_with_several_seeds_a_point_that_loses_to_the_best_by_seed_is_pruned() -> None:
    pruner = replace(NO_PRUNER, name="wilcoxon", startup=2, p=0.1)
    story = Story(replace(SEARCH, pruner=pruner), seeds=8)
    best = story.scheduler.ask()
    story.finish(best, *[0.9 + 0.001 * seed for seed in range(8)])
    worse = story.scheduler.ask()
    wanted = []
    for seed, run in enumerate(worse.runs):
        result = Result(run.run_id, State.FINISHED, {"val_accuracy": 0.5 + 0.01 * seed})
        wanted.append(story.scheduler.end(worse, result))
        if not wanted[-1]:
            break
    assert 3 <= len(wanted) < 8
    rest = [Result(run.run_id, State.KILLED) for run in worse.runs]
    end = story.scheduler.tell(worse, rest)
    assert end.state is TrialState.PRUNED
    assert end.why == f"worse than the best after {len(wanted)} of 8 seeds"


def continues(
    story: Story, trial: Trial, accuracies: Sequence[float], held_out: float, loss: float
) -> bool:
    count = len(accuracies)
    curves = {"loss": [loss] * count, "val_loss": [held_out] * count, "val_accuracy": accuracies}
    return story.scheduler.report(trial, progress(trial.runs[0], **curves))


SIXTH, GUESSING = 1 / 6, math.log(6)


def test_a_dead_network_is_pruned_and_one_that_learns_is_not() -> None:
    story = Story(replace(SEARCH, pruner=replace(NO_PRUNER, dead=True)))
    trials = [story.scheduler.ask() for _ in range(6)]
    rising = [SIXTH + 0.001 * number for number in range(20)]
    assert not continues(story, trials[0], [SIXTH] * 20, GUESSING + 0.001, GUESSING)
    assert not continues(story, trials[1], [SIXTH] * 20, GUESSING + 1, GUESSING + 1.01), "penalty"
    assert continues(story, trials[2], rising, GUESSING, GUESSING), "slow"
    assert continues(story, trials[3], [SIXTH] * 20, GUESSING - 0.01, GUESSING - 0.01), "below"
    assert continues(story, trials[4], [SIXTH] * 20, GUESSING + 0.3, GUESSING), "overfits"
    assert continues(story, trials[5], [0.4] * 20, GUESSING, GUESSING), "knows something"
    story.finish(trials[0], 0.2, state=State.KILLED)
    assert story.ends[0].state is TrialState.PRUNED
    assert story.ends[0].why == "unable to learn since about epoch 15"


def test_with_class_weights_a_network_is_dead_by_its_accuracies_and_its_validation_loss() -> None:
    weights = PARAMETERS["class_weights"].component("", {"0": 0.5})
    space = (Categories("class_weights", (Choice("half", {"class_weights": weights}),)),)
    story = Story(replace(SEARCH, space=space, pruner=replace(NO_PRUNER, dead=True)))

    def goes_on(accuracy: float, held_out: float = GUESSING + 0.05) -> bool:
        trial = story.scheduler.ask()
        values = {"loss": 1.6, "accuracy": accuracy, "val_loss": held_out, "val_accuracy": SIXTH}
        curves = {name: [value] * 20 for name, value in values.items()}
        return story.scheduler.report(trial, progress(trial.runs[0], **curves))

    assert not goes_on(SIXTH)
    assert goes_on(0.4), "knows something"
    assert goes_on(SIXTH, GUESSING - 0.01), "below"


def test_a_dead_network_continues_unless_the_spec_prunes_it() -> None:
    story = Story()
    assert continues(story, story.scheduler.ask(), [SIXTH] * 50, GUESSING, GUESSING)


def test_stepped_values_have_no_rounding_errors() -> None:
    space = (Range("keep_prob", 0.7, 1.0, log=False, step=0.1, is_integer=False),)
    story = Story(replace(SEARCH, trials=12, space=space))
    values = {run.parameters.keep_prob for run in search_through(story)}
    assert values <= {0.7, 0.8, 0.9, 1.0}
    assert len(values) > 1


@pytest.mark.parametrize("state", [State.FINISHED, State.FAILED])
def test_a_pruned_run_stays_pruned_if_it_ends_before_it_is_stopped(state: State) -> None:
    story = Story(replace(SEARCH, pruner=MEDIAN))
    for _ in range(2):
        trial = story.scheduler.ask()
        story.scheduler.report(trial, story.progress(trial, [0.5] * 90))
        story.finish(trial, 0.5)
    trial = story.scheduler.ask()
    assert not story.scheduler.report(trial, story.progress(trial, [0.4] * 20))
    story.finish(trial, 0.4, state=state)
    assert story.ends[-1].state is TrialState.PRUNED
    assert story.ends[-1].why == "worse than others at epoch 10"


@pytest.mark.parametrize("pieces", [[90], [1] * 90, [40, 50]])
def test_the_first_reason_does_not_depend_on_how_epochs_arrive(pieces: list[int]) -> None:
    pruner = replace(MEDIAN, dead=True, startup=50)
    story = Story(replace(SEARCH, pruner=pruner))
    trial = story.scheduler.ask()
    first = 1
    for piece in pieces:
        curves = {
            "loss": [GUESSING] * piece,
            "val_loss": [GUESSING] * piece,
            "val_accuracy": [SIXTH] * piece,
        }
        part = progress(trial.runs[0], first, **curves)
        if not story.scheduler.report(trial, part):
            break
        first += piece
    assert list(story.study.trials[0].intermediate_values) == [10]


def test_a_point_that_was_half_chosen_is_not_enqueued_but_proposed_again(tmp_path: Path) -> None:
    search = replace(SEARCH, sampler=Sampler("random", seed=3, startup=2))
    undisturbed = search_through(Story(search))
    study = open_study(f"sqlite:///{tmp_path}/o.db", "toy", {}, {}, maximize=True, metric="m")
    story = Story(search, study=study)
    search_through(story, most=2)
    half = study.ask()
    half.suggest_float("l2", 1e-4, 0.1, log=True)
    assert recover(study, is_chosen) == 1
    assert count_done(study) == 2
    assert search_through(Story(search, study=study)) == undisturbed[2:]


def test_a_foreign_study_is_not_touched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/o.db"
    foreign = optuna.create_study(storage=url, study_name="toy")
    foreign.ask()
    with pytest.raises(UsageError, match="was not created by signs-sweep"):
        open_study(url, "toy", {}, {}, maximize=True, metric="m")
    assert foreign.trials[0].state.name == "RUNNING"
    assert foreign.user_attrs == {}


def test_a_study_with_different_settings_is_an_error_that_names_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/o.db"
    open_study(url, "toy", {"space": [1], "seeds": [2]}, {}, maximize=True, metric="m")
    with pytest.raises(UsageError, match=r"created with different settings: seeds\."):
        open_study(url, "toy", {"space": [1], "seeds": [3]}, {}, maximize=True, metric="m")


def test_a_study_of_an_older_training_version_is_an_error_whose_advice_works(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/o.db"
    old, new = {"version of the training": 1}, {"version of the training": 2}
    open_study(url, "toy", old, {}, maximize=True, metric="m")
    with pytest.raises(UsageError) as caught:
        open_study(url, "toy", new, {}, maximize=True, metric="m")
    assert "different settings: version of the training (1, now 2). Its va" in str(caught.value)
    assert "different name, or choose a different search.storage" in str(caught.value)
    open_study(url, "toy-2", new, {}, maximize=True, metric="m")
    open_study(f"sqlite:///{tmp_path}/o2.db", "toy", new, {}, maximize=True, metric="m")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("foo://bar", "cannot be used"),
        ("postgresql://u:p@localhost/db", r"needs a package|cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_an_error_without_its_password(
    url: str, words: str
) -> None:
    with pytest.raises(StoreError, match=words) as raised:
        open_study(url, "toy", {}, {}, maximize=True, metric="m")
    assert ":p@" not in str(raised.value)


def test_a_database_of_another_version_of_optuna_is_an_error_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/o.db"
    open_study(url, "toy", {}, {}, maximize=True, metric="m")
    with closing(sqlite3.connect(tmp_path / "o.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
    with pytest.raises(StoreError, match=r"o\.db cannot be used: .* pip install -U optuna"):
        open_study(url, "toy", {}, {}, maximize=True, metric="m")


def test_a_database_may_have_options(tmp_path: Path) -> None:
    study = open_study(
        f"sqlite:///{tmp_path}/o.db?timeout=30", "toy", {}, {}, maximize=True, metric="m"
    )
    assert study.study_name == "toy"
    assert {file.name for file in tmp_path.iterdir()} == {"o.db", "o.db.lock"}


def test_a_study_with_a_different_sampler_is_an_error_that_shows_both(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/o.db"

    def opened(search: Search = SEARCH) -> optuna.Study:
        return open_study(url, "toy", {}, proposals(search, 90), maximize=True, metric="m")

    opened()
    opened(replace(SEARCH, trials=7))
    with pytest.raises(UsageError, match=r"settings: sampler seed \(0, now 3\)\. Its points di"):
        opened(replace(SEARCH, sampler=replace(SEARCH.sampler, seed=3)))
    with pytest.raises(UsageError, match=r"settings: sampler name \(tpe, now random\)\. Its po"):
        opened(replace(SEARCH, sampler=replace(SEARCH.sampler, name="random")))
    with pytest.raises(UsageError, match=r"settings: pruner name \(none, now median\)\. Its po"):
        opened(replace(SEARCH, pruner=MEDIAN))
    opened()


def test_a_study_without_a_record_of_its_sampler_gets_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/o.db"
    open_study(url, "toy", {"seeds": [2]}, {}, maximize=True, metric="m")
    with closing(sqlite3.connect(tmp_path / "o.db")) as database:  # As an earlier version left it.
        database.execute("DELETE FROM study_user_attributes WHERE key = 'signs_sweep.proposals'")
        database.commit()
    mine, other = ({"sampler": {"name": "tpe", "seed": seed}} for seed in (0, 1))
    open_study(url, "toy", {"seeds": [2]}, mine, maximize=True, metric="m")
    with pytest.raises(UsageError, match=r"sampler seed \(0, now 1\)"):
        open_study(url, "toy", {"seeds": [2]}, other, maximize=True, metric="m")


def train(story: Story, *values: float) -> int:
    """Train a trial as the loop does, given the values of its replicates; return how many ran."""
    trial, count, is_wanted = story.scheduler.ask(), 0, True
    results = [Result(run_id, State.KILLED) for run_id in trial.run_ids]
    while is_wanted and count < len(trial.runs):
        run_id = trial.run_ids[count]
        results[count] = Result(run_id, State.FINISHED, {"val_accuracy": values[count]})
        is_wanted = story.scheduler.end(trial, results[count])
        count += 1
    story.ends.append(story.scheduler.tell(trial, results))
    return count


def growing(at_least: int, at_most: int, splits: int = 1, **changes) -> Story:
    search = replace(SEARCH, replicates=Growth(at_least, at_most), **changes)
    return Story(search, seeds=at_most * splits)


def test_a_trial_continues_while_it_is_better_than_the_best_with_all_replicates() -> None:
    story = growing(1, 4)
    counts = [
        train(story, 0.7, 0.7, 0.7, 0.7),
        train(story, 0.6, 0.9, 0.9, 0.9),
        train(story, 0.9, 0.6, 0.3, 0.9),
        train(story, 0.7, 0.9, 0.9, 0.9),
        train(story, 0.8, 0.7, 0.8, 0.6),
        train(story, 0.72, 0.9, 0.4, 0.9),
    ]
    assert counts == [4, 1, 3, 1, 4, 1]
    values = [end.value for end in story.ends]
    assert values == pytest.approx([0.7, 0.6, 0.6, 0.7, 0.725, 0.72])
    assert {end.state for end in story.ends} == {TrialState.COMPLETE}
    assert [len(end.trial.runs) for end in story.ends] == counts
    assert story.own.study.best_value == pytest.approx(0.725)
    assert [len(trial.user_attrs["runs"]) for trial in story.study.trials] == counts
    assert ends_of(story.own.study, story.make_trial) == story.ends
    assert story.own.left_out() == []


def test_less_may_be_better_and_a_trial_may_have_several_seeds_at_the_start() -> None:
    objective = Objective("val_accuracy", maximize=False, aggregate="median")
    story = growing(2, 3, objective=objective)
    counts = [train(story, *values) for values in ([0.5] * 3, [0.9, 0.2, 0], [0.9, 0, 0.6])]
    assert counts == [3, 2, 3]
    assert [end.value for end in story.ends] == pytest.approx([0.5, 0.55, 0.6])


def test_a_replicate_with_splits_is_judged_when_all_of_them_have_ended() -> None:
    story = growing(1, 3, splits=2)
    assert train(story, *[0.5] * 6) == 6
    assert train(story, 0.1, 0.4, 0.9, 0.9, 0.9, 0.9) == 2
    assert train(story, 0.1, 0.95, 0.1, 0.5, 0.9, 0.9) == 4


def test_replicates_that_ended_earlier_are_ignored_if_the_first_ones_end_the_trial() -> None:
    story = growing(1, 3, trials=7)
    train(story, 0.5, 0.5, 0.5)
    for order in itertools.permutations(range(3)):
        trial = story.scheduler.ask()
        values = (0.6, 0.3, 0.9)
        results = [
            Result(run_id, State.FINISHED, {"val_accuracy": value})
            for run_id, value in zip(trial.run_ids, values, strict=True)
        ]
        wanted = [story.scheduler.end(trial, results[place]) for place in order]
        assert not wanted[-1]
        end = story.scheduler.tell(trial, results)
        assert (end.value, end.trial.run_ids) == (pytest.approx(0.45), trial.run_ids[:2])


def test_a_trial_that_fails_or_is_pruned_keeps_the_runs_that_it_began() -> None:
    story = growing(1, 4, pruner=replace(MEDIAN, startup=0))
    trial = story.scheduler.ask()
    good = Result(trial.run_ids[0], State.FINISHED, {"val_accuracy": 0.5})
    bad = Result(trial.run_ids[1], State.FAILED, message="the loss is nan")
    assert story.scheduler.report(trial, story.progress(trial, [0.5] * 20))
    assert story.scheduler.end(trial, good)
    assert not story.scheduler.end(trial, bad)
    rest = [Result(run_id, State.KILLED) for run_id in trial.run_ids[2:]]
    assert story.scheduler.tell(trial, [good, bad, *rest]).state is TrialState.FAILED
    trial = story.scheduler.ask()
    assert story.scheduler.report(trial, story.progress(trial, [0.5] * 20))
    story.finish(trial, 0.6, 0.6, 0.6, 0.6)
    trial = story.scheduler.ask()
    assert not story.scheduler.report(trial, story.progress(trial, [0.4] * 20))
    results = [Result(run_id, State.KILLED) for run_id in trial.run_ids]
    assert not story.scheduler.end(trial, results[0])
    assert story.scheduler.tell(trial, results).state is TrialState.PRUNED
    ends = ends_of(story.own.study, story.make_trial)
    assert [len(end.trial.runs) for end in ends] == [2, 4, 1]


def test_a_pruner_compares_the_first_replicate_only() -> None:
    story = growing(1, 2, pruner=replace(MEDIAN, startup=1))
    for _ in range(2):
        trial = story.scheduler.ask()
        story.scheduler.report(trial, story.progress(trial, [0.5] * 90))
        assert story.scheduler.report(trial, story.progress(trial, [0.1] * 90, seed=1))
        story.finish(trial, 0.5, 0.5)
    values = [trial.intermediate_values for trial in story.study.trials]
    assert values == [dict.fromkeys(range(10, 90, 10), 0.5)] * 2


def test_a_repeated_trial_is_compared_by_the_epochs_of_its_first_replicate_that_had_ended(
    tmp_path: Path,
) -> None:
    search = replace(SEARCH, replicates=Growth(1, 2), pruner=replace(MEDIAN, startup=1))
    study = open_study(f"sqlite:///{tmp_path}/o.db", "toy", {}, {}, maximize=True, metric="m")
    killed = Story(search, study=study, seeds=2)
    trial = killed.scheduler.ask()
    assert killed.scheduler.report(trial, killed.progress(trial, [0.5] * 90))
    finished = Result(trial.run_ids[0], State.FINISHED, {"val_accuracy": 0.5})
    assert killed.scheduler.end(trial, finished)
    for _ in range(2):  # Killed twice, in the second replicate.
        assert recover(study, is_chosen) == 1
        story = Story(search, study=study, seeds=2)
        assert story.scheduler.ask().run_ids == trial.run_ids
    assert recover(study, is_chosen) == 1
    story = Story(search, study=study, seeds=2)
    story.finish(story.scheduler.ask(), 0.5, 0.5)
    (repeated,) = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    assert repeated.intermediate_values == dict.fromkeys(range(10, 90, 10), 0.5)
    worse = story.scheduler.ask()
    assert not story.scheduler.report(worse, story.progress(worse, [0.4] * 20))
