"""`signs-sweep run` as a user runs it: real processes, real TensorFlow, a real store."""

import json
import math
import os
import re
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from looking import PATIENCE, children, processes_in, recorded_bits, rows_of, runs_in, wait_until

import signs_sweep
from signs_sweep.commands.comparing import find_runs
from signs_sweep.commands.options import SeedOptions
from signs_sweep.commands.store import Store
from signs_sweep.errors import UsageError

pytestmark = pytest.mark.slow


def test_a_run_ends_with_a_table_on_stdout_and_messages_on_stderr(finished) -> None:
    table, answer = (finished.folder / "stdout.txt").read_text().split("\n\n")
    header, *lines = table.splitlines()
    assert header.split() == [
        *("l2", "keep_prob", "loss", "train", "test", "vs", "baseline", "epochs", "time")
    ]
    assert [line.split()[:2] for line in lines] == [
        ["0", "1"],
        ["0", "0.8"],
        ["0.01", "1"],
        ["0.01", "0.8"],
    ]
    assert lines[0].split()[5] == "baseline"
    assert answer.startswith("Compared with the baseline, l2=0 keep_prob=1, with test accuracy ")
    assert answer.endswith("Better or worse needs at least 9 seeds: add --seeds 9.\n")
    said = (finished.folder / "stderr.txt").read_text()
    assert "toy   4 runs, 0 cached   data: signs, 40 + 12 images" in said
    assert "l2=0.01 keep_prob=0.8: finished in" in said
    assert "compare   signs-sweep compare toy.yaml" in said


def test_what_is_finished_is_not_trained_again(finished) -> None:
    again = finished.run("run", "toy.yaml")
    assert again.returncode == 0, again.stderr
    assert "4 runs, 4 cached" in again.stderr
    table = again.stdout.split("\n\n")[0]
    assert [line.split()[-1] for line in table.splitlines()[1:]] == ["cached"] * 4
    _, runs = children(finished)
    assert len(runs) == 4


def test_a_run_of_a_spec_has_the_same_configuration_as_in_the_store(finished, monkeypatch) -> None:
    finished.enter(monkeypatch)
    of_spec, of_store = (
        find_runs([name], SeedOptions(), Store(None)).rows for name in ("toy.yaml", "toy")
    )
    assert {row.run_id: row.params for row in of_spec} == {
        row.run_id: row.params for row in of_store
    }
    assert len({row.data for row in of_spec}) == 1


def test_validation_shares_of_an_experiment_are_separate_settings(project) -> None:
    spec = (
        "name: reps\nmodel: {hidden: [3]}\nbase: {epochs: 2, batch_size: 8}\n"
        "grid: {l2: [0, 0.1]}\nseeds: 2\nbaseline: {l2: 0}\n"
    )
    for share in ("0", "0.25"):
        project.write("reps.yaml", f"{spec}validation: {share}\n")
        assert project.run("run", "reps.yaml", "--workers", "0").returncode == 0

    def means(target: str) -> list[dict]:
        done = project.run("compare", target, "--by", "setting", "--format", "json")
        return json.loads(done.stdout)

    of_both, of_last = means("reps"), means("reps.yaml")
    assert [(row["validation"], row["seeds"]) for row in of_both] == [
        *((0.0, 2), (0.0, 2), (0.25, 2), (0.25, 2))
    ]
    accuracies = [row["test_accuracy"] for row in of_both]
    assert accuracies[2:] == [row["test_accuracy"] for row in of_last]
    for baseline, other in ((0, 1), (2, 3)):
        assert of_both[baseline]["is_baseline"]
        gain = accuracies[other] - accuracies[baseline]
        assert of_both[other]["difference"] == pytest.approx(gain)


