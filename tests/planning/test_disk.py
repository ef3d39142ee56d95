"""The disk space that runs take, estimated before they are trained."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from signs_sweep.cli.notes import disk_lines
from signs_sweep.commands.store import Store
from signs_sweep.data import Dataset
from signs_sweep.domain import (
    PARAMETERS,
    Built,
    Checkpoint,
    Dense,
    Finished,
    Parameters,
    Predictions,
    Progress,
    Result,
    Run,
    Started,
    State,
)
from signs_sweep.planning.disk import EMPTY_DATABASE, DiskNeed, bytes_of_runs
from signs_sweep.project import FileCheckpoints
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, MlflowTracker
from signs_sweep.tracking.mlflow.predictions import predictions_file
from trials import make_trial

LABELS = np.arange(6)
IMAGES = np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3)).astype(np.uint8)
DATASET = Dataset("toy", IMAGES, LABELS, IMAGES, LABELS, tuple("012345"), drawn=False)
NUMBERS = 12288 * 25 + 25 + 25 * 12 + 12 + 12 * 6 + 6
RUN = Run(Parameters(epochs=2000), Dense((25, 12)), 0.0, DATASET.fingerprint)
BUILT = replace(RUN, model=Built("networks:cnn", (), "f"))
DATASETS = {DATASET.fingerprint: DATASET}


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.slow
def test_the_estimate_is_what_a_run_takes(tmp_path: Path) -> None:
    info = DatasetInfo("toy", DATASET.classes, IMAGES[:1], drawn=False)
    tracker = MlflowTracker(f"sqlite:///{tmp_path}/mlflow.db", {RUN.data: info})
    tracker.open([SweepRecord("toy", "", "name: toy\n", "", "toy")])
    before = size(tmp_path)
    epochs, draw = RUN.parameters.epochs, np.random.default_rng(0).random
    tracker.start(make_trial(RUN, number=1), RUN)
    tracker.record(Started(RUN.run_id, 0, 1.0, {}))
    history = {"loss": draw(epochs), "accuracy": draw(epochs)}
    tracker.record(Progress(RUN.run_id, 1, history, 10**12 + np.arange(epochs)))
    model = bytes(4 * NUMBERS + 20_000)
    tracker.record(Finished(RUN.run_id, 1e9, 1.0, {"test_loss": 0.5}, np.eye(6, dtype=int), model))
    tracker.close(State.FINISHED, {})
    content = bytes(3 * 4 * NUMBERS + epochs * 3 * 8 + 20_000)
    FileCheckpoints(tmp_path).keep(RUN, Checkpoint(RUN.run_id, epochs, content, is_end=True))
    estimate, is_least = bytes_of_runs([RUN], DATASETS, {})
    assert not is_least
    assert estimate == pytest.approx(size(tmp_path) - before, rel=0.1)


def test_validation_and_epochs_and_runs_take_more() -> None:
    def size(**changes) -> int:
        parameters = replace(RUN.parameters, epochs=changes.pop("epochs", 2000))
        return bytes_of_runs([replace(RUN, parameters=parameters, **changes)], DATASETS, {})[0]

    assert size(epochs=4000) - size() == pytest.approx(2000 * 560, rel=0.05)
    assert size(validation=0.2) - size() == pytest.approx(2000 * 2 * 273, rel=0.05)
    assert bytes_of_runs([RUN, RUN], DATASETS, {}) == (2 * size(), False)
    assert bytes_of_runs([], DATASETS, {}) == (0, False)
    assert bytes_of_runs([RUN, BUILT], DATASETS, {}) == (size(), True)
    rule = PARAMETERS["early_stopping"].component("", {"metric": "loss", "patience": 5})
    stopping = replace(RUN, parameters=replace(RUN.parameters, early_stopping=rule))
    assert bytes_of_runs([stopping], DATASETS, {})[0] - size() == 4 * NUMBERS
    elsewhere, _ = bytes_of_runs([RUN], DATASETS, {}, has_database=False)
    assert size() - elsewhere == RUN.parameters.epochs * 2 * 245


def test_the_estimate_has_what_the_predictions_take() -> None:
    """Those of a trained network are compressed a little more than these."""
    draws = np.random.default_rng(0)

    def predictions(count: int, labels: np.ndarray) -> Predictions:
        outputs = np.exp(draws.normal(size=(count, 6)))
        probabilities = (outputs / outputs.sum(axis=1, keepdims=True)).astype(np.float32)
        return Predictions(np.sort(draws.permutation(1080)[:count]), labels[:count], probabilities)

    labels = draws.integers(0, 6, 1080)
    train, test = np.zeros((1080, 64, 64, 3), np.uint8), np.zeros((120, 64, 64, 3), np.uint8)
    larger = replace(DATASET, train_images=train, train_labels=labels, test_images=test)
    larger = replace(larger, test_labels=labels[:120])
    sizes = [bytes_of_runs([RUN], {RUN.data: data}, {})[0] for data in (DATASET, larger)]
    classes = DATASET.classes
    kept = predictions_file({"test": predictions(120, labels)}, classes)
    assert sizes[1] - sizes[0] == pytest.approx(len(kept), rel=0.2)
    held_out = replace(RUN, parameters=replace(RUN.parameters, epochs=0), validation=0.2)
    sizes = [bytes_of_runs([held_out], {RUN.data: data}, {})[0] for data in (DATASET, larger)]
    both = {"validation": predictions(216, labels), "test": predictions(120, labels)}
    assert sizes[1] - sizes[0] == pytest.approx(len(predictions_file(both, classes)), rel=0.1)


def test_the_size_of_a_users_model_is_known_once_it_has_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    store = Store(None)
    other = replace(BUILT, parameters=Parameters(epochs=2000, l2=0.1))
    runs = {run.run_id: run for run in (BUILT, other)}
    prepared = SimpleNamespace(plan=SimpleNamespace(runs=runs), datasets={"toy": DATASET})
    assert store.disk_need(prepared, {}).is_least
    assert store.disk_need(prepared, {}).bytes_needed == 0
    content = bytes(3 * 4 * NUMBERS + 9 * 24)
    store.checkpoints.keep(BUILT, Checkpoint(BUILT.run_id, 9, content, is_end=False))
    need = store.disk_need(prepared, {})
    as_dense, _ = bytes_of_runs([RUN, RUN], DATASETS, {})
    assert not need.is_least
    assert need.bytes_needed == pytest.approx(as_dense + EMPTY_DATABASE, rel=1e-3)
    assert need.bytes_free > 0
    known = {BUILT.run_id: Result(BUILT.run_id, State.FINISHED, {"test_accuracy": 0.5})}
    of_one = store.disk_need(prepared, known).bytes_needed
    assert of_one == pytest.approx(as_dense / 2 + EMPTY_DATABASE, rel=1e-3)
    assert Store("http://127.0.0.1:1").disk_need(prepared, {}).bytes_needed == 0


def test_runs_that_do_not_fit_cause_a_warning_with_advice() -> None:
    need = DiskNeed(
        1_900_000_000, is_least=False, bytes_free=52_000_000_000, folder="/home/me/mlruns"
    )
    assert disk_lines(need) == ["disk: about 1.9 GB of 52.0 GB free"]
    (line,) = disk_lines(replace(need, bytes_free=1_000_000_000))
    assert line.startswith("warning: the runs need about 1.9 GB and do not fit: 1.0 GB are free in")
    assert "--tracking-uri" in line
    assert disk_lines(replace(need, is_least=True)) == ["disk: at least 1.9 GB of 52.0 GB free"]
    assert disk_lines(replace(need, bytes_needed=0)) == []
