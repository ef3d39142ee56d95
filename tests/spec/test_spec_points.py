"""What an experiment asks for: its points, in the order written, with seeds and baseline."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from signs_sweep.domain import Dense, Parameters, Seeds
from signs_sweep.errors import DataError, SpecError, UsageError
from signs_sweep.spec import Experiment


def values(experiment: Experiment, *names: str) -> list[tuple[float, ...]]:
    """The values of some parameters, point by point."""
    return [tuple(getattr(point.parameters, name) for name in names) for point in experiment.points]


def numbers(count: int) -> str:
    return f"[{', '.join(str(number) for number in range(1, count + 1))}]"


def test_a_spec_of_a_name_alone_is_one_point_of_defaults(load_text) -> None:
    experiment = load_text("name: least\n")
    assert experiment.description == ""
    assert experiment.data == "signs"
    assert experiment.validation == 0
    assert experiment.model == Dense((25, 12))
    assert experiment.seeds == (Seeds(0, 0),)
    (point,) = experiment.points
    assert point.parameters == Parameters()
    assert point.label is None
    assert not point.is_baseline
    assert experiment.point_count == 1


def test_everything_that_is_written_arrives(load_text) -> None:
    text = """\
name: regularization
description: Does L2 help?
data: {train: a.h5, test: b.h5}
validation: 0.25
model: {hidden: [30, 20, 10]}
base: {learning_rate: 1e-3, batch_size: 16, epochs: 7, l2: 0.5, keep_prob: 0.9, global_seed: 3,
       init_seed: 4}
