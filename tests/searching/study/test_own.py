"""Foreign trials in the study of a search."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from stories import NO_PRUNER, SEARCH, SPACE, Story, is_chosen, search_through

from signs_sweep import domain
from signs_sweep.errors import UsageError
from signs_sweep.searching.study import OwnTrials, open_study
from signs_sweep.searching.study.page import draw_plot, shown_plots
from signs_sweep.searching.study.scheduler import count_done, ends_of
from signs_sweep.searching.study.space import distributions, values_of
from signs_sweep.searching.study.storage import recover
from signs_sweep.spec import Categories, Choice, Sampler

OURS = distributions(SPACE)
POINT = {"l2": 0.01, "batch_size": 32, "hidden": "50"}


def put(study: optuna.Study, params: dict, value: float | None = 0.99, **changes: Any) -> None:
    """Add a foreign trial."""
    if "distributions" not in changes:
        changes["distributions"] = {name: OURS[name] for name in params}
    study.add_trial(create_trial(params=params, value=value, **changes))


WIDE = {"l2": FloatDistribution(1e-6, 10, log=True)}
ODD = {"dropout": FloatDistribution(0, 1)}
FOREIGN = {
    "no runs": lambda study: put(study, POINT),
    "l2=5.0 is outside the space": lambda study: put(
        study, POINT | {"l2": 5.0}, distributions=OURS | WIDE
    ),
    "l2 was drawn from a different range": lambda study: put(
        study, POINT, distributions=OURS | WIDE
    ),
    "dropout is not searched": lambda study: put(study, {"dropout": 0.5}, distributions=ODD),
    "no l2": lambda study: put(study, {"batch_size": 32, "hidden": "50"}),
    "its runs belong to a different search": lambda study: put(
        study, POINT, user_attrs={"runs": ["3f9a0c12ab7e-1500"]}
    ),
    "batch_size=-16 is outside the space": lambda study: put(
        study, {"batch_size": -16}, distributions={"batch_size": IntDistribution(-16, 64, step=16)}
    ),
}
MORE = {
    "infinite": lambda study: put(study, POINT, math.inf),
    "pruned": lambda study: put(
        study, POINT, None, state=TrialState.PRUNED, intermediate_values={10: 0.99}
    ),
    "failed": lambda study: put(study, POINT, None, state=TrialState.FAIL),
    "failed in training": lambda study: put(
        study, POINT, None, state=TrialState.FAIL, user_attrs={"signs_sweep.message": "it broke"}
    ),
    "running elsewhere": lambda study: put(
        study, {"dropout": 0.5}, None, state=TrialState.RUNNING, distributions=ODD
    ),
    "no runs left": lambda study: put(study, POINT, user_attrs={"runs": []}),
}


@pytest.mark.parametrize("why", FOREIGN)
def test_a_foreign_trial_is_excluded_with_the_reason(why: str) -> None:
    story = Story()
    search_through(story, most=2)
    FOREIGN[why](story.study)
    assert story.own.left_out() == [(2, why)]
    assert count_done(story.own.study) == 2
    assert story.own.study.best_value < 0.99
    assert len(search_through(story)) == 4, "it does not count"
    assert [trial.number for trial in story.own.study.trials] == [0, 1, 3, 4, 5, 6]


def test_a_copy_of_a_trial_with_a_different_value_is_excluded() -> None:
    story = Story()
    search_through(story, most=2)
    first = story.study.trials[0]
    put(story.study, first.params, 0.98, user_attrs=first.user_attrs)
    assert story.own.left_out() == [(2, "its value does not match its runs")]
    assert story.own.study.best_value < 0.98


@pytest.mark.parametrize("name", ["tpe", "qmc"])
@pytest.mark.parametrize("put_in", [*FOREIGN.values(), *MORE.values()], ids=[*FOREIGN, *MORE])
def test_proposals_pruning_and_pictures_do_not_depend_on_excluded_trials(
    put_in: Any, name: str
) -> None:
    pruner = replace(NO_PRUNER, name="median", startup=1, interval=10)
    search = replace(SEARCH, sampler=Sampler(name, seed=3, startup=2), pruner=pruner)

    def searched(*, is_disturbed: bool) -> tuple[Story, list[bool]]:
        story, continued = Story(search), []
        for number in range(6):
            if is_disturbed and number in (2, 4):
                put_in(story.study)
            trial = story.scheduler.ask()
            accuracy = 0.5 + 0.02 * (-1) ** number
            continued.append(story.scheduler.report(trial, story.progress(trial, [accuracy] * 40)))
            story.finish(trial, accuracy)
        assert story.scheduler.ask() is None
        return story, continued

    clean, continued = searched(is_disturbed=False)
    mixed, continued_when_mixed = searched(is_disturbed=True)
    assert continued_when_mixed == continued
    assert set(continued) == {True, False}
    assert [trial.params for trial in mixed.own.study.trials if trial.state.is_finished()] == [
        trial.params for trial in clean.own.study.trials
    ]
    assert shown_plots(mixed.own.study) == shown_plots(clean.own.study)
    if "intermediate_values" in shown_plots(mixed.own.study):
        figure = draw_plot("intermediate_values", mixed.own.study, "val_accuracy")
        assert [line.name for line in figure.data] == [
            f"Trial{trial.number}" for trial in mixed.own.study.trials if trial.intermediate_values
        ], "numbers in plots are those of the study"


def test_choices_of_every_type_are_found_again_in_a_study() -> None:
    values = {"true": True, "1": 1, "0.5": 0.5, "relu": "relu", "[8, [4]]": (8, (4,))}
    choices = tuple(Choice(text, {"model.a": value}) for text, value in values.items())
    space = [Categories("model.a", choices)]
    stored = distributions(space)["model.a"].choices
    assert stored == ("true", 1, 0.5, "relu", "[8, [4]]")
    for written, value in zip(
        (*stored, True, [8, [4]]), (*values.values(), True, (8, (4,))), strict=True
    ):
        found = values_of(space, {"model.a": written})["model.a"]
        assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("enqueued", "trained"),
    [
        (POINT, {"l2": 0.01, "batch_size": 32, "hidden": (50,)}),
        (POINT | {"hidden": [25, 12]}, {"l2": 0.01, "batch_size": 32, "hidden": (25, 12)}),
        (POINT | {"batch_size": 64.0}, {"l2": 0.01, "batch_size": 64, "hidden": (50,)}),
        ({"l2": 0.05}, {"l2": 0.05}),
        ({}, {}),
    ],
)
def test_an_enqueued_point_is_trained_and_completed_by_the_sampler(
    enqueued: dict, trained: dict
) -> None:
    story = Story()
    search_through(story, most=1)
    story.study.enqueue_trial(enqueued)
    (run,) = search_through(story, most=1)
    values = values_of(SPACE, story.study.trials[1].params)
    assert values | trained == values
    assert run.parameters.l2 == values["l2"]
    assert story.own.left_out() == []
    assert len(search_through(story)) == 4


@pytest.mark.parametrize(
    ("enqueued", "why"),
    [
        ({"l2": 5}, "l2=5 is outside the space"),
        ({"l2": math.nan}, "l2=nan is outside the space"),
        ({"l2": -math.inf}, "l2=-inf is outside the space"),
        ({"l2": "0.01"}, "l2=0.01 is outside the space"),
        ({"l2": True}, "l2=True is outside the space"),
        ({"l2": None}, "l2=None is outside the space"),
        ({"batch_size": 33}, "batch_size=33 is outside the space"),
        ({"batch_size": 32.5}, "batch_size=32.5 is outside the space"),
        ({"batch_size": -16}, "batch_size=-16 is outside the space"),
        ({"batch_size": 10**400}, f"batch_size={10**39} is outside the space"),
        ({"hidden": "7"}, "hidden=7 is outside the space"),
        ({"hidden": [50, {}]}, "hidden=[50, {}] is outside the space"),
        ({"dropout": 0.5}, "dropout is not searched"),
    ],
)
def test_an_enqueued_point_outside_the_space_is_refused(enqueued: dict, why: str) -> None:
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial(enqueued)
    study.enqueue_trial(POINT)
    story = Story(study=study)
    trial = story.scheduler.ask()
    assert (trial.number, trial.runs[0].parameters.batch_size) == (1, 32)
    refused = study.trials[0]
    assert refused.state is TrialState.FAIL
    assert Story(study=study).own.left_out() == [(0, why)]


NUMBERS = (
    Categories("batch_size", tuple(Choice(str(size), {"batch_size": size}) for size in (8, 64))),
    Categories("l2", tuple(Choice(text, {"l2": float(text)}) for text in ("0", "0.01"))),
    Categories("keep_prob, l2", (Choice("1, 0", {"keep_prob": 1.0}),)),
)


def test_choices_that_are_numbers_are_stored_as_numbers() -> None:
    search = replace(SEARCH, space=NUMBERS)
    story = Story(search)
    story.study.enqueue_trial({"batch_size": 64, "l2": 0})
    story.study.enqueue_trial({"batch_size": "8", "l2": "0.01"})
    runs = search_through(story)
    assert [(run.parameters.batch_size, run.parameters.l2) for run in runs][:2] == [
        (64, 0.0),
        (8, 0.01),
    ]
    first, second = (trial.params for trial in story.study.trials[:2])
    assert first == {"batch_size": 64, "l2": 0.0, "keep_prob, l2": "1, 0"}
    assert second == {"batch_size": 8, "l2": 0.01, "keep_prob, l2": "1, 0"}
    assert [type(value) for value in second.values()] == [int, float, str]


def test_a_study_of_an_earlier_version_with_numbers_as_text_continues(tmp_path: Path) -> None:
    search = replace(SEARCH, space=NUMBERS, trials=4, sampler=Sampler("grid", 3, 2))
    study = open_study(f"sqlite:///{tmp_path}/o.db", "toy", {}, {}, maximize=True, metric="m")
    texts = {
        categories.name: CategoricalDistribution([choice.text for choice in categories.choices])
        for categories in NUMBERS
    }
    earlier = {"batch_size": "8", "l2": "0.01", "keep_prob, l2": "1, 0"}
    runs = Story(search).runs_of({"batch_size": 8, "l2": 0.01, "keep_prob": 1.0})
    attributes = {"runs": runs, "values": {runs[0]: 0.5}}
    put(study, earlier, 0.5, distributions=texts, user_attrs=attributes)
    study.enqueue_trial({"batch_size": 64, "l2": 0.01})
    story = Story(search, study=study)
    assert story.own.left_out() == []
    assert count_done(story.own.study) == 1
    trained = search_through(story)
    assert len(trained) == 3
    assert (trained[0].parameters.batch_size, trained[0].parameters.l2) == (64, 0.01)
    assert all(trial.distributions == texts for trial in study.trials)
    points = {tuple(trial.params.values()) for trial in study.trials}
    assert len(points) == 4


def test_a_foreign_trial_that_prevents_proposals_is_an_error(tmp_path: Path) -> None:
    study = open_study(f"sqlite:///{tmp_path}/o.db", "toy", {}, {}, maximize=True, metric="m")
    put(study, {"l2": 1}, distributions={"l2": IntDistribution(0, 3)})
    with pytest.raises(UsageError, match="trial 0 of the study 'toy', which signs-sweep did not"):
        OwnTrials(study, SPACE, lambda _: [], max)


def test_an_enqueued_point_that_was_half_chosen_is_proposed_again() -> None:
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial({"hidden": "50"})
    study.ask({"l2": OURS["l2"]})  # Killed here.
    story = Story(study=study)
    assert recover(story.own.study, is_chosen) == 1
    (run,) = search_through(story, most=1)
    assert run.model.hidden == (50,)


def test_a_running_foreign_trial_with_other_parameters_is_not_touched() -> None:
    study = optuna.create_study(direction="maximize")
    foreign = study.ask(ODD)
    story = Story(study=study)
    assert recover(story.own.study, is_chosen) == 0
    assert story.own.left_out() == [(0, "dropout is not searched")]
    assert study.trials[foreign.number].state is TrialState.RUNNING


@pytest.mark.parametrize("directions", [["minimize"], ["maximize", "minimize"]])
def test_an_empty_foreign_study_with_other_directions_is_not_touched(
    tmp_path: Path, directions: list[str]
) -> None:
    url = f"sqlite:///{tmp_path}/o.db"
    foreign = optuna.create_study(storage=url, study_name="toy", directions=directions)
    with pytest.raises(UsageError, match="was not created by signs-sweep"):
        open_study(url, "toy", {}, {}, maximize=True, metric="m")
    assert foreign.user_attrs == {}


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.FAIL])
@pytest.mark.parametrize("pruner", ["none", "median"])
def test_an_open_trial_that_is_ended_outside_the_search_is_excluded(
    pruner: str, state: TrialState
) -> None:
    story = Story(replace(SEARCH, pruner=replace(NO_PRUNER, name=pruner, interval=10), trials=2))
    trial = story.scheduler.ask()
    story.study.tell(trial.number, 0.99 if state is TrialState.COMPLETE else None, state)
    is_continued = story.scheduler.report(trial, story.progress(trial, [0.5] * 40))
    assert is_continued == (pruner == "none")
    story.finish(trial, 0.5)
    assert (story.ends[0].state, story.ends[0].value) == (domain.TrialState.STOPPED, None)
    assert story.ends[0].why == "it was ended outside this search"
    assert len(search_through(story)) == 2
    assert story.own.study.best_value < 0.99
    assert len(story.own.left_out()) == (state is TrialState.COMPLETE)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_trial_with_a_value_that_is_not_finite_fails_and_counts(value: float) -> None:
    story = Story(replace(SEARCH, trials=1), seeds=2)
    trial = story.scheduler.ask()
    story.finish(trial, 0.5, value)
    assert story.ends[0].state is domain.TrialState.FAILED
    assert story.ends[0].why == "its val_accuracy is not a finite number"
    assert story.scheduler.ask() is None


def test_a_trial_that_is_asked_outside_the_search_is_no_end_of_it() -> None:
    story = Story()
    search_through(story, most=2)
    story.study.ask()
    ends = ends_of(story.own.study, story.make_trial)
    assert [end.state for end in ends] == [domain.TrialState.COMPLETE] * 2


def test_a_trial_that_was_interrupted_is_stopped() -> None:
    story = Story()
    search_through(story, most=1)
    trial = story.scheduler.ask()
    ends = ends_of(story.own.study, story.make_trial)
    assert [end.state for end in ends] == [domain.TrialState.COMPLETE, domain.TrialState.STOPPED]
    assert ends[1].trial == trial


def test_a_complete_trial_has_as_many_replicates_as_the_search_asks_for_at_least() -> None:
    story = Story(replace(SEARCH, replicates=domain.Growth(2, 3)), seeds=6)
    runs = story.runs_of(values_of(SPACE, POINT))
    for count in range(1, 7):
        values = dict.fromkeys(runs[:count], 0.5)
        put(story.study, POINT, 0.5, user_attrs={"runs": runs[:count], "values": values})
    values = dict.fromkeys(runs[2:], 0.5)
    put(story.study, POINT, 0.5, user_attrs={"runs": runs[2:], "values": values})
    attributes = {"runs": runs[:1], "values": {}}
    put(story.study, POINT, None, state=TrialState.PRUNED, user_attrs=attributes)
    foreign = [0, 1, 2, 4, 6]
    assert [trial.number for trial in story.own.left_out()] == foreign
    assert {trial.why for trial in story.own.left_out()} == {
        "its runs belong to a different search"
    }
