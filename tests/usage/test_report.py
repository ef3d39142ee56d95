"""`signs-sweep report`: every number on the page can be computed from MLflow alone."""

import math
from statistics import fmean, stdev

import numpy as np
import pytest
from mlflow import MlflowClient
from scipy.stats import t

from signs_sweep.commands.options import SeedOptions
from signs_sweep.commands.reporting import gather

pytestmark = pytest.mark.slow

STUDY = """\
name: study
description: Does L2 help where <most> things are small?
data: signs
model: {hidden: [4, 3]}
base: {learning_rate: 1e-2, batch_size: 16, epochs: 8}
grid: {l2: [0, 0.3], keep_prob: [1, 0.7]}
seeds: 6
baseline: {l2: 0, keep_prob: 1}
"""
CLASSES = 3


@pytest.fixture(scope="module")
def studied(make_project, tmp_path_factory):
    """A project with runs of four settings and six seeds, of which some collapse."""
    project = make_project(tmp_path_factory.mktemp("studied"))
    project.write("study.yaml", STUDY)
    done = project.run("run", "study.yaml", "--workers", "0", "--report")
    assert done.returncode == 0, done.stderr
    assert "report" in done.stderr
    return project


@pytest.fixture(scope="module")
def client(studied) -> MlflowClient:
    return MlflowClient(studied.uri)


@pytest.fixture(scope="module")
def recorded(client):
    """The runs in MLflow by L2 and keep_prob, each by its seeds."""
    (experiment,) = client.search_experiments(filter_string="name = 'study'")
    found: dict[tuple[str, str], dict[tuple[int, int], object]] = {}
    for run in client.search_runs([experiment.experiment_id], "params.l2 LIKE '%'"):
        params = run.data.params
        setting = found.setdefault((params["l2"], params["keep_prob"]), {})
        setting[int(params["global_seed"]), int(params["init_seed"])] = run
    return {name: dict(sorted(runs.items())) for name, runs in found.items()}


@pytest.fixture(scope="module")
def section(studied):
    with pytest.MonkeyPatch.context() as patch:
        studied.enter(patch)
        (only,) = gather(["study.yaml"], SeedOptions()).experiments
        return only


def score(run) -> float:
    return run.data.metrics["test_accuracy"]


def key_of(setting) -> tuple[str, str]:
    parameters = setting.replicates.rows[0].parameters
    return parameters.text("l2"), parameters.text("keep_prob")


def arrays(client, run):
    folder = client.download_artifacts(run.info.run_id, "predictions.npz")
    with np.load(folder) as archive:
        return archive["test_labels"], archive["test_probabilities"], archive["test_images"]


def test_the_means_of_settings_are_those_of_mlflow(section, recorded) -> None:
    assert {key_of(setting) for setting in section.settings} == recorded.keys()
    for setting in section.settings:
        runs = recorded[key_of(setting)]
        scores = [score(run) for run in runs.values()]
        assert [tuple(seeds[:2]) for seeds in setting.scores] == [*runs]
        assert [*setting.scores.values()] == scores
        assert setting.mean == pytest.approx(fmean(scores), abs=1e-12)
        assert setting.deviation == pytest.approx(stdev(scores), abs=1e-12)
        trained = fmean(run.data.metrics["final_train_accuracy"] for run in runs.values())
        assert setting.metrics["final_train_accuracy"] == pytest.approx(trained, abs=1e-12)
        collapsed = [
            seeds for seeds, run in runs.items() if "signs_sweep.guessing_since" in run.data.tags
        ]
        assert sorted(tuple(seeds[:2]) for seeds in setting.failed_seeds) == collapsed
    first, *others = section.settings
    assert first.is_baseline
    assert key_of(first) == ("0", "1")
    assert [each.mean for each in others] == sorted((s.mean for s in others), reverse=True)


def test_the_differences_of_settings_are_those_of_mlflow(section, recorded) -> None:
    reference = recorded["0", "1"]
    for setting in section.settings[1:]:
        runs = recorded[key_of(setting)]
        gains = [score(run) - score(reference[seeds]) for seeds, run in runs.items()]
        assert setting.verdict.difference == pytest.approx(fmean(gains), abs=1e-12)
        assert setting.verdict.pairs == len(gains) == 6


