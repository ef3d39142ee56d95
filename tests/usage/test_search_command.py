"""`signs-sweep search` as a user runs it: a small space on small data."""

import os
import signal
import sqlite3
from contextlib import closing, suppress

import pytest
from looking import PATIENCE, processes_in, runs_in, wait_until

import signs_sweep

pytestmark = pytest.mark.slow

SPEC = """\
name: small
data: signs
validation: 0.2
model: {hidden: [4]}
base: {learning_rate: 1e-2, batch_size: 8, epochs: 20}
seeds: 2
search:
  trials: 5
  sampler: {name: random, seed: 1}
  space:
    l2: {low: 1e-4, high: 0.1, log: true}
    hidden: [[4], [6, 3]]
  objective: val_balanced_accuracy
  confirm: 2
"""


def trained(stderr: str) -> int:
    return stderr.count("finished in")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, make_project):
    """A project in which a search was made, and its output."""
    project = make_project(tmp_path_factory.mktemp("searched"))
    project.write("small.yaml", SPEC)
    done = project.run("search", "small.yaml", "--workers", "0", "-o", "best.yaml")
    assert done.returncode == 0, done.stderr
    return project, done


def test_it_says_which_is_best_and_whether_it_beats_the_default(searched) -> None:
    _, done = searched
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["trial", "val_balanced_accuracy", "l2", "hidden"]
    assert len([line for line in lines if line.strip()[:1].isdigit()]) >= 5
    assert "5 trials: 5 complete." in done.stdout
    assert "Best in the search: trial " in done.stdout
    assert "Over 2 fresh seeds (2 to 3), which played no part in the choice, on the" in done.stdout
    assert "The test set judged only the winner and the default: test_accuracy" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Winner: trial ")


def test_mlflow_has_the_search_its_trials_and_their_runs(searched) -> None:
    project, _ = searched
    client, runs = runs_in(project, "small")
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    trials = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    labels = {run.info.run_name for run in trials}
    assert {f"trial {number}" for number in range(5)} <= labels
    assert "confirmation of the default" in labels
    assert len(trials) == 7, "five trials, the winner and the default"
    for trial in trials:
        replicates = [
            run for run in runs if run.data.tags.get("mlflow.parentRunId") == trial.info.run_id
        ]
        assert len(replicates) == 2
        is_fresh = trial.info.run_name.startswith("confirmation")
        for run in replicates:
            assert run.info.status == "FINISHED"
            assert ("test_accuracy" in run.data.metrics) == is_fresh
            assert ("test_nll" in run.data.metrics) == is_fresh
            assert {"val_accuracy", "val_balanced_accuracy", "val_nll"} <= run.data.metrics.keys()
    assert parent.info.status == "FINISHED"
    files = {item.path for item in client.list_artifacts(parent.info.run_id)}
    assert {"best.yaml", "table.csv", "search.html"} <= files


def study_of(project):
    import optuna

    storage = f"sqlite:///{project.folder}/mlruns/optuna.db"
    return optuna.load_study(study_name="small", storage=storage)


def test_the_study_can_be_read_with_optuna(searched) -> None:
    study = study_of(searched[0])
    assert len(study.trials) == 5
    for trial in study.trials:
        values = list(trial.user_attrs["values"].values())
        assert trial.value == pytest.approx(sum(values) / 2)
        assert len(trial.user_attrs["runs"]) == 2


def test_a_finished_search_says_so_and_more_trials_are_added(searched) -> None:
    project, first = searched
    again = project.run("search", "small.yaml", "--checkpoints", "shared")
    assert again.returncode == 0, again.stderr
    assert "this search has 5 trials and is finished." in again.stderr
    shown = "30 trials more   signs-sweep search small.yaml --trials 35 --checkpoints shared"
    assert shown in again.stderr
    assert again.stdout == first.stdout
    more = project.run("search", "small.yaml", "--trials", "6", "--workers", "0")
    assert more.returncode == 0, more.stderr
    assert "done before: 5 trials; 1 left" in more.stderr
    assert "6 trials: 6 complete." in more.stdout
    _, runs = runs_in(project, "small")
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1, "the search continues in its record"


