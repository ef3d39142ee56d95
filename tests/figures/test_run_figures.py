"""What the pictures of a run show."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from signs_sweep.figures.run import (
    accuracy_curve,
    confusion_matrix,
    cost_curve,
    draw_run,
    png,
)


def test_the_cost_of_every_fifth_epoch_is_shown_under_the_learning_rate() -> None:
    loss = np.linspace(2, 1, 1500)
    (axes,) = cost_curve(loss, 1e-4).axes
    (line,) = axes.lines
    assert axes.get_title() == "Learning rate = 0.0001"
    assert np.array_equal(line.get_xdata(), np.arange(1, 1501, 5))
    assert np.array_equal(line.get_ydata(), loss[::5])
    assert "every 5th" in axes.get_xlabel()
    assert axes.get_yscale() == "linear"


def test_of_a_short_run_every_epoch_is_shown_as_a_point() -> None:
    (axes,) = cost_curve(np.array([2.0, 1.5, 1.2]), 1e-4).axes
    (line,) = axes.lines
    assert list(line.get_xdata()) == [1, 2, 3]
    assert line.get_marker() == "o"


def test_a_cost_that_explodes_is_logarithmic_and_its_end_is_marked() -> None:
    loss = np.array([2.0, 30.0, 4000.0, np.nan, np.nan])
    (axes,) = cost_curve(loss, 10).axes
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["NaN from epoch 4"]


def test_the_accuracy_has_a_line_for_each_set() -> None:
    history = {"accuracy": np.linspace(0.2, 0.9, 50), "val_accuracy": np.linspace(0.2, 0.7, 50)}
    (axes,) = accuracy_curve(history).axes
    assert [line.get_label() for line in axes.lines] == ["train", "validation"]
    (axes,) = accuracy_curve({"accuracy": history["accuracy"]}).axes
    assert [line.get_label() for line in axes.lines] == ["train"]


def test_the_epoch_that_early_stopping_chose_is_marked() -> None:
    values = np.linspace(0.2, 0.9, 50)
    for figure in (cost_curve(1 - values, 1e-4, 37), accuracy_curve({"accuracy": values}, 37)):
        (axes,) = figure.axes
        line = axes.lines[-1]
        assert (line.get_label(), *line.get_xdata()) == ("chosen: epoch 37", 37, 37)
        shown = [text.get_text() for text in axes.get_legend().get_texts()]
        assert "chosen: epoch 37" in shown
    (axes,) = cost_curve(1 - values, 1e-4).axes
    assert len(axes.lines) == 1


def test_the_confusion_matrix_counts_and_sums_up() -> None:
    (axes,) = confusion_matrix(np.array([[5, 1], [0, 4]]), ("no", "yes")).axes
    assert axes.get_title() == "Test set: 9 of 10 correct"
    assert sorted(text.get_text() for text in axes.texts) == ["1", "4", "5"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no", "yes"]


def test_with_many_classes_the_most_frequent_confusions_have_numbers() -> None:
    counts = np.full((150, 150), 2)
    counts[3, 7], counts[4, 4] = 1_234, 5_678
    (axes,) = confusion_matrix(counts, [f"class {number}" for number in range(150)]).axes
    shown = [text.get_text() for text in axes.texts]
    assert sorted(shown, key=int) == [*["2"] * 199, "1234"]
    assert [label.get_text() for label in axes.get_xticklabels()][:3] == [
        "class 0",
        "class 2",
        "class 4",
    ]
    assert axes.get_title() == "Test set: 5,976 of 51,908 correct"


def test_a_picture_does_not_depend_on_those_drawn_before_it() -> None:
    """A thread draws on the figures of the run before; a new thread has none."""
    long = np.linspace(1.8, 0.1, 300)
    counts = np.array([[5, 1], [0, 4]])
    runs: list[tuple] = [
        (1e-4, {"loss": long, "accuracy": 1 - long / 2}, counts, ("no", "yes")),
        (1e-3, {"loss": np.array([2.0, 300.0, np.nan]), "accuracy": long[:3]}, None, ()),
        (1e-5, {"loss": long, "accuracy": long / 2, "val_accuracy": long / 3}, counts, ("a", "b")),
        (1e-4, {"loss": 9 * long[:5], "accuracy": long[:5] / 2}, counts[::-1], ("no", "yes")),
    ]

    def drawn(run: tuple) -> dict[str, bytes]:
        with ThreadPoolExecutor(1) as new_thread:
            return new_thread.submit(draw_run, *run).result()

    runs.append((*runs[2], 120))
    alone = [drawn(run) for run in runs]
    for order in (range(5), reversed(range(5))):
        assert all(draw_run(*runs[number]) == alone[number] for number in order)


def test_the_name_of_a_class_may_have_dollar_signs() -> None:
    assert png(confusion_matrix(np.eye(2, dtype=np.int64), ("$\\foo$", "5$")))


@pytest.mark.filterwarnings("error")
def test_long_names_are_shortened_and_those_that_no_font_has_are_labels() -> None:
    names = [*(f"{'long ' * 12}{ending}" for ending in "ab"), "مرحبا", "\U000f1234"]
    figure = confusion_matrix(np.eye(4, dtype=np.int64), names)
    (axes,) = figure.axes
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == ["long long long l… long a", "long long long l… long b", "مرحبا", "label 3"]
    assert png(figure)
    assert axes.get_position().width > 0.3
    names = [f"{'long ' * 6}{number}{' long' * 6}" for number in range(2)]
    (axes,) = confusion_matrix(np.eye(2, dtype=np.int64), names).axes
    assert [each.get_text()[:6] for each in axes.get_xticklabels()] == ["0: lon", "1: lon"]


def test_of_many_classes_as_many_are_named_as_fit() -> None:
    names = [f"class {number}" for number in range(250)]
    (axes,) = confusion_matrix(np.eye(250, dtype=np.int64), names).axes
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert shown == names[::3]
    assert list(axes.get_xticks()) == list(range(0, 250, 3))
    assert not axes.texts


@pytest.mark.parametrize("classes", [2, 6, 40, 100])
def test_pictures_are_images_of_a_sensible_size(classes: int) -> None:
    names = [f"class {number}" for number in range(classes)]
    history = {"loss": np.ones(30), "accuracy": np.ones(30)}
    pictures = draw_run(1e-4, history, np.eye(classes, dtype=np.int64), names)
    assert set(pictures) == {"cost.png", "accuracy.png", "confusion.png"}
    for content in pictures.values():
        image = Image.open(BytesIO(content))
        assert image.format == "PNG"
        assert 400 <= image.width <= 1500
    assert Image.open(BytesIO(pictures["cost.png"])).size == (640, 400)


def test_pictures_without_data_are_not_drawn() -> None:
    assert draw_run(1e-4, {}, None, ()) == {}
    assert set(draw_run(1e-4, {"loss": np.ones(3)}, None, ())) == {"cost.png"}


def test_the_same_run_gives_the_same_picture() -> None:
    loss = np.linspace(2, 1, 100)
    assert png(cost_curve(loss, 1e-4)) == png(cost_curve(loss, 1e-4))
