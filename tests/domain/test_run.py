"""The identity of a run."""

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from known_runs import IDS, NUMBERS, PINNED, RUN, SEEDS
from signs_sweep.domain import (
    PARAMETERS,
    TRAINING_VERSION,
    Component,
    Dense,
    Parameters,
    Run,
    Seeds,
    trajectory_of,
)


@pytest.mark.parametrize("run_id", IDS)
def test_the_id_of_a_run_never_changes_by_accident(run_id: str) -> None:
    """Runs stay found under their ids; changing an id is a decision.

    Where the numbers of training change, raise TRAINING_VERSION instead.
    """
    assert IDS[run_id].run_id == run_id


def test_the_numbers_of_numpy_give_the_same_id() -> None:
    numbers = {name: np.asarray(value)[()] for name, value in (NUMBERS | SEEDS).items()}
    units = (np.int64(25), np.int64(12))
    run = Run(Parameters(**numbers), Dense(units), np.float64(0.2), "data", 2)
    assert run.run_id == "471f73d8e461-10"


def test_the_id_is_the_same_in_every_process() -> None:
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).run_id)"
    result = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(RUN), capture_output=True, check=True
    )
    assert result.stdout.decode().strip() == PINNED


@pytest.mark.parametrize(
    "name", [name for name, entry in PARAMETERS.items() if entry.decides_trajectory]
)
def test_each_parameter_that_decides_changes_the_trajectory(name: str) -> None:
    entry = PARAMETERS[name]
    value = 0.5 if entry.below else entry.most
    if entry.kind is Component:
        value = next(Component(word) for word in entry.choices if word != entry.default.name)
    other = replace(RUN.parameters, **{name: value})
    assert replace(RUN, parameters=other).trajectory_id != RUN.trajectory_id


@pytest.mark.parametrize(
    "change",
    [
        {"model": Dense((12, 25))},
        {"model": Dense((25,))},
        {"validation": 0.2},
        {"data": "0000000000000000"},
        {"training_version": 2},
        {"folds": 5},
    ],
)
def test_each_other_field_changes_the_trajectory(change: dict) -> None:
    assert replace(RUN, **change).trajectory_id != RUN.trajectory_id


def test_the_ids_of_splits_never_change_and_those_without_are_from_before_there_were_any() -> None:
    other = replace(RUN, parameters=RUN.parameters.with_seeds(Seeds(3, 0, 7)))
    assert replace(other, parameters=other.parameters.with_seeds(Seeds(3, 0))).run_id == PINNED
    assert replace(RUN, folds=0).run_id == PINNED
    ids = [other.run_id, replace(RUN, folds=5).run_id, replace(other, folds=5).run_id]
    assert ids == ["d1a2c913082a-1500", "fbf7add4246e-1500", "206b5bb3d3cc-1500"]
    assert other.setting == RUN.setting != replace(RUN, folds=5).setting


def test_only_the_epochs_do_not_decide() -> None:
    assert [name for name, entry in PARAMETERS.items() if not entry.decides_trajectory] == [
        "epochs",
        "early_stopping",
    ]


def test_a_stopping_rule_is_in_the_id_of_the_run_and_not_of_the_trajectory() -> None:
    rules = [
        PARAMETERS["early_stopping"].component("", {"patience": patience}) for patience in (5, 6)
    ]
    runs = [RUN] + [
        replace(RUN, parameters=replace(RUN.parameters, early_stopping=rule)) for rule in rules
    ]
    assert {run.trajectory_id for run in runs} == {RUN.trajectory_id}
    assert len({run.run_id for run in runs}) == 3
    assert {trajectory_of(run.run_id) for run in runs} == {RUN.trajectory_id}


@pytest.mark.parametrize("name", ["constant", "cosine", "linear", "exponential"])
def test_epochs_are_part_of_the_trajectory_if_the_schedule_knows_its_end(name: str) -> None:
    first, longer = (
        replace(RUN, parameters=replace(RUN.parameters, epochs=n, schedule=Component(name)))
        for n in (1500, 2000)
    )
    is_prefix = first.trajectory_id == longer.trajectory_id
    assert is_prefix == (name not in ("cosine", "linear"))


@pytest.mark.parametrize(
    "change", [{"activation": "tanh"}, {"norm": "batch"}, {"init": "he_normal"}]
)
def test_each_choice_of_the_network_changes_the_trajectory(change: dict[str, str]) -> None:
    other = replace(RUN, model=replace(RUN.model, **change))
    assert other.trajectory_id != RUN.trajectory_id


def test_the_seeds_are_not_interchangeable() -> None:
    swapped = replace(RUN.parameters, global_seed=0, init_seed=3)
    assert replace(RUN, parameters=swapped).trajectory_id != RUN.trajectory_id


def test_epochs_are_a_reading_point_and_are_only_in_the_suffix() -> None:
    longer = replace(RUN, parameters=replace(RUN.parameters, epochs=2000))
    assert longer.trajectory_id == RUN.trajectory_id
    assert longer.run_id == f"{RUN.trajectory_id}-2000"
    assert longer.run_id != RUN.run_id


def test_a_whole_number_means_the_same_as_the_real_number() -> None:
    """A spec may contain `l2: 0` or `l2: 0.0`."""
    whole = replace(RUN, validation=0, parameters=replace(RUN.parameters, l2=0, keep_prob=1))
    real = replace(RUN, validation=0.0, parameters=replace(RUN.parameters, l2=0.0, keep_prob=1.0))
    assert whole.run_id == real.run_id


def test_a_run_knows_its_ids_under_older_versions() -> None:
    assert RUN.earlier == ()
    third = replace(RUN, training_version=3)
    assert [run.training_version for run in third.earlier] == [1, 2]
    assert third.earlier[0].run_id == PINNED
    assert len({third.run_id, *(run.run_id for run in third.earlier)}) == 3


def test_the_id_of_a_run_says_its_trajectory() -> None:
    assert trajectory_of(RUN.run_id) == RUN.trajectory_id


def test_a_run_is_of_the_current_semantics_by_default() -> None:
    assert Run(Parameters(), Dense((2,)), 0.0, "data").training_version == TRAINING_VERSION