def test_what_a_search_trained_is_not_trained_again_but_tested(searched) -> None:
    project, _ = searched
    project.write("points.yaml", SPEC.partition("search:")[0].replace("small", "points"))
    ran = project.run("run", "points.yaml", "--workers", "0")
    assert ran.returncode == 0, ran.stderr
    assert "0 cached" in ran.stderr
    best = project.run("run", "best.yaml")
    assert best.returncode == 0, best.stderr
    assert "2 runs, 2 cached" in best.stderr


def test_the_runs_of_a_trial_are_evaluated_when_a_run_wants_them(make_project, tmp_path) -> None:
    project = make_project(tmp_path)
    spec = SPEC.replace("seeds: 2\n", "grid: {l2: [0, 0.01]}\n").partition("  sampler")[0]
    project.write(
        "small.yaml", spec.replace("trials: 5", "trials: 2\n  sampler: grid\n  confirm: 0")
    )
    searched = project.run("search", "small.yaml", "--workers", "0")
    assert searched.returncode == 0, searched.stderr
    planned = project.run("plan", "small.yaml")
    assert planned.stdout.count("its test set is still to be evaluated") == 2
    assert "`search` trains up to 2 trials of 1 seed." in planned.stdout
    assert "2 runs to train, 0 cached   0 epochs" in planned.stdout
    ran = project.run("run", "small.yaml", "--workers", "0")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("resumes from epoch 20") == 2
    client, runs = runs_in(project, "small")
    trained = [run for run in runs if "signs_sweep.run_id" in run.data.tags]
    assert len(trained) == 2, "no second record"
    for run in trained:
        assert "test_accuracy" in run.data.metrics
        for name in ("loss", "val_loss"):
            points = client.get_metric_history(run.info.run_id, name)
            assert [point.step for point in points] == list(range(1, 21))


def test_a_point_that_is_proposed_twice_is_not_trained_twice(project) -> None:
    two_points = "  space: {l2: [0, 0.01]}\n  confirm: 0\n"
    project.write("small.yaml", SPEC.replace("seeds: 2\n", "").partition("  space")[0] + two_points)
    done = project.run("search", "small.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert "5 trials: 5 complete." in done.stdout
    _, runs = runs_in(project, "small")
    trained = [run for run in runs if "signs_sweep.run_id" in run.data.tags]
    trials = [run for run in runs if run.data.tags.get("signs_sweep.kind") == "trial"]
    assert (len(trained), len(trials)) == (2, 5)
    assert all("value" in trial.data.metrics for trial in trials)
    again = project.run("search", "small.yaml")
    assert "is finished" in again.stderr, "also without a confirmation"


SLOW = (
    SPEC.replace("[4], [6, 3]", "[200, 100]")
    .replace("batch_size: 8", "batch_size: 1")
    .replace("epochs: 20", "epochs: 50")
)


def test_a_search_that_was_killed_goes_on_to_the_same_points(project) -> None:
    project.write("small.yaml", SLOW)
    process = project.start("search", "small.yaml", "--workers", "1", "--checkpoint-seconds", "0.3")
    database = project.folder / "mlruns" / "optuna.db"

    def stands_where_one_trial_is_done_and_one_is_not() -> bool:
        if not database.exists():
            return False
        os.killpg(process.pid, signal.SIGSTOP)
        address = f"file:{database}?mode=ro"
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(address, uri=True)) as db:
            states = {state for (state,) in db.execute("SELECT state FROM trials")}
            if states >= {"COMPLETE", "RUNNING"}:
                return True
        os.killpg(process.pid, signal.SIGCONT)
        return False

    wait_until(stands_where_one_trial_is_done_and_one_is_not)
    os.killpg(process.pid, signal.SIGKILL)
    os.killpg(process.pid, signal.SIGCONT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, err
    assert "Traceback" not in err
    wait_until(lambda: not processes_in(project))
    again = project.run("search", "small.yaml", "--workers", "0")
    assert again.returncode == 0, again.stderr
    assert "asked again: 1 trial" in again.stderr
    assert "5 trials: 5 complete." in again.stdout
    _, runs = runs_in(project, "small")
    by_run: dict[str, int] = {}
    for run in runs:
        if name := run.data.tags.get("signs_sweep.run_id"):
            by_run[name] = by_run.get(name, 0) + 1
    assert set(by_run.values()) == {1}, "each run has one record"
    ends = {run.info.status for run in runs if "signs_sweep.run_id" in run.data.tags}
    assert ends == {"FINISHED"}


def test_from_python_the_runs_of_a_trial_can_be_found(searched, monkeypatch) -> None:
    project, _ = searched
    project.enter(monkeypatch)
    found = signs_sweep.search("small.yaml")
    assert [len(found.runs(trial.number)) for trial in found.study.trials] == [2] * len(
        study_of(project).trials
    )
    assert found.best.value == found.study.best_value
    assert "val_accuracy" in found.runs(0)[0].metrics
    images = signs_sweep.predictions("small.yaml")
    sets = {name: set(of_run["set"]) for name, of_run in images.groupby("run_id")}
    of_search = {run.run_id for trial in found.study.trials for run in found.runs(trial.number)}
    assert {name for name, of_run in sets.items() if of_run == {"validation"}} == of_search
    assert [of_run for name, of_run in sets.items() if name not in of_search] == [
        {"validation", "test"}
    ] * (len(sets) - len(of_search))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("validation: 0.2\n", ""), "compares trials on held-out samples"),
        (("trials: 5", "trials: 5\n  objective: test_accuracy"), "the test set is used once"),
        (("trials: 5", "trials: 5\n  pruner: median"), "for several seeds, use wilcoxon"),
        (("name: random", "name: gp"), "needs a package"),
        (("l2: {low: 1e-4", "batch_size: {low: 8, high: 64}\n    l2: {low: 1e-4"), "goes up to 64"),
    ],
)
def test_a_spec_that_cannot_be_searched_is_an_error_at_its_line(
    bare_project, change, message
) -> None:
    project = bare_project
    project.write("small.yaml", SPEC.replace(*change))
    done = project.run("search", "small.yaml")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("small.yaml:"), done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.folder / "mlruns").exists()


