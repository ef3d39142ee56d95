"""Dimensions that exist only under a choice of another."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from stories import SEARCH, Story, is_chosen, value_at

from signs_sweep.domain import PARAMETERS
from signs_sweep.searching.study import methods
from signs_sweep.searching.study.importances import (
    describe_importances,
    importances,
    importances_of_options,
)
from signs_sweep.searching.study.space import grid, grid_size, is_complete, values_of
from signs_sweep.spec import Experiment, load

TEXT = """
name: x
validation: 0.2
search:
  space:
    l2: {low: 1e-4, high: 0.1, log: true}
    optimizer:
      - adam
      - {name: sgd, momentum: {low: 0.5, high: 0.9, step: 0.2}, nesterov: [false, true]}
      - {name: rmsprop, rho: {low: 0.8, high: 0.99}}
"""
GRID = """
name: x
validation: 0.2
search:
  sampler: grid
  space:
    optimizer:
      - {name: sgd, momentum: {low: 0.5, high: 0.9, step: 0.2}, nesterov: [false, true]}
      - adam
      - {name: sgd, momentum: [0.1, 0.2], nesterov: true}
    augment: [none, {shift: [0, 0.1]}]
"""


@pytest.fixture
def load_text(tmp_path: Path) -> Callable[[str], Experiment]:
    def read(text: str) -> Experiment:
        path = tmp_path / "spec.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return read


def optimizer(text: str) -> object:
    return PARAMETERS["optimizer"].parse(text)


@pytest.fixture
def space(load_text) -> tuple:
    return load_text(TEXT).search.space


def test_each_option_is_a_dimension_named_after_its_word(space) -> None:
    assert [part.name for part in space] == [
        *("l2", "optimizer", "sgd.momentum", "sgd.nesterov", "rmsprop.rho")
    ]
    assert {part.under and part.under.choice for part in space} == {None, "sgd", "rmsprop"}
    assert all(part.names == {"optimizer"} for part in space[1:])


def test_values_have_the_options_of_their_word_alone(space) -> None:
    chosen = {"l2": 0.01, "optimizer": "sgd", "sgd.momentum": 0.7, "sgd.nesterov": "true"}
    assert values_of(space, chosen) == {
        "l2": 0.01,
        "optimizer": optimizer("{name: sgd, momentum: 0.7, nesterov: true}"),
    }
    assert values_of(space, {"l2": 0.01, "optimizer": "adam"})["optimizer"] == optimizer("adam")
    assert is_complete(space, chosen)
    assert not is_complete(space, {**chosen, "rmsprop.rho": 0.9})
    assert not is_complete(space, {"l2": 0.01, "optimizer": "sgd"})


def test_a_grid_has_each_combination_where_it_exists(load_text) -> None:
    space = load_text(GRID).search.space
    points = list(grid(space))
    values = [tuple(map(str, values_of(space, point).values())) for point in points]
    assert len(points) == grid_size(space) == (3 * 2 + 1 + 2) * (1 + 2)
    assert all(is_complete(space, point) for point in points)
    # `shift: 0` is no augmentation, and is the same run as `none`.
    assert len(set(values)) == 9 * 2
    assert values[0] == ("{name: sgd, momentum: 0.5}", "none")
    assert ("{name: sgd, momentum: 0.2, nesterov: true}", "{shift: 0.1}") in values


def test_the_same_search_proposes_the_same_points_and_learns(space) -> None:
    def through(search) -> list[dict]:
        story = Story(search)
        while trial := story.scheduler.ask():
            bonus = 0.05 * (trial.runs[0].parameters.optimizer.name == "sgd")
            story.finish(trial, value_at(trial.runs[0]) + bonus)
        return [trial.params for trial in story.study.trials]

    search = replace(SEARCH, space=space, trials=30, sampler=replace(SEARCH.sampler, startup=8))
    params = through(search)
    assert params == through(search)
    assert all(is_complete(space, each) for each in params)
    of_sgd = [each["optimizer"] == "sgd" for each in params]
    assert sum(of_sgd[15:]) > sum(of_sgd[:15])
    assert methods.proposals(search, 90)["sampler"]["group"] is True
    assert methods.proposals(SEARCH, 90)["sampler"]["group"] is False
    assert json.dumps(methods.proposals(search, 90))


def test_an_interrupted_trial_without_its_options_is_proposed_again(space) -> None:
    story = Story(replace(SEARCH, space=space, trials=5))
    handle = story.study.ask({name: story.own.distributions[name] for name in ("l2", "optimizer")})
    assert not is_chosen(handle.params)
    assert story.scheduler.ask() is not None


def test_a_foreign_trial_with_options_of_another_word_is_left_out(space) -> None:
    story = Story(replace(SEARCH, space=space, trials=1))
    params = {"l2": 0.01, "optimizer": "adam", "sgd.momentum": 0.5}
    foreign = optuna.trial.create_trial(
        value=0.5,
        params=params,
        distributions={name: story.own.distributions[name] for name in params},
    )
    story.study.add_trial(foreign)
    assert [each.why for each in story.own.left_out()] == ["sgd.momentum without its choice"]


def test_importances_say_in_how_many_trials_an_option_was_present(space) -> None:
    story = Story(replace(SEARCH, space=space, trials=24))
    while trial := story.scheduler.ask():
        story.finish(trial, value_at(trial.runs[0]))
    counts = {
        name: sum(name in trial.params for trial in story.study.trials)
        for name in ("rmsprop.rho", "sgd.momentum", "sgd.nesterov")
    }
    options = importances_of_options(story.study)
    assert {name: each.trials for name, each in options.items()} == {
        name: count for name, count in counts.items() if count
    }
    text = describe_importances(importances(story.study), 24, 0, options)
    for name, count in counts.items():
        assert not count or f"{name} was present in {count} of 24" in text


@pytest.mark.parametrize("sampler", ["qmc", "gp", "cmaes"])
def test_samplers_that_would_ignore_options_are_refused(load_text, sampler: str) -> None:
    experiment = load_text(TEXT.replace("search:", f"search:\n  sampler: {sampler}"))
    with pytest.raises(Exception, match=f"{sampler} does not support options that exist only"):
        experiment.check_search()
