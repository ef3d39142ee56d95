"""The shipped specs: they load, name their schema, and are the runs of the published series."""

from pathlib import Path

import pytest

from signs_sweep.domain import Dense, Seeds
from signs_sweep.spec import load, schema_json

FOLDER = Path(__file__).parents[1] / "experiments"
SPECS = sorted(FOLDER.glob("*.yaml"))

# label: spec, global seed, init seed, learning rate, L2, keep_prob, epochs
SERIES = {
    "m1": ("learning_rate", 2, 2, 1e-4, 0, 1, 1500),
    "m2": ("learning_rate", 2, 2, 5e-4, 0, 1, 1500),
    "m3": ("regularization", 3, 0, 1e-4, 0.01, 1, 1500),
    "m4": ("regularization", 3, 0, 1e-4, 0.03, 1, 1500),
    "m5": ("regularization", 3, 0, 1e-4, 0.1, 1, 1500),
    "m6": ("dropout", 3, 0, 1e-4, 0, 0.8, 1500),
    "m7": ("dropout", 3, 0, 1e-4, 0, 0.8, 2000),
    "m8": ("dropout", 3, 0, 1e-5, 0, 0.8, 1500),
}


def test_all_experiments_are_there() -> None:
    names = {"baseline", "cnn", "dropout", "learning_rate", "regularization", "seeds", "smoke"}
    names |= {"search", "replication", "regularization_seeds", "folds", "width", "optimizers"}
    assert {spec.stem for spec in SPECS} == names


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_a_spec_loads_under_its_own_name_and_names_the_schema(spec: Path) -> None:
    assert load(spec).name == spec.stem
    first = spec.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=spec.schema.json"


def test_the_schema_beside_them_is_that_of_this_version() -> None:
    assert (FOLDER / "spec.schema.json").read_text(encoding="utf-8") == schema_json()


@pytest.mark.parametrize("label", SERIES)
def test_a_run_of_the_series_is_declared(label: str) -> None:
    name, global_seed, init_seed, *rest = SERIES[label]
    experiment = load(FOLDER / f"{name}.yaml")
    (point,) = [point for point in experiment.points if point.label == label]
    parameters = point.parameters
    assert experiment.seeds == (Seeds(global_seed, init_seed),)
    assert experiment.model == Dense((25, 12))
    assert [
        parameters.learning_rate,
        parameters.l2,
        parameters.keep_prob,
        parameters.epochs,
    ] == rest
    assert parameters.batch_size == 32


def test_the_baseline_is_m1_and_the_seeds_differ_in_nothing_else() -> None:
    baseline, seeds = load(FOLDER / "baseline.yaml"), load(FOLDER / "seeds.yaml")
    assert baseline.seeds == (Seeds(2, 2),)
    assert Seeds(2, 2) in seeds.seeds
    assert Seeds(3, 2) in seeds.seeds, "the run of the series that overfits"
    assert [point.parameters.epochs for point in (*baseline.points, *seeds.points)] == [1500, 1500]


def test_the_replication_has_all_settings_of_the_series() -> None:
    points = {point.label: point.parameters for point in load(FOLDER / "replication.yaml").points}
    assert points.keys() == SERIES.keys()
    for label, (*_, rate, l2, keep_prob, epochs) in SERIES.items():
        expected = (rate, l2, keep_prob, epochs)
        own = points[label]
        assert (own.learning_rate, own.l2, own.keep_prob, own.epochs) == expected
