"""The findings of a sweep in MLflow: a note, a tag for each verdict, and files."""

import shutil
from pathlib import Path

import pytest

from signs_sweep.domain import Judgement, Seeds, State, VerdictRule
from signs_sweep.protocols import Findings, SweepRecord
from signs_sweep.tracking import MlflowIndex, MlflowTracker
from signs_sweep.tracking.mlflow.client import connect
from signs_sweep.tracking.mlflow.found import rule_in

pytestmark = pytest.mark.slow

ODD = ("w/", "a//b", "..", "100 % l2=0.1", "é" * 60, "x" * 300, "x" * 300 + "y", "a:b", "a?b")
RULE = VerdictRule("val_loss", 0.1, 0.2, 7, (Seeds(3, 0), Seeds(0, 0)))


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def test_any_label_gets_a_tag_and_the_sweep_its_note(uri: str) -> None:
    verdicts = dict.fromkeys(ODD, Judgement.BETTER) | {"m3": Judgement.WORSE}
    tracker = MlflowTracker(uri, {})
    tracker.open([SweepRecord("toy", "Why.", "name: toy\n", "", "toy data", rule=RULE)])
    tracker.close(
        State.FINISHED, {}, {"toy": Findings("m3 is worse.", {"settings.csv": b"a\n"}, verdicts)}
    )

    client = connect(uri)
    (experiment,) = [each for each in client.search_experiments() if each.name == "toy"]
    (sweep,) = client.search_runs([experiment.experiment_id])
    tags = {
        name.removeprefix("signs_sweep.verdict."): value
        for name, value in sweep.data.tags.items()
        if name.startswith("signs_sweep.verdict.")
    }
    assert tags["m3"] == "worse"
    assert len(tags) == len(verdicts)
    assert sweep.data.tags["signs_sweep.verdict"] == "m3 is worse."
    assert sweep.data.tags["mlflow.note.content"] == "Why.\n\nm3 is worse."
    assert sweep.info.status == "FINISHED"


def test_the_rule_of_the_latest_sweep_is_that_of_the_experiment(uri: str) -> None:
    for rule in (VerdictRule(), RULE):
        tracker = MlflowTracker(uri, {})
        tracker.open([SweepRecord("toy", "", "name: toy\n", "", "toy data", rule=rule)])
        tracker.close(State.FINISHED, {})
        assert MlflowIndex(uri).rule("toy") == rule
    asked = connect(uri).get_experiment_by_name("toy")
    assert rule_in(asked.tags) == RULE
    assert MlflowIndex(uri).rule("other") == VerdictRule()


def test_a_rule_of_another_version_is_the_default() -> None:
    assert rule_in({"signs_sweep.verdict_rule": '{"power": 1}'}) == VerdictRule()
    assert rule_in({"signs_sweep.verdict_rule": "{"}) == VerdictRule()


def test_comparisons_on_a_test_set_are_counted_over_all_experiments(uri: str) -> None:
    for name, number in (("toy", 3), ("toy", 2), ("other", 4)):
        tracker = MlflowTracker(uri, {})
        is_search = name == "other"
        record = SweepRecord(name, "", f"name: {name}\n", "", "toy data", is_search=is_search)
        tracker.open([record])
        tracker.close(State.FINISHED, {}, {name: Findings("", {}, tested={"abcd": number})})
    index = MlflowIndex(uri)
    assert (index.tested("abcd"), index.tested("ef")) == (7, 0)
    experiments = connect(uri).search_experiments()
    assert sum(int(each.tags.get("signs_sweep.tested.abcd", 0)) for each in experiments) == 7
