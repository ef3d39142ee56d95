"""Which pictures of a search show something."""

import optuna
import pytest
from optuna.trial import TrialState
from searches import SPACE, add, searched

from signs_sweep.search.study.sketch import CAPTIONS, sketch


def test_a_search_of_some_trials_has_all_pictures() -> None:
    assert sketch(searched(12, steps=6), "val_accuracy").pictures == tuple(CAPTIONS)


@pytest.mark.parametrize(
    ("study", "pictures"),
    [
        (lambda: searched(0), ()),
        (lambda: searched(1), ("history",)),
        (lambda: searched(1, steps=6), ("history", "intermediate_values")),
        (lambda: searched(2), ("history", "slice", "parallel_coordinates")),
        (lambda: searched(12, names=("l2",)), ("history", "slice")),
        (lambda: searched(12), tuple(name for name in CAPTIONS if name != "intermediate_values")),
    ],
    ids=["none", "one", "one with steps", "two", "one parameter", "no steps"],
)
def test_what_cannot_show_anything_yet_is_left_out(study, pictures: tuple[str, ...]) -> None:
    assert sketch(study(), "val_accuracy").pictures == pictures


def test_equal_values_compare_no_parameters() -> None:
    study = optuna.create_study()
    for number in range(8):
        add(study, {"l2": 0.01 + number / 100, "keep_prob": 0.5 + number / 20}, 0.5)
    assert sketch(study, "loss").pictures == ("history", "slice")


def test_of_trials_that_all_failed_or_were_pruned_only_steps_are_shown() -> None:
    study = optuna.create_study()
    add(study, {"l2": 0.1}, None, steps=4, state=TrialState.FAIL)
    assert sketch(study, "loss").pictures == ()
    add(study, {"l2": 0.2}, None, steps=4, state=TrialState.PRUNED)
    assert sketch(study, "loss").pictures == ("intermediate_values",)


def test_the_summary_counts_the_trials() -> None:
    study = searched(6)
    study.ask(SPACE)
    assert sketch(study, "loss").summary.startswith("7 trials: 5 completed, 1 pruned, 1 running. ")


def test_a_value_that_is_not_finite_counts_as_a_failure() -> None:
    study = searched(4)
    add(study, {"l2": 0.1}, float("inf"))
    plan = sketch(study, "loss")
    assert [trial.state for trial in plan.trials][-1] is TrialState.FAIL
    assert plan.varied == tuple(sorted(SPACE))


def test_the_study_stays_as_it_was() -> None:
    study = searched(6, steps=3)
    before = study.trials
    sketch(study, "loss")
    assert study.trials == before
