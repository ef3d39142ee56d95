"""Which trials collapsed, and where in the space they are reported to be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from signs_sweep.domain import Dense, Parameters, Result, Run, State, TrialEnd, TrialState
from signs_sweep.searching.study.collapses import collapsed_trials, describe_collapses
from signs_sweep.spec import Categories, Choice, Range
from trials import ended, searched

RATE = Range("learning_rate", 1e-5, 1e-2, log=True, step=None, is_integer=False)
L2 = Range("l2", 1e-4, 1e-1, log=True, step=None, is_integer=False)
BATCH = Range("batch_size", 16, 64, log=False, step=16, is_integer=True)
HIDDEN = Categories("hidden", (Choice("50", {"hidden": (50,)}), Choice("9", {"hidden": (9,)})))
KEEP = Categories("keep_prob", tuple(Choice(str(v), {"keep_prob": v}) for v in (0.5, 0.8, 1.0)))

RUNS = [
    Run(Parameters(global_seed=seed, init_seed=seed), Dense((2,)), 0.2, "data") for seed in range(3)
]
LEARNED, COLLAPSED, DIVERGED, STOPPED, BROKEN = (
    {"state": State.FINISHED},
    {"state": State.FINISHED, "guessing_since": 3},
    {"state": State.FAILED, "chance": 1 / 6},
    {"state": State.KILLED},
    {"state": State.FAILED},
)


@pytest.mark.parametrize(
    ("became", "expected"),
    [
        ([LEARNED, COLLAPSED], True),
        ([LEARNED, LEARNED, COLLAPSED], False),
        ([LEARNED, DIVERGED, COLLAPSED], True),
        ([LEARNED, DIVERGED, STOPPED], True),
        ([BROKEN, STOPPED], False),
        ([], False),
    ],
)
def test_a_trial_has_collapsed_if_half_of_its_known_runs_failed_to_learn(
    became: list[Mapping[str, Any]], expected: bool
) -> None:
    runs = RUNS[: max(len(became), 1)]
    results = [Result(run.run_id, **each) for run, each in zip(runs, became, strict=False)]
    found = collapsed_trials([ended(searched(7, *runs))], {each.run_id: each for each in results})
    assert found == ({7} if expected else set())


def test_a_trial_that_was_pruned_as_dead_has_collapsed() -> None:
    pruned = ended(searched(7, RUNS[0]), TrialState.PRUNED, None, "unable to learn")
    assert collapsed_trials([pruned, replace(pruned, is_dead=True)], {}) == {7}
    assert collapsed_trials([pruned], {}) == set()


def points(**values: Sequence[Any]) -> list[TrialEnd]:
    rows = zip(*values.values(), strict=True)
    return [
        ended(searched(number, RUNS[0], **dict(zip(values, row, strict=True))))
        for number, row in enumerate(rows)
    ]


def numbers(flags: Sequence[bool]) -> set[int]:
    return set(np.flatnonzero(flags).tolist())


def drawn(count: int = 50) -> tuple[list[TrialEnd], np.ndarray]:
    """Return trials at random points, and their learning rates."""
    rng = np.random.default_rng(1)
    rates = 10 ** rng.uniform(-5, -2, count)
    batches = rng.choice([16, 32, 48, 64], count).tolist()
    hidden = rng.choice(["50", "9"], count).tolist()
    return points(learning_rate=rates.tolist(), batch_size=batches, hidden=hidden), rates


SPACE = (BATCH, RATE, HIDDEN)


def test_a_true_cut_is_found_and_its_rounded_limit_is_true() -> None:
    trials, rates = drawn()
    ranked = np.sort(rates)
    above = rates >= ranked[38]
    flags = above.copy()
    flags[np.flatnonzero(above)[:3]] = False
    flags[np.flatnonzero(~above)[:2]] = True
    (text,) = describe_collapses(SPACE, trials, numbers(flags))
    assert text.endswith(", 9 of 12 trials collapsed; of the others, 2 of 38.")
    limit = text.removeprefix("Above learning_rate=").partition(",")[0]
    assert float(f"{float(limit):.1e}") == float(limit), "two digits"
    assert ((rates > float(limit)) == above).all()
    (text,) = describe_collapses(SPACE, trials, numbers(~above))
    assert text.startswith(
        f"Up to learning_rate={limit}, 38 of 38 trials collapsed; of the others,"
    )
    assert text.endswith("none of 12.")


def test_a_limit_has_more_digits_where_two_are_not_enough() -> None:
    rates = [0.0012341] * 6 + [0.0012349] * 6
    trials = points(learning_rate=rates)
    (text,) = describe_collapses((RATE,), trials, numbers([False] * 6 + [True] * 6))
    assert text == (
        "Above learning_rate=0.0012345, 6 of 6 trials collapsed; of the others, none of 6."
    )


def test_collapses_that_do_not_depend_on_the_point_are_spread() -> None:
    trials, _ = drawn()
    rng, found = np.random.default_rng(2), 0
    for _ in range(60):
        flags = rng.random(50) < 0.3
        (text,) = describe_collapses(SPACE, trials, numbers(flags))
        spread = f"The {flags.sum()} collapsed trials are spread over the space: no value separates"
        found += text != f"{spread} them."
    assert found <= 3, "at most 5 %"


def test_a_choice_is_named_that_collapses_more_or_less_than_the_others() -> None:
    trials = points(keep_prob=[0.5] * 10 + [0.8] * 10 + [1.0] * 10, l2=[0.01, 0.02] * 15)
    space = (L2, KEEP)
    flags = [False] * 10 + [True] * 8 + [False] * 12
    assert describe_collapses(space, trials, numbers(flags)) == [
        "With keep_prob=0.8, 8 of 10 trials collapsed; of the others, none of 20."
    ]
    flags = [True] * 20 + [False] * 10
    assert describe_collapses(space, trials, numbers(flags)) == [
        "Without keep_prob=1, 20 of 20 trials collapsed; of the others, none of 10."
    ]
    trials = points(hidden=["50"] * 8 + ["9"] * 8)
    assert describe_collapses((HIDDEN,), trials, set(range(8, 16))) == [
        "With hidden=9, 8 of 8 trials collapsed; of the others, none of 8."
    ]


def test_equal_values_are_never_separated_and_of_equal_cuts_the_first_is_named() -> None:
    batches = [16] * 8 + [32] * 8
    trials = points(batch_size=batches, learning_rate=[1e-4] * 8 + [1e-3] * 8)
    collapsed = set(range(9, 16))
    (text,) = describe_collapses((BATCH, RATE), trials, collapsed)
    assert text == "Above batch_size=24, 7 of 8 trials collapsed; of the others, none of 8."
    same = points(batch_size=[16] * 16)
    (text,) = describe_collapses((BATCH,), same, collapsed)
    assert text.startswith("The 7 collapsed trials are spread")


def test_few_collapses_are_only_reported_where_they_are_clear() -> None:
    trials, _ = drawn()
    assert describe_collapses(SPACE, trials, set()) == []
    assert describe_collapses(SPACE, trials, {4, 7}) == []
    (text,) = describe_collapses(SPACE, trials, {4, 7, 12})
    assert text.startswith("The 3 collapsed trials are spread")
    trials = points(hidden=["50"] * 2 + ["9"] * 30)
    assert describe_collapses((HIDDEN,), trials, {0, 1}) == [
        "With hidden=50, 2 of 2 trials collapsed; of the others, none of 30."
    ]


def test_trials_that_failed_for_another_reason_do_not_count() -> None:
    trials = points(hidden=["50"] * 8 + ["9"] * 8)
    failed = TrialState.FAILED
    trials += [replace(end, trial=replace(end.trial, number=20), state=failed) for end in trials]
    (text,) = describe_collapses((HIDDEN,), trials, set(range(8)))
    assert text == "With hidden=50, 8 of 8 trials collapsed; of the others, none of 8."
