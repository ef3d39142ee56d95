"""Details of MLflow: names, steps, artifacts, the model, and errors."""

import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from events import FINAL, finished, progress, started
from signs_sweep.domain import (
    TRAINING_VERSION,
    Condition,
    Dense,
    Diagnosis,
    Failed,
    Finished,
    Parameters,
    Predictions,
    Progress,
    Run,
    Started,
    State,
)
from signs_sweep.errors import StoreError, UnknownExperimentError
from signs_sweep.project.paths import ProjectPaths
from signs_sweep.project.tracking_store import resolve_uri
from signs_sweep.protocols import SweepRecord
from signs_sweep.searching.study.storage import open_study
from signs_sweep.tracking import DatasetInfo, MlflowIndex, MlflowTracker
from signs_sweep.tracking.mlflow import recorder, tags
from signs_sweep.tracking.mlflow.client import connect, write
from signs_sweep.tracking.mlflow.found import Record, ask_for_curves, ask_for_records
from signs_sweep.tracking.mlflow.predictions import PREDICTIONS, read_predictions
from signs_sweep.tracking.mlflow.recorder import tags_of
from signs_sweep.tracking.mlflow.tables import Tables
from signs_sweep.trainer import runtime
from signs_sweep.trainer.network import taking_pixels
from trials import make_trial

pytestmark = pytest.mark.slow

RUN = Run(Parameters(epochs=30, l2=0.01, global_seed=3), Dense((5,)), 0.0, "abcd")
BROKEN = Run(Parameters(epochs=30, l2=0.1, global_seed=3), Dense((5,)), 0.0, "abcd")
SWEEP = SweepRecord("toy", "Why.", "name: toy\n", "2 runs\n", "toy data")
PREDICTED = {
    "validation": Predictions(
        np.array([4, 7]), np.array([1, 0]), np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    ),
    "test": Predictions(np.array([0]), np.array([1]), np.array([[0.1, 0.9]], np.float32)),
}
DATASET = DatasetInfo("toy", ("a", "手: 'ü'"), np.full((1, 4, 4, 3), 51, np.uint8), drawn=True)

ODD = 'it\'s 100% "odd"?#{x}[y]*;&~\\\n:b -é%20'
"""Name of a folder."""

