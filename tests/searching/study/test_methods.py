"""Samplers and pruners: every argument that affects points is written out."""

import inspect
import json
from dataclasses import replace
from typing import get_args

import numpy as np
import optuna
import pytest
from optuna.samplers._tpe import sampler as tpe
from stories import NO_PRUNER, SEARCH

from signs_sweep.searching.study import methods
from signs_sweep.spec import Sampler, Search
from signs_sweep.spec.search import PrunerName, SamplerName

LEFT_TO_OPTUNA = {
    "warn_independent_sampling": "decides whether a warning is logged",
    "warn_asynchronous_seeding": "decides whether a warning is logged",
    "categorical_distance_func": "exists only in Optuna 4, None by default",
}
"""Arguments that are left to Optuna's defaults, and why."""


def with_sampler(name: str) -> Search:
    return replace(SEARCH, sampler=Sampler(name, seed=3, startup=4))


def parameters_of(kind: type) -> set[str]:
    parameters = inspect.signature(kind.__init__).parameters.values()
    return {item.name for item in parameters if item.kind is not item.VAR_POSITIONAL} - {
        "self",
        "kwargs",
    }


@pytest.mark.parametrize("name", get_args(SamplerName))
def test_every_argument_of_a_sampler_that_affects_points_is_written_out(name: str) -> None:
    kind = getattr(optuna.samplers, methods._SAMPLERS[name][0])
    given = set(methods.sampler_arguments(with_sampler(name)))
    assert parameters_of(kind) - set(LEFT_TO_OPTUNA) == given


@pytest.mark.parametrize("name", get_args(PrunerName))
def test_every_argument_of_a_pruner_is_written_out(name: str) -> None:
    kind = getattr(optuna.pruners, methods._PRUNERS[name])
    assert parameters_of(kind) == set(methods.pruner_arguments(replace(NO_PRUNER, name=name), 90))


@pytest.mark.parametrize("name", get_args(SamplerName))
def test_the_sampler_is_constructed_with_these_arguments(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made = []
    kind = methods._SAMPLERS[name][0]
    monkeypatch.setattr(optuna.samplers, kind, lambda **arguments: made.append(arguments))
    search = with_sampler(name)
    methods.make_sampler(search, 0)
    changing = {"seed", "independent_sampler"}
    given = methods.sampler_arguments(search)
    assert made[0].keys() == given.keys()
    assert {name: made[0][name] for name in given.keys() - changing} == {
        name: given[name] for name in given.keys() - changing
    }


@pytest.mark.parametrize("trials", [0, 1, 10, 24, 25, 26, 100, 400])
def test_tpe_weighs_trials_as_optuna_does_by_default(trials: int) -> None:
    assert methods.best_tenth(trials) == tpe.default_gamma(trials)
    np.testing.assert_array_equal(methods.latest_25_in_full(trials), tpe.default_weights(trials))


def test_proposals_are_json_and_change_with_the_spec() -> None:
    before = methods.proposals(SEARCH, 90)
    assert json.loads(json.dumps(before)) == before
    for change in (
        {"sampler": replace(SEARCH.sampler, seed=1)},
        {"sampler": replace(SEARCH.sampler, startup=3)},
        {"sampler": replace(SEARCH.sampler, name="random")},
        {"pruner": replace(NO_PRUNER, dead=True)},
        {"pruner": replace(NO_PRUNER, name="median")},
    ):
        assert methods.proposals(replace(SEARCH, **change), 90) != before
    median = replace(SEARCH, pruner=replace(NO_PRUNER, name="median"))
    often = replace(SEARCH, pruner=replace(NO_PRUNER, name="median", interval=1))
    assert methods.proposals(often, 90) != methods.proposals(median, 90)
    assert methods.proposals(replace(SEARCH, trials=7, timeout=1.0, confirm=None), 90) == before
