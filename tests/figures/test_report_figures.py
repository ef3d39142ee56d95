"""What the figures of a report show, and that many of them fit into one page."""

import re
from functools import cache
from io import BytesIO
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from signs_sweep.figures.palette import MOST_COLOURS, colour_of
from signs_sweep.figures.report import (
    Interval,
    Line,
    Reliability,
    TrialPoint,
    calibration,
    intervals,
    learning_curves,
    picture_png,
    search_history,
    strip,
    strip_axis,
    weights_png,
)

EXOTIC = '<b>$x_1$ & "größe" 学習率 🙂 \x07' + "n" * 40


def line(name="plain", colour=0, middle=None, *, runs=5, first=1) -> Line:
    middle = np.linspace(2, 0.1, 60) if middle is None else np.asarray(middle, float)
    epochs = np.arange(first, first + len(middle))
    return Line(name, colour, epochs, middle, middle * 0.9, middle * 1.1, runs)


def settings(count, epochs=60, **kwargs) -> list[Line]:
    middle = np.random.default_rng(0).random((count, epochs))
    return [
        line(f"setting {n}", n if n < MOST_COLOURS else None, middle[n], **kwargs)
        for n in range(count)
    ]


def texts(figure) -> list[str]:
    return [each.text for each in ET.fromstring(figure.svg).iter() if each.tag.endswith("}text")]


@cache
def page() -> dict[str, object]:
    """Return a figure of each kind, by its name."""
    trials = [TrialPoint(n, 0.1 * n, "complete") for n in range(5)]
    trials += [TrialPoint(5, 0.2, "pruned"), TrialPoint(6, None, "failed")]
    bins = np.array([[0.3, 0.2, 3], [0.9, 0.8, 90]])
    return {
        "curves": learning_curves([line(), line(EXOTIC, 1)], "loss (cross-entropy)", "curves"),
        "effects": intervals([Interval(EXOTIC, 0.1, 0, 0.2, None)], "accuracy (share)", "effects"),
        "calibration": calibration([Reliability(EXOTIC, 0, bins)], "calibration"),
        "search": search_history(trials, "accuracy (share)", is_higher_better=True, name="search"),
        "strip": strip([0.1, 0.5, np.nan], [False, True, True], 0.1, 0, 1, 3, "strip"),
        "axis": strip_axis(0, 1, "accuracy (share)", "axis"),
    }