LOAD_MODEL = """
import json, sys, mlflow, numpy as np
from mlflow.pyfunc.scoring_server import _predict  # As `mlflow models predict` does.
mlflow.set_tracking_uri(sys.argv[1])
uri = f"runs:/{sys.argv[2]}/model"
example = np.full((1, 4, 4, 3), 51, np.uint8)
answer = np.load(sys.argv[3])
print("=", np.allclose(mlflow.keras.load_model(uri)(example).numpy(), answer, atol=1e-7))
loaded = mlflow.pyfunc.load_model(uri)
print("=", np.allclose(loaded.predict(example), answer, atol=1e-7))
folder = mlflow.artifacts.download_artifacts(uri)
_predict(uri, f"{folder}/serving_input_example.json", sys.argv[4], "json")
served = json.load(open(sys.argv[4]))["predictions"]
print("=", np.allclose(served, answer, atol=1e-7))
given = loaded.metadata.load_input_example(folder)
print("=", np.array_equal(given, example), given.dtype, loaded.metadata.signature.inputs)
print("=", ascii(loaded.metadata.metadata["classes"]))
"""


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def make_model(folder: Path) -> None:
    """Save a model and what it answers to the example."""
    runtime.prepare()
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    taking_pixels(layers, (4, 4, 3)).save(folder / "model.keras")
    answer = keras.Sequential(layers)(np.full((1, 4, 4, 3), 0.2, np.float32))
    np.save(folder / "answer.npy", answer.numpy())


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(empty_store, tmp_path)}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[str, Path]:
    """A store with a finished and a failed run."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copy(empty_store, folder)
    make_model(folder)
    uri = f"sqlite:///{folder}/mlflow.db"
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP])
    epochs = np.arange(1, 31)
    for number, run in enumerate((RUN, BROKEN), start=1):
        label = f"case {number}"
        trial = make_trial(
            run,
            number=number,
            title=f"{label} l2={run.parameters.text('l2')}",
            label=label,
            baselines=[BROKEN.run_id],
        )
        tracker.start(trial, run)
        environment = {"keras": "3.1", "numpy": "2.0"}
        tracker.record(Started(run.run_id, 0, 1_700_000_000.0, environment, node="node-7"))
        metrics = {"loss": 1 / epochs, "accuracy": epochs / 30}
        tracker.record(Progress(run.run_id, 1, metrics, 1_700_000_000_000 + epochs * 1000))
    model = (folder / "model.keras").read_bytes()
    final = {"final_train_accuracy": 0.9, "test_accuracy": 0.8}
    confusion = np.array([[3, 1], [2, 4]])
    end = Finished(RUN.run_id, 1_700_000_040.0, 8.5, final, confusion, model, 1)
    diagnosis = Diagnosis(Condition.COLLAPSED, since=1, gap=0.25)
    tracker.record(replace(end, predictions=PREDICTED, diagnosis=diagnosis))
    tracker.record(Failed(BROKEN.run_id, 1_700_000_041.0, "it diverged", "Traceback: here"))
    tracker.close(State.FAILED, {"toy": "a,b\n1,2\n"})
    return uri, folder


def record(uri: str, run: Run):
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    location = MlflowIndex(uri).find()[run.run_id].location
    return client, client.get_run(location)


def test_a_run_has_its_parameters_tags_and_parent(store) -> None:
    client, run = record(store[0], RUN)
    assert run.data.params == {
        "learning_rate": "0.0001",
        "batch_size": "32",
        "epochs": "30",
        "l2": "0.01",
        "keep_prob": "1",
        "global_seed": "3",
        "init_seed": "0",
        "split_seed": "0",
        "validation": "0",
        "optimizer": "adam",
        "schedule": "constant",
        "label_smoothing": "0",
        **dict.fromkeys(("class_weights", "augment", "early_stopping"), "none"),
        **Dense((5,)).values,
    }
    tags = run.data.tags
    assert tags["signs_sweep.run_id"] == RUN.run_id
    assert tags["signs_sweep.trial"] == "1"
    assert tags["signs_sweep.label"] == "case 1"
    assert tags["signs_sweep.data"] == "abcd"
    assert tags["signs_sweep.training_version"] == str(TRAINING_VERSION)
    assert "drawn" in tags["signs_sweep.dataset"]
    assert tags["signs_sweep.env.keras"] == "3.1"
    assert tags["signs_sweep.node"] == "node-7"
    assert tags["signs_sweep.baseline"] == BROKEN.run_id
    assert run.info.run_name == "case 1 l2=0.01"
    parent = client.get_run(tags["mlflow.parentRunId"])
    assert parent.info.status == "FAILED"
    assert parent.data.tags["mlflow.note.content"] == "Why."
    assert {item.path for item in client.list_artifacts(parent.info.run_id)} == {
        "spec.yaml",
        "plan.txt",
        "table.csv",
    }


def test_a_run_that_only_guesses_has_a_note_and_its_first_guessing_epoch(store) -> None:
    _, run = record(store[0], RUN)
    note = run.data.tags["mlflow.note.content"]
    assert "that of guessing since epoch 1, " in note
    assert MlflowIndex(store[0]).find()[RUN.run_id].guessing_since == 1


def test_a_run_that_was_stopped_early_is_read_back_with_its_chosen_epoch(uri: str) -> None:
    run = replace(RUN, validation=0.25)
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    curves = {"loss": [0.5, 0.1, 0.3], "val_accuracy": [0.25, 1 / 3, 0.5]}
    tracker.open([SWEEP])
    tracker.start(make_trial(run, experiment="toy"), run)
    tracker.record(progress(run, **curves))
    end = replace(finished(run), predictions={"test": PREDICTED["test"]}, stopped_at=3)
    tracker.record(replace(end, chosen_epoch=2, diagnosis=Diagnosis(Condition.COLLAPSED, 1)))
    tracker.close(State.FINISHED, {})
    index = MlflowIndex(uri)
    (asked,) = ask_for_records(connect(uri), uri, "toy")
    for result in (index.find()[run.run_id], asked.result):
        assert (result.stopped_at, result.chosen_epoch, result.epochs) == (3, 2, 3)
        assert result.metrics["loss"] == 0.1
        assert result.metrics["val_accuracy"] == 1 / 3
        assert result.metrics["test_accuracy"] == FINAL["test_accuracy"]
    curve = index.curves([asked.location])[asked.location]["loss"]
    assert curve.values.tolist() == curves["loss"]
    assert f" dead. The class is '{DATASET.classes[1]}'. Early stopping" in asked.tags[tags.NOTE]
    assert "after epoch 3. Its weights are those of epoch 2, " in asked.tags[tags.NOTE]


def test_the_diagnosis_is_in_tags_by_which_runs_can_be_found(store) -> None:
    client, run = record(store[0], RUN)
    found = client.search_runs(
        [run.info.experiment_id], "tags.`signs_sweep.diagnosis` = 'collapsed'"
    )
    assert [each.info.run_id for each in found] == [run.info.run_id]
    assert run.data.tags["signs_sweep.diagnosis_since"] == "1"
    assert run.data.tags["signs_sweep.diagnosis_gap"] == "0.25"


@pytest.mark.parametrize(
    "condition", [each for each in Condition if each is not Condition.DIVERGED]
)
def test_every_diagnosis_of_a_finished_run_has_a_note_and_is_read_as_it_was(
    condition: Condition,
) -> None:
    diagnosis = Diagnosis(condition, since=210, gap=0.15)
    values = tags_of(diagnosis)
    assert condition.of(1).removeprefix("still ") in values["mlflow.note.content"]
    marks = {"signs_sweep.run_id": "r"}
    assert Record("x", "FINISHED", {}, marks | values, {}).result.diagnosis == diagnosis
    assert Record("x", "FINISHED", {}, marks, {}).result.diagnosis is None


@pytest.mark.parametrize(
    ("status", "tag", "diagnosis"),
    [
        ("FINISHED", {"signs_sweep.guessing_since": "3"}, Diagnosis(Condition.COLLAPSED, 3)),
        ("FAILED", {"signs_sweep.diverged": "0.25"}, Diagnosis(Condition.DIVERGED)),
    ],
    ids=["collapsed", "diverged"],
)
def test_failures_to_learn_in_records_of_earlier_versions_have_a_diagnosis(
    status: str, tag: dict[str, str], diagnosis: Diagnosis
) -> None:
    marks = {"signs_sweep.run_id": "r"} | tag
    assert Record("x", status, {}, marks, {}).result.diagnosis == diagnosis


def test_runs_of_an_experiment_come_with_their_network_and_baseline(store) -> None:
    first, second = MlflowIndex(store[0]).list_runs("toy")
    assert first.model == second.model == Dense((5,)).values
    assert first.baseline == second.baseline == second.result.run_id


def test_epochs_are_steps_from_1_at_the_time_they_were_trained(store) -> None:
    client, run = record(store[0], RUN)
    points = client.get_metric_history(run.info.run_id, "loss")
    assert [(item.step, item.value, item.timestamp) for item in points] == [
        (epoch, 1 / epoch, 1_700_000_000_000 + epoch * 1000) for epoch in range(1, 31)
    ]


def test_pictures_history_predictions_and_spec_are_artifacts(store) -> None:
    client, run = record(store[0], RUN)
    names = {item.path for item in client.list_artifacts(run.info.run_id)}
    pictures = {"cost.png", "accuracy.png", "confusion.png"}
    assert names == pictures | {"history.csv", "predictions.npz", "spec.yaml", "model"}
    history = Path(client.download_artifacts(run.info.run_id, "history.csv")).read_text()
    assert history.splitlines()[:2] == ["epoch,loss,accuracy", f"1,1.0,{1 / 30}"]
    assert len(history.splitlines()) == 31


def test_the_model_loads_and_predicts_the_same(store) -> None:
    uri, folder = store
    _, run = record(uri, RUN)
    files = (str(folder / "answer.npy"), str(folder / "served.json"))
    output = python(LOAD_MODEL, uri, run.info.run_id, *files)
    # Keras prints a bar while it predicts; what counts begins with an equals sign.
    answers = [line[2:] for line in output.splitlines() if line.startswith("= ")]
    assert answers[:3] == ["True", "True", "True"]
    assert answers[3] == "True uint8 [Tensor('uint8', (-1, 4, 4, 3))]"
    assert answers[4] == ascii(list(DATASET.classes))


def test_a_failed_run_has_its_reason_and_its_epochs(store) -> None:
    client, run = record(store[0], BROKEN)
    assert run.info.status == "FAILED"
    assert run.data.tags["mlflow.note.content"] == "it diverged"
    trace = client.download_artifacts(run.info.run_id, "traceback.txt")
    assert Path(trace).read_text() == "Traceback: here"
    assert len(client.get_metric_history(run.info.run_id, "accuracy")) == 30


def test_the_runs_of_an_experiment_come_with_their_parameters(store) -> None:
    runs = MlflowIndex(store[0]).list_runs("toy")
    assert [(item.label, item.parameters) for item in runs] == [
        ("case 1", RUN.parameters),
        ("case 2", BROKEN.parameters),
    ]


def test_a_continued_record_has_every_step_of_every_metric_once(uri: str) -> None:
    epochs = np.arange(1, 31)
    metrics = {"loss": 1 / epochs, "accuracy": epochs / 30}

    def part(first: int, last: int, later: int) -> Progress:
        chosen = slice(first - 1, last)
        values = {name: all_of_it[chosen] for name, all_of_it in metrics.items()}
        return Progress(RUN.run_id, first, values, epochs[chosen] * 1000 + later)

    final = {"final_train_accuracy": 0.9, "test_accuracy": 0.8}
    for number in (1, 2, 3):
        tracker = MlflowTracker(uri, {"abcd": DATASET})
        earlier = MlflowIndex(uri).find().get(RUN.run_id)
        tracker.open([SWEEP])
        tracker.start(make_trial(RUN, number=1), RUN, earlier and earlier.location)
        if number > 1:  # Goes on from a checkpoint that is older than what was recorded.
            tracker.record(part(1, 10 * number - 15, 0))
        tracker.record(part(max(1, 10 * number - 14), 10 * number, number))
        if number == 3:
            tracker.record(Finished(RUN.run_id, 1.0, 8.5, final, np.eye(2, dtype=int), b"model"))
        tracker.close(State.KILLED, {})
    client, run = record(uri, RUN)
    assert run.info.status == "FINISHED"
    for name, values in metrics.items():
        points = client.get_metric_history(run.info.run_id, name)
        assert [point.step for point in points] == list(range(1, 31))
        assert [point.value for point in points] == list(values)
    assert len(client.get_metric_history(run.info.run_id, "test_accuracy")) == 1
    experiment = client.get_experiment_by_name("toy").experiment_id
    children = client.search_runs([experiment], f"tags.`signs_sweep.run_id` = '{RUN.run_id}'")
    assert len(children) == 1


@pytest.mark.parametrize("is_repeated", [False, True])
def test_a_record_names_the_kinds_of_processors_that_trained_its_run(
    uri: str, is_repeated: bool
) -> None:
    kinds = {1: "Old, avx2", 3: "NVIDIA H200"}
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP])
    tracker.start(make_trial(RUN), RUN)
    old = {"processor": "Old", "vectors": "avx2", "device": "CPU"}
    tracker.record(replace(started(RUN), environment=old))
    tracker.record(replace(progress(RUN, 1, 2), kinds={1: "Old, avx2"}))
    tracker.close(State.KILLED, {})
    index = MlflowIndex(uri)
    assert index.find()[RUN.run_id].kinds == {1: "Old, avx2"}
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP])
    tracker.start(make_trial(RUN), RUN, index.find()[RUN.run_id].location)
    tracker.record(replace(started(RUN), environment={**old, "device": "NVIDIA H200"}))
    if not is_repeated:  # Its epochs may all have been recorded, before its process died.
        tracker.record(replace(progress(RUN, 3), kinds=kinds))
    tracker.record(replace(finished(RUN), kinds=kinds))
    tracker.close(State.FINISHED, {})
    assert MlflowIndex(uri).find()[RUN.run_id].kinds == kinds
    assert record(uri, RUN)[1].data.tags["signs_sweep.kinds"] == (
        '{"1": "Old, avx2", "3": "NVIDIA H200"}'
    )


def test_the_file_and_mlflow_give_the_same_records(store) -> None:
    uri, _ = store
    for experiment in (None, "toy"):
        asked = ask_for_records(connect(uri), uri, experiment)
        assert len(asked) == 2
        assert Tables(uri).records(experiment) == asked


def as_lists(curves) -> dict:
    return {
        location: {
            name: (epochs.tolist(), values.tolist()) for name, (epochs, values) in of.items()
        }
        for location, of in curves.items()
    }


def test_the_file_and_mlflow_give_the_same_curves_each_epoch_once(store, tmp_path: Path) -> None:
    folder = tmp_path / "copied"
    folder.mkdir()
    uri = f"sqlite:///{shutil.copy(store[1] / 'mlflow.db', folder)}"
    index = MlflowIndex(uri)
    locations = [result.location for result in index.find().values()]
    broken = index.find()[BROKEN.run_id].location
    for step, moment, value in ((1, 0, 9.0), (30, 2_000_000_000_000, 9.0), (31, 0, np.nan)):
        connect(uri).log_metric(broken, "loss", value, moment, step)  # Two epochs a second time.
    read = Tables(uri).curves(locations, ("loss", "val_loss"))
    assert [values.tolist() for values in read[broken]["val_loss"]] == [[], []]
    epochs, values = read[broken]["loss"]
    assert (epochs.dtype, values.dtype) == (np.int64, np.float64)
    assert epochs.tolist() == list(range(1, 32))
    expected = [9.0, *(1 / epoch for epoch in range(2, 31)), np.nan]  # The first written counts.
    np.testing.assert_array_equal(values, expected)
    asked = ask_for_curves(connect(uri), locations, ("loss", "val_loss"))
    np.testing.assert_equal(as_lists(asked), as_lists(read))
    np.testing.assert_equal(as_lists(index.curves(locations, ("loss", "val_loss"))), as_lists(read))


@pytest.mark.parametrize("is_local", [True, False])
def test_predictions_are_read_as_they_were_recorded(
    store, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], is_local: bool
) -> None:
    """From the folder of the artifacts, or through MLflow if that is elsewhere."""
    uri, _ = store
    index = MlflowIndex(uri)
    found = {run_id: result.location for run_id, result in index.find().items()}
    assert set(Tables(uri).folders(found.values())) == set(found.values())
    if not is_local:
        monkeypatch.setattr(Tables, "folders", lambda *_: {})
    read = index.predictions(found.values())
    assert capfd.readouterr() == ("", "")
    assert read.keys() == {found[RUN.run_id]}, "the other run failed"
    assert read[found[RUN.run_id]].keys() == PREDICTED.keys()
    for name, expected in PREDICTED.items():
        of_set = read[found[RUN.run_id]][name]
        for array in ("images", "labels", "probabilities"):
            values = getattr(of_set, array)
            assert values.dtype == getattr(expected, array).dtype
            assert np.array_equal(values, getattr(expected, array))
        assert of_set.predicted.tolist() == [[1], [1, 0]][name == "validation"]
        assert of_set.classes == DATASET.classes


def test_predictions_that_an_earlier_version_recorded_have_no_names_of_classes() -> None:
    file = BytesIO()
    arrays = {"images": np.array([0]), "labels": np.array([1]), "probabilities": np.eye(2)[1:]}
    np.savez_compressed(file, **{f"test_{name}": array for name, array in arrays.items()})
    assert read_predictions(file.getvalue(), "here")["test"].classes == ()


def test_runs_are_named_by_the_beginnings_of_their_ids(store) -> None:
    index = MlflowIndex(store[0])
    places = {run_id: result.location for run_id, result in index.find().items()}
    for name in (RUN.run_id, RUN.run_id[:-3], places[RUN.run_id], places[RUN.run_id][:8]):
        assert [row.run_id for row in index.named(name)] == [RUN.run_id]
    assert len(index.named("")) == 2
    assert index.named("x") == []


@pytest.mark.parametrize("is_local", [True, False])
def test_a_model_is_found_in_its_folder_or_through_mlflow(
    store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_local: bool
) -> None:
    uri, folder = store
    index = MlflowIndex(uri)
    if not is_local:
        monkeypatch.setattr(Tables, "folders", lambda *_: {})
    found = {run_id: result.location for run_id, result in index.find().items()}
    model = index.model(found[RUN.run_id], tmp_path)
    assert model.file.read_bytes() == (folder / "model.keras").read_bytes()
    assert model.file.is_relative_to(tmp_path) == (not is_local)
    assert index.model(found[BROKEN.run_id], tmp_path) is None, "it failed"


def test_curves_and_predictions_in_a_file_need_no_mlflow(store) -> None:
    code = (
        "import sys\nfrom signs_sweep.tracking import MlflowIndex\n"
        "index = MlflowIndex(sys.argv[1])\n"
        "places = [result.location for result in index.find().values()]\n"
        "print(len(index.curves(places)), len(index.predictions(places)), 'mlflow' in sys.modules)"
    )
    assert python(code, store[0]) == "2 1 False\n"


def test_damaged_predictions_are_an_error_that_names_the_run(uri: str, tmp_path: Path) -> None:
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP])
    tracker.start(make_trial(RUN), RUN)
    tracker.record(replace(finished(RUN), predictions=PREDICTED))
    tracker.close(State.FINISHED, {})
    location = MlflowIndex(uri).find()[RUN.run_id].location
    file = Tables(uri).folders([location])[location] / PREDICTIONS
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(StoreError, match=f"predictions.npz of the MLflow run {location} is dam"):
        MlflowIndex(uri).predictions([location])


def test_a_record_has_its_training_version_and_without_a_tag_the_first(
    uri: str,
) -> None:
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP])
    old, present = replace(RUN, training_version=1), replace(RUN, training_version=2)
    for run in (old, present):
        tracker.start(make_trial(run, number=1), run)
    location = MlflowIndex(uri).find()[old.run_id].location
    tracker.close(State.KILLED, {})
    connect(uri).delete_tag(location, "signs_sweep.training_version")  # As it was recorded once.
    assert [item.version for item in MlflowIndex(uri).list_runs("toy")] == [1, 2]
    assert MlflowIndex(uri).versions() == {old.run_id: 1, present.run_id: 2}
    asked = ask_for_records(connect(uri), uri, "toy")
    assert [record.version for record in asked] == [1, 2]


def test_the_runs_of_an_experiment_come_in_order_with_what_decides_them(uri: str) -> None:
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP, replace(SWEEP, experiment="other")])
    other = replace(RUN, parameters=replace(RUN.parameters, global_seed=4))
    old = replace(other, training_version=1)
    both = make_trial(RUN, old, label="m3", baselines=(old.run_id, old.run_id))
    for trial, run in ((both, RUN), (make_trial(other, experiment="other"), other), (both, old)):
        tracker.start(trial, run)
        tracker.record(finished(run))
    tracker.close(State.FINISHED, {})
    index = MlflowIndex(uri)
    first, second = index.list_runs("toy")
    assert [first.run_id, second.run_id] == [RUN.run_id, old.run_id]
    assert [first.experiment, first.result.run_id] == ["toy", RUN.run_id]
    assert first.result.location == index.find()[RUN.run_id].location
    assert second.result.state is State.FINISHED
    assert [first.parameters, second.parameters] == [RUN.parameters, old.parameters]
    assert (first.label, first.model, first.version) == (
        "m3",
        Dense((5,)).values,
        RUN.training_version,
    )
    assert (second.baseline, second.version) == (old.run_id, 1)
    versions = {run.run_id: run.training_version for run in (RUN, other, old)}
    assert index.versions() == versions
    with pytest.raises(UnknownExperimentError, match="no experiment 'elsewhere'"):
        index.list_runs("elsewhere")


def test_a_record_without_params_is_not_a_run_of_the_experiment(tmp_path: Path) -> None:
    """A process may be killed between creating a record and logging its params."""
    uri = resolve_uri(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP])
    tracker.start(make_trial(RUN, number=1), RUN)
    (parent,) = connect(uri).search_experiments(filter_string="name = 'toy'")
    connect(uri).create_run(parent.experiment_id, tags={tags.RUN_ID: BROKEN.run_id})
    connect(uri).create_run(parent.experiment_id, tags={tags.RUN_ID: RUN.run_id})
    assert [item.result.run_id for item in MlflowIndex(uri).list_runs("toy")] == [RUN.run_id]


def test_looking_up_runs_in_a_file_needs_no_mlflow(store) -> None:
    code = (
        "import sys\nfrom signs_sweep.tracking import MlflowIndex\n"
        "index = MlflowIndex(sys.argv[1])\n"
        "print(len(index.find()), len(index.list_runs('toy')), 'mlflow' in sys.modules)"
    )
    assert python(code, store[0]) == "2 2 False\n"


def test_what_was_deleted_in_mlflow_is_not_found(uri: str) -> None:
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP])
    for run in (RUN, BROKEN):
        tracker.start(make_trial(run, number=1), run)
    location = MlflowIndex(uri).find()[RUN.run_id].location
    tracker.close(State.KILLED, {})
    connect(uri).delete_run(location)
    assert set(MlflowIndex(uri).find()) == {BROKEN.run_id}
    connect(uri).delete_experiment(connect(uri).get_experiment_by_name("toy").experiment_id)
    assert MlflowIndex(uri).find() == {}
    with pytest.raises(StoreError, match="no experiment 'toy'"):
        MlflowIndex(uri).list_runs("toy")


def test_a_frozen_index_keeps_all_runs_from_the_first_time_that_it_reads_them(uri: str) -> None:
    tracker, index = MlflowTracker(uri, {"abcd": DATASET}), MlflowIndex(uri)
    index.freeze()
    tracker.open([SWEEP])
    tracker.start(make_trial(RUN, number=1), RUN)
    assert set(index.find([RUN.run_id])) == {RUN.run_id}, "few are read alone"
    tracker.start(make_trial(BROKEN, number=2), BROKEN)
    both = {RUN.run_id, BROKEN.run_id}
    assert set(index.find()) == both
    connect(uri).delete_run(index.find()[RUN.run_id].location)
    assert set(index.find()) == both
    assert set(index.find([RUN.run_id, "0123456789ab-30"])) == {RUN.run_id}
    assert [row.run_id for row in index.list_runs("toy")] == [BROKEN.run_id]
    assert set(MlflowIndex(uri).find()) == {BROKEN.run_id}


def test_a_continued_record_has_the_label_and_baseline_of_the_trial_that_continues_it(
    uri: str,
) -> None:
    for trial in (
        make_trial(RUN, label="m6", baselines=[BROKEN.run_id]),
        make_trial(RUN, number=2, title="l2=0.01"),
    ):
        tracker = MlflowTracker(uri, {"abcd": DATASET})
        tracker.open([SWEEP])
        known = MlflowIndex(uri).find().get(RUN.run_id)
        tracker.start(trial, RUN, known and known.location)
        tracker.close(State.KILLED, {})
    (found,) = MlflowIndex(uri).list_runs("toy")
    assert (found.label, found.baseline) == (None, None)
    assert record(uri, RUN)[1].info.run_name == "l2=0.01"


def test_an_unknown_experiment_names_the_nearest(store) -> None:
    with pytest.raises(StoreError, match=r"did you mean 'toy'\?"):
        MlflowIndex(store[0]).list_runs("tey")


def test_a_file_that_is_not_a_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("this is no database at all " * 10, encoding="utf-8")
    with pytest.raises(StoreError, match="not a SQLite database"):
        MlflowIndex(f"sqlite:///{tmp_path}/a.db").find()


def test_a_server_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    with pytest.raises(StoreError, match="does not answer"):
        MlflowIndex("http://127.0.0.1:9").find()


def test_recording_needs_no_tensorflow_and_raises_errors_of_the_store_without_printing_them(
    tmp_path: Path, empty_store: Path
) -> None:
    """A trigger that fails represents any error of a database."""
    code = (
        "import sqlite3, sys\nsys.path.append('..')\nimport numpy as np\n"
        "import test_mlflow_tracker as t\n"
        "uri, file = sys.argv[1:]\n"
        "tracker = t.MlflowTracker(uri, {'abcd': t.DATASET})\n"
        "tracker.open([t.SWEEP])\n"
        "tracker.start(t.make_trial(t.RUN, number=1), t.RUN)\n"
        'refuse = "CREATE TRIGGER full BEFORE INSERT ON metrics BEGIN '
        'INSERT INTO nowhere VALUES (1); END"\n'
        "sqlite3.connect(file).execute(refuse)\n"
        "one = np.ones(1)\n"
        "tracker.record(t.Progress(t.RUN.run_id, 1, {'loss': one}, one.astype(int)))\n"
        "try:\n    tracker.close(t.State.KILLED, {})\n"
        "except t.StoreError as error:\n    print(error)\n"
        "print({'tensorflow', 'keras', 'torch'} & set(sys.modules))\n"
    )
    file = shutil.copy(empty_store, tmp_path / "mlflow.db")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, f"sqlite:///{file}", str(file)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"the tracking store {file} cannot be used: ")
    assert "no such table: main.nowhere" in done.stdout
    assert done.stdout.endswith("\nset()\n")
    assert done.stderr == ""


def test_the_record_of_a_sweep_that_was_killed_is_ended_by_the_next_sweep(uri: str) -> None:
    first, second, third, elsewhere = (
        replace(SWEEP, sweep_id=name, origin=place, claims=claims)
        for name, place, claims in (
            *(("1", "here", ""), ("2", "here", "db"), ("3", "here", "")),
            ("4", "there", "db"),
        )
    )
    MlflowTracker(uri, {}).open([first])  # Alive.
    MlflowTracker(uri, {}).open([second])  # Killed.
    MlflowTracker(uri, {}).open([elsewhere])  # Killed.
    asked: list[tuple[str, str, str]] = []

    def is_dead(*sweep: str) -> bool:
        asked.append(sweep)
        return sweep[0] in ("2", "4")

    MlflowTracker(uri, {}, is_dead).open([third])
    client = connect(uri)
    experiment = client.get_experiment_by_name("toy")
    states = {
        run.data.tags["signs_sweep.sweep"]: run.info.status
        for run in client.search_runs([experiment.experiment_id])
    }
    assert states == {"1": "RUNNING", "2": "KILLED", "3": "RUNNING", "4": "KILLED"}
    assert sorted(asked) == [("1", "here", ""), ("2", "here", "db"), ("4", "there", "db")]
    MlflowTracker(uri, {}, lambda *sweep: sweep[0] == "3").end_abandoned("toy")
    left = client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")
    assert [run.data.tags["signs_sweep.sweep"] for run in left] == ["1"]


def test_a_killed_sweep_whose_record_is_just_removed_does_not_matter(uri: str) -> None:
    first, second = (replace(SWEEP, sweep_id=name, origin="here") for name in "12")
    MlflowTracker(uri, {}).open([first])  # Killed.
    client = connect(uri)

    def is_dead(*_: str) -> bool:
        (record,) = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
        client.delete_run(record.info.run_id)
        return True

    MlflowTracker(uri, {}, is_dead).open([second])


@pytest.mark.slow
def test_two_may_create_the_tables_of_a_database_at_the_same_time(postgres) -> None:
    uri = postgres.database("at_once")
    with ThreadPoolExecutor() as pool:
        list(pool.map(connect, [uri, uri]))  # Raises their errors.


def test_a_sweep_whose_record_was_deleted_ends_without_it(uri: str) -> None:
    tracker = MlflowTracker(uri, {})
    tracker.open([SWEEP, replace(SWEEP, experiment="other")])
    client = connect(uri)
    (record,) = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
    client.delete_run(record.info.run_id)
    tracker.close(State.FINISHED, {"toy": "a table"})
    (kept,) = client.search_runs([client.get_experiment_by_name("other").experiment_id])
    assert kept.info.status == "FINISHED"


def test_a_sweep_that_is_opened_again_continues_its_record(uri: str) -> None:
    sweep = replace(SWEEP, sweep_id="1", origin="here")
    MlflowTracker(uri, {}).open([sweep])
    again = MlflowTracker(uri, {})
    again.open([sweep])
    again.close(State.FINISHED, {"toy": "table"})
    client = connect(uri)
    experiment = client.get_experiment_by_name("toy")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from sqlalchemy import Engine, event
from signs_sweep.tracking.mlflow.client import connect, write

tables = []

@event.listens_for(Engine, "before_cursor_execute")
def count(connection, cursor, statement, *others):
    if "CREATE TABLE" in statement:
        tables.append(statement)
    if len(tables) == 20:
        os.kill(os.getpid(), signal.SIGKILL)

connect(sys.argv[1])
"""


