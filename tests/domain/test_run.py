"""The identity of a run."""

import pickle
import subprocess
import sys
from dataclasses import replace

import pytest

from signs_sweep.domain import TRAINING_VERSION, Dense, Parameters, Run, trajectory_of

RUN = Run(
    Parameters(
        learning_rate=1e-4,
        batch_size=32,
        epochs=1500,
        l2=0.01,
        keep_prob=0.8,
        global_seed=3,
        init_seed=0,
    ),
    model=Dense((25, 12)),
    validation=0.1,
    data="7c1e90ab00112233",
    training_version=1,
)
PINNED = "ebf367ab8fdb-1500"


def test_the_id_of_a_run_never_changes_by_accident() -> None:
    """What was trained under an id is found under it for good; a new one is a decision.

    Where the numbers of training change, raise TRAINING_VERSION instead.
    """
    assert RUN.run_id == PINNED


def test_the_id_is_the_same_in_every_process() -> None:
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).run_id)"
    result = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(RUN), capture_output=True, check=True
    )
    assert result.stdout.decode().strip() == PINNED


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 2e-4},
        {"batch_size": 16},
        {"l2": 0.02},
        {"keep_prob": 1.0},
        {"global_seed": 4},
        {"init_seed": 1},
    ],
)
def test_each_parameter_that_decides_changes_the_trajectory(change: dict) -> None:
    other = replace(RUN, parameters=replace(RUN.parameters, **change))
    assert other.trajectory_id != RUN.trajectory_id


@pytest.mark.parametrize(
    "change",
    [
        {"model": Dense((12, 25))},
        {"model": Dense((25,))},
        {"validation": 0.2},
        {"data": "0000000000000000"},
        {"training_version": 2},
    ],
)
def test_each_other_field_changes_the_trajectory(change: dict) -> None:
    assert replace(RUN, **change).trajectory_id != RUN.trajectory_id


def test_every_field_of_the_parameters_is_covered_above() -> None:
    """A new parameter must have its place in the id, and in the test that it has."""
    assert set(Parameters.__dataclass_fields__) == {
        "learning_rate",
        "batch_size",
        "epochs",
        "l2",
        "keep_prob",
        "global_seed",
        "init_seed",
    }


def test_the_seeds_are_not_interchangeable() -> None:
    swapped = replace(RUN.parameters, global_seed=0, init_seed=3)
    assert replace(RUN, parameters=swapped).trajectory_id != RUN.trajectory_id


def test_epochs_are_a_reading_point_and_stand_in_the_suffix_alone() -> None:
    longer = replace(RUN, parameters=replace(RUN.parameters, epochs=2000))
    assert longer.trajectory_id == RUN.trajectory_id
    assert longer.run_id == f"{RUN.trajectory_id}-2000"
    assert longer.run_id != RUN.run_id


def test_a_whole_number_means_the_same_as_the_real_number() -> None:
    """A spec may say `l2: 0` or `l2: 0.0`."""
    whole = replace(RUN, validation=0, parameters=replace(RUN.parameters, l2=0, keep_prob=1))
    real = replace(RUN, validation=0.0, parameters=replace(RUN.parameters, l2=0.0, keep_prob=1.0))
    assert whole.run_id == real.run_id


def test_a_run_knows_its_ids_under_older_versions() -> None:
    assert RUN.earlier == ()
    third = replace(RUN, training_version=3)
    assert [one.training_version for one in third.earlier] == [1, 2]
    assert third.earlier[0].run_id == PINNED
    assert len({third.run_id, *(one.run_id for one in third.earlier)}) == 3


def test_the_id_of_a_run_says_its_trajectory() -> None:
    assert trajectory_of(RUN.run_id) == RUN.trajectory_id


def test_a_run_is_of_the_current_semantics_unless_told() -> None:
    assert Run(Parameters(), Dense((2,)), 0.0, "data").training_version == TRAINING_VERSION
