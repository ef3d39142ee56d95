"""The page of a search: which plots are on it, and that it works offline."""

import json
import math
import re
from importlib import import_module

import matplotlib as mpl
import optuna
import pytest
from optuna.trial import TrialState
from searches import SPACE, add, searched

from signs_sweep.searching.study import draw_search, importances
from signs_sweep.searching.study.own import selection
from signs_sweep.searching.study.page import ERROR_FILE, PLOTS, draw_plot, shown_plots


@pytest.fixture(scope="module")
def page() -> str:
    files = draw_search(searched(12, steps=6), "val_accuracy")
    assert set(files) == {"search.html"}
    return files["search.html"].decode()


def test_the_page_holds_plotly_once_and_loads_nothing(page: str) -> None:
    assert len(re.findall(r"\* plotly\.js v\d", page)) == 1
    assert len(page) < 7_000_000
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)\s*=", page)
    assert page.count('class="plotly-graph-div"') == len(PLOTS)


def test_the_page_explains_how_to_read_each_plot(page: str) -> None:
    for name, plot in PLOTS.items():
        assert f"<h2>{plot.title}</h2>" in page
        assert f"<p>{plot.reading.format('val_accuracy')}</p>" in page
        assert f'id="{name}"' in page
    assert "<p>12 trials: 10 completed, 2 pruned. learning_rate mattered most" in page
    assert "a hint, not a finding.</p>" in page


def test_ended_and_running_trials_are_counted() -> None:
    study = searched(6)
    study.ask(SPACE)
    add(study, {"l2": 0.1}, None, state=TrialState.FAIL)
    text = draw_search(study, "loss")["search.html"].decode()
    assert "<p>8 trials: 5 completed, 1 pruned, 1 failed, 1 running. " in text


def test_a_search_for_the_smallest_value_of_one_parameter_is_drawn_too() -> None:
    study = searched(3, names=("learning_rate",), direction="minimize")
    files = draw_search(study, "<loss>")
    assert set(files) == {"search.html"}
    assert "<h1>Search for the best &lt;loss&gt;</h1>" in files["search.html"].decode()


def test_the_line_of_best_values_is_level_between_trials() -> None:
    best = draw_plot("history", searched(6), "loss").data[1]
    assert (best.name, best.mode, best.line.shape) == ("Best Value", "lines", "hv")


def test_trials_that_do_not_belong_to_the_search_leave_no_gap_in_the_history() -> None:
    own = selection(searched(8), lambda trial: trial.number not in (0, 2, 5))
    assert "pictures_error.txt" not in draw_search(own, "loss")
    assert list(draw_plot("history", own, "loss").data[0].x) == [0, 1, 3, 4], "one is pruned"


def test_the_bars_are_the_importances_of_the_text() -> None:
    study = searched(20)
    (bars,) = draw_plot("importances", study, "loss").data
    assert dict(zip(bars.y, bars.x, strict=True)) == pytest.approx(importances(study))


def test_collapsed_trials_are_left_out_of_the_importances() -> None:
    study, same = searched(20), searched(20)
    point = {"learning_rate": 1e-5, "l2": 0.1, "keep_prob": 0.5, "hidden": "50"}
    for _ in range(5):
        add(study, point, 1 / 6)
    drawn = [
        draw_search(*each)["search.html"].decode()
        for each in ((study, "loss", set(range(20, 25))), (same, "loss"))
    ]
    bars = [
        json.loads(
            re.search(r'"x":(\[[^]]*\]|\{[^}]*\})', text[text.index('id="importances"') :])[1]
        )
        for text in drawn
    ]
    assert bars[0] == bars[1]
    assert importances(study) != importances(same)
    assert "5 completed trials that collapsed are left out of this." in drawn[0]


def test_small_numbers_are_written_as_powers_of_ten() -> None:
    axes = list(draw_plot("slice", searched(6), "loss").select_xaxes())
    assert [axis.title.text for axis in axes] == sorted(SPACE)
    assert {axis.exponentformat for axis in axes} == {"power"}


@pytest.mark.parametrize(
    ("study", "plots"),
    [
        (lambda: searched(0), []),
        (lambda: searched(1), ["history"]),
        (lambda: searched(1, steps=6), ["history", "intermediate_values"]),
        (lambda: searched(2), ["history", "slice", "parallel_coordinates"]),
        (lambda: searched(12, names=("l2",)), ["history", "slice"]),
        (lambda: searched(12), [name for name in PLOTS if name != "intermediate_values"]),
        (lambda: searched(12, steps=6), list(PLOTS)),
    ],
    ids=["none", "one", "one with steps", "two", "one parameter", "no steps", "all"],
)
def test_plots_that_cannot_show_anything_yet_are_omitted(study, plots: list[str]) -> None:
    assert shown_plots(study()) == plots


def test_with_equal_values_no_plot_compares_parameters() -> None:
    study = optuna.create_study()
    for number in range(8):
        add(study, {"l2": 0.01 + number / 100, "keep_prob": 0.5 + number / 20}, 0.5)
    assert shown_plots(study) == ["history", "slice"]


def test_if_all_trials_failed_or_were_pruned_only_steps_are_shown() -> None:
    study = optuna.create_study()
    add(study, {"l2": 0.1}, None, steps=4, state=TrialState.FAIL)
    assert shown_plots(study) == []
    add(study, {"l2": 0.2}, None, steps=4, state=TrialState.PRUNED)
    assert shown_plots(study) == ["intermediate_values"]


def test_without_plots_there_is_no_page() -> None:
    study = optuna.create_study()
    assert draw_search(study, "loss") == {}
    add(study, {"l2": 0.1}, math.inf)
    assert draw_search(study, "loss") == {}


def test_a_bug_in_a_plot_is_written_to_a_file_and_the_other_plots_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(study: optuna.Study, *, target_name: str) -> None:
        raise ZeroDivisionError(target_name)

    module = import_module("optuna.visualization")  # Before, Optuna has a placeholder for it.
    monkeypatch.setattr(module, "plot_optimization_history", broken)
    files = draw_search(searched(2), "my loss")
    assert set(files) == {"search.html", ERROR_FILE}
    assert "ZeroDivisionError: my loss" in files[ERROR_FILE].decode()
    assert 'id="slice"' in files["search.html"].decode()
    assert 'id="history"' not in files["search.html"].decode()


def test_drawing_the_page_has_no_side_effects(capfd: pytest.CaptureFixture[str]) -> None:
    study = searched(6, steps=3)
    before = study.trials, dict(mpl.rcParams), optuna.logging.get_verbosity()
    draw_search(study, "loss")
    assert (study.trials, dict(mpl.rcParams), optuna.logging.get_verbosity()) == before
    assert capfd.readouterr() == ("", "")