def test_a_process_that_is_killed_while_it_creates_the_store_leaves_no_store(
    tmp_path: Path,
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    aside = tmp_path / "mlflow.db.part"
    done = subprocess.run([sys.executable, "-c", KILLED_IN_THE_MIDDLE, uri], check=False)
    assert done.returncode == -signal.SIGKILL
    assert aside.stat().st_size > 50_000
    assert not (tmp_path / "mlflow.db").exists()
    assert connect(uri).get_experiment_by_name("Default") is not None
    assert not aside.exists()


def test_a_folder_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    monkeypatch.chdir(folder)  # MLflow looks at it as well.
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = resolve_uri(None, folder)
    sweep = replace(SWEEP, sweep_id="one", origin=f"here:{folder}")
    MlflowTracker(uri, {}).open([sweep])  # Its process dies.
    tracker = MlflowTracker(uri, {}, is_dead=lambda sweep_id, *_: sweep_id == "one")
    tracker.open([replace(sweep, sweep_id="two")])
    tracker.close(State.FINISHED, {"toy": "a,b"})

    root = folder / "mlruns" / "artifacts" / "toy"
    assert {file.name for file in root.rglob("*.*")} == {"spec.yaml", "plan.txt", "table.csv"}
    assert [item.name for item in tmp_path.iterdir()] == [ODD]
    assert [item.name for item in folder.iterdir()] == ["mlruns"]
    assert {item.name for item in (folder / "mlruns").iterdir()} == {
        "mlflow.db",
        "mlflow.db.lock",
        "artifacts",
    }
    client = connect(uri)
    runs = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED"]
    assert Tables(uri).records("toy") == []

    study = open_study(ProjectPaths(uri, folder).studies, "x", {}, {}, maximize=True, metric="m")
    assert study.study_name == "x"
    assert (folder / "mlruns" / "optuna.db").is_file()


def test_a_view_that_cannot_be_saved_does_not_keep_a_sweep_from_closing(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP])

    def refuse(*_: object) -> None:
        raise OSError("permission denied")

    monkeypatch.setattr(connect(uri).__class__, "set_experiment_tag", refuse)
    tracker.close(State.FINISHED, {})
    with pytest.raises(StoreError, match="permission denied"):
        tracker.save_view("toy")


