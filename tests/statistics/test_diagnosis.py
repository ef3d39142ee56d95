"""The diagnosis of a run, from constructed curves; docs/diagnosis.md has the same thresholds."""

import re
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.domain import Condition, Diagnosis
from signs_sweep.statistics import diagnosis as rules
from signs_sweep.statistics.diagnosis import diagnose

PAGE = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text(encoding="utf-8")

FLAT = np.full(100, 0.95)
RISING = np.linspace(0.2, 0.95, 100)  # By 0.15 from a fifth to the next.
NOISE = np.random.default_rng(0).normal(size=100)


def condition(
    accuracy: np.ndarray, train: float = 0.95, test: float | None = None, **curves: np.ndarray
) -> Condition | None:
    """Return the condition of a run with these curves and these accuracies at its end."""
    history = {"loss": 1 - accuracy, "accuracy": accuracy, **curves}
    metrics = {"final_train_accuracy": train} | ({} if test is None else {"test_accuracy": test})
    found = diagnose(history, metrics, None)
    return found and found.condition


def held_out(accuracy: np.ndarray, loss: np.ndarray | None = None) -> dict[str, np.ndarray]:
    return {"val_accuracy": accuracy, "val_loss": 1 - accuracy if loss is None else loss}


@pytest.mark.parametrize(
    ("curve", "train", "test", "expected"),
    [
        (FLAT, 0.95, None, Condition.LEARNED),
        (FLAT, 0.95, 0.86, Condition.LEARNED),
        (FLAT, 0.95, 0.84, Condition.OVERFITS),
        (FLAT - 0.1, 0.85, 0.8, Condition.UNDERFITS),
        (FLAT - 0.1, 0.85, 0.72, Condition.UNDERFITS),
        (FLAT - 0.1, 0.85, 0.65, Condition.OVERFITS),
        (RISING, 0.95, 0.9, Condition.IMPROVING),
        (RISING, 0.95, 0.7, Condition.OVERFITS),
        (FLAT + 0.05 * NOISE, 0.95, 0.9, Condition.OSCILLATES),
        (FLAT + 0.01 * NOISE, 0.95, 0.9, Condition.LEARNED),
    ],
    ids=[
        "fits both sets, as far as is known",
        "a small gap",
        "a gap",
        "does not fit the training set",
        "a gap that is smaller than the training error",
        "a gap that is larger than the training error",
        "the training accuracy rises",
        "only the training accuracy rises",
        "changes from epoch to epoch",
        "noise of ordinary size",
    ],
)
def test_without_held_out_samples_the_training_curve_and_the_test_set_decide(
    curve: np.ndarray, train: float, test: float | None, expected: Condition
) -> None:
    assert condition(curve, train, test) is expected


@pytest.mark.parametrize(
    ("val", "expected"),
    [
        (FLAT, Condition.LEARNED),
        (FLAT - 0.15, Condition.OVERFITS),
        (RISING - 0.15, Condition.IMPROVING),
        (FLAT + 0.05 * NOISE, Condition.OSCILLATES),
        (RISING - 0.15 + 0.05 * NOISE, Condition.OSCILLATES),
    ],
    ids=["learned", "a gap", "a gap, but it rises", "oscillates", "oscillates while it rises"],
)
def test_held_out_samples_decide_rather_than_the_test_set(
    val: np.ndarray, expected: Condition
) -> None:
    assert condition(RISING, 0.95, 0.1, **held_out(val)) is expected


def test_a_run_that_was_trained_further_without_becoming_better_is_not_still_improving() -> None:
    history = {"loss": 1 - RISING, "accuracy": RISING}
    found = diagnose(history, {"final_train_accuracy": 0.95}, None, was_continued=True)
    assert found is not None
    assert found.condition is Condition.LEARNED


def test_a_steady_trend_is_not_an_oscillation() -> None:
    assert np.std(RISING[-20:]) > rules.OSCILLATION
    assert condition(RISING) is Condition.IMPROVING


def test_a_run_overfits_since_its_lowest_validation_loss_if_the_loss_has_risen_since() -> None:
    metrics = {"final_train_accuracy": 0.95}
    history = {"loss": 1 - FLAT, "accuracy": FLAT, **held_out(FLAT - 0.15)}
    history["val_loss"] = np.abs(np.arange(1, 101) - 30) / 100 + 0.5
    assert diagnose(history, metrics, None) == Diagnosis(
        Condition.OVERFITS, since=30, gap=pytest.approx(0.15)
    )
    history["val_accuracy"] = RISING - 0.15
    assert diagnose(history, metrics, None).condition is Condition.OVERFITS
    history |= held_out(FLAT - 0.15, loss=np.linspace(2, 0.5, 100))
    assert diagnose(history, metrics, None).since is None


def test_a_network_that_only_guesses_collapsed_since_that_epoch_however_short_the_run() -> None:
    history = {"loss": np.full(15, np.log(6)), "accuracy": np.full(15, 1 / 6)}
    metrics = {"final_train_accuracy": 1 / 6, "test_accuracy": 1 / 6}
    assert diagnose(history, metrics, 1) == Diagnosis(Condition.COLLAPSED, since=1, gap=0)


def test_a_short_run_has_no_diagnosis() -> None:
    assert condition(FLAT[: rules.FEWEST_EPOCHS - 1]) is None
    assert condition(FLAT[: rules.FEWEST_EPOCHS]) is Condition.LEARNED


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Diagnosis(Condition.OVERFITS, 1210, 0.153), "overfits since epoch 1,210 (gap 0.15)"),
        (Diagnosis(Condition.COLLAPSED, 3, 0.0), "collapsed since epoch 3"),
        (Diagnosis(Condition.LEARNED, gap=0.05), "learned"),
    ],
)
def test_a_diagnosis_as_text(found: Diagnosis, text: str) -> None:
    assert found.text == text


def test_the_page_has_every_condition_and_the_thresholds_of_the_code() -> None:
    rows = re.findall(r"^\| \d \| ([a-z ]+) \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(each.value for each in Condition)
    thresholds = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d.]+) \|", PAGE, re.MULTILINE))
    assert {name: float(value) for name, value in thresholds.items()} == {
        name: value for name, value in vars(rules).items() if name.isupper()
    }


def test_the_ends_of_the_series_have_the_diagnoses_on_the_page() -> None:
    rows = re.findall(
        r"^\| m\d.* \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (.+) \|$", PAGE, re.MULTILINE
    )
    assert len(rows) == 7
    for train, test, rise, expected in rows:
        metrics = {"final_train_accuracy": float(train), "test_accuracy": float(test)}
        since = re.search(r"collapsed since epoch (\d)", expected)
        curve = np.repeat([0.0, float(rise)], [80, 20])
        history = {"loss": 1 - curve, "accuracy": curve}
        found = diagnose(history, metrics, int(since[1]) if since else None)
        assert found is not None
        assert found.text == expected
