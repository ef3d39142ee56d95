"""What a study records of its search."""

from pathlib import Path

from signs_sweep.searching.beginning import meaning
from signs_sweep.searching.study import open_study
from signs_sweep.searching.trials import fresh_seeds
from signs_sweep.spec import Experiment, load

SPEC = """\
name: toy
validation: 0.2
seeds: [{global_seed: 3, init_seed: 0}]
search:
  space: {l2: [0, 1]}
"""


def experiment_of(folder: Path, text: str) -> Experiment:
    (folder / "toy.yaml").write_text(text, encoding="utf-8")
    return load(folder / "toy.yaml")


def test_a_study_that_was_created_before_replicates_could_be_written_is_opened(
    tmp_path: Path,
) -> None:
    now = meaning(experiment_of(tmp_path, SPEC), "data")
    assert list(now) == [
        *("space", "objective", "base", "model", "seeds", "validation", "data"),
        "version of the training",
    ]
    url = f"sqlite:///{tmp_path}/optuna.db"
    study = open_study(url, "toy", now, {}, maximize=True, metric="val_accuracy")
    again = open_study(url, "toy", now, {}, maximize=True, metric="val_accuracy")
    assert again.user_attrs == study.user_attrs


def test_the_network_that_a_search_does_not_vary_is_part_of_its_meaning(tmp_path: Path) -> None:
    def model_of(model: str, space: str) -> object:
        spec = f"name: toy\nmodel: {model}\nsearch: {{space: {space}}}\n"
        return meaning(experiment_of(tmp_path, spec), "data")["model"]

    assert model_of("{hidden: [3]}", "{l2: [0, 1]}") == "(3,)"
    assert model_of("{hidden: [3]}", "{hidden: [[3], [4]]}") is None
    first, second, third = (
        model_of(f'{{build: "nets:cnn", filters: {filters}, rate: {rate}}}', "{model.filters: [8]}")
        for filters, rate in ((8, 0), (9, 0), (8, 1))
    )
    assert first == second != third


def test_replicates_begin_with_the_seeds_of_the_spec_and_fresh_seeds_lie_beyond(
    tmp_path: Path,
) -> None:
    text = SPEC + "  replicates: {at_least: 2, at_most: 4}\n"
    experiment = experiment_of(tmp_path, text).with_seeds(4)
    found = meaning(experiment, "data")
    assert found["replicates"] == "2 to 4"
    assert found["seeds"] == [[3, 0], [0, 0], [1, 1], [2, 2]]
    assert [seeds[:2] for seeds in fresh_seeds(experiment, 2)] == [(4, 4), (5, 5)]