def test_with_many_runs_the_epochs_of_each_are_written_less_often(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, writes = 0.0, []

    def slow_write(client: object, location: str, **values: object) -> None:
        nonlocal now
        now += 0.1
        write(client, location, **values)
        writes.append(location)

    monkeypatch.setattr(recorder, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(recorder, "write", slow_write)
    runs = [replace(RUN, parameters=replace(RUN.parameters, l2=number)) for number in range(10)]
    tracker = MlflowTracker(uri, {"abcd": DATASET})
    tracker.open([SWEEP])

    def writes_in_a_minute(first: int) -> int:
        nonlocal now
        writes.clear()
        for epoch in range(first, first + 60):
            now += 1.0
            tracker.record(progress(runs[0], epoch))
        return len(writes)

    for run in runs:
        tracker.start(make_trial(run), run)
    of_ten = writes_in_a_minute(1)
    for run in runs[1:]:
        tracker.record(Failed(run.run_id, 1.0, "it broke"))
    of_one = writes_in_a_minute(61)
    tracker.record(replace(finished(runs[0]), pictures={}))
    tracker.close(State.FINISHED, {})

    assert of_ten < 10
    assert of_one > 15
    index = MlflowIndex(uri)
    location = index.find()[runs[0].run_id].location
    assert index.curves([location])[location]["loss"].epochs.tolist() == list(range(1, 121))
