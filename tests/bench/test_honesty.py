"""`make honesty`, on results that are made up instead of trained."""

import sys
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.domain import Parameters, Result, Row, State, VerdictRule

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "bench"))

from honesty import Column, draw_different, draw_equal, exchange, report  # noqa: E402
from pool import Results, read_runs  # noqa: E402
from procedures import (  # noqa: E402
    BETTER,
    DIFFERENT,
    FAILING,
    OPEN,
    PROCEDURES,
    SEEDS,
    WORSE,
    Pairs,
    sequential,
    t_test,
)

IMAGES = 120
OURS = PROCEDURES["signs-sweep, after every seed"]
T_EVERY_SEED = PROCEDURES["t-test after every seed"]


def pairs(differences: object) -> Pairs:
    values = np.array(differences)
    return Pairs(values, np.zeros_like(values), np.zeros_like(values))


def results(mean: float, guessing: float = 0.0, seeds: int = 400) -> Results:
    random = np.random.default_rng(round(mean))
    correct = random.normal(mean, 5, seeds).round().astype(np.int64)
    is_guessing = random.random(seeds) < guessing
    return Results(np.where(is_guessing, IMAGES // 6, correct), is_guessing)


def test_equal_settings_are_compared_over_disjoint_seeds_of_a_part_each() -> None:
    seeds = Results(np.arange(300), np.zeros(300, bool))
    drawn = draw_equal("A to A", seeds, 60, np.random.default_rng(0)).pairs
    used = np.concatenate([drawn.values, drawn.references], axis=-1)
    assert used.shape == (3, 20, 2 * SEEDS)
    assert all(len(set(row)) == 2 * SEEDS for part in used.tolist() for row in part)
    assert (used // 100 == np.arange(3)[:, np.newaxis, np.newaxis]).all()


def test_exchanging_keeps_each_pair_but_not_its_order() -> None:
    first = Results(np.arange(300), np.arange(300) % 2 == 0)
    second = Results(np.arange(300) + 1000, np.zeros(300, bool))
    random = np.random.default_rng(0)
    drawn = draw_different("", first, second, 300, random)
    exchanged = exchange("", drawn.pairs, random)
    before, after = drawn.pairs, exchanged.pairs
    is_kept = after.values == before.values
    assert (drawn.better, exchanged.better) == (-1, 0)
    assert 0.4 < is_kept.mean() < 0.6
    assert (after.values + after.references == before.values + before.references).all()
    assert (before.failing == np.where(before.values % 2 == 0, -1, 0)).all()
    assert (after.failing == np.where(is_kept, 1, -1) * before.failing).all()


def test_the_t_test_is_that_of_scipy() -> None:
    from scipy.stats import ttest_rel

    differences = np.random.default_rng(0).integers(-400, 800, (200, SEEDS))
    verdicts = t_test(pairs(differences))
    for seeds in (2, 3, 5, 30):
        found = ttest_rel(differences[:, :seeds], np.zeros((200, seeds)), axis=1)
        expected = np.where(found.pvalue < 0.05, np.sign(found.statistic), OPEN)
        assert len(set(expected)) > 1
        assert (verdicts[:, seeds - 1] == expected).all()


def test_equal_differences_are_significant_unless_they_are_zero() -> None:
    verdicts = t_test(pairs([[2] * SEEDS, [0] * SEEDS]))
    assert verdicts.tolist() == [[OPEN] + [BETTER] * (SEEDS - 1), [OPEN] * SEEDS]


def test_our_verdicts_are_those_of_compare() -> None:
    random = np.random.default_rng(0)
    column = draw_different("", results(67, 0.1), results(62), 40, random)
    drawn = column.pairs
    drawn.failing[0, 0] = -1
    drawn.references[0, 0] = drawn.values[0, 0]
    verdicts, after = column.verdicts(OURS)
    names = {"better": BETTER, "worse": WORSE, "different": DIFFERENT, "undecided": OPEN}
    for index in np.ndindex(verdicts.shape):
        rows = [
            _row(name, seed, correct[index][seed], is_failing=failing == drawn.failing[index][seed])
            for name, correct, failing in (("b", drawn.references, 1), ("a", drawn.values, -1))
            for seed in range(SEEDS)
        ]
        rule = VerdictRule("test_accuracy", margin=1e-9)
        (expected,) = compare_settings(rows, {"toy": rule})[0].decisive
        found = verdicts[index]
        if found == FAILING:
            assert (expected.judgement.value, expected.failing.value) == ("undecided", "worse")
        else:
            assert found == names[expected.judgement.value]
            assert found == OPEN or after[index] == expected.decided_after
    assert {OPEN, BETTER, FAILING} <= set(verdicts.ravel())


def _row(name: str, seed: int, correct: int, *, is_failing: bool) -> Row:
    metrics = {"test_accuracy": correct / IMAGES}
    since = 1 if is_failing else None
    result = Result(f"{name}-{seed}", State.FINISHED, metrics, guessing_since=since)
    parameters = Parameters(l2=float(name == "a"), global_seed=seed, init_seed=seed)
    return Row("toy", result.run_id, None, parameters, result, baseline=f"b-{seed}")


def test_a_verdict_has_a_direction_only_if_mean_and_majority_agree() -> None:
    verdicts = sequential(pairs([[5] * SEEDS, [-5] * SEEDS, [-100] + [1] * (SEEDS - 1)]))
    assert [set(row) - {OPEN} for row in verdicts.tolist()] == [{BETTER}, {WORSE}, {DIFFERENT}]


@pytest.mark.parametrize("name", PROCEDURES)
def test_the_first_verdict_counts_even_if_later_seeds_contradict_it(name: str) -> None:
    column = Column("", pairs([[[*range(1, 16), *range(-90, -75)], [0] * 30]]))
    verdicts, after = column.verdicts(PROCEDURES[name])
    early = {"one seed": 1, "t-test at a fixed 5 seeds": 5}
    early |= {"t-test after every seed": 4, "signs-sweep, after every seed": 7}
    late = {"best of 30 seeds": (BETTER, 30), "t-test at a fixed 30 seeds": (WORSE, 30)}
    assert (verdicts[0, 0], after[0, 0]) == late.get(name, (BETTER, early.get(name, 3)))
    assert verdicts[0, 1] == OPEN


def test_looking_after_every_seed_gives_false_verdicts_only_with_a_t_test() -> None:
    drawn = draw_equal("A to A", results(60), 4000, np.random.default_rng(0))
    false = [(drawn.verdicts(how)[0] != OPEN).mean() for how in (OURS, T_EVERY_SEED)]
    assert false[0] < 0.05
    assert false[1] > 0.2


def test_the_report_fits_100_columns_and_has_every_procedure_twice() -> None:
    pool = dict(zip("ABCD", map(results, (60, 62, 50, 70)), strict=True))
    lines = report(pool, IMAGES, 40)
    assert max(map(len, lines)) <= 100
    assert all(sum(line.startswith(f"| {name} ") for line in lines) == 2 for name in PROCEDURES)


def test_a_line_whose_writing_was_interrupted_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    file.write_text("a-40,55,False\nb-40,20,True\nc-40,5", encoding="utf-8")
    assert read_runs(file) == {"a-40": (55, False), "b-40": (20, True)}
    assert file.read_text(encoding="utf-8").endswith("b-40,20,True\n")


def test_the_page_has_every_procedure() -> None:
    page = (ROOT / "docs" / "honesty.md").read_text(encoding="utf-8")
    assert all(page.count(f"| {name} ") == 2 for name in PROCEDURES)
