"""From specs to the runs that they ask for."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.data import write_dataset
from signs_sweep.domain import Purpose, Trial
from signs_sweep.errors import DataError, SpecError, UsageError
from signs_sweep.planning.plan import make_plan
from signs_sweep.planning.preparation import prepare
from signs_sweep.spec import Experiment, load


def spec(folder: Path, text: str, name: str = "toy.yaml") -> Experiment:
    (folder / name).write_text(text, encoding="utf-8")
    return load(folder / name)


def test_trials_are_numbered_as_written_and_hold_their_replicates(tmp_path: Path) -> None:
    experiment = spec(tmp_path, "name: a\ngrid: {l2: [0, 0.1], keep_prob: [1, 0.8]}\nseeds: 2\n")
    (part,) = make_plan([(experiment, "data")]).parts
    points = [
        (trial.number, trial.runs[0].parameters.l2, trial.runs[0].parameters.keep_prob)
        for trial in part.trials
    ]
    assert points == [(1, 0, 1), (2, 0, 0.8), (3, 0.1, 1), (4, 0.1, 0.8)]
    for trial in part.trials:
        seeds = [(run.parameters.global_seed, run.parameters.init_seed) for run in trial.runs]
        assert seeds == [(0, 0), (1, 1)]


def test_a_run_that_several_experiments_ask_for_is_there_once(tmp_path: Path) -> None:
    first = spec(tmp_path, "name: a\ngrid: {l2: [0, 0.1]}\n", "a.yaml")
    second = spec(tmp_path, "name: b\ngrid: {l2: [0.1, 0.2]}\n", "b.yaml")
    plan = make_plan([(first, "data"), (second, "data")])
    assert [run.parameters.l2 for run in plan.runs.values()] == [0, 0.1, 0.2]
    assert len(plan.trials) == 4
    assert len(make_plan([(first, "data"), (second, "other data")]).runs) == 4


def test_a_title_has_the_label_what_varies_and_the_seeds_where_they_tell_apart(
    tmp_path: Path,
) -> None:
    def titles(text: str) -> list[str]:
        (part,) = make_plan([(spec(tmp_path, text), "data")]).parts
        return [trial.title_of(run) for trial, run in part.runs]

    assert titles("name: a\ngrid: {l2: [0, 0.1]}\n") == ["l2=0", "l2=0.1"]
    assert titles("name: a\nseeds: 2\n") == ["seeds 0, 0", "seeds 1, 1"]
    assert titles("name: a\ncases: [{label: m1}, {epochs: 10000000}]\n") == [
        "m1",
        "epochs=10000000",
    ]
    assert titles(
        "name: a\ncases: [{label: m1}, {label: m2, l2: 1}]\ngrid: {epochs: [1, 2]}\n"
    ) == [
        "m1 epochs=1 l2=0",
        "m1 epochs=2 l2=0",
        "m2 epochs=1 l2=1",
        "m2 epochs=2 l2=1",
    ]
    assert titles("name: a\ngrid: {hidden: [[50, 25], [7]], l2: [0, 1]}\n") == [
        "l2=0 hidden=[50, 25]",
        "l2=1 hidden=[50, 25]",
        "l2=0 hidden=[7]",
        "l2=1 hidden=[7]",
    ]
    built = 'name: a\nmodel: {build: "nets:cnn"}\n'
    assert titles(
        f'{built}cases: [{{model.a: true}}, {{model.a: [x, "2\\n"]}}, {{label: plain}}]\n'
    ) == [
        "model.a=true",
        r"model.a=[x, '2\n']",
        "plain",
    ]


def test_a_trial_is_identified_by_its_setting_and_knows_what_it_is_for(tmp_path: Path) -> None:
    def trials(text: str) -> list[Trial]:
        return make_plan([(spec(tmp_path, text), "data")]).trials

    first, second = trials("name: a\ngrid: {l2: [0, 0.1]}\n")
    assert (first.experiment, first.purpose) == ("a", Purpose.SWEEP)
    assert first.key != second.key
    (alone,) = trials("name: a\nbase: {l2: 0.1}\nseeds: 3\n")
    assert alone.key == second.key, "neither place nor seeds have a part in it"


def test_the_trials_that_the_others_are_compared_with_are_known(tmp_path: Path) -> None:
    experiment = spec(
        tmp_path, "name: a\ngrid: {l2: [0, 0.1], keep_prob: [1, 0.8]}\nbaseline: {l2: 0}\n"
    )
    (part,) = make_plan([(experiment, "data")]).parts
    assert [trial.is_baseline for trial in part.trials] == [True, True, False, False]
    assert [trial.baselines for trial in part.trials] == [
        (part.trials[number].runs[0].run_id,) for number in (0, 1, 0, 1)
    ]
    assert part.varying == ("l2", "keep_prob")


def test_two_experiments_with_the_same_name_are_refused(tmp_path: Path) -> None:
    first = spec(tmp_path, "name: a\n", "a.yaml")
    second = spec(tmp_path, "name: a\n", "b.yaml")
    with pytest.raises(UsageError, match=r"a\.yaml and .*b\.yaml both have the name 'a'"):
        make_plan([(first, "data"), (second, "data")])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNS_DATA", raising=False)
    write_dataset(dataset, tmp_path / "data")
    return tmp_path


def test_a_spec_is_checked_against_its_data(project: Path) -> None:
    (project / "a.yaml").write_text("name: a\nbase: {batch_size: 13}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"a\.yaml:2:20: .*larger than the data") as caught:
        prepare([project / "a.yaml"])
    assert "12 samples" in str(caught.value)
    text = "name: b\nvalidation: 0.5\nbase: {batch_size: 12}\n"
    (project / "b.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=r"b\.yaml:3:20") as caught:
        prepare([project / "b.yaml"])
    assert "6 samples" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "overrides", "words"),
    [
        ("grid: {model.filtres: [8]}", (), [":3:8:", "no argument 'filtres'", "mean 'filters'?"]),
        (
            (
                "search: {space: {model.rate: [1]}}\ngrid: {model.shape: [1]}\n"
                "baseline: {model.shape: 1}"
            ),
            (),
            [":3:18:", "no argument 'rate'", ":4:8:", ":5:12:", "shape is the input shape"],
        ),
        ("cases: [{model.filters: 8}, {l2: 1}]", (), [":2:9:", "also needs filters"]),
        ("description: none", (), [":2:9:", "also needs filters"]),
        ("", ("model.filtres=8",), ["--set model.filtres=8: the function 'cnn' has no argument"]),
        ("cases: [{model.filters: 8}, {model.filters: 9, l2: 1}]", (), []),
        ("base: {model.filters: 8}", (), []),
        ("description: none", ("model.filters=8",), []),
    ],
)
def test_arguments_are_checked_against_the_function_wherever_they_are(
    project: Path, text: str, overrides: Sequence[str], words: Sequence[str]
) -> None:
    (project / "nets.py").write_text("def cnn(shape, classes, *, filters): ...\n", encoding="utf-8")
    spec = project / "a.yaml"
    spec.write_text(f'name: a\nmodel: {{build: "nets:cnn"}}\n{text}\n', encoding="utf-8")
    with pytest.raises((SpecError, UsageError)) if words else nullcontext() as caught:
        prepare([spec], overrides=["batch_size=2", *overrides])
    for each in words:
        assert each in str(caught.value)


def test_groups_that_cannot_be_divided_are_an_error_at_validation(project: Path, dataset) -> None:
    grouped = replace(dataset, train_groups=np.array(["a"] * 11 + ["b"]))
    write_dataset(grouped, project / "data")
    text = "name: a\nvalidation: 0.01\nbase: {batch_size: 4}\n"
    (project / "a.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=r"a\.yaml:2:13: .*the smallest of the 2 groups"):
        prepare([project / "a.yaml"])


@pytest.mark.parametrize("verdict", ["", "verdict: {metric: val_loss}", "metric: test_accuracy"])
def test_seeds_until_clear_need_early_stopping_that_verdicts_can_be_about(
    project: Path, verdict: str
) -> None:
    text = (
        "name: a\nvalidation: 0.5\nbase: {epochs: 2, batch_size: 2}\n"
        "grid: {early_stopping: [none, {patience: 5}]}\nbaseline: {early_stopping: none}\n"
        "seeds: {until: clear}\n"
    )
    if verdict.startswith("metric"):
        (project / "a.yaml").write_text(f"{text}verdict: {{{verdict}}}\n")
        assert len(prepare([project / "a.yaml"]).plan.trials) == 2
        return
    (project / "a.yaml").write_text(f"{text}{verdict}\n")
    with pytest.raises(SpecError, match=r"a\.yaml:6:8: ") as caught:
        prepare([project / "a.yaml"])
    message = " ".join(str(caught.value).split())
    assert "whose early stopping differs by validation" in message
    assert "verdict: {metric: test_accuracy}" in message


def test_the_problems_of_all_specs_are_listed(project: Path) -> None:
    (project / "a.yaml").write_text("name: a\nl3: 1\n", encoding="utf-8")
    (project / "b.yaml").write_text("name: b\ngrit: {}\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        prepare([project / "a.yaml", project / "b.yaml"])
    assert "a.yaml:2:1" in str(caught.value)
    assert "b.yaml:2:1" in str(caught.value)


def test_a_dataset_that_a_spec_names_is_an_error_at_its_place(project: Path) -> None:
    (project / "a.yaml").write_text("name: a\ndata: nowhere\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"a\.yaml:2:7: unknown dataset 'nowhere'"):
        prepare([project / "a.yaml"])


def test_a_folder_that_the_user_names_is_an_error_of_its_own(project: Path) -> None:
    (project / "a.yaml").write_text("name: a\n", encoding="utf-8")
    with pytest.raises(DataError, match="does not exist"):
        prepare([project / "a.yaml"], data_dir=project / "nowhere")


def test_a_spec_that_is_named_twice_is_read_once(project: Path) -> None:
    (project / "a.yaml").write_text("name: a\nbase: {batch_size: 4}\n", encoding="utf-8")
    prepared = prepare([project / "a.yaml", project / "a.yaml"])
    assert len(prepared.plan.parts) == 1
    assert [source.train.name for source in prepared.sources.values()] == ["train_signs.h5"]


def test_a_plan_and_an_experiment_have_a_one_line_repr(tmp_path: Path) -> None:
    experiment = spec(tmp_path, f"name: a\ngrid: {{l2: {list(range(500))}}}\n")
    plan = make_plan([(experiment, "data")])
    assert repr(plan) == "<Plan of a: 500 runs>"
    assert repr(experiment) == f"<Experiment a of {tmp_path / 'toy.yaml'}>"


def test_a_schedule_longer_than_the_run_is_a_warning(tmp_path: Path) -> None:
    text = (
        "name: a\nbase: {epochs: 5}\n"
        "grid: {schedule: [{name: cosine, warmup: 4}, {name: linear, warmup: 5}, "
        "{name: step, decay_epochs: 50}]}\n"
    )
    assert spec(tmp_path, text).doubts() == [
        "schedule {name: linear, warmup: 5}: warmup is 5, and a run has only 5 epochs",
        "schedule {name: step, decay_epochs: 50}: decay_epochs is 50, and a run has only 5 epochs",
    ]
