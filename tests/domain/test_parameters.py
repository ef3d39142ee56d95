"""The table of hyperparameters."""

from collections import Counter

import pytest

from signs_sweep.domain import (
    NETWORK,
    PARAMETERS,
    SEED_NAMES,
    VARIED_NAMES,
    Component,
    Dense,
    Hyperparameter,
    Parameters,
    Seeds,
)


@pytest.mark.parametrize("entry", [*PARAMETERS.values(), *NETWORK.values()], ids=str)
def test_every_entry_is_complete_and_permits_its_default(entry: Hyperparameter) -> None:
    holder = Parameters() if entry.name in PARAMETERS else Dense()
    assert entry.kind is type(entry.default) is type(getattr(holder, entry.name))
    if entry.is_number:
        assert entry.permits(entry.default)
        assert (entry.least is None) != (entry.above is None)
        assert (entry.most is None) != (entry.below is None)
    elif entry.kind is str:
        assert entry.default in entry.words
    elif entry.kind is Component:
        assert entry.default == entry.component(entry.default.name, {})
    assert entry.meaning
    if entry.name not in SEED_NAMES:
        assert entry.counterpart
        assert entry.example_list
        assert bool(entry.example_range) == entry.is_number


def test_a_synonym_belongs_to_one_parameter_and_is_no_parameter_name() -> None:
    entries = [*PARAMETERS.values(), *NETWORK.values()]
    words = Counter(word for entry in entries for word in entry.synonyms)
    assert set(words.values()) == {1}
    assert not set(words) & {entry.name for entry in entries}


def test_seeds_are_parameters_and_the_others_may_vary() -> None:
    assert set(SEED_NAMES) | set(VARIED_NAMES) == set(PARAMETERS)
    assert not set(SEED_NAMES) & set(VARIED_NAMES)
    assert Parameters(global_seed=3, init_seed=1).seeds == Seeds(global_seed=3, init_seed=1)
    assert Parameters(l2=1.0).with_seeds(Seeds(3, 1)) == Parameters(
        l2=1.0, global_seed=3, init_seed=1
    )
    assert str(Seeds(3, 0)) == "3, 0"


@pytest.mark.parametrize(
    ("limits", "kind", "words", "inside", "outside"),
    [
        ({"above": 0, "most": 1e38}, float, "above 0, up to 1e38", [1e-9, 1e38], [0, -1, 2e38]),
        ({"least": 0, "most": 1}, float, "from 0 to 1", [0, 0.5, 1], [-0.1, 1.1]),
        ({"least": 1, "most": 5000}, int, "from 1 to 5,000", [1, 5000], [0, 5001]),
        ({"least": 0, "below": 1}, float, "from 0 to below 1", [0, 0.9], [-0.1, 1]),
    ],
)
def test_a_range_is_the_same_as_text_and_in_numbers(
    limits: dict[str, float], kind: type, words: str, inside: list[float], outside: list[float]
) -> None:
    entry = Hyperparameter(name="made_up", kind=kind, default=kind(1), meaning="x", **limits)
    assert entry.range == words
    assert all(map(entry.permits, inside))
    assert not any(map(entry.permits, outside))


def test_a_seed_is_shown_without_commas() -> None:
    assert PARAMETERS["init_seed"].range == "from 0 to 2147483647"
