"""A validation set that comes with a dataset: `validation: given`."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from signs_sweep.data import (
    Dataset,
    Origin,
    Part,
    Preparation,
    find_doubts,
    find_lacks,
    find_source,
    write_parts,
)
from signs_sweep.domain import GIVEN
from signs_sweep.errors import DataError, SpecError
from signs_sweep.planning.preparation import prepare

ORIGIN = Origin("hands.zip", "crop, seed 0", "CC-BY-4.0", "Me 2026", Preparation(4, 4))


@pytest.fixture
def three(tmp_path: Path, dataset: Dataset) -> Path:
    """A folder with three files; the validation set is the test set in reverse order."""
    reverse = np.arange(len(dataset.test_labels))[::-1]
    parts = {
        "train": Part(dataset.train_images, dataset.train_labels),
        "test": Part(dataset.test_images, dataset.test_labels),
        "val": Part(dataset.test_images, dataset.test_labels, rows=reverse),
    }
    write_parts(tmp_path / "mine", parts, dataset.classes, origin=ORIGIN)
    return tmp_path


def load(folder: Path, *, is_validated: bool) -> Dataset:
    files = {part: f"mine/{part[:5]}_signs.h5" for part in ("train", "test")}
    files["validation"] = "mine/val_signs.h5"
    found = [
        find_source(data, data_dir=None, spec_folder=folder, is_validated=is_validated).load()
        for data in ("mine", files)
    ]
    assert found[0].fingerprint == found[1].fingerprint
    return found[0]


def test_its_images_are_held_out_and_never_trained_on(three: Path, dataset: Dataset) -> None:
    found = load(three, is_validated=True)
    training, held_out = found.split(GIVEN)
    assert np.array_equal(found.train_images[training], dataset.train_images)
    assert np.array_equal(found.train_images[held_out], dataset.test_images[::-1])
    assert np.array_equal(found.train_labels[held_out], dataset.test_labels[::-1])
    assert not found.train_images.flags.writeable
    assert found.origin == ORIGIN


def test_unused_it_changes_nothing(three: Path, dataset: Dataset) -> None:
    unused = load(three, is_validated=False)
    assert unused.fingerprint == dataset.fingerprint
    used = load(three, is_validated=True)
    assert used.fingerprint != replace(used, given=0).fingerprint


def test_a_spec_uses_it_by_name(three: Path, dataset: Dataset) -> None:
    spec = three / "a.yaml"
    spec.write_text("name: a\ndata: mine\nvalidation: given\nbase: {batch_size: 2}\n")
    prepared = prepare([spec])
    (run,) = prepared.plan.runs.values()
    assert run.validation == GIVEN
    assert prepared.datasets["a"].given == len(dataset.test_labels)
    (three / "mine" / "val_signs.h5").unlink()
    with pytest.raises(SpecError, match=r"a\.yaml:2:7: validation: given needs the file .*val_si"):
        prepare([spec])
    spec.write_text("name: a\ndata: drawn\nvalidation: given\n")
    with pytest.raises(SpecError, match="the drawn dataset has no validation set"):
        prepare([spec])


def test_its_classes_must_be_those_of_the_training_set(three: Path) -> None:
    with h5py.File(three / "mine" / "val_signs.h5", "a") as file:
        file["list_classes"][...] = [b"x", b"y", b"z"]
    with pytest.raises(DataError, match="the training set and the validation set do not match"):
        load(three, is_validated=True)


def test_groups_and_classes_that_it_lacks_are_doubts(dataset: Dataset) -> None:
    rows = len(dataset.train_labels)
    groups = np.array([str(index) for index in range(rows)])
    doubtful = replace(dataset, given=2, train_groups=groups)
    assert not [each for each in find_doubts(doubtful) if "group" in each]
    groups[-1] = groups[0]
    doubts = "\n".join(find_doubts(replace(doubtful, train_groups=groups)))
    assert "1 of the 2 validation images belongs to groups of the training set" in doubts
    lacks = find_lacks(doubtful, [doubtful.split(GIVEN)])
    assert lacks is not None
    assert "no images in the validation set" in lacks
