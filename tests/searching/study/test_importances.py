"""Which parameters are reported as having mattered."""

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState
from searches import SPACE, add, searched

from signs_sweep.searching.study.importances import (
    describe_importances,
    importances,
    without,
)


def test_the_parameter_that_decides_comes_first_with_most_of_the_shares() -> None:
    shares = importances(searched(30))
    assert next(iter(shares)) == "learning_rate"
    assert shares["learning_rate"] > 0.7
    assert set(shares) == set(SPACE)
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_the_same_study_gives_the_same_shares() -> None:
    assert importances(searched(12)) == importances(searched(12))


def test_shares_do_not_depend_on_the_direction() -> None:
    assert importances(searched(12)) == importances(searched(12, direction="minimize"))


@pytest.mark.parametrize("trials", [0, 1, 2, 4])
def test_few_trials_have_no_shares(trials: int) -> None:
    assert importances(searched(trials)) == {}


def test_one_parameter_has_no_share() -> None:
    assert importances(searched(20, names=("l2",))) == {}


def test_a_parameter_that_kept_its_value_has_no_share() -> None:
    study = optuna.create_study()
    for number in range(10):
        add(study, {"l2": 0.01, "keep_prob": 0.5 + number / 20, "hidden": "50"}, number % 4)
    assert importances(study) == {}
    add(study, {"l2": 0.01, "keep_prob": 0.7, "hidden": "25, 12"}, 3)
    assert set(importances(study)) == {"keep_prob", "hidden"}


def test_equal_values_have_no_shares() -> None:
    study = optuna.create_study()
    for number in range(10):
        add(study, {"l2": 0.01 + number / 100, "keep_prob": 0.5 + number / 20}, 0.5)
    assert importances(study) == {}


def test_values_too_close_for_a_forest_to_separate_have_no_shares() -> None:
    study = optuna.create_study()
    for number in range(10):
        add(study, {"l2": 0.01 + number / 100, "keep_prob": 0.5 + number / 20}, number * 1e-10)
    assert importances(study) == {}  # Optuna itself returns a half each.


def test_values_that_are_not_finite_and_trials_that_did_not_complete_do_not_count() -> None:
    study, same = searched(12), searched(12)
    params = {"learning_rate": 0.1, "l2": 0.1, "keep_prob": 0.5, "hidden": "50"}
    add(study, params, float("-inf"))
    add(study, params, None, state=TrialState.FAIL)
    study.ask(SPACE)
    assert importances(study) == importances(same)


def test_trials_that_are_left_out_do_not_count() -> None:
    study, same = searched(12), searched(12)
    params = {"learning_rate": 0.1, "l2": 0.1, "keep_prob": 0.5, "hidden": "50"}
    for _ in range(4):
        add(study, params, 0.1)
    assert importances(without(study, {12, 13, 14, 15})) == importances(same) != importances(study)


def test_trials_from_different_ranges_have_no_shares() -> None:
    study = searched(20, names=("l2", "keep_prob"))
    wider = SPACE | {"l2": FloatDistribution(1e-5, 10, log=True)}
    add(study, {"l2": 3.0, "keep_prob": 0.5}, 0.1, space=wider)
    assert importances(study) == {}


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    for trials in (0, 1, 5, 12):
        importances(searched(trials))
    assert capfd.readouterr() == ("", "")


def test_the_text_names_what_mattered_and_what_did_not() -> None:
    shares = {"learning_rate": 0.62, "l2": 0.25, "hidden": 0.08, "keep_prob": 0.05}
    assert describe_importances(shares, 40) == (
        "learning_rate mattered most (62 % of the variation in value), then l2 (25 %). "
        "hidden and keep_prob hardly mattered."
    )


def test_the_text_calls_the_shares_of_few_trials_a_hint() -> None:
    assert describe_importances({"l2": 0.5, "hidden": 0.3, "keep_prob": 0.2}, 8) == (
        "l2 mattered most (50 % of the variation in value), then hidden (30 %) and "
        "keep_prob (20 %). With only 8 completed trials, this is a hint, not a finding."
    )
    assert "hint" not in describe_importances({"l2": 0.5, "hidden": 0.5}, 20)


def test_without_shares_the_text_names_no_parameter() -> None:
    unclear = "Which parameter mattered is unclear from"
    assert describe_importances({}, 1) == f"{unclear} 1 completed trial."
    assert describe_importances({}, 0) == f"{unclear} 0 completed trials."


def test_the_text_counts_the_trials_that_were_left_out() -> None:
    shares = {"l2": 0.9, "hidden": 0.1}
    text = describe_importances(shares, 30, 1)
    assert text.endswith("mattered. 1 completed trial that collapsed is left out of this.")
    text = describe_importances({}, 2, 4)
    assert text.endswith("trials. 4 completed trials that collapsed are left out of this.")