"""
    experiment = load_text(text)
    assert experiment.name == "regularization"
    assert experiment.description == "Does L2 help?"
    assert experiment.data == {"train": "a.h5", "test": "b.h5"}
    assert experiment.validation == 0.25
    assert experiment.model == Dense((30, 20, 10))
    assert experiment.seeds == (Seeds(3, 4),)
    assert experiment.points[0].parameters == Parameters(
        learning_rate=1e-3,
        batch_size=16,
        epochs=7,
        l2=0.5,
        keep_prob=0.9,
        global_seed=3,
        init_seed=4,
    )
    assert experiment.text == text
    assert experiment.path.name == "spec.yaml"


def test_the_first_that_is_written_varies_slowest(load_text) -> None:
    experiment = load_text("name: x\ngrid: {l2: [0, 1], keep_prob: [1, 0.5]}\n")
    assert values(experiment, "l2", "keep_prob") == [(0, 1), (0, 0.5), (1, 1), (1, 0.5)]
    other = load_text("name: x\ngrid: {keep_prob: [1, 0.5], l2: [0, 1]}\n")
    assert values(other, "l2", "keep_prob") == [(0, 1), (1, 1), (0, 0.5), (1, 0.5)]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("zip grid cases", [(1, 5, 0, 8), (1, 5, 0, 9), (1, 5, 3, 8), (1, 5, 3, 9)]),
        ("cases grid zip", [(1, 5, 0, 8), (2, 6, 0, 8), (1, 5, 3, 8), (2, 6, 3, 8)]),
        ("grid zip cases", [(1, 5, 0, 8), (1, 5, 0, 9), (2, 6, 0, 8), (2, 6, 0, 9)]),
    ],
)
def test_grid_zip_and_cases_combine_in_the_order_written(
    load_text, order: str, expected: list[tuple[float, ...]]
) -> None:
    parts = {
        "zip": "zip: {learning_rate: [1, 2], epochs: [5, 6]}",
        "grid": "grid: {l2: [0, 3]}",
        "cases": "cases: [{batch_size: 8}, {batch_size: 9}]",
    }
    experiment = load_text("name: x\n" + "\n".join(parts[part] for part in order.split()))
    assert experiment.point_count == len(experiment.points) == 8
    assert values(experiment, "learning_rate", "epochs", "l2", "batch_size")[:4] == expected


def test_cases_may_set_different_parameters(load_text) -> None:
    experiment = load_text(
        "name: x\n"
        "base: {keep_prob: 0.8}\n"
        "cases: [{label: m6}, {label: m7, epochs: 2000}, {learning_rate: 1e-5}]\n"
    )
    assert [point.label for point in experiment.points] == ["m6", "m7", None]
    assert values(experiment, "keep_prob", "epochs", "learning_rate") == [
        (0.8, 1500, 1e-4),
        (0.8, 2000, 1e-4),
        (0.8, 1500, 1e-5),
    ]


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ("1", [(0, 0)]),
        ("3", [(0, 0), (1, 1), (2, 2)]),
        ("[{global_seed: 3, init_seed: 0}]", [(3, 0)]),
        ("[{init_seed: 9}, {global_seed: 9}]", [(7, 9), (9, 8)]),
    ],
)
def test_seeds(load_text, seeds: str, expected: list[tuple[int, int]]) -> None:
    experiment = load_text(f"name: x\nbase: {{global_seed: 7, init_seed: 8}}\nseeds: {seeds}\n")
    assert list(experiment.seeds) == [Seeds(*pair) for pair in expected]
    assert values(experiment, "global_seed", "init_seed") == [(7, 8)]


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        ("{l2: 0}", [True, True, False, False]),
        ("{l2: 0.0, keep_prob: 1.0}", [True, False, False, False]),
        ("{keep_prob: 5e-1}", [False, True, False, True]),
        ("{epochs: 1500}", [True, True, True, True]),
        ("{epochs: 1500, l2: 1}", [False, False, True, True]),
    ],
)
def test_the_baseline_is_found_by_number(load_text, baseline: str, expected: list[bool]) -> None:
    experiment = load_text(
        f"name: x\ngrid: {{l2: [0, 1], keep_prob: [1, 0.5]}}\nbaseline: {baseline}\n"
    )
    assert [point.is_baseline for point in experiment.points] == expected


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        ("{label: m7}", [False, True, False]),
        ("{keep_prob: 0.8}", [True, True, False]),
        ("{keep_prob: 0.8, epochs: 1500}", [True, False, False]),
    ],
)
def test_the_baseline_is_found_among_cases(load_text, baseline: str, expected: list[bool]) -> None:
    experiment = load_text(
        "name: x\nbase: {keep_prob: 0.8}\n"
        "cases: [{label: m6}, {label: m7, epochs: 5}, {keep_prob: 1}]\n"
        f"baseline: {baseline}\n"
    )
    assert [point.is_baseline for point in experiment.points] == expected


def test_a_point_is_compared_with_the_baseline_that_differs_least(load_text) -> None:
    experiment = load_text(
        "name: x\ngrid: {l2: [0, 1]}\n"
        "cases: [{label: a, keep_prob: 0.8, epochs: 5}, {label: b, keep_prob: 0.8}, {epochs: 7}]\n"
        "baseline: {keep_prob: 0.8}\n"
    )
    compared = [
        (point.baseline.parameters.l2, point.baseline.parameters.epochs)
        for point in experiment.points
    ]
    assert compared == [(0, 5), (0, 1500), (0, 5), (1, 5), (1, 1500), (1, 5)]


def test_minus_zero_is_zero(load_text) -> None:
    experiment = load_text("name: x\nvalidation: -0.0\ngrid: {l2: [-0.0]}\n", ["l2=-0.0"])
    assert str(experiment.validation) == "0.0"
    assert str(experiment.points[0].parameters.l2) == "0.0"


def test_the_baselines_of_many_points_are_found(load_text) -> None:
    text = f"name: x\ngrid: {{l2: {numbers(100)}, epochs: {numbers(20)}, batch_size: [1, 2]}}"
    experiment = load_text(text + "\nbaseline: {l2: 1}\n")
    assert experiment.point_count == len(experiment.points) == 4000
    assert sum(point.is_baseline for point in experiment.points) == 40


def test_points_are_counted_and_the_baseline_is_found_without_expanding(load_text) -> None:
    text = (
        f"name: x\ngrid: {{l2: {numbers(100)}, epochs: {numbers(100)}, batch_size: {numbers(100)}}}"
    )
    experiment = load_text(text + "\nbaseline: {l2: 100}\n")
    assert experiment.point_count == 1_000_000
    assert "points" not in vars(experiment)


# --set


def test_set_holds_for_every_point_also_where_it_varies(load_text) -> None:
    text = "name: x\ngrid: {l2: [0, 1], epochs: [5, 6]}\n"
    experiment = load_text(text, ["epochs=9", "keep_prob = 0.5"])
    assert experiment.overrides == ("epochs=9", "keep_prob = 0.5")
    assert values(experiment, "l2", "epochs", "keep_prob") == [(0, 9, 0.5), (1, 9, 0.5)]


def test_points_that_become_equal_are_one_with_all_labels(load_text) -> None:
    text = (
        "name: x\n"
        "cases: [{label: m6}, {label: m7, epochs: 9}, {l2: 1, epochs: 3}, {l2: 1}]\n"
        "baseline: {label: m7}\n"
    )
    experiment = load_text(text, ["epochs=20"])
    assert [(point.label, point.is_baseline) for point in experiment.points] == [
        ("m6, m7", True),
        (None, False),
    ]


def test_with_folds_every_pair_of_seeds_is_used_with_every_split(load_text) -> None:
    experiment = load_text("name: x\nsplit: {folds: 3, repeats: 2}\nseeds: 2\n")
    (point,) = experiment.points
    runs = experiment.replicates(experiment.setting(point, "data"))
    expected = [Seeds(number, number, split) for number in range(2) for split in range(6)]
    assert [run.parameters.seeds for run in runs] == expected
    assert {(run.folds, run.validation) for run in runs} == {(3, 1 / 3)}


def test_a_set_seed_holds_for_all_replicates(load_text) -> None:
    text = "name: x\nseeds: [{global_seed: 1}, {global_seed: 2}, {global_seed: 1, init_seed: 5}]\n"
    assert load_text(text, ["init_seed=7"]).seeds == (Seeds(1, 7), Seeds(2, 7))
    both = ["init_seed=7", "global_seed=1"]
    assert load_text("name: x\nseeds: 5\n", both).seeds == (Seeds(1, 7),)
    assert load_text("name: x\n", ["init_seed=7"]).points[0].parameters.init_seed == 7


# What depends on the data


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("base: {batch_size: 41}", "2:20"),
        ("grid: {batch_size: [40, 41]}", "2:25"),
        ("zip: {batch_size: [41, 40], epochs: [1, 2]}", "2:20"),
        ("base: {batch_size: 8}\ncases: [{l2: 1}, {batch_size: 41}]", "3:31"),
        ("base: {batch_size: 41}\ncases: [{l2: 1}, {batch_size: 8}]", "2:20"),
    ],
)
def test_a_batch_larger_than_the_data_is_reported_at_its_place(
    load_text, text: str, place: str
) -> None:
    experiment = load_text(f"name: x\n{text}\n")
    experiment.check_data(41, ("0", "1"))
    with pytest.raises(SpecError, match=rf"spec.yaml:{place}: batch_size is 41, larger") as caught:
        experiment.check_data(40, ("0", "1"))
    assert "the training set has 40 samples" in str(caught.value)


def test_a_default_batch_larger_than_the_data(load_text) -> None:
    experiment = load_text("# small\nname: x\n")
    with pytest.raises(SpecError, match=r"spec\.yaml:2:1: batch_size is 32 by default"):
        experiment.check_data(31, ("0", "1"))


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("base: {batch_size: 41}\ngrid: {batch_size: [8, 9]}", []),
        ("base: {batch_size: 41}\ncases: [{batch_size: 8}, {batch_size: 9}]", []),
        ("grid: {batch_size: [8, 41]}", ["batch_size=10"]),
    ],
)
def test_a_batch_that_no_run_has_does_not_matter(
    load_text, text: str, overrides: Sequence[str]
) -> None:
    load_text(f"name: x\n{text}\n", overrides).check_data(40, ("0", "1"))


def test_a_set_batch_larger_than_the_data(load_text) -> None:
    experiment = load_text("name: x\n", ["batch_size=41"])
    with pytest.raises(SpecError, match="--set batch_size=41: larger than the data"):
        experiment.check_data(40, ("0", "1"))


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (("data",), "3:7"),
        (("data", "test"), "3:24"),
        (("cases", 1, "l2"), "4:23"),
        (("validation",), "2:1"),
        ((), "2:1"),
    ],
)
def test_a_later_problem_can_point_at_a_key(
    load_text, keys: tuple[str | int, ...], place: str
) -> None:
    experiment = load_text(
        "# A spec\nname: x\ndata: {train: a, test: b}\ncases: [{l2: 1}, {l2: 2}]\n"
    )
    error = experiment.problem(*keys, message=str(DataError("it is not there")))
    assert f"spec.yaml:{place}: it is not there\n" in str(error)


def test_the_package_is_imported_without_its_libraries() -> None:
    code = "import sys, signs_sweep.spec; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"pydantic", "ruamel", "h5py", "pandas", "mlflow", "tensorflow"}


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("base: {class_weights: {0: 2, 7: 3}}", (), "2:30: the data has no class '7'"),
        ("grid: {class_weights: [balanced, {x: 3}]}", (), "2:35: the data has no class 'x'"),
        ("", ("class_weights={7: 2}",), "--set class_weights={7: 2}: the data has no class '7'"),
    ],
)
def test_weights_are_those_of_classes_of_the_data(load_text, text, overrides, message) -> None:
    experiment = load_text(f"name: x\n{text}\n", overrides)
    experiment.check_data(40, ("0", "7", "x"))
    with pytest.raises((SpecError, UsageError)) as caught:
        experiment.check_data(40, ("0", "1"))
    assert message in str(caught.value)
    assert "classes: 0, 1" in str(caught.value)
