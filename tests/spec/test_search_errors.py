"""Errors in a `search` section, reported by every command that reads the spec."""

import pytest

WHOLE = "a whole number from 1 to 10,000,000"
KEYS = "confirm, objective, pruner, replicates, sampler, space, storage, timeout, trials"
METRICS = (
    "val_accuracy, val_loss, accuracy, loss, final_train_accuracy, final_train_loss, val_macro_f1, "
    "val_balanced_accuracy, val_top2_accuracy, val_nll, val_brier or val_ece"
)

# By behaviour: what stands in `search: {...}`, and every problem of it as
# (column, what is marked, what the message says, what the hint says).
WRONG = {
    # Unknown keys
    "unknown key": ("foo: 1", [(10, "foo", "unknown key 'foo' in search", f"Keys: {KEYS}")]),
    **{
        f"{written} for {meant}": (
            f"{written}: 1",
            [(10, written, "unknown key", f"did you mean '{meant}'?")],
        )
        for written, meant in {
            "n_trials": "trials",
            "trails": "trials",
            "seconds": "timeout",
            "algorithm": "sampler",
            "goal": "objective",
        }.items()
    },
    "direction beside the objective": (
        "direction: maximize",
        [(10, "direction", "unknown key", "direction belongs under objective")],
    ),
    "unknown key of a sampler": (
        "sampler: {name: tpe, sead: 1}",
        [(31, "sead", "unknown key 'sead' in sampler", "did you mean 'seed'? Keys: name, seed")],
    ),
    "unknown key of an objective": (
        "objective: {metrc: loss}",
        [(22, "metrc", "unknown key 'metrc' in objective", "did you mean 'metric'?")],
    ),
    "unknown parameter": (
        "space: {lr: [1]}",
        [(18, "lr", "unknown parameter 'lr' in space", "mean 'learning_rate'? Parameters: acti")],
    ),
    "unknown key of a range": (
        "space: {l2: {min: 1, max: 2}}",
        [
            (22, "{min: 1, max: 2}", "high of l2 is missing", "a number from 0"),
            (22, "{min: 1, max: 2}", "low of l2 is missing", "a number from 0"),
            (23, "min", "unknown key 'min' in a range", "did you mean 'low'? Keys: high, log, lo"),
            (31, "max", "unknown key 'max' in a range", "did you mean 'high'?"),
        ],
    ),
    "seed in space": (
        "space: {init_seed: [1, 2]}",
        [(18, "init_seed", "is a seed and cannot be in space", "seeds are replicates")],
    ),
    # Values of the section
    **{
        f"{key} {value}": (f"{key}: {value}", [(12 + len(key), value, shown, hint)])
        for key, value, shown, hint in [
            ("trials", "0", "trials is 0", "a whole number from 1 to 1,000,000"),
            ("trials", "5.0", "trials is 5.0", "; write 5"),
            ("timeout", "0", "timeout is 0", "a number of seconds above 0"),
            ("timeout", ".inf", "timeout is .inf", "a number of seconds"),
            ("replicates", "5", "replicates is 5", "a mapping such as {at_least: 1, at_most: 5}"),
            ("confirm", "1", "confirm is 1", "a count of seeds from 2 to 100,000"),
            ("confirm", "-1", "confirm is -1", "a count of seeds from 2"),
            ("storage", "optuna.db", "the text 'optuna.db'", "URL of a database, such as sqlite:/"),
            ("storage", "5", "storage is 5", "URL of a database"),
            ("sampler", "tep", "sampler is the text 'tep'", "did you mean 'tpe'? Expected tpe, ra"),
            ("sampler", "sobol", "sampler is the text 'sobol'", "did you mean 'qmc'?"),
            ("sampler", "x", "sampler is the text 'x'", "expected tpe, random, grid, qmc, cmaes"),
            ("sampler", "3", "sampler is 3", "expected tpe, random"),
            ("sampler", "[tpe]", "sampler is a list", "or a mapping such as {name: tpe, seed: 0}"),
            ("pruner", "medain", "pruner is the text", "did you mean 'median'?"),
            ("pruner", "asha", "pruner is the text 'asha'", "did you mean 'hyperband'?"),
            ("objective", "val_acc", "the text 'val_acc'", "did you mean 'val_accuracy'?"),
            ("objective", "seconds", "the text 'seconds'", f"expected {METRICS}"),
            ("objective", "test_loss", "test_loss cannot be the objective: the test", "val_los"),
            ("objective", "test_nll", "test_nll cannot be the objective: the test", "val_los"),
            ("space", "[l2]", "space is a list", "{l2: {low: 1e-4, high: 0.3, log: true}}"),
            ("space", "{}", "space is empty", "expected a mapping such as"),
        ]
    },
    "values of a confirmation": (
        "confirm: {candidates: 0, at_least: 1, at_most: 1.5, atleast: 3}",
        [
            (32, "0", "candidates is 0", "a whole number from 1 to 100"),
            (45, "1", "at_least is 1", "a whole number from 2 to 100,000"),
            (57, "1.5", "at_most is 1.5", "a whole number from 2"),
            (62, "atleast", "unknown key 'atleast' in confirm", "at_least is already at"),
        ],
    ),
    "limits of a confirmation": (
        "confirm: {at_least: 30}",
        [(30, "30", "at_least is above at_most, 20", "write 20 or less, or raise at_most")],
    ),
    "limit of a confirmation": (
        "confirm: {at_most: 4}",
        [(29, "4", "at_most is below at_least, 8", "write at_least: 4 as well")],
    ),
    "name of a sampler": (
        "sampler: {name: tep}",
        [(26, "tep", "sampler is the text 'tep'", "did you mean 'tpe'? Expected tpe")],
    ),
    "seed of a sampler": (
        "sampler: {seed: -1}",
        [(26, "-1", "seed is -1", "a whole number from 0 to 2147483647")],
    ),
    "metric of an objective": (
        "objective: {metric: test_accuracy}",
        [(30, "test_accuracy", "the test set is used once, for the winner", "val_accuracy")],
    ),
    "direction": (
        "objective: {direction: up}",
        [(33, "up", "direction is the text 'up'", "expected maximize or minimize")],
    ),
    "aggregate": (
        "objective: {aggregate: avg}",
        [(33, "avg", "aggregate is the text 'avg'", "mean, median, min or lower_bound")],
    ),
    "values of a pruner": (
        "pruner: {name: percentile, dead: maybe, percentile: 100, interval: 0, warmup: -1}",
        [
            (43, "maybe", "dead is the text 'maybe'", "true or false"),
            (62, "100", "percentile is 100", "a number above 0 and below 100"),
            (77, "0", "interval is 0", WHOLE),
            (88, "-1", "warmup is -1", "a whole number from 0 to"),
        ],
    ),
    "audit of any pruner": (
        "pruner: {dead: true, audit: 5}",
        [(38, "5", "audit is 5", "a share from 0 to 1")],
    ),
    "p of a pruner": (
        "pruner: {name: wilcoxon, p: 1}",
        [(38, "1", "p is 1", "a number above 0 and below 1")],
    ),
    # Options that have no meaning
    "option of another pruner": (
        "pruner: {name: median, p: 0.1, percentile: 5}",
        [
            (33, "p", "the pruner median has no option p", "option of wilcoxon"),
            (41, "percentile", "median has no option percentile", "dead, audit, startup, warmup"),
        ],
    ),
    "option of no pruner": (
        "pruner: {warmup: 5}",
        [(19, "warmup", "the pruner none has no option warmup", "of median, hyperband, perc")],
    ),
    "option of another sampler": (
        "sampler: {name: random, startup: 5}",
        [(34, "startup", "the sampler random has no option startup", "option of tpe, cmaes, gp")],
    ),
    # Replicates
    "too many seeds at the start": (
        "replicates: {at_least: 6, at_most: 5}",
        [(33, "6", "at_least is above at_most, 5", "write 5 or less, or raise at_most")],
    ),
    "more seeds at the start than the default": (
        "replicates: {at_least: 6}",
        [(33, "6", "at_least is above at_most, 5", "write 5 or less, or raise at_most")],
    ),
    "no seeds": (
        "replicates: {at_least: 0, at_most: 100001}",
        [
            (33, "0", "at_least is 0", "a whole number from 1 to 100,000"),
            (45, "100001", "at_most is 100001", "a whole number from 1 to 100,000"),
        ],
    ),
    "unknown key of replicates": (
        "replicates: {min: 1}",
        [(23, "min", "unknown key 'min' in replicates", "Keys: at_least, at_most")],
    ),
    # Lists of the space
    "a value out of range": (
        "space: {keep_prob: [0.5, 1.5]}",
        [(35, "1.5", "keep_prob is 1.5", "a number above 0, up to 1")],
    ),
    "a single value": ("space: {l2: 0.1}", [(22, "0.1", "l2 is 0.1", "write [0.1]")]),
    "an empty list": ("space: {l2: []}", [(22, "[]", "l2 is empty", "a list such as [0, 0.01]")]),
    "no value": ("space: {l2: }", [(18, "l2", "l2 has no value", "a list such as")]),
    "a duplicate": (
        "space: {l2: [0, 1, 0.0]}",
        [(29, "0.0", "0.0 is in l2 twice", "first used at 2:23; remove one")],
    ),
    "units without brackets": (
        "space: {hidden: [25, 12]}",
        [
            (27, "25", "hidden is 25", "a list of unit counts, such as [25, 12]"),
            (31, "12", "hidden is 12", "a list of unit counts, such as [25, 12]"),
        ],
    ),
    "a single number of units": ("space: {hidden: 25}", [(26, "25", "hidden is 25", "[[25]]")]),
    "units out of range": (
        "space: {hidden: [[25, 0]]}",
        [(32, "0", "hidden is 0", "a whole number from 1 to 100,000")],
    ),
    "equal layers": (
        "space: {hidden: [[25, 12], [25, 12]]}",
        [(37, "[25, 12]", "this is in hidden twice", "first used at 2:27")],
    ),
    "a range of layers": (
        "space: {hidden: {low: 1, high: 3}}",
        [(26, "{low: 1, high: 3}", "hidden is a mapping", "; hidden has no ranges")],
    ),
    # Ranges of the space
    "low without high": (
        "space: {l2: {low: 1}}",
        [(22, "{low: 1}", "high of l2 is missing", "a number from 0")],
    ),
    "an empty range": ("space: {l2: {}}", [(22, "{}", "l2 is empty", "a list such as")]),
    "low above high": (
        "space: {l2: {low: 0.3, high: 0.1}}",
        [(28, "0.3", "low of l2 is not below high, 0.1", "swap them")],
    ),
    "low that is high": (
        "space: {epochs: {low: 5, high: 5}}",
        [(32, "5", "low of epochs is not below high, 5", "write [5]")],
    ),
    "log from 0": (
        "space: {l2: {low: 0, high: 1, log: true}}",
        [(28, "0", "low of l2 is 0, which has no logarithm", "1e-4, or remove log")],
    ),
    "log and step": (
        "space: {l2: {low: 0.1, high: 1, log: true, step: 0.1}}",
        [(53, "step", "l2 has both log and step", "remove one")],
    ),
    "a step larger than the range": (
        "space: {keep_prob: {low: 0.1, high: 0.3, step: 0.25}}",
        [(57, "0.25", "step of keep_prob is larger than the range", "low to high is 0.2")],
    ),
    "a whole step larger than the range": (
        "space: {epochs: {low: 10, high: 30, step: 25}}",
        [(52, "25", "step of epochs is larger than the range", "from low to high is 20")],
    ),
    "a step of 0": (
        "space: {l2: {low: 0, high: 1, step: 0}}",
        [(46, "0", "step of l2 is 0", "a number above 0")],
    ),
    "a fractional bound of whole numbers": (
        "space: {batch_size: {low: 16.5, high: 64.0}}",
        [
            (36, "16.5", "low of batch_size is 16.5", "a whole number from 1"),
            (48, "64.0", "high of batch_size is 64.0", "; write 64"),
        ],
    ),
    "a fractional step of whole numbers": (
        "space: {batch_size: {low: 16, high: 64, step: 0.5}}",
        [(56, "0.5", "step of batch_size is 0.5", WHOLE)],
    ),
    "bounds that the parameter does not permit": (
        "space: {keep_prob: {low: 0, high: 1.5}}",
        [
            (35, "0", "low of keep_prob is 0", "a number above 0, up to 1"),
            (44, "1.5", "high of keep_prob is 1.5", "a number above 0, up to 1"),
        ],
    ),
    "a bound in quotes": (
        "space: {l2: {low: '1e-4', high: 1}}",
        [(28, "'1e-4'", "low of l2 is the text '1e-4'", "write 1e-4 without quotes")],
    ),
    "log in words": (
        "space: {l2: {low: 1, high: 2, log: yes}}",
        [(45, "yes", "log of l2 is the text 'yes'", "true or false")],
    ),
    "bounds of thousands of digits": (
        f"space: {{epochs: {{low: 1, high: 0x{'f' * 5000}, step: 2}}}}",
        [(41, None, "high of epochs is", WHOLE)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_problem_is_reported_at_its_place(problems_of_text, case: str) -> None:
    text, expected = WRONG[case]
    problems = problems_of_text(f"name: wrong\nsearch: {{{text}}}\n")
    assert [problem.place for problem in problems] == [f"2:{column}" for column, *_ in expected]
    for problem, (_, marked, message, hint) in zip(problems, expected, strict=True):
        assert marked is None or problem.marked == marked
        assert message in problem.message
        assert hint in problem.hint


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("search:\n", "search has no value"),
        ("search: {}\n", "search is empty"),
        ("search: 50\n", "search is 50"),
        ("search: [1]\n", "search is a list"),
    ],
)
def test_a_search_is_a_mapping_of_some_keys(problems_of_text, text: str, shown: str) -> None:
    (problem,) = problems_of_text(f"name: x\n{text}")
    assert problem.message == shown
    assert problem.hint == ("expected a mapping such as {trials: 50, objective: val_accuracy}")


def test_a_problem_looks_like_this(message_of) -> None:
    text = "name: x\nsearch:\n  trials: 0\n  space:\n    keep_prob: {low: 0.5, high: 1.5}\n"
    assert message_of(text) == (
        "spec.yaml:3:11: trials is 0\n"
        "  3 |   trials: 0\n"
        "    |           ^ expected a whole number from 1 to 1,000,000\n"
        "spec.yaml:5:33: high of keep_prob is 1.5\n"
        "  5 |     keep_prob: {low: 0.5, high: 1.5}\n"
        "    |                                 ^^^ expected a number above 0, up to 1"
    )


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ('{storage: "postgresql://me:s3cretpw@host/db", trails: 5}', "trails"),
        ("{storage: postgresql://me:s3cretpw@host/db, trials: [1}", "}"),
        ('{storage: "postgresql://me:s3cretpw more@host/db"}', '"postgresql://me:***@host/db"'),
        ("{storage: postgresql://me:s3cretpw@host/db, " + " " * 120 + "trails: 5}", "trails"),
        ("{trials: postgresql://me:s3cretpw@host/" + "d" * 200 + "}", None),
        ("{storage: //me:x, trials: postgresql://me:s3/cret@pw@host/db}", None),
    ],
)
def test_a_password_is_not_shown_and_the_mark_stays_in_its_place(
    problems_of_text, text: str, marked: str | None
) -> None:
    for problem in problems_of_text(f"name: x\nsearch: {text}\n"):
        assert "s3cret" not in f"{problem}"
        assert "pw" not in f"{problem}"
        assert marked is None or problem.marked == marked


def test_problems_of_the_section_are_reported_with_those_of_the_rest(problems_of_text) -> None:
    problems = problems_of_text("name: x\nsearch: {trials: 0}\ngrid: {l2: [-1]}\n")
    assert [problem.place for problem in problems] == ["2:18", "3:13"]


def test_search_in_base_is_reported_with_the_section_where_it_belongs(problems_of_text) -> None:
    (problem,) = problems_of_text("name: x\nbase: {trials: 5}\n")
    assert "trials belongs under search" in problem.hint
