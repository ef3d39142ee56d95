"""Words with options: equal values are equal, and text is read back."""

import pytest

from signs_sweep.domain import PARAMETERS, Component

ENTRIES = [entry for entry in PARAMETERS.values() if entry.kind is Component]
OPTIONS = [(e, w, o) for e in ENTRIES for w, options in e.choices.items() for o in options]


@pytest.mark.parametrize(("entry", "word", "option"), OPTIONS, ids=lambda each: str(each)[:9])
def test_every_option_is_complete(entry, word, option) -> None:
    assert option.meaning
    if option.is_number:
        assert (option.least is None) != (option.above is None)
        assert (option.most is None) != (option.below is None)
    if option.default is None:
        assert option.example
    elif option.is_number:
        assert option.permits(option.default)
        assert type(option.default) is option.kind
    else:
        assert option.default in (option.words or (False, True))


@pytest.mark.parametrize(
    ("name", "word", "given", "text"),
    [
        ("optimizer", "sgd", {}, "sgd"),
        ("optimizer", "sgd", {"momentum": 0, "nesterov": False}, "sgd"),
        ("optimizer", "sgd", {"nesterov": True, "momentum": 0.9}, None),
        ("optimizer", "adamw", {"weight_decay": 0}, "{name: adamw, weight_decay: 0}"),
        ("optimizer", "adamw", {"weight_decay": 0.004}, "adamw"),
        ("schedule", "step", {"decay_epochs": 100}, "{name: step, decay_epochs: 100}"),
        ("augment", "", {"flip": "horizontal", "shift": 1e-3}, "{flip: horizontal, shift: 0.001}"),
        ("augment", "", {"flip": "none", "shift": 0}, "none"),
        ("early_stopping", "", {"patience": 5, "restore": "best"}, "{patience: 5}"),
        ("class_weights", "", {"5": 2, "0": 0.5, "1": 1}, "{0: 0.5, 5: 2}"),
        ("class_weights", "balanced", {}, "balanced"),
        ("class_weights", "", {"a: b": 2, "left, up": 3}, '{"a: b": 2, "left, up": 3}'),
        ("class_weights", "", {"name": 2, 'a "x"': 3}, None),
    ],
)
def test_text_is_that_of_a_spec_and_read_back(name, word, given, text) -> None:
    entry = PARAMETERS[name]
    value = entry.component(word, given)
    assert text is None or str(value) == text
    assert entry.parse(str(value)) == value
    assert hash(entry.parse(str(value))) == hash(value)


def test_the_order_and_the_type_of_options_do_not_matter() -> None:
    entry = PARAMETERS["optimizer"]
    first = entry.component("rmsprop", {"rho": 0.5, "momentum": 0.0})
    assert first == entry.component("rmsprop", {"momentum": 0, "rho": 0.5})
    assert entry.complete(first)["rho"] == 0.5
    assert entry.complete(first)["epsilon"] == 1e-7
    decay = entry.component("sgd", {"weight_decay": 1})
    assert repr(decay.identity) == "('sgd', ('weight_decay', 1.0))"
