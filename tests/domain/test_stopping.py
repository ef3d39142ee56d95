"""The rule that stops a run before its last epoch."""

import numpy as np
import pytest

from signs_sweep.domain import EarlyStopping, are_comparable

CURVES = np.random.default_rng(3).integers(0, 12, (40, 30)) / 4
"""Values of a metric, many of them equal."""


def rule(patience: int = 3, metric: str = "val_loss", min_delta: float = 0.0) -> EarlyStopping:
    return EarlyStopping(metric, patience, min_delta, restores_best=True)


def test_it_stops_after_the_epochs_of_its_patience_without_improvement() -> None:
    course = rule().follow({"val_loss": np.array([3, 2, 2, 2.5, 1.9, 2, 2, 2, 1])})
    assert (course.best, course.stop) == (5, 8)
    assert course.value == pytest.approx(1.9)
    assert rule(min_delta=0.5).follow({"val_loss": np.array([3, 2, 2, 2.5, 1.9])}).best == 2
    assert rule(metric="accuracy").follow({"accuracy": np.array([0.1, 0.4, 0.3])}).best == 2
    assert rule().follow({"val_loss": np.array([])}).best == 0


def test_the_least_patience_is_the_smallest_that_gets_to_the_last_epoch() -> None:
    for curve in CURVES:
        for epochs in range(1, len(curve) + 1):
            history = {"val_loss": curve[:epochs]}
            least = rule(1000).follow(history).least_patience
            stops = {patience: rule(patience).follow(history).stop for patience in range(1, 31)}
            reaching = [each for each, stop in stops.items() if stop in (None, epochs)]
            assert reaching == list(range(least, 31))
            assert all(rule(each).follow(history).least_patience == least for each in reaching)


def test_settings_are_not_comparable_by_what_differing_rules_chose_by() -> None:
    def verdict_by(metric: str, *rules: EarlyStopping | None) -> bool:
        assert are_comparable(*rules, metric) is are_comparable(*reversed(rules), metric)
        return are_comparable(*rules, metric)

    assert not verdict_by("val_accuracy", rule(3), rule(4))
    assert not verdict_by("val_macro_f1", rule(3), None)
    assert not verdict_by("val_loss", rule(3), rule(metric="loss"))
    assert not verdict_by("final_train_accuracy", rule(metric="loss"), None)
    assert verdict_by("val_accuracy", rule(3), rule(3))
    assert verdict_by("val_accuracy", rule(metric="loss"), None)
    assert verdict_by("test_accuracy", rule(3), None)
    assert verdict_by("loss", rule(3), None)
