"""What a search does: its section, the defaults, what `--set` leaves, and what it needs."""

import re
from collections.abc import Sequence
from typing import get_args

import pytest

from signs_sweep.domain import Growth, Parameters
from signs_sweep.errors import SpecError
from signs_sweep.spec import (
    Categories,
    Choice,
    Confirm,
    Experiment,
    Objective,
    Pruner,
    Range,
    Sampler,
    Search,
)
from signs_sweep.spec.search import PRUNER_OPTIONS, SAMPLER_OPTIONS, PrunerName, SamplerName


def dimensions(experiment: Experiment) -> dict[str, list[str] | tuple[float, float]]:
    """Return the space: the texts of choices, or the bounds."""
    return {
        axis.name: (axis.low, axis.high)
        if isinstance(axis, Range)
        else [choice.text for choice in axis.choices]
        for axis in experiment.search.space
    }


def pruner(name: str, startup: int = 5) -> Pruner:
    """A pruner with defaults for the rest."""
    return Pruner(
        *(name, False, 0.05), startup=startup, warmup=0, percentile=25.0, interval=None, p=0.1
    )


def refusals(experiment: Experiment) -> list[tuple[str, str, str]]:
    """Return the place, message and hint of everything that prevents the search."""
    with pytest.raises(SpecError) as caught:
        experiment.check_search()
    lines = str(caught.value).splitlines()
    heads = [re.fullmatch(r".*spec\.yaml:(\d+:\d+): (.+)", line) for line in lines[::3]]
    hints = [re.fullmatch(r" +\| +\^+ ?(.*)", line) for line in lines[2::3]]
    return [(*head.groups(), hint[1]) for head, hint in zip(heads, hints, strict=True)]


# The section


def test_without_a_section_there_are_defaults(load_text) -> None:
    assert load_text("name: x\n").search == Search(
        trials=50,
        timeout=None,
        sampler=Sampler("tpe", seed=0, startup=10),
        pruner=pruner("none"),
        objective=Objective("val_accuracy", maximize=True, aggregate="mean"),
        space=(),
        storage=None,
        replicates=None,
        confirm=Confirm(candidates=8, at_least=8, at_most=20),
    )


def test_everything_that_is_written_arrives(load_text) -> None:
    text = """\
name: x
search:
  trials: 7
  timeout: 60
  sampler: {name: gp, seed: 3, startup: 4}
  pruner: {name: percentile, dead: true, audit: 1, startup: 1, warmup: 20, percentile: 30}
  objective: {metric: val_loss, direction: maximize, aggregate: median}
  space:
    l2: {low: 1e-4, high: 0.3, log: true}
    learning_rate: [1e-4, 5e-4]
    batch_size: {low: 16, high: 64, step: 16}
    hidden: [[25, 12], [50]]
  storage: sqlite:///mlruns/optuna.db
  replicates: {at_least: 2, at_most: 8}
  confirm: 0
"""
    assert load_text(text).search == Search(
        trials=7,
        timeout=60.0,
        sampler=Sampler("gp", 3, 4),
        pruner=Pruner(
            *("percentile", True, 1.0), startup=1, warmup=20, percentile=30.0, interval=None, p=0.1
        ),
        objective=Objective("val_loss", maximize=True, aggregate="median"),
        space=(
            Range("l2", 1e-4, 0.3, log=True, step=None, is_integer=False),
            Categories(
                "learning_rate",
                (
                    Choice("0.0001", {"learning_rate": 1e-4}),
                    Choice("0.0005", {"learning_rate": 5e-4}),
                ),
            ),
            Range("batch_size", 16, 64, log=False, step=16, is_integer=True),
            Categories(
                "hidden",
                (Choice("25, 12", {"hidden": (25, 12)}), Choice("50", {"hidden": (50,)})),
            ),
        ),
        storage="sqlite:///mlruns/optuna.db",
        replicates=Growth(2, 8),
        confirm=None,
    )


@pytest.mark.parametrize("name", get_args(SamplerName))
def test_a_sampler_is_a_name_or_keys(load_text, name: str) -> None:
    short, long = (
        load_text(f"name: x\nsearch: {{sampler: {form}}}\n").search.sampler
        for form in (name, f"{{name: {name}}}")
    )
    assert short == long == Sampler(name, 0, 10)


@pytest.mark.parametrize("name", get_args(PrunerName))
def test_a_pruner_is_a_name_or_keys(load_text, name: str) -> None:
    short, long = (
        load_text(f"name: x\nsearch: {{pruner: {form}}}\n").search.pruner
        for form in (name, f"{{name: {name}}}")
    )
    assert short == long == pruner(name, startup=2 if name == "wilcoxon" else 5)


