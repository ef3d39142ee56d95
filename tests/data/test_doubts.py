"""What is shown of data that can be trained on, but whose results are doubtful."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import signs_sweep
from signs_sweep.cli import show_own_warnings
from signs_sweep.data import Dataset, find_doubts, find_lacks, find_leak, write_dataset
from signs_sweep.errors import DataWarning


def test_images_that_differ_raise_no_doubt(dataset: Dataset) -> None:
    assert find_doubts(dataset) == []


def test_test_images_that_are_in_the_training_set_are_counted(dataset: Dataset) -> None:
    test_images = dataset.test_images.copy()
    test_images[1:3] = dataset.train_images[[4, 6]]  # Of the classes 1 and 0; here 1 and 2.
    (doubt,) = find_doubts(replace(dataset, test_images=test_images))
    assert "2 of the 4 test images are also in the training set" in doubt
    assert "(1 with a different label there)" in doubt


def test_test_images_of_groups_that_are_trained_on_are_counted(dataset: Dataset) -> None:
    grouped = replace(dataset, train_groups=np.array(["a", "b", "c"] * 4))
    assert find_doubts(grouped) == []
    assert find_doubts(replace(grouped, test_groups=np.array(["d", "d", "e", "f"]))) == []
    (doubt,) = find_doubts(replace(grouped, test_groups=np.array(["a", "d", "c", "c"])))
    assert doubt.startswith("3 of the 4 test images belong to groups of the training set")


def test_images_twice_in_one_part_raise_no_doubt(dataset: Dataset) -> None:
    twice = dataset.train_images.copy()
    twice[3] = twice[0]  # Of the same class.
    assert find_doubts(replace(dataset, train_images=twice)) == []


def test_an_image_with_two_labels_is_counted(dataset: Dataset) -> None:
    twice = dataset.train_images.copy()
    twice[1] = twice[0]
    doubts = find_doubts(replace(dataset, train_images=twice))
    assert doubts == ["1 training image has two labels"]


def test_images_on_both_sides_of_the_split_are_counted(dataset: Dataset) -> None:
    training, held_out = np.arange(8), np.arange(8, 12)
    assert find_leak(dataset, [(training, held_out)]) is None
    twice = dataset.train_images.copy()
    twice[9:11] = twice[[0, 1]]
    leak = find_leak(replace(dataset, train_images=twice), [(training, held_out)])
    assert leak is not None
    assert leak.startswith("2 of the 4 held-out images are also trained on")


def test_a_spec_that_holds_out_images_it_trains_on_is_doubted(
    dataset: Dataset, tmp_path: Path
) -> None:
    images = np.concatenate([dataset.train_images, dataset.train_images])
    labels = np.concatenate([dataset.train_labels, dataset.train_labels])
    doubled = replace(dataset, train_images=images, train_labels=labels)
    write_dataset(doubled, tmp_path / "doubled")
    spec = tmp_path / "a.yaml"
    spec.write_text(
        "name: a\ndata: doubled\nvalidation: 0.25\nbase: {batch_size: 4}\n", encoding="utf-8"
    )
    with pytest.warns(DataWarning, match="a: .* held-out images are also"):
        signs_sweep.plan(spec)


def test_classes_without_an_image_are_named(dataset: Dataset) -> None:
    (doubt,) = find_doubts(replace(dataset, test_labels=np.array([0, 0, 1, 1])))
    assert doubt == "the class 'c' has no test images"
    classes = (*dataset.classes, *map(str, range(20)))
    train, test = find_doubts(replace(dataset, classes=classes))
    assert train == "the classes '0', '1', '2', '3', '4' and 15 more have no training images"
    assert "test image" in test


def test_blank_images_are_counted(dataset: Dataset) -> None:
    images = dataset.train_images.copy()
    images[5:] = 0
    (doubt,) = find_doubts(replace(dataset, train_images=images))
    assert "7 of the 12 training images are blank" in doubt


@pytest.fixture
def doubtful(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec whose test images are training images."""
    write_dataset(replace(dataset, test_images=dataset.train_images[:4]), tmp_path / "twins")
    spec = tmp_path / "a.yaml"
    spec.write_text("name: a\ndata: twins\nbase: {batch_size: 4}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return spec


def test_python_gives_doubts_as_warnings_of_the_callers_line(doubtful: Path) -> None:
    with pytest.warns(DataWarning, match="twins: 4 of the 4 test images") as caught:
        signs_sweep.plan(doubtful)
    assert caught[0].filename == __file__


def test_data_that_two_specs_share_is_doubted_once(doubtful: Path) -> None:
    other = doubtful.with_name("b.yaml")
    other.write_text(doubtful.read_text().replace("name: a", "name: b"), encoding="utf-8")
    with pytest.warns(DataWarning) as caught:
        signs_sweep.plan(doubtful, other)
    assert len(caught) == 1


def test_the_command_line_prints_doubts_on_stderr(
    doubtful: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    show_own_warnings()
    signs_sweep.plan(doubtful)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("warning: twins: 4 of the 4 test images")
    assert len(shown.err.splitlines()) == 1


def test_copies_in_different_folds_are_counted_over_all_folds(dataset) -> None:
    images = dataset.train_images.copy()
    images[3], images[5] = images[0], images[0]
    rows = np.arange(len(images))
    folds = [(rows[rows % 3 != fold], rows[rows % 3 == fold]) for fold in range(3)]
    leak = find_leak(replace(dataset, train_images=images), folds)
    assert leak is not None
    assert leak.startswith(f"3 of the {len(images)} held-out images are also trained on")


def test_classes_without_held_out_images_are_named(dataset) -> None:
    rows = np.arange(len(dataset.train_labels))
    first = dataset.train_labels == 0
    assert find_lacks(dataset, [(rows, rows)]) is None
    assert find_lacks(dataset, [(rows, rows[:0])]) is None, "nothing is held out"
    lack = find_lacks(dataset, [(rows, rows), (rows[first], rows[~first])])
    assert lack is not None
    assert lack.startswith(f"the class '{dataset.classes[0]}' has no held-out images")