def test_the_table_is_the_same_from_the_store_as_from_the_run(finished) -> None:
    compared = finished.run("compare", "toy.yaml", "--format", "json")
    rows = json.loads(compared.stdout)
    assert len(rows) == 4
    table = (finished.folder / "stdout.txt").read_text().split("\n\n")[0]
    for row, line in zip(rows, table.splitlines()[1:], strict=True):
        l2, keep_prob, loss, train, test, *_ = line.split()
        assert (row["l2"], row["keep_prob"]) == (float(l2), float(keep_prob))
        assert row["loss"] == pytest.approx(float(loss), abs=1e-4)
        assert row["final_train_accuracy"] == pytest.approx(float(train), abs=1e-4)
        assert row["test_accuracy"] == pytest.approx(float(test), abs=1e-4)
        assert row["state"] == "FINISHED"


def test_an_experiment_compares_like_its_spec(finished) -> None:
    of_spec = finished.run("compare", "toy.yaml", "--format", "csv", "--sort", "run_id")
    assert of_spec.returncode == 2
    assert "unknown column" in of_spec.stderr
    of_spec = finished.run("compare", "toy.yaml", "--format", "csv")
    of_experiment = finished.run("compare", "toy", "--format", "csv")
    assert sorted(of_spec.stdout.splitlines()) == sorted(of_experiment.stdout.splitlines())
    unknown = finished.run("compare", "toi")
    assert unknown.returncode == 2
    assert "toy" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_markdown_and_files_hold_the_table(finished, tmp_path: Path) -> None:
    file = tmp_path / "table.md"
    done = finished.run("compare", "toy.yaml", "--format", "md", "-o", str(file))
    assert done.returncode == 0
    assert done.stdout == ""
    lines = file.read_text().splitlines()
    assert lines[1].startswith("| --- |")
    assert len(lines) == 6


def test_the_plan_knows_what_is_cached_and_how_long_the_rest_takes(finished) -> None:
    done = finished.run("plan", "toy.yaml", "--set", "epochs=5")
    assert done.returncode == 0, done.stderr
    assert re.search(r"4 runs to train, 0 cached   20 epochs   about .* with", done.stdout)
    cached = finished.run("plan", "toy.yaml")
    assert "4 runs, all cached: nothing to train" in cached.stdout


def test_parameters_metrics_tags_and_artifacts_are_in_mlflow(finished) -> None:
    client, runs = children(finished)
    run = next(
        one
        for one in runs
        if one.data.params["l2"] == "0.01" and one.data.params["keep_prob"] == "0.8"
    )
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == "6"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in history] == [1, 2, 3, 4, 5, 6]
    assert {"final_train_accuracy", "final_train_loss", "test_accuracy", "test_loss"} <= set(
        run.data.metrics
    )
    assert run.data.tags["mlflow.parentRunId"]
    files = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert {"cost.png", "accuracy.png", "confusion.png", "history.csv", "spec.yaml"} <= files


def test_curves_and_predictions_come_from_the_store_to_python(finished, monkeypatch) -> None:
    finished.enter(monkeypatch)
    compared = signs_sweep.compare("toy.yaml")
    curves = signs_sweep.history("toy.yaml", metrics=["accuracy", "loss"])
    assert len(curves) == 4 * 2 * 6
    assert curves["run_id"].drop_duplicates().tolist() == compared.index.tolist()
    last = curves[(curves["epoch"] == 6) & (curves["metric"] == "loss")].set_index("run_id")
    assert last["value"].to_dict() == compared["loss"].to_dict()
    images = signs_sweep.predictions("toy")
    assert len(images) == 4 * 12
    is_right = images["predicted"] == images["true"]
    accuracies = is_right.groupby(images["run_id"]).mean()
    assert accuracies.to_dict() == pytest.approx(compared["test_accuracy"].to_dict())
    with pytest.raises(UsageError, match=r"'test_loss'\. Known: loss, accuracy"):
        signs_sweep.history("toy.yaml", metrics=["test_loss"])


