"""`signs-sweep report`: every number on the page can be computed from MLflow alone."""

import math
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise, takewhile
from statistics import fmean, stdev

import numpy as np
import pytest
from looking import runs_in

from signs_sweep.commands.options import Form, SeedOptions
from signs_sweep.commands.reporting import gather, render
from signs_sweep.domain import Condition
from signs_sweep.statistics.sequential import centre, first_threshold, least_pairs

pytestmark = pytest.mark.slow

STUDY = """\
name: study
description: Does L2 help where <most> things are small?
data: signs
model: {hidden: [4, 3]}
base: {learning_rate: 0.02, batch_size: 16, epochs: 17}
grid: {l2: [0, 3], keep_prob: [1, 0.8]}
seeds: 8
baseline: {l2: 0, keep_prob: 1}
"""
CLASSES = 3


@pytest.fixture(scope="module")
def studied(make_project, tmp_path_factory):
    """A project with runs of four settings and eight seeds, of which some collapse."""
    project = make_project(tmp_path_factory.mktemp("studied"))
    project.write("study.yaml", STUDY)
    done = project.run("run", "study.yaml", "--workers", "0", "--report")
    assert done.returncode == 0, done.stderr
    assert "report" in done.stderr
    return project


@pytest.fixture(scope="module")
def client(studied):
    return runs_in(studied)[0]


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
def report(studied):
    with pytest.MonkeyPatch.context() as patch:
        studied.enter(patch)
        return gather(["study.yaml"], SeedOptions())


@pytest.fixture(scope="module")
def section(report):
    (only,) = report.experiments
    return only


