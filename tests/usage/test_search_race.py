"""The race of a search from the command line: killed, with other workers, and continued."""

import signal

import pytest
from looking import rows_of, runs_in, wait_until

import signs_sweep
from signs_sweep.analysis.answer import signed
from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.commands.search_history import read_search
from signs_sweep.tracking import MlflowIndex
from signs_sweep.tracking.mlflow.client import connect
from signs_sweep.tracking.mlflow.found import ask_for_records
from signs_sweep.tracking.mlflow.tables import Tables

pytestmark = pytest.mark.slow

SPEC = """\
name: race
validation: 0.2
base: {learning_rate: 1e-2, batch_size: 8, epochs: 4}
search:
  trials: 3
  sampler: grid
  space: {learning_rate: [1e-2, 1e-3, 1e-5], hidden: [[6]]}
  confirm: {candidates: 2, at_least: 2, at_most: 6}
"""


def race_of(output: str) -> str:
    """Return the tables and sentences, without the time that the search took."""
    return output.partition("race over fresh seeds")[2]


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory, make_project):
    """A project in which a search was made, and its output."""
    project = make_project(tmp_path_factory.mktemp("raced"))
    project.write("race.yaml", SPEC)
    done = project.run("search", "race.yaml", "--workers", "0", "-o", "best.yaml")
    assert done.returncode == 0, done.stderr
    return project, done


def test_the_winner_is_handed_out(raced) -> None:
    project, done = raced
    race = race_of(done.stdout)
    assert race.count("winner") == 3, "in the table and in two sentences"
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Winner: ")
    best = (project.folder / "best.yaml").read_text(encoding="utf-8")
    assert best.splitlines()[0].startswith("# Winner of the search 'race': ")
    _, runs = runs_in(project, "race")
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert {"optimism", "winner_race", "winner_val_accuracy"} <= parent.data.metrics.keys()
    tested = [run for run in runs if "test_accuracy" in run.data.metrics]
    assert len(tested) in (2, 4), "the further seeds of the winner and of another default"


def test_killed_in_the_race_and_with_other_workers_it_has_the_same_winner(
    raced, make_project, tmp_path
) -> None:
    _, undisturbed = raced
    project = make_project(tmp_path)
    project.write("race.yaml", SPEC)
    begun = project.start("search", "race.yaml", "--workers", "2")

    racing = "SELECT * FROM runs WHERE name LIKE 'race of%'"
    wait_until(lambda: rows_of(project, racing))
    begun.send_signal(signal.SIGKILL)
    begun.communicate()
    done = project.run("search", "race.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert race_of(done.stdout) == race_of(undisturbed.stdout)
    again = project.run("search", "race.yaml")
    assert "is finished" in again.stderr
    assert again.stdout == done.stdout


def test_the_store_has_what_was_promised_and_what_held(raced, monkeypatch) -> None:
    project, _ = raced
    project.enter(monkeypatch)
    outcome = signs_sweep.search("race.yaml")
    index = MlflowIndex(project.uri)
    history = read_search("race", outcome.search.objective, index)
    report = history.report
    assert [(each.number, each.value) for each in report.trials] == list(
        outcome.table["value"].items()
    )
    known = outcome.confirmed["val_accuracy"]
    stages = {stage.name: stage for stage in report.stages}
    assert stages["further seeds"].winner == pytest.approx(known.mean)
    assert stages["further seeds"].seeds == 2
    assert stages["race"].winner == pytest.approx(outcome.race_means[outcome.winner])
    assert dict(report.chosen)["optimism for the best trial"] == signed(outcome.optimism)
    assert report.text == index.sweeps("race")[0].outcome
    (comparison,) = compare_settings(history.compared[0], {"race": history.compared[1]})
    raced_means = {each.candidate.title: each.mean for each in outcome.standings}
    expected = raced_means if outcome.winner.is_default else {outcome.winner.title: known.mean}
    for each in comparison.settings:
        if (title := each.label.partition(",")[0].removeprefix("the ")) in expected:
            assert each.mean("val_accuracy") == pytest.approx(expected[title])
    assert len(comparison.settings) == (len(expected) if outcome.winner.is_default else 2)
    for mark in ("signs_sweep.sweep", "signs_sweep.kind"):
        asked = ask_for_records(connect(project.uri), project.uri, "race", mark=mark)
        assert Tables(project.uri).records("race", mark=mark) == asked
