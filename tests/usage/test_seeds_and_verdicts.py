"""Verdicts as a user gets them: seeds until they are clear, more seeds, a budget, and MLflow."""

import json
import signal
from pathlib import Path

import pytest
from looking import children, recorded_bits, rows_of, runs_in, wait_until

import signs_sweep

pytestmark = pytest.mark.slow

GROWING = """
name: toy
description: Is a large rate better?
data: signs
model: {hidden: [12]}
base: {learning_rate: 1e-4, batch_size: 8, epochs: 30}
cases:
  - {label: slow}
  - {label: fast, learning_rate: 5e-3}
  - {label: same, learning_rate: 1.1e-4}
seeds: {until: clear, at_least: 10, at_most: 16}
verdict: {metric: test_accuracy, margin: 0.05}
baseline: {label: slow}
"""


def by_setting(project, *options: str) -> dict[str, dict]:
    done = project.run("compare", *(options or ["toy.yaml"]), "--by", "setting", "--format", "json")
    assert done.returncode == 0, done.stderr
    return {row["label"]: row for row in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def grown(make_project, tmp_path_factory):
    """A sweep that grew until its verdicts were clear, undisturbed and with one worker."""
    project = make_project(tmp_path_factory.mktemp("grown"))
    project.write("toy.yaml", GROWING)
    done = project.run("run", "toy.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    (project.folder / "stdout.txt").write_text(done.stdout)
    return project


def test_a_clear_difference_gets_few_seeds_and_an_unclear_one_many(grown) -> None:
    rows = by_setting(grown, "toy.yaml")
    assert rows["fast"]["verdict"] == "better"
    assert (rows["fast"]["seeds"], rows["slow"]["seeds"]) == (10, 14)
    assert rows["same"]["verdict"] == "equivalent"
    sentence = (grown.folder / "stdout.txt").read_text().splitlines()[-1]
    assert sentence.startswith("Compared with the baseline, slow, with test accuracy ")
    assert "fast is better (+" in sentence
    plan = grown.run("plan", "toy.yaml").stdout
    assert "all cached: nothing to train" in plan
    assert grown.run("run", "toy.yaml").returncode == 0


def test_the_same_runs_are_judged_by_another_metric_without_training(grown) -> None:
    grown.write("nll.yaml", GROWING.replace("metric: test_accuracy", "metric: test_nll"))
    fast = by_setting(grown, "nll.yaml")["fast"]
    assert (fast["metric"], fast["verdict"]) == ("test_nll", "better")
    assert fast["difference_high"] < 0
    table = grown.run("compare", "nll.yaml", "--metric", "test_macro_f1", "--sort", "test_macro_f1")
    assert table.returncode == 0, table.stderr


def test_killed_and_with_other_workers_it_comes_to_the_same_runs_and_verdicts(
    grown, project
) -> None:
    project.write("toy.yaml", GROWING)
    process = project.start("run", "toy.yaml", "--workers", "2")

    finished = "SELECT * FROM runs WHERE status = 'FINISHED'"
    wait_until(lambda: len(rows_of(project, finished)) >= 31)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = project.run("run", "toy.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert recorded_bits(project) == recorded_bits(grown)
    assert by_setting(project, "toy.yaml") == by_setting(grown, "toy.yaml")


def test_the_record_of_the_sweep_has_the_verdicts(grown) -> None:
    client, runs = runs_in(grown)
    (sweep,) = [run for run in runs if "signs_sweep.run_id" not in run.data.tags]
    tags = sweep.data.tags
    assert tags["signs_sweep.verdict.fast"] == "better"
    sentence = (grown.folder / "stdout.txt").read_text().splitlines()[-1]
    assert tags["signs_sweep.verdict"] in sentence.replace("\n", " ")
    assert tags["mlflow.note.content"].startswith("Is a large rate better?\n\nCompared with")
    settings = client.download_artifacts(sweep.info.run_id, "settings.csv", str(grown.folder))
    assert "better" in Path(settings).read_text(encoding="utf-8")


def test_an_experiment_is_compared_as_its_spec_declares(grown) -> None:
    of_spec, of_store = by_setting(grown, "toy.yaml"), by_setting(grown, "toy")
    assert of_store["fast"]["verdict"] == of_spec["fast"]["verdict"]
    for row in of_store.values():
        assert row["metric"] == "test_accuracy"
    with_python = grown_verdicts(grown)
    assert [(each.setting, each.judgement.value) for each in with_python] == [
        (label, row["verdict"]) for label, row in of_spec.items() if row["verdict"]
    ]


def grown_verdicts(project):
    return signs_sweep.verdicts(
        project.folder / "toy.yaml", data=project.folder / "data", tracking_uri=project.uri
    )


def test_more_seeds_extend_a_sweep_without_a_change_of_the_file(project) -> None:
    spec = GROWING.replace("{until: clear, at_least: 10, at_most: 16}", "2")
    spec = spec.replace("metric: test_accuracy", "metric: val_nll") + "validation: 0.2\n"
    project.write("toy.yaml", spec)
    first = project.run("run", "toy.yaml", "--workers", "0")
    more = project.run("run", "toy.yaml", "--workers", "0", "--seeds", "4")
    assert "add --seeds 9" in first.stdout.replace("\n", " ")
    assert "12 runs, 6 cached" in more.stderr
    assert "compare toy.yaml --seeds 4" in more.stderr
    fast = by_setting(project, "toy.yaml", "--seeds", "4")["fast"]
    assert (fast["metric"], fast["seeds"]) == ("val_nll", 4)
    assert fast["best"] <= fast["mean"] <= fast["worst"]
    fewer = project.run("compare", "toy.yaml", "--by", "setting", "--format", "json")
    assert json.loads(fewer.stdout)[1]["seeds"] == 2
    assert fewer.stderr == "note: toy has finished runs with more seeds: --seeds 4 shows them.\n"
    warning = project.run("plan", "toy.yaml").stdout
    assert "all cached: nothing to train" in warning
    plan = project.run("plan", "toy.yaml", "--seeds", "9", "--deviation", "0.1").stdout
    assert "15 runs to train, 12 cached" in plan
    assert "with probability 0.8" in plan.replace("\n", " ")


def test_that_there_will_be_no_verdict_is_known_before_training(project) -> None:
    rules = "[none, {patience: 1}, {patience: 2}, {patience: 3}]"
    project.write(
        "rules.yaml",
        "name: rules\ndata: signs\nmodel: {hidden: [4]}\nvalidation: 0.2\n"
        "base: {epochs: 3, batch_size: 8}\n"
        f"grid: {{early_stopping: {rules}}}\nbaseline: {{early_stopping: none}}\n",
    )
    plan = project.run("plan", "rules.yaml")
    done = project.run("run", "rules.yaml", "--workers", "0")
    shown = [" ".join(text.split()) for text in (plan.stdout, done.stderr, done.stdout)]
    (sentence,) = {
        text[text.index("No verdict on") :].partition("everywhere.")[0] for text in shown
    }
    assert "early_stopping={patience: 3}: early stopping differs" in sentence
    for command in ("plan", "run"):
        again = project.run(command, "rules.yaml")
        assert "No verdict" not in (again.stdout if command == "plan" else again.stderr)


def test_a_budget_ends_between_seeds_with_verdicts(project) -> None:
    project.write("toy.yaml", GROWING)
    done = project.run("run", "toy.yaml", "--workers", "0", "--budget", "1s")
    assert done.returncode == 0, done.stderr
    _, runs = children(project)
    seeds = {run.data.params["init_seed"] for run in runs}
    assert len(runs) == 3 * len(seeds) < 30
    assert "The budget is used up." in done.stderr
    assert "Better or worse needs at least 9 seeds" in done.stdout.replace("\n", " ")
    wrong = project.run("run", "toy.yaml", "--budget", "soon")
    assert wrong.returncode == 2
    assert "--budget soon: expected a time such as 90s, 30m, 1h30m or 7d" in wrong.stderr


def test_two_runs_with_one_seed_are_compared_image_by_image(project) -> None:
    project.write("toy.yaml", GROWING.replace("{until: clear, at_least: 10, at_most: 16}", "1"))
    assert project.run("run", "toy.yaml", "--workers", "0").returncode == 0
    rows = by_setting(project, "toy.yaml")
    assert 0 < rows["fast"]["mcnemar_p"] <= 1
    detail = project.run("compare", "toy.yaml", "--detail").stdout
    assert "McNemar p" in detail
    assert "valid for a single look" in detail.replace("\n", " ")
