"""The network as a part of what a spec varies."""

import pytest

from signs_sweep.domain import Built, Dense
from signs_sweep.spec import Categories, Choice

WIDE = "2f338ea399c8"
BUILT = "c98e2a59ee24"
ODD = "7d1bfa7c39de"
FUNCTION = 'model: {build: "networks:small_cnn"'
FULL = f"{FUNCTION}, filters: [8, 16], dropout: 0.3}}"

# By text and override: the key of the last point's setting, as it was before networks varied.
KEYS = {
    ("model: {hidden: [50, 25]}", ""): WIDE,
    ("base: {hidden: [50, 25]}", ""): WIDE,
    ("grid: {hidden: [[25, 12], [50, 25]]}", ""): WIDE,
    ("model: {hidden: [3]}\nzip: {l2: [1, 0], hidden: [[3], [50, 25]]}", ""): WIDE,
    ("base: {l2: 1}\ncases: [{label: a}, {l2: 0, hidden: [50, 25]}]", ""): WIDE,
    ("grid: {hidden: [[7], [8]]}", "hidden=[50, 25]"): WIDE,
    (FULL, ""): BUILT,
    (f"{FUNCTION}, dropout: 0.3}}\nbase: {{model.filters: [8, 16]}}", ""): BUILT,
    (
        f"{FUNCTION}, filters: [3], dropout: 0.3}}\ngrid: {{model.filters: [[8], [8, 16]]}}",
        "",
    ): BUILT,
    (f"{FUNCTION}}}\ncases: [{{model.dropout: 0.3, model.filters: [8, 16]}}]", ""): BUILT,
    (f"{FULL}\ngrid: {{model.dropout: [0.1, 0.2]}}", "model.dropout=0.3"): BUILT,
    (f"{FUNCTION}, dropout: 0.3, act: relu, bias: true, deep: [[1, 2], 3]}}", ""): ODD,
    (
        (
            f"{FUNCTION}, act: relu, bias: true}}\nzip: {{model.deep: [[[1, 2], 3]]}}\n"
            "grid: {model.dropout: [0, 0.3]}"
        ),
        "",
    ): ODD,
}


@pytest.mark.parametrize(("text", "override"), KEYS)
def test_a_setting_is_the_same_wherever_its_network_is_written(
    load_text, text: str, override: str
) -> None:
    experiment = load_text(f"name: x\n{text}\n", [*filter(None, [override]), "epochs=20"])
    setting = experiment.setting(experiment.points[-1], "data")
    assert setting.key == KEYS[text, override]
    # A search reaches it through the same function.
    assert (
        experiment.setting(experiment.point(setting.model.varied | {"l2": 0.0}), "data") == setting
    )


def test_networks_combine_and_are_compared_as_parameters_are(load_text) -> None:
    experiment = load_text(
        "name: x\ngrid: {hidden: [[3], [4, 2]], l2: [0, 1]}\nbaseline: {hidden: [4, 2]}\n"
    )
    points = [(point.model.hidden, point.parameters.l2) for point in experiment.points]
    assert points == [((3,), 0), ((3,), 1), ((4, 2), 0), ((4, 2), 1)]
    assert [point.is_baseline for point in experiment.points] == [False, False, True, True]
    assert [point.baseline for point in experiment.points] == [*experiment.points[2:]] * 2


def test_equal_networks_are_merged_after_an_override_and_only_those(load_text) -> None:
    text = f"name: x\n{FUNCTION}}}\ngrid: {{model.bias: [1, true], model.act: [relu, gelu]}}\n"
    points = load_text(text, ["model.act=elu"]).points
    assert [point.model.varied for point in points] == [
        {"model.act": "elu", "model.bias": bias} for bias in (1, True)
    ]
    assert points[0] != points[1]


def test_arguments_are_the_same_in_any_order_and_of_their_types() -> None:
    ordered = Built("m:f", (("a", 1), ("b", 2)), "")
    assert ordered == Built("m:f", (("b", 2), ("a", 1)), "")
    assert ordered not in {Built("m:f", (("a", True), ("b", 2)), ""), Dense((1,))}


def test_a_search_varies_the_network(load_text) -> None:
    space = '{model.filters: [[8], [8, [4]]], model.act: ["1", 1]}'
    experiment = load_text(f"name: x\n{FULL}\nsearch: {{space: {space}}}\n")
    assert experiment.search.space == (
        Categories(
            "model.filters",
            (
                Choice("[8]", {"model.filters": (8,)}),
                Choice("[8, [4]]", {"model.filters": (8, (4,))}),
            ),
        ),
        Categories(
            "model.act", (Choice("1", {"model.act": "1"}), Choice("1 (2)", {"model.act": 1}))
        ),
    )
    of_grid = load_text("name: x\ngrid: {hidden: [[25, 12], [50]]}\n").search.space
    of_space = load_text("name: x\nsearch: {space: {hidden: [[25, 12], [50]]}}\n").search.space
    assert of_grid == of_space
