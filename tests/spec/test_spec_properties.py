"""What holds for every spec."""

from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signs_sweep.errors import SpecError
from signs_sweep.spec import Categories, Experiment, load
from signs_sweep.spec.table import TABLE, VARIABLE_NAMES

# One file is written over and over, in the folder of the one test.
quick = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

WORDS = (
    *("name: x", "grid", "zip", "cases", "base", "seeds", "baseline", "data", "model", "hidden"),
    *("l2", "epochs", "label", "global_seed", "lr", "one", "many", "train", "<<", ": ", ":", ", "),
    *("[", "]", "{", "}", "- ", "\n", "\n  ", "\t", "&a ", "*a", "!x ", "!!int ", "'", '"', "#"),
    *("|", ">", "? ", "%", "---", "...", "0", "1", "-1", "1e-4", "1.5", ".nan", ".inf", "true"),
    *("null", "~", "=", "\\0", "\x85", "\u2028", "\ufeff", "\u202e", "\U0001f44b", "\r", "\0"),
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "x", "1", "1e-4", "m6", "sgd", "step", "none", "tanh", "relu"])
    | st.text(max_size=5)
)
keys = st.sampled_from(
    [
        *("name", "description", "data", "validation", "model", "base", "grid", "zip", "cases"),
        *("seeds", "baseline", "hidden", "l2", "epochs", "keep_prob", "init_seed", "label", "one"),
        *("train", "test", "seed", "lr", "batch_size", "x", "optimizer", "momentum", "augment"),
        *("flip", "schedule", "early_stopping", "patience", "metric", "class_weights", "0"),
        *("dropout", "activation", "nesterov"),
        *("search", "space", "low", "high", "log", "step", "sampler", "pruner", "objective"),
        *("trials", "metric", "startup", "p"),
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


def load_or_refuse(path, content: bytes) -> Experiment | None:
    path.write_bytes(content)
    try:
        experiment = load(path)
    except SpecError as error:
        message = str(error)
        assert str(path) in message
        assert all(character.isprintable() or character in "\n\t" for character in message)
        return None
    assert experiment.point_count == len(experiment.points)
    for dimension in experiment.search.space:
        if isinstance(dimension, Categories):
            assert len({choice.text for choice in dimension.choices}) == len(dimension.choices) > 0
    return experiment


@given(st.binary(max_size=60))
@quick
def test_any_bytes_are_a_spec_or_refused(tmp_path, content: bytes) -> None:
    load_or_refuse(tmp_path / "spec.yaml", content)
    load_or_refuse(tmp_path / "spec.yaml", b"name: x\n" + content)


@given(st.lists(st.sampled_from(WORDS), max_size=25))
@settings(quick, max_examples=150)
def test_any_words_are_a_spec_or_refused(tmp_path, words: list[str]) -> None:
    load_or_refuse(tmp_path / "spec.yaml", "".join(words).encode())


def as_yaml(value: Any) -> str:
    """Write a value in the brackets of YAML."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {as_yaml(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    if isinstance(value, float):
        return repr(value).replace("inf", ".inf").replace("nan", ".nan")
    return "null" if value is None else str(value).lower()


@given(st.dictionaries(keys, anything, max_size=5))
@settings(quick, max_examples=60)
def test_any_values_are_a_spec_or_refused(tmp_path, spec: dict[str, Any]) -> None:
    load_or_refuse(tmp_path / "spec.yaml", as_yaml({"name": "x"} | spec).encode())


sections = st.fixed_dictionaries(
    {},
    optional={
        "space": st.dictionaries(
            st.sampled_from(["l2", "epochs", "keep_prob", "hidden"]),
            st.dictionaries(st.sampled_from(["low", "high", "log", "step"]), anything) | anything,
        ),
        **dict.fromkeys(("sampler", "pruner", "objective", "trials", "confirm"), anything),
    },
)


@given(sections)
@settings(quick, max_examples=100)
def test_any_search_is_a_search_or_refused(tmp_path, search: dict[str, Any]) -> None:
    text = as_yaml({"name": "x", "search": search})
    experiment = load_or_refuse(tmp_path / "spec.yaml", text.encode())
    if experiment is not None:
        assert experiment.search.trials >= 1


def some(values: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=most, unique=True)


VALUES = {
    "l2": st.sampled_from([0, 0.01, 0.03, 0.1, 1]),
    "keep_prob": st.sampled_from([0.1, 0.5, 0.8, 1]),
    "epochs": st.integers(1, 50),
    "batch_size": st.integers(1, 50),
    "learning_rate": st.sampled_from([1e-5, 1e-4, 0.5]),
}


@st.composite
def valid_specs(draw: st.DrawFn) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """A spec, and for each of its factors the values of each alternative."""
    names = draw(st.permutations(list(VALUES)))
    in_grid = names[: draw(st.integers(0, 2))]
    grid = {name: draw(some(VALUES[name], 3)) for name in in_grid}
    size = draw(st.integers(1, 3))
    exactly = {name: st.lists(VALUES[name], min_size=size, max_size=size, unique=True)
               for name in names[2:4]}  # fmt: skip
    paired = {name: draw(values) for name, values in exactly.items()}
    cases = [{names[4]: value} for value in draw(some(VALUES[names[4]], 3))]
    spec: dict[str, Any] = {"name": "x"}
    factors: list[list[dict[str, Any]]] = []
    for section in draw(st.permutations(["grid", "zip", "cases"])):
        if section == "grid" and grid:
            spec["grid"] = grid
            factors += [[{name: value} for value in values] for name, values in grid.items()]
        elif section == "zip":
            spec["zip"] = paired
            rows = zip(*paired.values(), strict=True)
            factors.append([dict(zip(paired, row, strict=True)) for row in rows])
        elif section == "cases":
            spec["cases"] = cases
            factors.append(cases)
    return spec, factors


@given(valid_specs())
@quick
def test_points_are_the_product_in_the_order_written(tmp_path, drawn: Any) -> None:
    spec, factors = drawn
    experiment = load_or_refuse(tmp_path / "spec.yaml", as_yaml(spec).encode())
    assert experiment is not None
    expected = [{k: v for part in row for k, v in part.items()} for row in product(*factors)]
    points = [point.parameters for point in experiment.points]
    assert [{name: getattr(point, name) for name in row} for point, row in
            zip(points, expected, strict=True)] == expected  # fmt: skip
    assert len(set(points)) == len(points)


@given(valid_specs(), st.data())
@quick
def test_the_baseline_is_what_has_its_values(tmp_path, drawn: Any, data: st.DataObject) -> None:
    spec, factors = drawn
    chosen = {k: v for factor in factors for k, v in data.draw(st.sampled_from(factor)).items()}
    baseline = {name: chosen[name] for name in data.draw(some(st.sampled_from(list(chosen)), 3))}
    text = as_yaml(spec | {"baseline": baseline})
    experiment = load_or_refuse(tmp_path / "spec.yaml", text.encode())
    assert experiment is not None
    assert [point.is_baseline for point in experiment.points] == [
        all(getattr(point.parameters, name) == value for name, value in baseline.items())
        for point in experiment.points
    ]
    assert any(point.is_baseline for point in experiment.points)


@given(valid_specs(), st.sampled_from(["epochs=7", "l2=0.5", "keep_prob=1"]))
@quick
def test_overridden_points_are_different_and_none_is_lost(
    tmp_path, drawn: Any, override: str
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(as_yaml(drawn[0]), encoding="utf-8")
    name, value = override.split("=")
    written, overridden = load(path).points, load(path, [override]).points

    def rest(parameters: Any) -> tuple[float, ...]:
        return tuple(getattr(parameters, other) for other in VALUES if other != name)

    assert all(getattr(point.parameters, name) == float(value) for point in overridden)
    assert [rest(point.parameters) for point in overridden] == list(
        dict.fromkeys(rest(point.parameters) for point in written)
    )


@pytest.mark.parametrize("name", VARIABLE_NAMES)
def test_the_examples_of_the_table_are_valid_where_messages_show_them(load_text, name: str) -> None:
    entry = TABLE[name]
    for values in filter(None, (entry.example_list, entry.example_range)):
        load_text(f"name: x\nvalidation: 0.2\nsearch: {{space: {{{name}: {values}}}}}\n")
    load_text(f"name: x\nvalidation: 0.2\ngrid: {{{name}: {entry.example_list}}}\n")
    if entry.example is not None:
        load_text(f"name: x\nvalidation: 0.2\nbase: {{{name}: {entry.example}}}\n")
