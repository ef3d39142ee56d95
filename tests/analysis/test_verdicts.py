"""Verdicts on settings: what is paired, what counts, and when it is decided."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.analysis.power import power_of
from signs_sweep.analysis.settings import parse_baseline
from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import (
    PARAMETERS,
    Judgement,
    Parameters,
    Result,
    Row,
    Seeds,
    State,
    VerdictRule,
)
from signs_sweep.errors import UsageError

CHANCE = 1 / 6


def row(
    l2: float,
    seed: int,
    score: float | None,
    *,
    baseline: float | None = 0.0,
    keep_prob: float = 1.0,
    guessing_since: int | None = None,
    chance: float | None = None,
    **more: object,
) -> Row:
    """Return a run with a test accuracy, and a loss that falls as it rises; None: it failed."""
    metrics = {}
    if score is not None:
        metrics |= dict.fromkeys(("test_accuracy", "test_macro_f1"), score)
        metrics |= dict.fromkeys(("test_loss", "test_nll"), 1 - score)
    result = Result(
        f"{l2}-{keep_prob}-{seed}",
        State.FAILED if score is None else State.FINISHED,
        metrics,
        guessing_since=guessing_since,
        chance=chance,
    )
    return Row(
        "toy",
        result.run_id,
        None,
        Parameters(l2=l2, keep_prob=keep_prob, global_seed=seed, init_seed=seed),
        result,
        {"hidden": "[3]"},
        None if baseline is None else f"{baseline}-{keep_prob}-{seed}",
        **more,
    )


def rows(l2: float, scores: Sequence[float | None], **more: object) -> list[Row]:
    return [row(l2, seed, score, **more) for seed, score in enumerate(scores)]


def judged(first: Sequence[Row], *others: Sequence[Row], **rule: object) -> list[Verdict]:
    runs = [*first, *(row for group in others for row in group)]
    (comparison,) = compare_settings(runs, {"toy": VerdictRule(**rule)})
    return comparison.decisive


def noise(count: int, around: float = 0.8, spread: float = 0.03, seed: int = 0) -> list[float]:
    generator = np.random.default_rng(seed)
    return [round(float(value) * 120) / 120 for value in generator.normal(around, spread, count)]


def test_seven_pairs_that_all_agree_are_the_earliest_verdict() -> None:
    gains = [0.02, 0.03, 0.05, 0.06, 0.08, 0.09, 0.1]
    base = rows(0.0, [0.5] * 7)

    (early,) = judged(base[:6], rows(0.1, [0.5 + gain for gain in gains[:6]]))
    (verdict,) = judged(base, rows(0.1, [0.5 + gain for gain in gains]))
    (worse,) = judged(base, rows(0.1, [0.5 - gain for gain in gains]))

    assert early.judgement is Judgement.UNDECIDED
    assert (early.least_pairs, early.more_seeds) == (7, 2)
    assert (verdict.judgement, verdict.decided_after) == (Judgement.BETTER, 7)
    assert verdict.won == 1
    assert verdict.difference == pytest.approx(np.mean(gains))
    assert worse.judgement is Judgement.WORSE


def test_all_settings_written_count_even_before_they_have_runs() -> None:
    gains = [0.02, 0.03, 0.05, 0.06, 0.08, 0.09, 0.1, 0.11, 0.12]
    base, better = rows(0.0, [0.5] * 9), rows(0.1, [0.5 + gain for gain in gains])
    unstarted = [
        Row("toy", f"{l2}-{seed}", None, Parameters(l2=l2, global_seed=seed, init_seed=seed), None,
            {"hidden": "[3]"}, f"0.0-1.0-{seed}")
        for l2 in (0.2, 0.3)
        for seed in range(9)
    ]  # fmt: skip

    alone = judged(base[:8], better[:8])
    among = judged(base[:8], better[:8], unstarted)
    later = judged(base, better, unstarted)

    assert alone[0].judgement is Judgement.BETTER
    assert [verdict.judgement for verdict in among] == [Judgement.UNDECIDED] * 3
    assert among[0].least_pairs == 9
    assert later[0].decided_after == 9


def test_a_verdict_stays_whatever_later_seeds_show() -> None:
    gains = [0.02, 0.03, 0.05, 0.06, 0.08, 0.09, 0.1]
    against = [-0.2] * 20
    base = rows(0.0, [0.5] * 27)

    (verdict,) = judged(base, rows(0.1, [0.5 + gain for gain in gains + against]))

    assert (verdict.judgement, verdict.decided_after) == (Judgement.BETTER, 7)
    assert verdict.difference < 0
    assert verdict.pairs == 27


def test_a_missing_seed_ends_the_sequence_until_it_is_filled() -> None:
    scores = [0.6, 0.61, 0.62, None, 0.63, 0.64, 0.65, 0.66]
    base = rows(0.0, [0.5] * 8)

    (gap,) = judged(base, rows(0.1, scores))
    (filled,) = judged(base, rows(0.1, [score or 0.625 for score in scores]))

    assert gap.judgement is Judgement.UNDECIDED
    assert (gap.sequence, gap.pairs, gap.gap) == (3, 7, Seeds(3, 3))
    assert gap.more_seeds is None
    (tail,) = judged(base, rows(0.1, [*scores[:3], None, None]))
    assert (tail.sequence, tail.gap, tail.more_seeds) == (3, Seeds(3, 3), 5)
    assert filled.judgement is Judgement.BETTER


def test_usually_better_but_worse_on_average_is_only_different() -> None:
    # 20 of 22 pairs favour the setting, two collapses cost more than all others gain.
    scores = [0.52] * 20 + [CHANCE, CHANCE]
    base = rows(0.0, [0.5] * 22)
    order = np.random.default_rng(2).permutation(22)

    (verdict,) = judged(base, rows(0.1, [scores[index] for index in order], guessing_since=None))

    assert verdict.judgement is Judgement.DIFFERENT
    assert verdict.text == "different: usually better, worse on average"


def test_small_differences_around_zero_are_equivalent_within_the_margin() -> None:
    base = noise(30)
    others = [score + (0.005 if seed % 2 else -0.005) for seed, score in enumerate(base)]

    (verdict,) = judged(rows(0.0, base), rows(0.1, others))
    (strict,) = judged(rows(0.0, base), rows(0.1, others), margin=0.001)

    assert verdict.judgement is Judgement.EQUIVALENT
    assert verdict.decided_after is not None
    assert verdict.decided_after < 15
    assert -0.02 <= verdict.low <= verdict.high <= 0.02
    assert strict.judgement is Judgement.UNDECIDED


def test_settings_that_fail_at_different_rates_are_never_equivalent() -> None:
    base = rows(0.0, [0.5] * 20)
    failing = rows(0.1, [0.5] * 20)
    failing[0] = row(0.1, 0, CHANCE, guessing_since=1)
    both = list(base)
    both[1] = row(0.0, 1, CHANCE, guessing_since=1)

    (verdict,) = judged(base, failing)
    (even,) = judged(both, failing)

    assert verdict.judgement is Judgement.UNDECIDED
    assert (verdict.low, verdict.high) == (None, None)
    assert (verdict.failed, verdict.baseline_failed) == (1, 0)
    assert even.judgement is Judgement.EQUIVALENT


def test_the_share_that_fails_to_learn_is_compared_too() -> None:
    base = rows(0.0, [0.5] * 14)
    failing = rows(0.1, [CHANCE] * 14, guessing_since=1)

    (verdict,) = judged(base, failing)
    (less,) = judged(
        rows(0.0, [CHANCE] * 14, guessing_since=1), rows(0.1, [0.5] * 14)
    )  # fmt: skip

    assert (verdict.judgement, verdict.failing) == (Judgement.WORSE, Judgement.WORSE)
    assert less.failing is Judgement.BETTER
    (few,) = judged(base[:7], failing[:7])
    assert few.failing is Judgement.UNDECIDED


def test_a_diverged_run_counts_as_chance_and_as_the_worst_loss() -> None:
    base = rows(0.0, [0.5] * 8)
    diverged = rows(0.1, [None] * 8, chance=CHANCE)

    (by_accuracy,) = judged(base, diverged)
    (by_loss,) = judged(base, diverged, metric="test_loss")

    assert by_accuracy.difference == pytest.approx(CHANCE - 0.5)
    assert by_accuracy.judgement is Judgement.WORSE
    assert by_loss.difference == math.inf
    assert by_loss.judgement is Judgement.WORSE
    (both,) = judged(rows(0.0, [None] * 8, chance=CHANCE), diverged, metric="test_loss")
    assert both.judgement is Judgement.UNDECIDED


@pytest.mark.parametrize("metric", ["test_loss", "test_nll"])
def test_less_loss_is_better_and_has_no_margin_unless_written(metric: str) -> None:
    base, better = rows(0.0, [0.5] * 8), rows(0.1, [0.6 + seed / 100 for seed in range(8)])

    (verdict,) = judged(base, better, metric=metric)
    (same,) = judged(base, rows(0.1, [0.501, 0.499] * 4), metric=metric)
    (within,) = judged(base, rows(0.1, [0.501, 0.499] * 4), metric=metric, margin=0.01)

    assert verdict.judgement is Judgement.BETTER
    assert verdict.difference < 0
    assert verdict.low <= verdict.high < 0
    assert (same.margin, same.judgement) == (None, Judgement.UNDECIDED)
    assert within.judgement is Judgement.EQUIVALENT


def test_more_macro_f1_is_better_and_has_the_margin_of_accuracies() -> None:
    base, better = rows(0.0, [0.5] * 8), rows(0.1, [0.6 + seed / 100 for seed in range(8)])

    (verdict,) = judged(base, better, metric="test_macro_f1")
    (same,) = judged(base, rows(0.1, [0.501, 0.499] * 4), metric="test_macro_f1")

    assert verdict.judgement is Judgement.BETTER
    assert (same.margin, same.judgement) == (0.02, Judgement.EQUIVALENT)


def test_ties_count_half_of_the_seeds_won() -> None:
    (verdict,) = judged(rows(0.0, [0.5] * 4), rows(0.1, [0.5, 0.6, 0.4, 0.7]))

    assert verdict.won == pytest.approx(2.5 / 4)


@pytest.mark.parametrize("other", [{"version": 1}, {"data": "other"}, {"validation": 0.2}], ids=str)
def test_different_versions_data_or_splits_are_never_paired(other: dict) -> None:
    runs = rows(0.0, [0.5] * 8, baseline=None) + rows(0.1, [0.6] * 8, baseline=None, **other)
    with pytest.raises(UsageError, match="there is nothing to compare"):
        compare_settings(runs, baseline={"l2": 0.0})
    assert compare_settings(runs)[0].decisive == []
    with pytest.raises(UsageError, match="are never compared"):
        compare_settings(runs, by=next(iter(other)))


def test_any_parameter_can_be_compared_with_all_others_alike() -> None:
    runs = [
        each
        for l2 in (0.0, 0.1)
        for keep_prob in (1.0, 0.8)
        for each in rows(l2, noise(8, 0.6 + l2), keep_prob=keep_prob)
    ]

    def pairs(**how: object) -> list[tuple[str, str]]:
        (comparison,) = compare_settings(runs, **how)
        return [(verdict.setting, verdict.baseline) for verdict in comparison.decisive]

    assert pairs() == [
        ("l2=0.1 keep_prob=1", "l2=0 keep_prob=1"),
        ("l2=0.1 keep_prob=0.8", "l2=0 keep_prob=0.8"),
    ]
    assert pairs(by="keep_prob") == [
        ("l2=0 keep_prob=0.8", "l2=0 keep_prob=1"),
        ("l2=0.1 keep_prob=0.8", "l2=0.1 keep_prob=1"),
    ]
    assert len(pairs(baseline=parse_baseline("l2=0.1,keep_prob=0.8"))) == 3


def test_a_baseline_that_the_spec_does_not_declare_is_one_of_all_pairs() -> None:
    gains = [0.02, 0.03, 0.05, 0.06, 0.08, 0.09, 0.1, 0.11]
    groups = [rows(0.0, [0.5] * 8), rows(0.1, [0.5 + gain for gain in gains]), rows(0.2, [0.5] * 8)]
    runs = [each for group in groups for each in group]

    (declared,) = compare_settings(runs)
    (chosen,) = compare_settings(runs, baseline={"l2": 0.2})

    def needed(verdicts: Sequence[Verdict]) -> list[int]:
        return [verdict.least_pairs for verdict in verdicts]

    # Two comparisons with the declared baseline, and three pairs of settings.
    assert needed(declared.decisive) == [9, 9]
    assert needed(chosen.decisive) == [9, 9]
    assert chosen.decisive[0].threshold == pytest.approx(3 / 0.045)
    assert declared.decisive[0].threshold == pytest.approx(2 / 0.045)


def test_the_best_is_compared_where_nothing_is_declared() -> None:
    runs = rows(0.0, [0.5] * 9, baseline=None) + rows(0.1, noise(9, 0.7), baseline=None)
    (comparison,) = compare_settings(runs)

    (verdict,) = comparison.decisive

    assert comparison.is_best
    assert (verdict.setting, verdict.baseline) == ("l2=0", "l2=0.1")
    assert verdict.judgement is Judgement.WORSE


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"by": "lamda"}, "unknown parameter 'lamda'. Known: setting"),
        ({"by": "global_seed"}, "unknown parameter 'global_seed'"),
        ({"baseline": {"l2": 3}}, "no setting has l2=3. Settings: l2=0, l2=0.1"),
        ({"baseline": {"label": "m1"}}, "no setting has label=m1"),
        ({"baseline": {"lr": 1}}, "unknown parameter 'lr'"),
        ({"by": "keep_prob"}, "no two settings differ only in keep_prob. What varies: l2"),
    ],
)
def test_an_unknown_baseline_is_refused_with_what_there_is(how: dict, words: str) -> None:
    runs = rows(0.0, [0.5]) + rows(0.1, [0.6])

    with pytest.raises(UsageError) as caught:
        compare_settings(runs, **how)

    assert words in str(caught.value)


def test_a_baseline_as_text_is_a_label_or_values() -> None:
    assert parse_baseline("m6") == {"label": "m6"}
    assert parse_baseline("l2=0, keep_prob=1") == {"l2": "0", "keep_prob": "1"}
    wide = {"hidden": "[50, 25]", "l2": "0"}
    assert parse_baseline("hidden=[50, 25],l2=0") == wide
    assert parse_baseline("dropout=0.2, l2=0") == {"keep_prob": 0.8, "l2": "0"}
    optimizer = "{name: sgd, momentum: 0.9}"
    assert parse_baseline(f"l2=0,optimizer={optimizer}") == {"l2": "0", "optimizer": optimizer}
    with pytest.raises(UsageError, match="'keep_prob' has no value"):
        parse_baseline("l2=0,keep_prob=")


@pytest.mark.parametrize("recorded", ["[8]", "(8,)"])
@pytest.mark.parametrize("wanted", ["[8]", "[ 8 ]", [8], (8,)])
def test_a_network_is_chosen_as_it_is_written(recorded: str, wanted: object) -> None:
    small, large = rows(0.0, [0.5]), rows(0.0, [0.6])
    runs = [
        replace(
            each, model={"model.filters": value}, run_id=f"{value} {each.run_id}", baseline=None
        )
        for value, group in ((recorded, small), ("[8, 16]", large))
        for each in group
    ]
    (comparison,) = compare_settings(runs, baseline={"model.filters": wanted})
    assert [verdict.setting for verdict in comparison.decisive] == ["model.filters=[8, 16]"]
    (comparison,) = compare_settings(runs, by="model.filters")
    assert len(comparison.decisive) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        "{name: sgd, momentum: 0.9}",
        "{momentum: 0.90, name: sgd}",
        "{name: sgd, momentum: 0.9, nesterov: false}",
    ],
)
def test_a_word_with_options_is_chosen_however_it_is_written(wanted: str) -> None:
    momentum = PARAMETERS["optimizer"].component("sgd", {"momentum": 0.9})
    runs = rows(0.0, [0.5]) + [
        replace(
            each,
            parameters=replace(each.parameters, optimizer=momentum),
            run_id=f"sgd {each.run_id}",
            baseline=None,
        )
        for each in rows(0.0, [0.6])
    ]
    (comparison,) = compare_settings(runs, baseline=f"optimizer={wanted}")
    assert [verdict.setting for verdict in comparison.decisive] == ["optimizer=adam"]


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.2], ids=["learning", "collapsing"])
def test_equal_settings_are_seldom_called_different(share: float) -> None:
    """Five settings that are looked at after every block share an error of 0.2."""
    rng = np.random.default_rng(3)
    count, wrong, clear = 100, 0, (Judgement.BETTER, Judgement.WORSE, Judgement.DIFFERENT)
    for _ in range(count):
        scores = np.round(rng.normal(0.8, 0.03, (5, 16)) * 120) / 120
        failed = rng.random((5, 16)) < share
        runs = [
            row(l2, seed, CHANCE if failed[number, seed] else float(scores[number, seed]),
                guessing_since=1 if failed[number, seed] else None)
            for number, l2 in enumerate((0.0, 0.1, 0.2, 0.3, 0.4))
            for seed in range(16)
        ]  # fmt: skip
        verdicts = judged(runs, error=0.2)
        wrong += any(
            verdict.judgement in clear or verdict.failing is not Judgement.UNDECIDED
            for verdict in verdicts
        )
    assert wrong <= count * 0.2


@pytest.mark.slow
def test_a_verdict_stays_when_any_setting_gets_more_seeds() -> None:
    rng = np.random.default_rng(4)
    clear = 0
    for _ in range(40):
        shift = rng.choice([0, 0.01, 0.03, 0.05], 3)
        scores = np.round(rng.normal(0.8, 0.03, (4, 30)) * 120) / 120
        scores[1:] += shift[:, np.newaxis]
        groups = [
            rows(l2, scores[number].tolist()) for number, l2 in enumerate((0.0, 0.1, 0.2, 0.3))
        ]
        lengths = rng.integers(5, 30, 3)
        before: dict[str, str] = {}
        for _ in range(4):
            cut = [group[:length] for group, length in zip(groups[1:], lengths, strict=True)]
            verdicts = {each.setting: each.text for each in judged(groups[0], *cut)}
            for setting, text in before.items():
                assert verdicts[setting] == text
            before = {name: text for name, text in verdicts.items() if text != "undecided"}
            lengths = np.minimum(lengths + rng.integers(0, 9, 3), 30)
        clear += len(before)
    assert clear > 40


def test_a_verdict_is_decided_by_its_own_pairs() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        base = rng.normal(0.8, 0.03, 30)
        few = rows(0.1, (base + rng.normal(0.02, 0.03, 30)).tolist())[:12]
        many = rows(0.2, (base + 0.1).tolist())
        verdict = judged(rows(0.0, base.tolist()), few, many)[0]
        assert verdict.decided_after is None or verdict.decided_after <= verdict.sequence == 12


def test_the_same_run_counts_once() -> None:
    first, second = rows(0.0, [0.5] * 4), rows(0.1, [0.6] * 4)

    (once,) = judged(first, second)
    (twice,) = judged(first, second, second)

    assert twice == once


def test_declared_comparisons_count_if_a_store_has_fewer() -> None:
    first, second = rows(0.0, [0.5] * 4), rows(0.1, [0.6] * 4)

    (of_spec,) = judged(first, second)
    (of_store,) = judged(first, second, comparisons=5)

    assert of_store.threshold == pytest.approx(5 * of_spec.threshold)


def test_infinite_losses_on_both_sides_have_no_mean_difference() -> None:
    first, second = rows(0.0, [0.5] * 8), rows(0.1, [0.6] * 8)
    first[2] = row(0.0, 2, None, chance=CHANCE)
    second[2] = row(0.1, 2, None, chance=CHANCE)
    second[5] = row(0.1, 5, None, chance=CHANCE)

    (more,) = judged(first, second, metric="test_loss")
    first[6] = row(0.0, 6, None, chance=CHANCE)
    (both,) = judged(first, second, metric="test_loss")

    assert more.difference == math.inf
    assert both.difference is None
    assert both.won == pytest.approx(6.5 / 8)


def test_a_value_of_a_parameter_is_compared_with_nothing_that_differs_in_another() -> None:
    runs = [
        *rows(0.0, noise(8)),
        *rows(0.1, noise(8)),
        *rows(0.1, noise(8), keep_prob=0.8),
    ]
    (comparison,) = compare_settings(runs, by="l2")

    assert [verdict.setting for verdict in comparison.decisive] == ["l2=0.1 keep_prob=1"]
    (chosen,) = compare_settings(runs, baseline={"l2": 0})
    assert len(chosen.decisive) == 2


def test_the_power_of_a_plan_follows_from_the_spread_of_seeds() -> None:
    unstarted = [
        Row("toy", f"{l2}-{seed}", None, Parameters(l2=l2, global_seed=seed, init_seed=seed), None,
            {}, f"0.0-{seed}")
        for l2 in (0.0, 0.1)
        for seed in range(12)
    ]  # fmt: skip

    unknown = power_of(unstarted, VerdictRule())
    given = power_of(unstarted, VerdictRule(), deviation=0.02)
    other_runs = rows(0.5, noise(20, spread=0.02))
    from_store = power_of(unstarted, VerdictRule(), other_runs)
    few = power_of([each for each in unstarted if each.seeds.init_seed < 3], VerdictRule())

    assert unknown.deviation is None
    assert unknown.visible is None
    assert given.visible == pytest.approx(0.02 * math.sqrt(2) * 1.55, rel=0.05)
    assert 0 < given.probability < 0.5
    assert from_store.deviation == pytest.approx(0.02, rel=0.3)
    assert (few.seeds, few.least_seeds, few.visible) == (3, 7, None)
    seven = [each for each in unstarted if each.seeds.init_seed < 7]
    assert power_of(seven, VerdictRule(), deviation=0.02).visible is None
    assert power_of(rows(0.0, [0.5], baseline=None), VerdictRule()) is None
