"""A store with records of an older version of the training, as a user meets it after an upgrade."""

import csv
import io
import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest

from signs_sweep.domain import TRAINING_VERSION, Finished, Progress, Started, State
from signs_sweep.planning.preparation import prepare
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, MlflowTracker

pytestmark = pytest.mark.slow

SPEC = """\
name: reps
data: signs
model: {hidden: [4, 3]}
base: {learning_rate: 1e-3, batch_size: 16, epochs: 6}
grid: {l2: [0, 0.01]}
seeds: 2
baseline: {l2: 0}
"""
OUTDATED = (
    "4 runs were finished by training version 1 and are to be trained again: the training has "
    "changed, so that the same run gives different numbers in the last digits, and results of "
    "different versions are not mixed. The old records stay in the store.\n"
)
OLD = (
    f"These runs have training version 1. The current version is {TRAINING_VERSION}, in which the "
    "same runs give different numbers in the last digits.\n"
)
BOTH = (
    f"These runs have training versions 1 and {TRAINING_VERSION}, whose numbers differ in the last "
    "digits. Runs of different versions are not compared with each other.\n"
)


def record_old_runs(project) -> None:
    """Record the runs of the spec as version 1 did: its ids, and no tag for the version."""
    prepared = prepare([project.folder / "reps.yaml"], data_dir=project.folder / "data")
    (part,) = prepared.plan.parts
    data = next(iter(prepared.datasets.values()))
    example = np.zeros((1, 8, 8, 3), np.float32)
    info = DatasetInfo(data.name, data.classes, example, drawn=False)
    tracker = MlflowTracker(project.uri, {data.fingerprint: info})
    tracker.open([SweepRecord("reps", "", SPEC, "", "signs")])
    olds = {run_id: replace(run, training_version=1) for run_id, run in prepared.plan.runs.items()}
    for trial in part.trials:
        runs = tuple(olds[run.run_id] for run in trial.runs)
        baselines = tuple(olds[run_id].run_id for run_id in trial.baselines)
        old = replace(trial, runs=runs, baselines=baselines)
        for seed, run in enumerate(runs):
            tracker.start(old, run)
            tracker.record(Started(run.run_id, 0, 1.0, {}))
            epochs = {"loss": np.ones(6), "accuracy": np.ones(6)}
            tracker.record(Progress(run.run_id, 1, epochs, np.arange(6)))
            final = {"test_accuracy": trial.number / 4 + seed / 100}
            confusion = np.eye(3, dtype=int)
            tracker.record(Finished(run.run_id, 2.0, 1.0, final, confusion, b"model"))
    tracker.close(State.FINISHED, {})
    with closing(sqlite3.connect(project.folder / "mlruns" / "mlflow.db")) as database:
        database.execute("DELETE FROM tags WHERE key = 'signs_sweep.training_version'")
        database.commit()


@pytest.fixture(scope="module")
def upgraded(make_project, tmp_path_factory: pytest.TempPathFactory):
    """A project whose spec was run with version 1 alone. Tests look at it and change nothing."""
    project = make_project(tmp_path_factory.mktemp("upgraded"))
    project.write("reps.yaml", SPEC)
    record_old_runs(project)
    return project


@pytest.fixture(scope="module")
def both(make_project, tmp_path_factory: pytest.TempPathFactory):
    """A project whose spec was run with version 1, and then with the present one."""
    project = make_project(tmp_path_factory.mktemp("both"))
    project.write("reps.yaml", SPEC)
    record_old_runs(project)
    done = project.run("run", "reps.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    (project.folder / "stderr.txt").write_text(done.stderr, encoding="utf-8")
    return project


def test_the_plan_names_what_is_trained_again_and_says_why(upgraded) -> None:
    done = upgraded.run("plan", "reps.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("new (finished by version 1)") == 4
    _, _, end = done.stdout.partition("4 runs to train, 0 cached")
    assert end.split("\n", 1)[1].startswith(OUTDATED)
    assert "version" not in upgraded.run("plan", "reps.yaml", "--set", "epochs=7").stdout


def test_comparing_the_spec_says_the_same_in_every_format(upgraded) -> None:
    for form in ("table", "md"):
        done = upgraded.run("compare", "reps.yaml", "--format", form)
        assert done.stdout.count("finished by version 1") == 4
        assert done.stdout.endswith(f"\n\n{OUTDATED}")
        assert done.stderr == ""
    done = upgraded.run("compare", "reps.yaml", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["state"], row["older_version"]) for row in rows] == [("NEW", "1")] * 4
    assert done.stderr == f"note: {OUTDATED}"
    done = upgraded.run("compare", "reps.yaml", "--format", "json", "-o", "table.json")
    rows = json.loads((upgraded.folder / "table.json").read_text())
    assert [row["older_version"] for row in rows] == [1] * 4
    assert done.stderr == f"note: {OUTDATED}wrote table.json\n"
    assert done.stdout == ""


def test_an_experiment_of_an_older_version_alone_is_shown_as_such(upgraded) -> None:
    done = upgraded.run("compare", "reps")
    assert done.stdout.endswith(f"\n\n{OLD}")
    assert "version" not in done.stdout.splitlines()[0]


def test_a_run_says_once_why_it_trains_again_and_then_no_more(both) -> None:
    shown = (both.folder / "stderr.txt").read_text()
    assert shown.count(f"note: {OUTDATED}") == 1
    assert "4 runs, 0 cached" in shown
    assert shown.index(OUTDATED) < shown.index("started by worker")
    again = both.run("run", "reps.yaml")
    assert "4 runs, 4 cached" in again.stderr
    assert "version" not in again.stdout + again.stderr
    assert "all cached" in both.run("plan", "reps.yaml").stdout
    of_spec = both.run("compare", "reps.yaml")
    assert "version" not in of_spec.stdout + of_spec.stderr


def test_an_experiment_with_both_versions_never_mixes_them(both) -> None:
    done = both.run("compare", "reps", "--format", "json")
    assert done.stderr == f"note: {BOTH}"
    rows = json.loads(done.stdout)
    assert [row["version"] for row in rows] == [1] * 4 + [TRAINING_VERSION] * 4
    scores = {(row["version"], row["l2"], row["global_seed"]): row["test_accuracy"] for row in rows}
    assert len(scores) == 8
    settings = defaultdict(list)
    for row in rows:
        key = row["version"], 0.0, row["global_seed"]
        assert row["difference"] == pytest.approx(row["test_accuracy"] - scores[key])
        assert row["is_baseline"] == (row["l2"] == 0)
        settings[row["version"], row["l2"]].append(row)
    done = both.run("compare", "reps", "--by", "setting", "--format", "csv")
    assert done.stderr == f"note: {BOTH}"
    means = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(means) == 4
    for mean in means:
        group = settings[int(mean["version"]), float(mean["l2"])]
        assert mean["seeds"] == "2"
        names = ["test_accuracy"] if mean["is_baseline"] == "True" else ["mean", "difference"]
        group = [row | {"mean": row["test_accuracy"]} for row in group]
        for name in names:
            assert float(mean[name]) == pytest.approx(fmean(row[name] for row in group))


@pytest.mark.parametrize("form", ["table", "md"])
def test_people_see_the_versions_in_both_tables_and_what_they_mean(both, form: str) -> None:
    done = both.run("compare", "reps", "--format", form)
    assert done.stdout.endswith(f"\n\n{BOTH}")
    assert done.stdout.count(" version ") == 2
    assert done.stdout.count("baseline") == 3 + 4 + 2  # Headers, runs, settings.
    assert done.stderr == ""
