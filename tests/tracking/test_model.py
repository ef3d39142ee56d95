"""The folder of a model: what is written is read again."""

from pathlib import Path

import numpy as np
import pytest

from signs_sweep.data import Fit, Preparation
from signs_sweep.errors import StoreError
from signs_sweep.tracking import DatasetInfo
from signs_sweep.tracking.mlflow.model import read_model, write_model

pytestmark = pytest.mark.slow

HOW = Preparation(4, 6, 1, Fit.LETTERBOX)


def written(folder: Path, dataset: DatasetInfo) -> Path:
    write_model(folder, b"a model", dataset, {"keras": "3.1"})
    return folder


def test_the_preparation_and_the_rule_for_unfamiliar_images_travel_with_it(tmp_path: Path) -> None:
    calls = []
    example = np.zeros((1, 4, 6, 1), np.uint8)
    fit = lambda: calls.append(1) or b"a rule"  # noqa: E731 - it is short
    dataset = DatasetInfo("toy", ("a", "手"), example, drawn=False, preparation=HOW, novelty=fit)
    for name in ("first", "second"):
        model = read_model(written(tmp_path / name, dataset), "ab12")
        assert (model.classes, model.preparation, model.novelty) == (("a", "手"), HOW, b"a rule")
        assert (model.takes_pixels, model.keras, model.file.read_bytes()) == (
            *(True, "3.1"),
            b"a model",
        )
    assert calls == [1]


def test_a_model_of_an_earlier_version_is_described_by_its_signature(tmp_path: Path) -> None:
    example = np.zeros((1, 4, 6, 3), np.float32)
    folder = written(tmp_path / "model", DatasetInfo("toy", ("a", "b"), example, drawn=False))
    file = folder / "MLmodel"
    text = file.read_text(encoding="utf-8")
    start, end = text.index("metadata:"), text.index("mlflow_version:")
    file.write_text(text[:start] + text[end:], encoding="utf-8")
    model = read_model(folder, "ab12")
    assert (model.classes, model.preparation) == (("0", "1"), Preparation(4, 6, 3))
    assert (model.takes_pixels, model.novelty) == (False, None)


@pytest.mark.parametrize("damage", ["MLmodel", "data/model.keras"])
def test_a_damaged_folder_is_an_error_that_names_the_record(tmp_path: Path, damage: str) -> None:
    example = np.zeros((1, 4, 6, 3), np.uint8)
    folder = written(tmp_path / "model", DatasetInfo("toy", ("a", "b"), example, drawn=False))
    (folder / damage).unlink()
    with pytest.raises(StoreError, match="the model of the MLflow run ab12 is damaged"):
        read_model(folder, "ab12")
    (folder / damage).write_text("flavors: [", encoding="utf-8")
    if damage == "MLmodel":
        with pytest.raises(StoreError, match="damaged"):
            read_model(folder, "ab12")