class Shown(HTMLParser):
    """The rows of the tables of a page, each as its cells, its list items, and its summary."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.items: list[str] = []
        self.summary: list[tuple[str, str]] = []
        self._is_summary = False
        self._texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag == "dl":
            self._is_summary = ("class", "summary") in attrs
        if tag in ("th", "td", "li") or (self._is_summary and tag in ("dt", "dd")):
            self._texts = []

    def handle_data(self, data):
        self._texts += data.split()

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self.rows[-1].append(" ".join(self._texts))
        elif tag == "li":
            self.items.append(" ".join(self._texts))
        elif tag == "dt" and self._is_summary:
            self.summary.append((" ".join(self._texts), ""))
        elif tag == "dd" and self._is_summary:
            self.summary[-1] = (self.summary[-1][0], " ".join(self._texts))


@pytest.fixture(scope="module")
def shown(report) -> Shown:
    return Shown(render(report, Form.HTML))


def rows_after(shown: Shown, *head: str) -> list[list[str]]:
    """Return the rows of the tables whose head begins like this."""
    starts = [place for place, row in enumerate(shown.rows) if row[: len(head)] == [*head]]
    assert starts, head
    return [
        row
        for start in starts
        for row in takewhile(lambda row: row[0] != head[0], shown.rows[start + 1 :])
    ]


def written(value: float, form: str = ".4f") -> str:
    return f"{value:{form}}".replace("-", "\u2212")


def guessing(runs) -> int:
    return sum("signs_sweep.guessing_since" in run.data.tags for run in runs.values())


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


def test_the_page_shows_the_settings_as_mlflow_has_them(shown, recorded) -> None:
    rows = rows_after(shown, "setting")
    reference = recorded["0", "1"]
    for (l2, keep_prob), runs in recorded.items():
        (row, *_) = [row for row in rows if row[0].startswith(f"l2={l2} keep_prob={keep_prob}")]
        scores = [score(run) for run in runs.values()]
        collapsed = sum("signs_sweep.guessing_since" in run.data.tags for run in runs.values())
        failed = f" {collapsed} failed" if collapsed else ""
        assert row[2:5] == [written(fmean(scores)), written(stdev(scores)), f"8{failed}"]
        gain = fmean(score(run) - score(reference[seeds]) for seeds, run in runs.items())
        assert row[5].startswith("" if runs is reference else written(gain, "+.4f"))
    guessing = [
        run.data.tags["signs_sweep.run_id"]
        for runs in recorded.values()
        for run in runs.values()
        if "signs_sweep.guessing_since" in run.data.tags
    ]
    assert guessing
    failed = rows_after(shown, "setting", "runs", "reason")
    assert sum(int(row[1]) for row in failed) == len(guessing)
    listed = {(row[0], seeds) for row in failed for seeds in row[3].split("; ")}
    ids = [row[0] for row in rows_after(shown, "run", "setting") if (row[1], row[2]) in listed]
    assert sorted(ids) == sorted(guessing)


def test_the_differences_of_settings_are_those_of_mlflow(section, recorded) -> None:
    reference = recorded["0", "1"]
    for setting in section.settings[1:]:
        runs = recorded[key_of(setting)]
        gains = [score(run) - score(reference[seeds]) for seeds, run in runs.items()]
        assert setting.verdict.difference == pytest.approx(fmean(gains), abs=1e-12)
        assert setting.verdict.pairs == len(gains) == 8


def test_the_verdicts_and_intervals_follow_from_what_mlflow_has(section, recorded, shown) -> None:
    reference = recorded["0", "1"]
    needed = least_pairs(first_threshold(len(recorded) - 1, 0.05))
    assert needed > 8
    assert any(setting.verdict.low is not None for setting in section.settings[1:])
    rows = rows_after(shown, "setting")
    for setting in section.settings[1:]:
        runs = recorded[key_of(setting)]
        gains = [score(run) - score(reference[seeds]) for seeds, run in runs.items()]
        ends = [float(each[-1]) for each in centre(gains, 1 / 0.05)]
        is_even = guessing(runs) == guessing(reference)
        has_interval = is_even and math.isfinite(ends[0]) and math.isfinite(ends[1])
        expected = tuple(ends) if has_interval else (None, None)
        assert (setting.verdict.low, setting.verdict.high) == expected
        (row, *_) = [row for row in rows if row[0].startswith(setting.name)]
        interval = [f"{written(end, '+.4f')}" for end in ends] if has_interval else []
        assert row[5].split()[1:] == [*" to ".join(interval).split()]
        assert row[6] == "undecided"


def test_what_became_of_the_runs_is_counted_from_their_tags(section, recorded, shown) -> None:
    for setting in section.settings:
        runs = recorded[key_of(setting)].values()
        counts = Counter(Condition(run.data.tags["signs_sweep.diagnosis"]) for run in runs)
        texts = [f"{counts[each]} {each.of(counts[each])}" for each in Condition if counts[each]]
        assert setting.diagnosis == ", ".join(texts)
    everything = [run for runs in recorded.values() for run in runs.values()]
    failed = sum(map(guessing, recorded.values()))
    summary = {name: int(count) for name, count in shown.summary}
    assert summary == {
        "settings": 4,
        "seeds each": 8,
        "runs": len(everything),
        "failed or learned nothing": failed,
    }


def test_the_environment_and_the_weights_are_those_of_the_records(
    section, recorded, client
) -> None:
    best = next(setting for setting in section.settings if setting.is_best)
    runs = sorted(recorded[key_of(best)].values(), key=score)
    middle = runs[len(runs) // 2]
    assert section.weights.run_id == middle.data.tags["signs_sweep.run_id"]
    import keras

    model = client.download_artifacts(middle.info.run_id, "model/data/model.keras")
    kernel = keras.models.load_model(model).weights[0].numpy()
    units = np.moveaxis(kernel, -1, 0)
    scaled = 128 + 127 * units / np.abs(units).max(axis=1, keepdims=True)
    assert section.weights.images.reshape(units.shape).tolist() == scaled.round().tolist()
    tags = middle.data.tags
    for name, value in section.environment:
        assert tags.get(f"signs_sweep.env.{name}", tags.get("mlflow.source.git.commit")) == value


def test_the_effect_of_a_parameter_is_a_paired_t_test_over_its_seeds(
    section, recorded, shown
) -> None:
    from scipy.stats import t

    (effect,) = [each for each in section.effects if each.parameter == "l2"]
    assert (effect.value, effect.reference, effect.contexts) == ("3", "0", 2)
    gains = [
        fmean(
            score(recorded["3", keep][s]) - score(recorded["0", keep][s]) for keep in ["1", "0.8"]
        )
        for s in recorded["0", "1"]
    ]
    half = t.ppf(0.975, len(gains) - 1) * stdev(gains) / math.sqrt(len(gains))
    assert effect.difference == pytest.approx(fmean(gains), abs=1e-12)
    assert (effect.low, effect.high) == pytest.approx(
        (fmean(gains) - half, fmean(gains) + half), abs=1e-9
    )
    (row,) = [row for row in rows_after(shown, "parameter") if row[0] == "l2"]
    low, middle, high = (written(fmean(gains) + half * side, "+.4f") for side in (-1, 0, 1))
    assert row[1:5] == ["3", "0", middle, f"{low} to {high}" + row[4].partition(high)[2]]
    assert row[5:] == ["8", "2"]


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
        assert band.epochs.tolist() == [*range(1, 18)]
        assert band.middle == pytest.approx(np.median(curves, axis=0))
        assert band.low == pytest.approx(np.quantile(curves, 0.1, axis=0))
        assert band.high == pytest.approx(np.quantile(curves, 0.9, axis=0))


def test_confusion_and_calibration_are_those_of_the_recorded_predictions(
    section, recorded, client, shown
) -> None:
    places = [place for place, row in enumerate(shown.rows) if row[0] == "true"]
    by_name = {setting.name: setting for setting in section.settings}
    known = [each for each in (section.baseline, section.best) if each]
    assert len(known) == len(places)
    for predicted, place in zip(known, places, strict=True):
        runs = recorded[key_of(by_name[predicted.setting])].values()
        parts = [arrays(client, run) for run in runs]
        labels, chances = (np.concatenate(each) for each in list(zip(*parts, strict=True))[:2])
        counts = np.zeros((CLASSES, CLASSES), int)
        for true, chosen in zip(labels, chances.argmax(axis=1), strict=True):
            counts[true, chosen] += 1
        assert predicted.confusion.tolist() == counts.tolist()
        assert predicted.runs == 8
        rows = shown.rows[place + 1 : place + 1 + CLASSES]
        assert rows == [[str(true), *map(str, row)] for true, row in enumerate(counts.tolist())]
        confidence, is_correct = chances.max(axis=1).astype(float), chances.argmax(axis=1) == labels
        edges = np.linspace(0, 1, 16)
        inside = [(low < confidence) & (confidence <= high) for low, high in pairwise(edges)]
        bins = [
            (confidence[each].mean(), is_correct[each].mean(), each.sum())
            for each in inside
            if each.any()
        ]
        assert predicted.bins == pytest.approx(np.array(bins))
        error = sum(abs(mean - accuracy) * number for mean, accuracy, number in bins) / len(labels)
        assert predicted.calibration_error == pytest.approx(error)
    assert known[-1] is section.best


def test_the_wrong_pictures_are_those_with_the_surest_wrong_mean_probability(
    section, recorded, client, shown
) -> None:
    best = next(setting for setting in section.settings if setting.is_best)
    parts = [arrays(client, run) for run in recorded[key_of(best)].values()]
    means = np.mean([probabilities for _, probabilities, _ in parts], axis=0)
    labels, positions = parts[0][0], parts[0][2]
    wrong = [row for row in range(len(labels)) if means[row].argmax() != labels[row]]
    wrong.sort(key=lambda row: -means[row].max())
    assert wrong
    assert [each.position for each in section.wrong] == [positions[row] for row in wrong][:12]
    items = [item for item in shown.items if ", taken for" in item]
    for row, found, item in zip(wrong, section.wrong, items, strict=False):
        assert found.true == str(labels[row])
        assert found.probabilities[0] == (found.predicted, pytest.approx(means[row].max()))
        number = sum(p[row].argmax() != labels[row] for _, p, _ in parts)
        assert found.wrong == number
        assert found.image.shape == (8, 8, 3)
        place, guess = positions[row], means[row].argmax()
        assert item.startswith(
            f"{labels[row]} , taken for {guess} image {place}; wrong in {number} of 8 runs "
            f"{guess} {means[row].max():.3f}"
        )
    assert len(items) == len(section.wrong)


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


def test_the_page_in_mlflow_is_that_of_the_command(studied, report) -> None:
    (logged,) = studied.folder.glob("mlruns/artifacts/**/report.html")
    pages = [logged.read_text(encoding="utf-8"), render(report, Form.HTML)]
    assert len({re.sub("<p>Made .*", "", page) for page in pages}) == 1