def test_every_sampler_and_pruner_has_its_options() -> None:
    assert tuple(SAMPLER_OPTIONS) == get_args(SamplerName)
    assert tuple(PRUNER_OPTIONS) == get_args(PrunerName)


@pytest.mark.parametrize(
    ("objective", "maximize"),
    [
        ("val_accuracy", True),
        ("final_train_accuracy", True),
        ("val_loss", False),
        ("val_macro_f1", True),
        ("val_top2_accuracy", True),
        ("val_ece", False),
        ("loss", False),
        ("{metric: val_loss, aggregate: min}", False),
        ("{metric: val_loss, direction: maximize}", True),
        ("{direction: minimize}", False),
    ],
)
def test_more_accuracy_and_less_loss_is_better(load_text, objective: str, maximize: bool) -> None:
    experiment = load_text(f"name: x\nsearch: {{objective: {objective}}}\n")
    assert experiment.search.objective.maximize is maximize


@pytest.mark.parametrize(
    ("interval", "high"),
    [
        ("keep_prob: {low: 0.1, high: 0.75, step: 0.2}", 0.7),
        ("l2: {low: 0, high: 0.3, step: 0.1}", 0.3),
        ("epochs: {low: 10, high: 64, step: 16}", 58),
        ("l2: {low: 0, high: 1e38, step: 1e-300}", 1e38),
    ],
)
def test_the_high_of_steps_is_one_that_they_reach(load_text, interval: str, high: float) -> None:
    experiment = load_text(f"name: x\nsearch: {{space: {{{interval}}}}}\n")
    (dimension,) = experiment.search.space
    assert isinstance(dimension, Range)
    assert dimension.high == high
    assert type(dimension.high) is (int if dimension.is_integer else float)


def test_the_section_changes_nothing_of_the_runs(load_text) -> None:
    text = "name: x\ngrid: {l2: [0, 1]}\nseeds: 3\n"
    plain, searched = load_text(text), load_text(f"{text}search: {{space: {{l2: [5]}}}}\n")
    assert plain.points == searched.points
    assert plain.seeds == searched.seeds


# The space of a spec that has none of its own


def test_by_default_the_space_is_what_the_spec_varies(load_text) -> None:
    experiment = load_text(
        "name: x\n"
        "cases: [{label: m6, keep_prob: 0.8}, {keep_prob: 0.8, l2: 0.01}, {l2: 1}]\n"
        "zip: {learning_rate: [1e-4, 1e-5], epochs: [1500, 3000]}\n"
        "grid: {batch_size: [16, 32]}\n"
    )
    assert dimensions(experiment) == {
        "cases": ["m6", "l2=0.01, keep_prob=0.8", "l2=1"],
        "learning_rate, epochs": ["0.0001, 1500", "1e-05, 3000"],
        "batch_size": ["16", "32"],
    }
    cases, pairs, _ = experiment.search.space
    assert isinstance(cases, Categories)
    assert isinstance(pairs, Categories)
    assert [choice.values for choice in cases.choices] == [
        {"keep_prob": 0.8},
        {"l2": 0.01, "keep_prob": 0.8},
        {"l2": 1.0},
    ]
    assert pairs.choices[1].values == {"learning_rate": 1e-5, "epochs": 3000}


def test_a_space_replaces_all_that(load_text) -> None:
    experiment = load_text(
        "name: x\ngrid: {l2: [0, 1], epochs: [5, 6]}\nsearch: {space: {l2: [2, 3]}}\n"
    )
    assert dimensions(experiment) == {"l2": ["2", "3"]}


def test_a_section_without_a_space_leaves_it_to_the_grid(load_text) -> None:
    experiment = load_text("name: x\ngrid: {l2: [0, 1]}\nsearch: {trials: 2}\n")
    assert dimensions(experiment) == {"l2": ["0", "1"]}


