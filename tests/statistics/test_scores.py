"""Metrics of predictions, against scikit-learn and values computed by hand."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signs_sweep.domain import SCORES, Predictions
from signs_sweep.statistics.scores import (
    balanced_accuracy,
    brier,
    ece,
    macro_f1,
    nll,
    scores,
    top2_accuracy,
)

# Images of the classes 0, 0, 1, 2; the second is taken for class 1, the last for class 0.
LABELS = np.array([0, 0, 1, 2])
PROBABILITIES = np.array(
    [[0.78, 0.12, 0.1], [0.1, 0.7, 0.2], [0.2, 0.6, 0.2], [0.75, 0.0, 0.25]], dtype=np.float32
)


def test_each_metric_has_the_value_that_is_computed_by_hand() -> None:
    assert macro_f1(LABELS, PROBABILITIES) == pytest.approx((2 / 4 + 2 / 3 + 0) / 3)
    assert balanced_accuracy(LABELS, PROBABILITIES) == pytest.approx((1 / 2 + 1 + 0) / 3)
    likelihoods = (0.78, 0.1, 0.6, 0.25)
    assert nll(LABELS, PROBABILITIES) == pytest.approx(-sum(map(math.log, likelihoods)) / 4)
    assert brier(LABELS, PROBABILITIES) == pytest.approx((0.0728 + 1.34 + 0.24 + 1.125) / 4)
    assert top2_accuracy(LABELS, PROBABILITIES) == 3 / 4
    # Bins end at multiples of 1/15, so that 0.78 and 0.75 are in the same.
    assert ece(LABELS, PROBABILITIES) == pytest.approx((0.7 + 0.4 + abs(1 - 0.78 - 0.75)) / 4)


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    count, classes = draw(st.integers(1, 40)), draw(st.integers(2, 7))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = generator.normal(scale=draw(st.sampled_from([0.1, 3.0, 30.0])), size=(count, classes))
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    return generator.integers(0, classes, count), probabilities.astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(predictions())
def test_each_metric_agrees_with_scikit_learn_also_if_classes_are_missing(drawn: tuple) -> None:
    from sklearn import metrics

    labels, probabilities = drawn
    predicted, classes = probabilities.argmax(axis=1), np.arange(probabilities.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f1 = metrics.f1_score(labels, predicted, average="macro", zero_division=0)
        balanced = metrics.balanced_accuracy_score(labels, predicted)
        loss = metrics.log_loss(labels, probabilities, labels=classes)
    assert macro_f1(labels, probabilities) == pytest.approx(f1)
    assert balanced_accuracy(labels, probabilities) == pytest.approx(balanced)
    assert nll(labels, probabilities) == pytest.approx(loss, rel=1e-5, abs=1e-6)
    truth = np.eye(len(classes))[labels]
    squares = metrics.mean_squared_error(truth, probabilities) * len(classes)
    assert brier(labels, probabilities) == pytest.approx(squares, rel=1e-5, abs=1e-9)
    if len(classes) > 2:
        ours = top2_accuracy(labels, probabilities)
        is_tied = any(len(set(row.tolist())) < len(row) for row in probabilities)
        top2 = metrics.top_k_accuracy_score(labels, probabilities, k=2, labels=classes)
        assert is_tied or ours == pytest.approx(top2)


@given(predictions())
def test_each_metric_is_within_its_bounds(drawn: tuple) -> None:
    labels, probabilities = drawn
    values = scores({"validation": Predictions(np.arange(len(labels)), *drawn)})
    assert values.keys() == {f"val_{name}" for name in SCORES}
    most = {"val_nll": 16, "val_brier": 2}
    assert all(0 <= value <= most.get(name, 1) + 1e-6 for name, value in values.items())
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    assert values["val_top2_accuracy"] >= accuracy
    certain = np.eye(probabilities.shape[1], dtype=np.float32)[labels]
    best = scores({"test": Predictions(np.arange(len(labels)), labels, certain)})
    assert set(best.values()) == {0.0, 1.0}
    assert best["test_nll"] == best["test_brier"] == best["test_ece"] == 0


def test_a_network_that_only_guesses_has_the_values_of_guessing() -> None:
    labels = np.arange(120) % 6
    probabilities = np.full((120, 6), 1 / 6, dtype=np.float32)
    values = scores({"test": Predictions(np.arange(120), labels, probabilities)})
    for name, measure in SCORES.items():
        if measure.is_higher_better:
            assert values[f"test_{name}"] == pytest.approx(measure.of_guessing(1 / 6)), name
        else:
            assert measure.of_guessing(1 / 6) == math.inf
    assert values["test_nll"] == pytest.approx(math.log(6))
    assert values["test_ece"] == pytest.approx(0, abs=1e-6)


def test_a_true_class_of_probability_zero_has_a_finite_likelihood() -> None:
    impossible = np.array([[0.0, 1.0]], dtype=np.float32)
    assert nll(np.array([0]), impossible) == pytest.approx(15.942, abs=1e-3)
