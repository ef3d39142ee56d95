"""The identity of a run."""

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from signs_sweep.domain import (
    PARAMETERS,
    TRAINING_VERSION,
    Built,
    Dense,
    Parameters,
    Run,
    trajectory_of,
)

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

SMALL = {"batch_size": 16, "epochs": 20, "global_seed": 0, "init_seed": 7}
NUMBERS = {"learning_rate": 0.003, "batch_size": 64, "epochs": 10, "l2": 0.5, "keep_prob": 1.0}
SEEDS = {"global_seed": 5, "init_seed": 2**31 - 1}
CNN = Built(
    "networks:small_cnn",
    (("filters", (8, 16)), ("rate", 0.5), ("act", "relu"), ("bias", True)),
    "0123456789abcdef",
)
BUILT = {"learning_rate": 5e-4, "batch_size": 8, "epochs": 40, "global_seed": 1, "init_seed": 1}

# Runs of the first release of the table, with the ids that they had then.
IDS = {
    PINNED: RUN,
    "026e8914dc78-1500": replace(RUN, training_version=2),
    "bf58f7d6f97f-1500": replace(RUN, training_version=3),
    "f833d5bec3df-1500": Run(Parameters(), Dense((25, 12)), 0.0, "7c1e90ab00112233", 2),
    "e9707a562ab6-20": Run(
        Parameters(learning_rate=1, l2=0, keep_prob=1, **SMALL), Dense((3,)), 0, "data", 2
    ),
    "471f73d8e461-10": Run(Parameters(**NUMBERS, **SEEDS), Dense((25, 12)), 0.2, "data", 2),
    "79b55c0117fb-1": Run(
        Parameters(
            learning_rate=1e-30,
            batch_size=1,
            epochs=1,
            l2=1e38,
            keep_prob=1e-9,
            global_seed=2**31 - 1,
            init_seed=0,
        ),
        Dense((1, 1, 1)),
        0.999,
        "d",
        2,
    ),
    "2c1cff494bb4-40": Run(Parameters(**BUILT), CNN, 0.25, "data", 2),
    "5d77576644ff-40": Run(
        Parameters(**BUILT, l2=1e-3), replace(CNN, arguments=()), 0.0, "data", 1
    ),
}


@pytest.mark.parametrize("run_id", IDS)
def test_the_id_of_a_run_never_changes_by_accident(run_id: str) -> None:
    """What was trained under an id is found under it for good; a new one is a decision.

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
    other = replace(RUN.parameters, **{name: PARAMETERS[name].most})
    assert replace(RUN, parameters=other).trajectory_id != RUN.trajectory_id


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


def test_only_the_epochs_do_not_decide() -> None:
    assert [name for name, entry in PARAMETERS.items() if not entry.decides_trajectory] == [
        "epochs"
    ]


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
