"""Photos and trained models: `predict` and `export`, with models that were trained for it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small import small_dataset

import signs_sweep
from signs_sweep.data import Fit, Origin, Preparation, write_dataset
from signs_sweep.data.novelty import NoveltyRule
from signs_sweep.errors import DataWarning, StoreError, UsageError
from signs_sweep.tracking import MlflowIndex
from signs_sweep.trainer import inference

pytestmark = pytest.mark.slow

SPEC = """\
name: photos
data: signs
model: {hidden: [4, 3]}
base: {learning_rate: 1e-2, batch_size: 16, epochs: 8}
grid: {l2: [0, 10]}
validation: 0.2
seeds: 2
"""


@pytest.fixture(scope="module")
def project(make_project, tmp_path_factory: pytest.TempPathFactory):
    """A project with four finished runs on imported pictures, and the test images as photos."""
    project = make_project(tmp_path_factory.mktemp("photos"))
    for file in (project.folder / "data").iterdir():
        file.unlink()
    prepared = Origin("here", preparation=Preparation(8, 8, 3, Fit.LETTERBOX))
    data = replace(small_dataset(), origin=prepared)
    write_dataset(data, project.folder / "data")
    (project.folder / "photos").mkdir()
    for number, image in enumerate(data.test_images):
        Image.fromarray(image).save(project.folder / "photos" / f"{number:02} is.png")
    project.write("photos.yaml", SPEC)
    done = project.run("run", "photos.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def inside(project, monkeypatch: pytest.MonkeyPatch):
    project.enter(monkeypatch)
    return project


def probabilities(table) -> np.ndarray:
    return table[["p_0", "p_1", "p_2"]].to_numpy(np.float64)


def test_every_run_gives_photos_the_probabilities_that_it_gave_the_test_images(
    inside,
) -> None:
    recorded = signs_sweep.predictions("photos")
    recorded = recorded[recorded["set"] == "test"]
    for run_id, of_run in recorded.groupby("run_id"):
        table = signs_sweep.predict(run_id, "photos")
        assert table["photo"].tolist() == [f"photos/{number:02} is.png" for number in range(12)]
        known = of_run[["p0", "p1", "p2"]].to_numpy()
        assert np.allclose(probabilities(table), known, atol=1e-6)
        assert table["predicted_class"].tolist() == of_run["predicted_class"].tolist()
        assert table["probability"].tolist() == probabilities(table).max(1).tolist()
        assert not table["is_unfamiliar"].any()


def test_best_and_ensemble_are_those_of_the_best_setting(inside) -> None:
    runs = signs_sweep.compare("photos")
    means = runs.groupby("l2")["val_accuracy"].mean()
    members = runs[runs["l2"] == means.idxmax()]
    best = members["val_accuracy"].idxmax()
    each = [signs_sweep.predict(run_id, "photos") for run_id in members.index]
    found = signs_sweep.predict("ensemble:photos", "photos")
    mean = np.mean([probabilities(table) for table in each], axis=0)
    assert np.allclose(probabilities(found), mean, atol=1e-7)
    agreeing = sum(table["predicted_class"] == found["predicted_class"] for table in each)
    assert found["agreeing"].tolist() == agreeing.tolist()
    assert set(found["members"]) == {2}
    shown = inside.run("predict", "best:photos.yaml", "photos")
    assert f"best:photos.yaml is the run {best} with validation accuracy" in shown.stderr
    assert len(shown.stdout.splitlines()) == 13


def test_photos_are_prepared_as_the_pictures_of_the_import_were(inside, tmp_path: Path) -> None:
    image = np.zeros((400, 800, 3), np.uint8)
    image[:, :, 0] = 200
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(image).rotate(90, expand=True).save(tmp_path / "a.png", exif=turned)
    bars = np.zeros((8, 8, 3), np.uint8)
    bars[2:6, :, 0] = 200
    Image.fromarray(bars).save(tmp_path / "b.png")
    table = signs_sweep.predict("best:photos", tmp_path)
    assert np.allclose(*probabilities(table), atol=1e-6)


def test_an_unreadable_file_is_an_error_and_the_others_are_classified(
    inside, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("hello", encoding="utf-8")
    Image.effect_noise((64, 64), 50).convert("RGB").save(tmp_path / "whole.jpg")
    content = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "truncated.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty").mkdir()
    files = ("text.jpg", "whole.jpg", "truncated.jpg", "empty", "missing.png")
    given = [str(tmp_path / name) for name in files]
    sheet = tmp_path / "sheet.png"
    shown = inside.run("predict", "best:photos", *given, "--format", "json", "--show", str(sheet))
    assert shown.returncode == 1
    rows = json.loads(shown.stdout)
    assert [row["photo"] for row in rows] == given
    problems = ("not a picture", None, "damaged: image file is truncated")
    problems += ("a folder without pictures", "No such file or directory")
    for row, problem in zip(rows, problems, strict=True):
        assert (row["error"] or "").startswith(problem or "")
        assert (row["predicted_class"] is None) == (problem is not None)
        assert (f"error: {row['photo']}: {row['error']}\n" in shown.stderr) == bool(problem)
    with Image.open(sheet) as picture:
        assert picture.format == "PNG"


def test_tensorflow_is_not_loaded_if_no_photo_is_readable(
    inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "Classifier", None)
    shown = inside.run("predict", "best:photos", "nothing.jpg")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.endswith("error: nothing.jpg: No such file or directory\n")


def test_the_sheet_does_not_replace_a_photo(inside) -> None:
    photo = inside.folder / "photos" / "00 is.png"
    before = photo.read_bytes()
    shown = inside.run("predict", "best:photos", "photos", "--show", str(photo))
    assert (shown.returncode, photo.read_bytes()) == (2, before)
    assert "the command reads it" in shown.stderr


def test_an_unfamiliar_photo_is_marked(inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NoveltyRule, "flags", lambda _, images: np.arange(len(images)) == 1)
    lines = inside.run("predict", "best:photos", "photos").stdout.splitlines()
    assert ["unlike the training data" in line for line in lines].index(True) == 2
    table = signs_sweep.predict("best:photos", "photos")
    assert np.flatnonzero(table["is_unfamiliar"]).tolist() == [1]


def test_a_damaged_rule_for_unfamiliar_photos_is_a_warning(
    inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = NoveltyRule.from_bytes
    monkeypatch.setattr(NoveltyRule, "from_bytes", lambda content: damaged(content[:-1]))
    with pytest.warns(DataWarning, match="no photo is marked as unfamiliar: the rule .* damaged"):
        table = signs_sweep.predict("best:photos", "photos")
    assert table["is_unfamiliar"].isna().all()


def test_too_few_training_images_for_the_rule_are_a_warning(
    inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = NoveltyRule.fit(small_dataset().train_images[:19])
    monkeypatch.setattr(NoveltyRule, "from_bytes", lambda _: few)
    with pytest.warns(DataWarning, match="no photo is marked as unfamiliar: there are too few"):
        table = signs_sweep.predict("best:photos", "photos")
    assert table["is_unfamiliar"].isna().all()


def test_a_model_of_an_earlier_version_without_the_rule_is_a_warning(
    inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = MlflowIndex.model
    monkeypatch.setattr(MlflowIndex, "model", lambda *where: replace(read(*where), novelty=None))
    with pytest.warns(DataWarning, match="no photo is marked as unfamiliar: an earlier version"):
        table = signs_sweep.predict("best:photos", "photos")
    assert table["is_unfamiliar"].isna().all()


def test_a_keras_file_is_a_copy(inside, tmp_path: Path) -> None:
    run_id = signs_sweep.compare("photos").index[0]
    file = tmp_path / "model.keras"
    done = inside.run("export", run_id, "-o", str(file))
    assert (done.returncode, done.stderr) == (0, f"wrote {file}\n")
    assert file.read_bytes() in [
        each.read_bytes() for each in inside.folder.glob("mlruns/artifacts/**/model.keras")
    ]
    own = inference.Classifier(file, "it").probabilities(small_dataset().test_images)
    table = signs_sweep.predict(run_id, "photos")
    assert np.array_equal(own.astype(np.float64), probabilities(table))


def test_an_onnx_file_gives_the_same_probabilities(inside, tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    file = tmp_path / "model.onnx"
    signs_sweep.export("best:photos", file)
    session = runtime.InferenceSession(file)
    (given,) = session.run(None, {session.get_inputs()[0].name: small_dataset().test_images})
    table = signs_sweep.predict("best:photos", "photos")
    assert np.allclose(given, probabilities(table), atol=1e-5)


def test_a_model_that_cannot_be_exported_is_an_error(
    inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signs_sweep.commands.predicting.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'signs-sweep\[onnx\]'"):
        signs_sweep.export("best:photos", tmp_path / "model.onnx")
    with pytest.raises(UsageError, match=r"must end in \.keras or \.onnx"):
        signs_sweep.export("best:photos", tmp_path / "model.h5")
    with pytest.raises(UsageError, match="an ensemble is several models"):
        signs_sweep.export("ensemble:photos", tmp_path / "model.keras")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("", "no run has the id ''."),
        ("photos.yaml", "; best:photos.yaml is the best run of a spec"),
        ("best:", "best: names no spec: write best:SPEC"),
        ("best:phots", "did you mean 'photos'?"),
    ],
)
def test_a_name_without_a_run_is_an_error(inside, run: str, message: str) -> None:
    done = inside.run("predict", run, "photos")
    assert done.returncode == 2
    assert message in done.stderr


def test_ids_are_found_by_their_beginning_and_suggested(inside) -> None:
    run_id = signs_sweep.compare("photos").index[0]
    table = signs_sweep.predict(run_id[:-3], "photos/00 is.png")
    assert table["error"].isna().all()
    with pytest.raises(UsageError, match=f"did you mean '{run_id}'"):
        signs_sweep.predict(f"{run_id}0", "photos")


def test_models_of_earlier_versions_and_of_other_versions_of_keras(tmp_path: Path) -> None:
    import keras

    images = small_dataset().test_images
    layers = [keras.layers.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    model = keras.Sequential([*layers, keras.layers.Softmax()])
    model.save(tmp_path / "scaled.keras")
    found = inference.Classifier(tmp_path / "scaled.keras", "it").probabilities(images)
    assert np.allclose(found, model(images / np.float32(255)), atol=1e-6)
    (tmp_path / "other.keras").write_bytes(b"?")
    with pytest.raises(StoreError, match=r"Keras [\d.]+ cannot load it: "):
        inference.Classifier(tmp_path / "other.keras", "it")
