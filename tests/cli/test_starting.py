"""`signs-sweep init`: its spec is valid for its data, and what follows can be typed."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from signs_sweep.cli.app import app
from signs_sweep.cli.starting import first_spec
from signs_sweep.data import Dataset, Part, write_dataset, write_parts
from signs_sweep.planning.preparation import prepare
from signs_sweep.spec import load
from signs_sweep.statistics.sequential import first_threshold, least_pairs


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNS_DATA", raising=False)


def made(
    per_class: int, classes: int, shape: tuple[int, int, int], groups: int | None = None
) -> Dataset:
    labels = np.arange(per_class * classes) % classes
    images = np.random.default_rng(0).integers(0, 256, (len(labels), *shape)).astype(np.uint8)
    test = images[: 2 * classes] ^ 1, labels[: 2 * classes]
    names = tuple(f"class {number}" for number in range(classes))
    of = None if groups is None else (np.arange(len(labels)) // classes % groups).astype(str)
    return Dataset("mine", images, labels, *test, names, drawn=False, train_groups=of)


def invoke(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    ("dataset", "holding", "hidden", "rate"),
    [
        (made(600, 10, (28, 28, 1)), "validation: 0.2", "[50, 25]", "1e-3"),
        (made(10, 2, (8, 8, 3)), "split: {folds: 5}", "[25, 12]", "1e-3"),
        (made(10, 100, (8, 8, 3)), "validation: 0.2", "[200, 100]", "1e-3"),
        (made(90, 6, (64, 64, 3)), "validation: 0.2", "[25, 12]", "1e-4"),
        (made(1, 3, (8, 8, 3)), "validation: 0", "[25, 12]", "1e-3"),
        (made(300, 3, (8, 8, 3), groups=3), "validation: 0.2", "[25, 12]", "1e-3"),
        (made(300, 2, (8, 8, 3), groups=1), "validation: 0", "[25, 12]", "1e-3"),
    ],
    ids=["grey", "tiny", "100 classes", "as SIGNS", "single images", "3 groups", "1 group"],
)
def test_the_spec_fits_its_data_and_can_have_a_verdict(
    dataset: Dataset, holding: str, hidden: str, rate: str, tmp_path: Path
) -> None:
    write_dataset(dataset, tmp_path / "signs")
    shown = invoke("init", "signs", "-o", "first.yaml")
    assert shown.exit_code == 0, shown.output
    text = Path("first.yaml").read_text(encoding="utf-8")
    assert f"\n{holding}\n" in text
    assert f"baseline: {{hidden: {hidden}}}\n" in text
    assert f"\n  learning_rate: {rate} " in text
    prepared = prepare([Path("first.yaml")])
    assert prepared.datasets["first_signs"].fingerprint == dataset.fingerprint
    experiment = load(Path("first.yaml"))
    assert [point.is_baseline for point in experiment.points] == [True, False]
    assert len(experiment.seeds) > least_pairs(first_threshold(1, experiment.verdict.error))


def test_the_drawn_images_are_used_if_there_is_no_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = made(10, 3, (8, 8, 3))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("signs_sweep.data.source.draw_dataset", lambda: dataset)
    shown = invoke("init")
    assert "uses the drawn images" in shown.stderr
    assert prepare([Path("experiments/first.yaml")]).plan.runs
    write_dataset(dataset, tmp_path / "data")
    assert "drawn" not in invoke("init", "-o", "second.yaml").output
    assert load(Path("second.yaml")).data == "./data"


def test_a_dataset_in_a_folder_of_data_is_found_unless_there_are_several(dataset: Dataset) -> None:
    write_dataset(dataset, Path("data/mine"))
    assert invoke("init", "-o", "first.yaml").exit_code == 0
    assert 'data: "./data/mine"' in Path("first.yaml").read_text(encoding="utf-8")
    write_dataset(dataset, Path("data/other"))
    refused = invoke("init", "-o", "second.yaml")
    assert str(refused.exception) == "name one of the datasets in data: data/mine, data/other"


def test_the_next_commands_can_be_pasted_and_an_existing_file_stays(
    dataset: Dataset, tmp_path: Path
) -> None:
    write_dataset(dataset, tmp_path / "my data")
    file = "specs/a b.yaml"
    lines = invoke("init", "my data", "-o", file).stderr.splitlines()
    _, plan, run = [shlex.split(line.partition("signs-sweep ")[2]) for line in lines]
    assert (plan, run) == (["plan", file], ["run", file])
    before = Path(file).read_text(encoding="utf-8")
    again = invoke("init", "my data", "-o", file)
    assert "already exists" in str(again.exception)
    assert "-o" in str(again.exception)
    assert Path(file).read_text(encoding="utf-8") == before


def test_pictures_are_to_be_imported_first(tmp_path: Path) -> None:
    (tmp_path / "my photos" / "cats").mkdir(parents=True)
    (tmp_path / "my photos" / "cats" / "1.AVIF").touch()
    shown = invoke("init", "my photos")
    assert shown.exit_code == 2
    assert "signs-sweep data import 'my photos' -o data/my_photos\n" in shown.stderr
    assert "signs-sweep init data/my_photos -o experiments/first.yaml\n" in shown.stderr
    Path("cats.v1.tar.gz").touch()
    assert "data import cats.v1.tar.gz -o data/cats\n" in invoke("init", "cats.v1.tar.gz").stderr
    assert not Path("experiments").exists()


def test_a_given_validation_set_is_used(dataset: Dataset, tmp_path: Path) -> None:
    images, labels = dataset.train_images, dataset.train_labels
    part, test = Part(images, labels), Part(dataset.test_images, dataset.test_labels)
    write_parts(tmp_path / "data", {"train": part, "test": test, "val": part}, dataset.classes)
    assert invoke("init").exit_code == 0
    text = Path("experiments/first.yaml").read_text(encoding="utf-8")
    assert "\nvalidation: given\n" in text
    assert "12 + 12 + 4 images" in text
    assert prepare([Path("experiments/first.yaml")]).datasets["first_data"].given == 12


def test_a_run_takes_minutes_whatever_the_size_of_the_data() -> None:
    large = made(1, 10, (64, 64, 3))
    object.__setattr__(large, "train_labels", np.arange(200_000) % 10)
    text = first_spec(large, Path("large"), Path("first.yaml"), ("", ""))
    assert "  epochs: 5 " in text
    assert "  batch_size: 128 " in text