def test_the_text_of_a_choice_is_unique(load_text) -> None:
    experiment = load_text("name: x\ncases: [{label: l2=0, l2: 1}, {l2: 0}]\n")
    assert dimensions(experiment) == {"cases": ["l2=0", "l2=0 (2)"]}


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        ("grid: {l2: [0, 1], epochs: [5, 6]}", ["epochs=9"], {"l2": ["0", "1"]}),
        ("grid: {l2: [0, 1]}", ["l2=0"], {}),
        (
            "zip: {l2: [0, 1, 0], epochs: [5, 5, 6]}",
            ["epochs=9"],
            {"l2": ["0", "1"]},
        ),
        ("zip: {l2: [1, 1], epochs: [5, 6]}", ["epochs=9"], {"l2": ["1"]}),
        ("zip: {l2: [0, 1], epochs: [5, 6]}", ["epochs=9", "l2=2"], {}),
        (
            "cases: [{label: a}, {label: b, epochs: 9}, {l2: 1}, {l2: 1, epochs: 3}, {epochs: 2}]",
            ["epochs=20"],
            {"cases": ["a, b", "l2=1"]},
        ),
        ("cases: [{epochs: 2}, {l2: 1}]", ["epochs=20"], {"cases": ["l2=0", "l2=1"]}),
        ("cases: [{label: a}, {label: b, epochs: 2}]", ["epochs=20"], {}),
        (
            "search: {space: {l2: {low: 0, high: 1}, epochs: [5, 6], hidden: [[5], [6]]}}",
            ["l2=1"],
            {"epochs": ["5", "6"], "hidden": ["5", "6"]},
        ),
        ("search: {space: {l2: {low: 0, high: 1}}}", ["epochs=1"], {"l2": (0, 1)}),
    ],
)
def test_what_is_set_is_not_searched(
    load_text, text: str, overrides: Sequence[str], expected: dict[str, list[str]]
) -> None:
    experiment = load_text(f"name: x\n{text}\n", overrides)
    assert dimensions(experiment) == expected
    for axis in experiment.search.space:
        if isinstance(axis, Categories):
            for choice in axis.choices:
                assert not set(choice.values) & set(experiment.forced)


def test_every_choice_gives_parameters(load_text) -> None:
    experiment = load_text("name: x\ncases: [{label: a}, {l2: 1}]\n")
    (cases,) = experiment.search.space
    assert isinstance(cases, Categories)
    assert [Parameters(**choice.values).l2 for choice in cases.choices] == [0, 1]


# What a search needs

GOOD = "name: x\nvalidation: 0.2\n"
L2 = "space: {l2: {low: 0, high: 1}}"


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("search: {trials: 5}", "3:1", "nothing to search", "write search: {space: {l2: {low"),
        ("description: x", "1:1", "nothing to search", ", or a grid"),
        (
            "search: {sampler: grid, space: {epochs: [1], l2: {low: 0, high: 1}}}",
            "3:50",
            "the sampler grid tries every value, and l2 is continuous",
            "write a list, or a range with a step",
        ),
        (
            "search: {sampler: {name: grid}, space: {l2: {low: 0.1, high: 1, log: true}}}",
            "3:45",
            "l2 is continuous",
            "without log",
        ),
        (
            "search: {sampler: grid, space: {epochs: {low: 1, high: 5}}}",
            "3:41",
            "the sampler grid tries every value, and epochs has no step",
            "a range with a step",
        ),
        (
            "grid: {l2: [0, 1]}\nsearch: {sampler: cmaes}",
            "4:19",
            "the sampler cmaes needs a range",
            "choose tpe, or write a range",
        ),
        *(
            (
                f"seeds: 5\nsearch: {{pruner: {pruner}, {L2}}}",
                "4:18",
                f"{pruner} prunes by epoch, which needs one seed per trial; here are 5",
                "for several seeds, use wilcoxon",
            )
            for pruner in ("median", "hyperband", "percentile")
        ),
        (
            f"search: {{pruner: {{dead: true, name: wilcoxon}}, {L2}}}",
            "3:37",
            "wilcoxon prunes by seed, and each trial has only one",
            "write seeds: 5, or choose median",
        ),
        (
            f"search: {{pruner: median, objective: final_train_loss, {L2}}}",
            "3:37",
            "final_train_loss is only known at the end, and median prunes by epoch",
            "choose val_accuracy or val_loss",
        ),
        (
            f"search: {{pruner: hyperband, objective: val_nll, {L2}}}",
            "3:40",
            "val_nll is only known at the end, and hyperband prunes by epoch",
            "choose val_accuracy or val_loss",
        ),
        (
            f"search: {{objective: {{aggregate: lower_bound}}, {L2}}}",
            "3:33",
            "lower_bound needs several seeds, and each trial has only one",
            "write seeds: 5, or choose mean",
        ),
        (
            f"search: {{replicates: {{at_most: 5}}, pruner: wilcoxon, {L2}}}",
            "3:22",
            "replicates and wilcoxon both decide how many seeds a trial gets",
            "remove replicates, or choose another pruner",
        ),
        (
            f"search: {{replicates: {{at_least: 1}}, objective: {{aggregate: lower_bound}}, {L2}}}",
            "3:60",
            "lower_bound needs several seeds, and a trial may have only one",
            "write at_least: 2, or choose mean",
        ),
        (
            'model: {build: "networks:cnn"}\nsearch: {space: {model.filters: [[8], [16]]}}',
            "3:1",
            "the search varies model.filters, but the default has no value of it",
            "write it under model, as in filters: ...",
        ),
        (
            'model: {build: "networks:cnn"}\nsearch: {space: {keep_prob: [0.5, 1]}}',
            "4:18",
            "keep_prob is not supported by a model that a function builds",
            "Dropout",
        ),
    ],
)
def test_an_impossible_search_is_reported_at_its_place(
    load_text, text: str, place: str, message: str, hint: str
) -> None:
    ((at, shown, advice),) = refusals(load_text(f"{GOOD}{text}\n"))
    assert at == place
    assert message in shown
    assert hint in advice