def test_force_trains_again_and_the_numbers_are_the_same(project) -> None:
    project.write("one.yaml", "name: one\nmodel: {hidden: [3]}\nbase: {epochs: 3, batch_size: 8}\n")
    first = project.run("run", "one.yaml", "--workers", "0")
    again = project.run("run", "one.yaml", "--force", "--workers", "0")
    assert (first.returncode, again.returncode) == (0, 0), again.stderr
    _, runs = children(project, "one")
    assert len(runs) == 2
    assert runs[0].data.metrics["loss"] == runs[1].data.metrics["loss"]
    assert runs[0].data.metrics["test_loss"] == runs[1].data.metrics["test_loss"]


@pytest.mark.parametrize("grid", ["l2: [0, 0.1]", "hidden: [[4], [3]]"])
def test_specs_that_share_a_run_train_it_once(project, grid: str) -> None:
    project.write("a.yaml", "name: a\nmodel: {hidden: [3]}\nbase: {epochs: 3, batch_size: 8}\n")
    project.write(
        "b.yaml",
        f"name: b\nmodel: {{hidden: [3]}}\nbase: {{epochs: 3, batch_size: 8}}\ngrid: {{{grid}}}\n",
    )
    done = project.run("run", "a.yaml", "b.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split("\n\n")[0].splitlines()) == 4
    assert len(children(project, "a")[1]) + len(children(project, "b")[1]) == 2


def test_a_run_that_diverges_fails_alone(project) -> None:
    project.write(
        "wild.yaml",
        "name: wild\nmodel: {hidden: [3]}\nbase: {epochs: 30, batch_size: 8}\n"
        "grid: {learning_rate: [1e-3, 1e38]}\n",
    )
    done = project.run("run", "wild.yaml", "--quiet", "--workers", "0")
    assert done.returncode == 1
    assert re.search(r"failed: learning_rate=1e\+38: diverged: .* in epoch \d+", done.stderr)
    assert "Traceback" not in done.stderr
    _, runs = children(project, "wild")
    states = {run.data.params["learning_rate"]: run.info.status for run in runs}
    assert sorted(states.values()) == ["FAILED", "FINISHED"]


def test_a_run_that_diverged_is_trained_again_only_by_force(project) -> None:
    project.write(
        "wild.yaml",
        "name: wild\nmodel: {hidden: [3]}\nbase: {epochs: 3, batch_size: 8}\n"
        "grid: {learning_rate: [1e-3, 1e38]}\n",
    )
    message = re.compile(r"^failed: learning_rate=1e\+38: diverged: .*", re.MULTILINE)

    def run(*options: str, records: int, marked: int) -> "subprocess.CompletedProcess[str]":
        done = project.run("run", "wild.yaml", "--workers", "0", *options)
        assert done.returncode == 1
        _, runs = children(project, "wild")
        assert len(runs) == records
        diverged = [one.data for one in runs if "signs_sweep.diverged" in one.data.tags]
        assert [one.tags["signs_sweep.diverged"] for one in diverged] == [repr(1 / 3)] * marked
        assert all(one.params["learning_rate"] == "1e+38" for one in diverged)
        assert all(math.isfinite(value) for one in diverged for value in one.metrics.values())
        return done

    first = run(records=2, marked=1)
    plan = project.run("plan", "wild.yaml").stdout
    assert "diverged before, not trained again" in plan
    assert "2 runs, 1 cached, 1 diverged before: nothing to train" in plan
    assert "disk:" not in plan
    again = run(records=2, marked=1)
    assert "2 runs, 1 cached, 1 diverged before" in again.stderr
    assert message.findall(again.stderr) == message.findall(first.stderr) != []
    assert [line.split()[-1] for line in again.stdout.splitlines()[1:3]] == ["cached", "diverged"]
    run("--force", records=4, marked=2)
    with closing(sqlite3.connect(project.folder / "mlruns" / "mlflow.db")) as database:
        database.execute("DELETE FROM tags WHERE key = 'signs_sweep.diverged'")
        database.commit()
    assert "1 run to train, 1 cached" in project.run("plan", "wild.yaml").stdout
    assert "2 runs, 1 cached " in run(records=4, marked=1).stderr


def test_the_command_and_python_give_the_same_bits(finished, project, monkeypatch) -> None:
    """Two workers of the command, this process, and another order of the runs."""
    lines = (project.folder / "toy.yaml").read_text().replace("[0, 0.01]", "[0.01, 0]")
    project.write("toy.yaml", lines)
    project.enter(monkeypatch)
    signs_sweep.run("toy.yaml", workers=0)
    assert len(recorded_bits(finished)) == 4
    assert recorded_bits(project) == recorded_bits(finished)


# One sample a step makes epochs slow, so that not many are to be written.
LONG = """\
name: long
model: {hidden: [50]}
base: {epochs: 10000000, batch_size: 1, learning_rate: 1e-5}
grid: {l2: [0, 0.1, 0.2]}
"""


def start_long(project) -> subprocess.Popen[str]:
    """Start a sweep that lasts for hours, and wait until two workers train."""
    project.write("long.yaml", LONG)
    process = project.start("run", "long.yaml", "--workers", "2")
    training = "SELECT run_uuid FROM latest_metrics WHERE key = 'loss'"
    wait_until(lambda: len(rows_of(project, training)) == 2)
    return process


# A fifth of a second and more for each value of a metric: hours for what waits to be written.
SLOW = """
CREATE TRIGGER slow AFTER INSERT ON metrics BEGIN SELECT count(*) FROM (
    WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 2000000)
    SELECT n FROM counted
); END
"""


def tell_database(project, statement: str) -> None:
    with closing(sqlite3.connect(f"{project.folder}/mlruns/mlflow.db", timeout=60)) as database:
        database.execute(statement)
        database.commit()


def is_being_written(project) -> bool:
    """Whether a process is in the middle of writing to the database."""
    with closing(sqlite3.connect(f"{project.folder}/mlruns/mlflow.db", timeout=0)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def test_an_interruption_does_not_wait_for_a_slow_store_and_the_next_command_writes_the_rest(
    project, monkeypatch
) -> None:
    process = start_long(project)
    tell_database(project, SLOW)
    wait_until(lambda: is_being_written(project))
    os.killpg(process.pid, signal.SIGTERM)  # As a service manager does, which tells workers too.
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "interrupted: 0 of 3 runs finished" in err
    assert "killed" in out
    assert "Traceback" not in err
    assert processes_in(project) == {}
    (journal,) = (project.folder / "mlruns" / "spool").iterdir()
    assert f"The rest is kept in {journal}; the next `run` or `search` writes it" in err

    tell_database(project, "DROP TRIGGER slow")
    compared = project.run("compare", "long.yaml")
    assert "records of 1 sweep are not in the tracking store yet" in compared.stderr
    monkeypatch.chdir(project.folder)
    assert Store(project.uri).write_leftovers() == 1
    assert not journal.exists()
    client, runs = children(project, "long")
    assert [run.info.status for run in runs] == ["KILLED", "KILLED"]
    for run in runs:
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "loss")]
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) == int(run.data.tags["signs_sweep.epochs"])
    _, everything = runs_in(project, "long")
    assert {run.info.status for run in everything} == {"KILLED"}


def workers_of(project) -> list[int]:
    return [pid for pid, line in processes_in(project).items() if "executors.worker" in line]


def test_an_experiment_that_is_cached_does_not_keep_another_from_being_trained(
    make_project, tmp_path: Path
) -> None:
    project = make_project(tmp_path)
    for name, l2 in (("first", 0), ("second", 0.1)):
        base = f"{{epochs: 2, batch_size: 8, l2: {l2}}}"
        project.write(f"{name}.yaml", f"name: {name}\ndata: signs\nbase: {base}\n")
    assert project.run("run", "first.yaml", "--workers", "0").returncode == 0
    done = project.run("run", "first.yaml", "second.yaml", "--workers", "0")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert len(children(project, "second")[1]) == 1
