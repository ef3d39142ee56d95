"""Reports on runs of which little is known, or nothing good."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import examples
import pytest

from signs_sweep.domain import State
from signs_sweep.reporting.latex import to_latex
from signs_sweep.reporting.markdown import to_markdown
from signs_sweep.reporting.page import to_html

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize("metric", ["test_loss", "test_accuracy", "val_ece"])
@pytest.mark.parametrize(
    "scores",
    [
        {"a": [0.5, 0.6, 0.7], "b": [None, 0.6, 0.7]},
        {"a": [INF, INF, INF], "b": [INF, INF, 1.0]},
        {"a": [NAN, 0.5, 1.0], "b": [NAN, NAN, NAN]},
        {"a": [None, None], "b": [None, None]},
        {"a": [1e30, 2e30], "b": [1e-30, 1e-30]},
        {"a": [None]},
        {"a": [NAN]},
    ],
)
def test_infinite_and_missing_values_have_a_report(
    scores: Mapping[str, Sequence[float | None]], metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signs_sweep.analysis.comparison.chosen_metric", lambda _: metric)
    report = examples.report(examples.experiment_of(examples.rows_of(scores, metric=metric)))
    for text in (to_html(report), to_markdown(report), to_latex(report)):
        assert " nan" not in text.replace("became NaN", "")


@pytest.mark.parametrize("count", [1, 300])
def test_any_number_of_classes_has_a_report(count: int) -> None:
    experiment = examples.report_of(2, 3).experiments[0]
    classes = [f"class {index}" for index in range(count)]
    report = examples.report(examples.with_predictions(experiment, classes))
    for text in (to_html(report), to_markdown(report), to_latex(report)):
        assert re.search(r"class \d", text)


def test_runs_in_every_state_are_counted() -> None:
    rows = examples.rows_of(examples.scores_of(1, 4))
    for place, state in enumerate([State.RUNNING, State.KILLED]):
        rows[place] = replace(rows[place], result=replace(rows[place].result, state=state))
    rows[2] = replace(rows[2], result=None)
    (only,) = examples.experiment_of(rows).settings
    assert len(only.scores) == 1


def test_settings_on_different_data_are_not_blamed_on_their_seeds() -> None:
    rows = examples.rows_of(examples.scores_of(2, 3))
    rows[3:] = [replace(row, data="0ther0", baseline=None) for row in rows[3:]]
    experiment = examples.experiment_of([replace(row, baseline=None) for row in rows])
    assert experiment.headline == ""
    assert "two settings on the same data with the same seeds" in experiment.answer
    assert experiment.effects == ()


def test_a_setting_that_nothing_is_compared_with_is_not_a_baseline() -> None:
    rows = examples.rows_of(examples.scores_of(3, 3))
    last = {row.label for row in rows[-3:]}
    rows = [replace(row, baseline=row.run_id) if row.label in last else row for row in rows]
    settings = examples.experiment_of(rows).settings
    assert [each.is_baseline for each in settings].count(True) == 1
    assert settings[0].is_baseline


def test_only_a_declared_baseline_is_called_that() -> None:
    rows = examples.rows_of(examples.scores_of(3, 3))
    experiment = examples.experiment_of([replace(row, baseline=None) for row in rows])
    assert experiment.comparison.is_best
    assert not any(setting.is_baseline for setting in experiment.settings)
    for text in (to_html(examples.report(experiment)), to_markdown(examples.report(experiment))):
        assert "etting minus the best mean" in text
        assert "minus the baseline" not in text