@pytest.mark.parametrize(
    ("text", "place"), [("validation: 0", "2:13"), ("description: none is written", "1:1")]
)
def test_a_search_needs_samples_that_are_held_out(load_text, text: str, place: str) -> None:
    experiment = load_text(f"name: x\n{text}\ngrid: {{l2: [0, 1]}}\n")
    assert refusals(experiment) == [
        (
            place,
            "no samples are held out",
            "a search compares trials on held-out samples: write validation: 0.2",
        )
    ]


def test_a_space_that_overrides_empty_is_reported(load_text) -> None:
    ((place, _, hint),) = refusals(load_text(f"{GOOD}grid: {{l2: [0, 1]}}\n", ["l2=0"]))
    assert place == "1:1"
    assert "--set fixes l2" in hint


def test_all_requirements_of_a_search_are_reported_together(load_text) -> None:
    experiment = load_text("name: x\nseeds: 2\nsearch: {pruner: median, sampler: cmaes}\n")
    assert [place for place, *_ in refusals(experiment)] == ["1:1", "3:1", "3:18"]


@pytest.mark.parametrize(
    "search",
    [
        f"{{pruner: median, {L2}}}",
        f"{{sampler: cmaes, {L2}}}",
        "{sampler: grid, space: {l2: [0, 1], epochs: {low: 5, high: 10, step: 5}}}",
        "{sampler: qmc, space: {l2: [0, 1]}}",
        f"{{objective: final_train_loss, {L2}}}",
        "{space: {hidden: [[25], [50]]}}",
        f"{{replicates: {{at_most: 8}}, pruner: median, {L2}}}",
        f"{{replicates: {{at_least: 2}}, objective: {{aggregate: lower_bound}}, {L2}}}",
    ],
)
def test_a_possible_search_is_not_refused(load_text, search: str) -> None:
    load_text(f"{GOOD}search: {search}\n").check_search()


def test_several_seeds_suit_wilcoxon_and_lower_bound(load_text) -> None:
    text = f"seeds: 5\nsearch: {{pruner: wilcoxon, objective: {{aggregate: lower_bound}}, {L2}}}\n"
    load_text(GOOD + text).check_search()


def test_replicates_say_how_many_seeds_a_trial_gets_whatever_the_seeds(load_text) -> None:
    text = f"{GOOD}baseline: {{l2: 0}}\ngrid: {{l2: [0, 1]}}\nseeds: {{until: clear}}\nsearch: "
    load_text(f"{text}{{replicates: {{at_most: 2}}, pruner: median}}\n").check_search()
    ((place, message, hint),) = refusals(load_text(f"{text}{{trials: 5}}\n"))
    assert (place, message) == ("5:8", "a search trains every trial with the same number of seeds")
    assert "seeds: 3, or search: {replicates: {at_least: 1, at_most: 5}}" in hint


def test_replicates_need_several_seeds(load_text) -> None:
    text = f"{GOOD}search: {{replicates: {{at_most: 2}}, {L2}}}\n"
    ((place, message, _),) = refusals(load_text(text, ["global_seed=1", "init_seed=1"]))
    assert (place, message) == ("3:22", "--set sets both seeds, so there is only one pair")


def test_seeds_that_set_makes_one_are_one(load_text) -> None:
    text = f"{GOOD}seeds: 5\nsearch: {{pruner: median, {L2}}}\n"
    load_text(text, ["global_seed=1", "init_seed=1"]).check_search()