def test_figures_are_elements_of_a_page_that_do_not_interfere() -> None:
    figures = page()
    seen: set[str] = set()
    for name, figure in figures.items():
        root = ET.fromstring(figure.svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        _, _, width, height = root.get("viewBox").split()
        assert (width, height) == (root.get("width"), root.get("height"))
        ids = [each.get("id") for each in root.iter() if each.get("id")]
        assert len(ids) == len(set(ids))
        assert all(each == name or each.startswith(f"{name}-") for each in ids)
        assert not seen.intersection(ids)
        seen.update(ids)
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', figure.svg)) <= set(ids)
        for foreign in ("<style", "<metadata", "<?xml", "<!DOCTYPE", "font-family", "date"):
            assert foreign not in figure.svg


def test_ink_and_font_are_those_of_the_page() -> None:
    palette = {colour_of(position) for position in (*range(MOST_COLOURS), None)}
    for figure in page().values():
        assert "currentColor" in figure.svg
        assert set(re.findall("#[0-9a-f]{6}", figure.svg)) <= palette
        assert not re.search(r"(fill|stroke)[:=]\"?(black|white)", figure.svg)
        for text in ET.fromstring(figure.svg).iter("{http://www.w3.org/2000/svg}text"):
            assert "currentColor" in text.get("style", "") + text.get("fill", "")


def test_figures_are_the_same_bits_every_time() -> None:
    assert page() == page.__wrapped__()


def test_names_stay_text_and_long_names_lose_their_middle() -> None:
    for name in ("curves", "effects", "calibration"):
        (shown,) = [text for text in texts(page()[name]) if text.startswith("<b>$x_1$ & ")]
        assert "学習率" in shown
        assert shown.endswith("nnnnnn")
        assert "…" in shown


def test_every_figure_states_its_main_numbers_for_those_who_cannot_see_it() -> None:
    figures = page()
    assert "plain 0.1" in figures["curves"].alt
    assert "0.1 (from 0 to 0.2)" in figures["effects"].alt
    assert "mean confidence 0.881, accuracy 0.781 over 93 predictions" in figures["calibration"].alt
    assert "7 trials (5 complete, 1 pruned, 1 failed); best 0.4 in trial 4" in figures["search"].alt
    assert figures["strip"].alt == "3 seeds: 0.1 to 0.5, mean 0.1; 2 failed."


def test_short_names_are_at_the_ends_of_the_curves_without_touching() -> None:
    figure = learning_curves(settings(4), "accuracy (share)", "curves")
    found = ET.fromstring(figure.svg).iter("{http://www.w3.org/2000/svg}text")
    heights = sorted(float(each.get("y")) for each in found if each.text.startswith("setting"))
    assert len(heights) == 4
    assert min(high - low for low, high in pairwise(heights)) >= 12.9


def test_settings_without_a_colour_are_counted_in_the_legend() -> None:
    figure = learning_curves(settings(MOST_COLOURS + 1), "accuracy (share)", "curves")
    assert "1 other setting" in texts(figure)
    figure = learning_curves(settings(200), "accuracy (share)", "curves")
    assert f"{200 - MOST_COLOURS} other settings" in texts(figure)


def test_without_a_legend_only_curves_that_leave_the_figure_are_named() -> None:
    exploded = line("diverging", 1, np.geomspace(2, 1e20, 60))
    lines = [*settings(MOST_COLOURS), exploded]
    found = texts(learning_curves(lines, "loss", "curves", has_legend=False))
    assert "diverging (above: up to 10²⁰)" in found
    assert not [each for each in found if each.startswith("setting")]


def test_an_exploded_curve_does_not_flatten_the_others() -> None:
    calm, exploded = line(), line("diverging", 1, np.geomspace(2, 1e20, 60))
    figure = learning_curves([calm, exploded], "loss", "curves")
    assert "diverging (above: up to 10²⁰)" in texts(figure)
    assert {"0.0", "2.0"} <= set(texts(figure))
    assert "loss (logarithmic)" in texts(learning_curves([exploded], "loss", "curves"))


def test_a_metric_from_0_to_1_has_that_axis() -> None:
    figure = learning_curves([line(middle=[0.5, 0.6, 0.7])], "accuracy (share)", "curves")
    assert {"0.0", "1.0", "1", "2", "3"} <= set(texts(figure))


@pytest.mark.parametrize(
    "middle",
    [[1], [1, np.nan, np.inf], [np.nan] * 3, [0, 0, 0], [1e-12, 2e-12], [1, 1e300], [-1, -2], []],
    ids=str,
)
def test_no_curve_is_too_strange(middle) -> None:
    figure = learning_curves([line(middle=middle)], "loss", "curves")
    ET.fromstring(figure.svg)
    assert "nan" not in figure.svg.lower()


def test_figures_are_small_enough_for_a_page_with_many() -> None:
    assert len(learning_curves(settings(7, 1500), "loss", "curves").svg) < 60_000
    assert len(learning_curves(settings(200, 500), "loss", "curves").svg) < 120_000
    scores = list(np.random.default_rng(0).random(50))
    assert len(strip(scores, [False] * 50, 0.5, 0, 1, 0, "strip").svg) < 1_500


def test_figures_that_say_nothing_do_not_exist() -> None:
    assert intervals([], "accuracy", "effects") is None
    assert intervals([Interval("a", np.nan, None, None, 0)], "accuracy", "effects") is None
    for trials in ([], [TrialPoint(0, 0.5, "complete"), TrialPoint(1, 0.4, "pruned")]):
        assert search_history(trials, "accuracy", is_higher_better=True, name="search") is None


def test_of_many_differences_the_largest_are_shown() -> None:
    items = [Interval(f"effect {n}", n / 100, 0, n / 50, None) for n in range(200)]
    shown = texts(intervals(items, "accuracy (share)", "effects"))
    assert "effect 199" in shown
    assert "effect 0" not in shown
    assert "160 smaller differences" in " ".join(shown)


def test_bins_with_few_predictions_are_hollow() -> None:
    few, many = np.array([[0.5, 0.5, 9.0]]), np.array([[0.5, 0.5, 10.0]])
    note = "hollow: fewer than 10 predictions"
    assert note in texts(calibration([Reliability("a", 0, few)], "calibration"))
    assert note not in texts(calibration([Reliability("a", 0, many)], "calibration"))
    empty = calibration([Reliability("a", 0, np.empty((0, 3)))], "calibration")
    assert "no predictions" in empty.alt


def test_the_best_so_far_does_not_count_pruned_trials() -> None:
    trials = [TrialPoint(0, 0.5, "complete"), TrialPoint(1, 0.4, "complete")]
    trials += [TrialPoint(2, 0.9, "pruned"), TrialPoint(3, 0.1, "pruned")]
    figure = search_history(trials, "accuracy", is_higher_better=True, name="search")
    assert "best 0.5 in trial 0" in figure.alt
    figure = search_history(trials, "loss", is_higher_better=False, name="search")
    assert "best 0.4 in trial 1" in figure.alt


def test_a_strip_has_a_mark_for_every_seed() -> None:
    scores = [0.5, 0.5, 0.5, 0.9, 0.1, np.nan]
    figure = strip(scores, [False] * 4 + [True, True], 0.6, 0, 1, 2, "strip")
    places = re.findall(r"M([\d.]+) ([\d.]+)h0", figure.svg)
    assert len(set(places)) == 4
    assert figure.svg.count("<circle") == 1
    assert figure.svg.count("5 6m0-6") == 1
    assert ">40</text>" in strip([np.nan] * 40, [True] * 40, None, 0, 1, None, "strip").svg
    ET.fromstring(strip([], [], None, 0.5, 0.5, None, "strip").svg)


@pytest.mark.parametrize("ends", [(0, 1), (0.93, 0.9312), (1e-6, 5e-6), (1200, 98000), (0.5, 0.5)])
def test_the_ticks_of_a_strip_do_not_touch(ends) -> None:
    figure = strip_axis(*ends, "accuracy (share)", "axis")
    found = list(ET.fromstring(figure.svg).iter("{http://www.w3.org/2000/svg}text"))
    spans = [(float(each.get("x")), 3.2 * len(each.text)) for each in found]
    assert found
    assert all(a + wide < b - other for (a, wide), (b, other) in pairwise(spans))


def test_pictures_are_kept_and_weights_are_arranged_in_a_grid() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 6, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(BytesIO(picture_png(image)))), image)
    grey = np.asarray(Image.open(BytesIO(picture_png(image[..., :1]))))
    assert np.array_equal(grey, image[..., 0])
    weights = np.full((5, 64, 64, 3), 128, np.uint8)
    grid = np.asarray(Image.open(BytesIO(weights_png(weights, 3))))
    assert grid.shape == (2 * 64 + 2, 3 * 64 + 4, 4)
    assert list(grid[10, 10]) == [128, 128, 128, 255]
    assert grid[100, 150, 3] == 0  # There is no sixth unit.
    small = Image.open(BytesIO(weights_png(weights[:1, :4, :4, :2], 5)))
    assert small.size == (320, 320)