def test_another_space_under_the_same_name_is_an_error(searched) -> None:
    project, _ = searched
    project.write("other.yaml", SPEC.replace("high: 0.1", "high: 0.2"))
    done = project.run("search", "other.yaml")
    assert done.returncode == 2
    assert "was created with different settings: space." in done.stderr


def test_promising_points_get_more_seeds(tmp_path, make_project) -> None:
    project = make_project(tmp_path)
    spec = SPEC.replace("seeds: 2\n", "") + "  replicates: {at_most: 3}\n"
    project.write("small.yaml", spec)
    done = project.run("search", "small.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert "5 trials of 1 to 3 seeds" in done.stderr
    heading, *rows = done.stdout.splitlines()[:6]
    assert heading.split() == ["trial", "val_balanced_accuracy", "seeds", "l2", "hidden"]
    shown = {row.split()[0]: row.split()[2] for row in rows}
    assert rows[0].split()[2] == "3", "the best trial has all"
    assert "1" in shown.values()
    assert "Over 2 fresh seeds (3 to 4)" in done.stdout
    _, runs = runs_in(project, "small")
    for trial in study_of(project).trials:
        (record,) = [run for run in runs if run.info.run_name == f"trial {trial.number}"]
        ids = record.data.tags["signs_sweep.run_ids"].split(",")
        assert ids == trial.user_attrs["runs"] == list(trial.user_attrs["values"])
        assert len(ids) == int(shown[str(trial.number)]) == record.data.metrics["seeds"]
    again = project.run("search", "small.yaml")
    assert "this search has 5 trials and is finished." in again.stderr
    assert again.stdout == done.stdout
    for replicates, now in (("  replicates: {at_most: 4}\n", "1 to 4"), ("", "not set")):
        changed = SPEC.replace("seeds: 2", "seeds: 3") + replicates
        project.write("small.yaml", changed)
        refused = project.run("search", "small.yaml")
        assert refused.returncode != 0
        assert f"replicates (1 to 3, now {now})" in refused.stderr
