"""Runs of the series with the photos: which of them collapse shows in their first epochs.

The whole runs take 20 minutes; docs/diagnosis.md has their ends, which another test compares.
"""

import os
from pathlib import Path

import pytest

from signs_sweep.data import find_source
from signs_sweep.domain import Condition, Dense, Parameters, Run
from signs_sweep.trainer.training import Trainer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("SIGNS_DATA"), reason="the photos are not here"),
]

FIRST, SECOND = {"global_seed": 2, "init_seed": 2}, {"global_seed": 3, "init_seed": 0}


@pytest.fixture(scope="module")
def trainer() -> tuple[Trainer, str]:
    """Return a trainer on the photos, and their fingerprint."""
    source = find_source("signs", data_dir=None, spec_folder=Path())
    fingerprint = source.load().fingerprint
    return Trainer({fingerprint: source}), fingerprint


@pytest.mark.parametrize(
    ("parameters", "condition", "since"),
    [
        ({**FIRST, "learning_rate": 1e-4}, Condition.IMPROVING, None),
        ({**FIRST, "learning_rate": 5e-4}, Condition.COLLAPSED, 1),
        ({**SECOND, "l2": 0.01}, Condition.IMPROVING, None),
        ({**SECOND, "keep_prob": 0.8}, Condition.COLLAPSED, 3),
        ({**SECOND, "keep_prob": 0.8, "learning_rate": 1e-5}, Condition.IMPROVING, None),
    ],
    ids=["m1", "m2", "m3", "m6 and m7", "m8"],
)
def test_the_runs_that_collapse_do_so_in_their_first_epochs_and_the_others_improve(
    trainer: tuple[Trainer, str], parameters: dict, condition: Condition, since: int | None
) -> None:
    settings = {"learning_rate": 1e-4, "batch_size": 32, "epochs": 25, "keep_prob": 1.0}
    run = Run(Parameters(**settings | parameters), Dense((25, 12)), 0.0, trainer[1])
    finished = list(trainer[0].train(run))[-1]
    assert finished.diagnosis.condition is condition
    assert finished.diagnosis.since == since
    is_dead = max(finished.metrics["dead_units_1"], finished.metrics["dead_units_2"]) == 1
    assert is_dead is (condition is Condition.COLLAPSED)