def test_the_effect_of_a_parameter_is_a_paired_t_test_over_its_seeds(section, recorded) -> None:
    (effect,) = [each for each in section.effects if each.parameter == "l2"]
    assert (effect.value, effect.reference, effect.contexts) == ("0.3", "0", 2)
    gains = [
        fmean(
            score(recorded["0.3", keep][s]) - score(recorded["0", keep][s]) for keep in ["1", "0.7"]
        )
        for s in recorded["0", "1"]
    ]
    half = t.ppf(0.975, len(gains) - 1) * stdev(gains) / math.sqrt(len(gains))
    assert effect.difference == pytest.approx(fmean(gains), abs=1e-12)
    assert (effect.low, effect.high) == pytest.approx(
        (fmean(gains) - half, fmean(gains) + half), abs=1e-9
    )


def test_a_band_has_the_quantiles_of_the_recorded_curves(section, recorded, client) -> None:
    assert section.bands.keys() == {"loss", "accuracy"}
    for band, setting in zip(section.bands["loss"], section.settings, strict=True):
        histories = [
            client.get_metric_history(run.info.run_id, "loss")
            for run in recorded[key_of(setting)].values()
        ]
        curves = [
            [point.value for point in sorted(history, key=lambda point: point.step)]
            for history in histories
        ]
        assert band.epochs.tolist() == [*range(1, 9)]
        assert band.middle == pytest.approx(np.median(curves, axis=0))
        assert band.low == pytest.approx(np.quantile(curves, 0.1, axis=0))
        assert band.high == pytest.approx(np.quantile(curves, 0.9, axis=0))


def test_confusion_and_calibration_are_those_of_the_recorded_predictions(
    section, recorded, client
) -> None:
    best = next(setting for setting in section.settings if setting.is_best)
    parts = [arrays(client, run) for run in recorded[key_of(best)].values()]
    labels, probabilities = (np.concatenate(each) for each in list(zip(*parts, strict=True))[:2])
    counts = np.zeros((CLASSES, CLASSES), int)
    for true, chosen in zip(labels, probabilities.argmax(axis=1), strict=True):
        counts[true, chosen] += 1
    shown = section.best
    assert shown.confusion.tolist() == counts.tolist()
    assert shown.runs == 6
    confidence = probabilities.max(axis=1)
    for mean, accuracy, number in shown.bins:
        inside = np.abs(confidence - mean) < 1 / 15  # A bin is as wide.
        assert inside.sum() >= number
        assert 0 <= accuracy <= 1
    assert shown.bins[:, 2].sum() == len(labels)
    weighted = np.abs(shown.bins[:, 0] - shown.bins[:, 1]) @ shown.bins[:, 2] / len(labels)
    assert shown.calibration_error == pytest.approx(weighted)
    assert shown.bins[:, 1] @ shown.bins[:, 2] == pytest.approx(np.trace(counts))


def test_the_wrong_pictures_are_those_with_the_surest_wrong_mean_probability(
    section, recorded, client
) -> None:
    best = next(setting for setting in section.settings if setting.is_best)
    parts = [arrays(client, run) for run in recorded[key_of(best)].values()]
    means = np.mean([probabilities for _, probabilities, _ in parts], axis=0)
    labels, positions = parts[0][0], parts[0][2]
    wrong = [row for row in range(len(labels)) if means[row].argmax() != labels[row]]
    wrong.sort(key=lambda row: -means[row].max())
    assert wrong
    assert [each.position for each in section.wrong] == [positions[row] for row in wrong][:12]
    for row, shown in zip(wrong, section.wrong, strict=False):
        assert shown.true == str(labels[row])
        assert shown.probabilities[0] == (shown.predicted, pytest.approx(means[row].max()))
        assert shown.wrong == sum(p[row].argmax() != labels[row] for _, p, _ in parts)
        assert shown.image.shape == (8, 8, 3)


def test_the_report_of_the_experiment_is_that_of_its_spec(studied, section, monkeypatch) -> None:
    studied.enter(monkeypatch)
    (alone,) = gather(["study"], SeedOptions()).experiments
    names = ("answer", "question", "metric", "effects", "statements", "failures", "base")
    for name in (*names, "environment"):
        assert getattr(alone, name) == getattr(section, name), name
    assert alone.question == "Does L2 help where <most> things are small?"
    assert [each.mean for each in alone.settings] == [each.mean for each in section.settings]
    assert alone.data == section.data
    assert [run.run_id for run in alone.runs] == [run.run_id for run in section.runs]


def test_without_the_data_the_numbers_are_the_same(studied, section, monkeypatch) -> None:
    studied.enter(monkeypatch)
    hidden = studied.folder / "data"
    hidden.rename(studied.folder / "elsewhere")
    try:
        (alone,) = gather(["study"], SeedOptions()).experiments
    finally:
        (studied.folder / "elsewhere").rename(hidden)
    assert alone.answer == section.answer
    assert [each.image for each in alone.wrong] == [None] * len(section.wrong)
    assert any("--data" in note for note in alone.notes)
