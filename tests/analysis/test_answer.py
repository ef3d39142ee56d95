"""The sentence that answers the question of an experiment."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from signs_sweep.analysis.answer import answer_from
from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.analysis.layout import Images
from signs_sweep.analysis.settings import declared_baselines, settings_of
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.domain import Answers, Parameters, Result, Row, State, VerdictRule


def answer(
    rows: Sequence[Row], rule: VerdictRule | None = None, images: Images | None = None
) -> str | None:
    rules = {rows[0].experiment: rule or VerdictRule()}
    return answer_from(*compare_settings(rows, rules, images=images))


def row(
    l2: float, score: float | None, *, seed: int = 0, baseline: float | None = None, **more: object
) -> Row:
    """Return a run with a test accuracy, compared with the run of another l2 of the same seed."""
    metrics = {} if score is None else {"test_accuracy": score} | dict(more.pop("metrics", {}))
    state = State.FAILED if score is None else State.FINISHED
    return Row(
        "toy",
        f"{l2}-{seed}",
        more.pop("label", None),
        Parameters(l2=l2, global_seed=seed),
        Result(f"{l2}-{seed}", state, metrics, epochs=3, seconds=1.0, **more),
        {"hidden": "[3]"},
        None if baseline is None else f"{baseline}-{seed}",
    )


def rows_of(l2: float, *scores: float | None, **more: object) -> list[Row]:
    return [row(l2, score, seed=seed, baseline=0.0, **more) for seed, score in enumerate(scores)]


def test_one_seed_is_never_a_verdict_and_the_number_needed_is_given() -> None:
    rows = [row(0.0, 0.5, baseline=0.0), row(0.1, 0.75, baseline=0.0), row(1.0, 0.25, baseline=0.0)]
    assert answer(rows) == (
        "Compared with the baseline, l2=0, with test accuracy 0.5000 (one seed): l2=0.1 is "
        "undecided (+0.2500); l2=1 is undecided (-0.2500). Better or worse needs at least 9 seeds: "
        "add --seeds 9."
    )


def test_a_clear_difference_has_its_interval_and_the_seeds_that_decided_it() -> None:
    better = rows_of(0.1, *(0.6 + seed / 100 for seed in range(8)))
    assert answer(rows_of(0.0, *[0.5] * 8) + better) == (
        "Compared with the baseline, l2=0, with test accuracy 0.5000 (mean over 8 seeds): l2=0.1 "
        "is better (+0.1350, +0.1000 to +0.1700, decided after 7 seeds). These verdicts hold for "
        "new seeds on the same images."
    )


def test_the_interval_for_new_images_is_given_if_predictions_are_known() -> None:
    rows = rows_of(0.0, *[0.5] * 8) + rows_of(0.1, *(0.6 + seed / 100 for seed in range(8)))

    def images(row: Row, metric: str) -> Answers:
        assert metric == "test_accuracy"
        positions = np.arange(120)
        return Answers(positions, positions < 120 * row.result.metrics[metric])

    text = answer(rows, images=images)
    assert text is not None
    assert "These verdicts hold for new seeds on the same 120 test images. For new images" in text
    low, high = (float(word) for word in re.findall(r"l2=0.1 (\S+) to (\S+)\.$", text)[0])
    assert 0 < low < 0.135 < high


def with_splits(splits: Sequence[int], *, folds: int = 0, is_own: bool = False) -> list[Row]:
    """Return runs of a setting that is better than its baseline, for 8 seeds."""
    rows = rows_of(0.0, *[0.5] * 8) + rows_of(0.1, *(0.6 + seed / 100 for seed in range(8)))
    return [
        replace(
            each,
            run_id=f"{each.run_id}-{split}",
            baseline=f"{each.baseline}-{split}",
            parameters=replace(each.parameters, split_seed=split + is_own * each.seeds.global_seed),
            folds=folds,
        )
        for each in rows
        for split in splits
    ]


@pytest.mark.parametrize(
    ("rows", "verdicts", "interval"),
    [
        (with_splits([3]), "seeds on the same 120 test images.", "For new images as well"),
        (
            with_splits([0], is_own=True),
            "seeds and new splits, on the same images.",
            "For new images as well",
        ),
        (
            with_splits(range(4), folds=2),
            "seeds on the same 120 test images and the same 4 splits.",
            "For new splits and images as well",
        ),
        (
            with_splits(range(6), folds=2),
            "seeds on the same 120 test images and the same 6 splits.",
            "For new splits and images as well",
        ),
    ],
)
def test_what_verdicts_hold_for_depends_on_the_kind_of_splits(
    rows: list[Row], verdicts: str, interval: str
) -> None:
    def images(row: Row, metric: str) -> Answers:
        positions = np.arange(120)
        return Answers(positions, positions < 120 * row.result.metrics[metric])

    text = answer(rows, images=images)
    assert text is not None
    assert "(mean over 8 seeds): l2=0.1 is better (+0.1350, " in text
    assert f"These verdicts hold for new {verdicts} {interval}, 95 % intervals" in text
    few = "; with only 4 splits they may be too narrow."
    assert text.endswith(few) == ("same 4 splits" in verdicts)


def test_an_open_question_is_no_verdict_for_any_images() -> None:
    text = answer(rows_of(0.0, *[0.5] * 3) + rows_of(0.1, *[0.6] * 3))
    assert text is not None
    assert "hold for" not in text


def test_without_a_baseline_settings_are_compared_with_the_best_mean() -> None:
    rows = [row(0.0, 0.25), row(0.1, 0.75), row(1.0, 0.5)]
    text = answer(rows)
    assert text is not None
    assert text.startswith(
        "Compared with the best mean, l2=0.1, with test accuracy 0.7500 (one seed): l2=1 is "
        "undecided (-0.2500); l2=0 is undecided (-0.5000)."
    )


def test_settings_without_a_common_seed_are_not_subtracted() -> None:
    rows = [row(0.0, 0.5, seed=0, baseline=0.0), row(0.1, 0.75, seed=1, baseline=0.0)]
    assert answer(rows) == (
        "A verdict needs finished runs of two settings on the same data with the same seeds. "
        "By test accuracy: "
        "l2=0 0.5000 (one seed), l2=0.1 0.7500 (one seed)."
    )


def test_a_missing_seed_before_others_is_named() -> None:
    text = answer(rows_of(0.0, *[0.5] * 9) + rows_of(0.1, 0.6, None, *[0.6] * 7))
    assert text is not None
    assert text.endswith("A verdict needs every seed in order; missing: the pair of seeds 1, 0.")


def test_many_settings_are_listed_by_verdict() -> None:
    rows = rows_of(0.0, *[0.5] * 12)
    for number in range(1, 10):
        rows += rows_of(float(number), *(0.6 + (seed + number) / 100 for seed in range(12)))
    text = answer(rows)
    assert text is not None
    assert ": 9 better (l2=9, l2=8, l2=7, l2=6, ...). These verdicts hold" in text


def test_each_setting_names_its_baseline_if_there_are_several() -> None:
    rows = rows_of(0.0, *[0.5] * 8) + rows_of(0.1, *[0.6] * 8)
    rows += [
        replace(
            each,
            run_id=f"{each.run_id}-low",
            baseline=f"{each.baseline}-low",
            parameters=replace(each.parameters, keep_prob=0.8),
        )
        for each in rows
    ]
    text = answer(rows)
    assert text is not None
    assert text.startswith("By test accuracy: l2=0.1 keep_prob=1 is undecided against l2=0 ")


def test_runs_that_diverged_are_named() -> None:
    diverged = row(0.1, None, seed=1, baseline=0.0, chance=1 / 6)
    text = answer([*rows_of(0.0, 0.5, 0.5), *rows_of(0.1, 0.6), diverged])
    assert text is not None
    assert text.endswith("Diverged, and counted as guessing: 1 of 2 runs of l2=0.1.")


def test_settings_that_fail_to_learn_more_often_are_named() -> None:
    text = answer(rows_of(0.0, *[0.5] * 12) + rows_of(0.1, *[1 / 6] * 12, guessing_since=1))
    assert text is not None
    assert "l2=0.1 fails to learn more often than l2=0 (12 of 12 runs, against 0)." in text


def test_the_metric_of_the_rule_is_compared() -> None:
    rows = [
        row(0.0, 0.9, baseline=0.0, metrics={"test_loss": 1.0}),
        row(0.1, 0.1, baseline=0.0, metrics={"test_loss": 0.5}),
    ]
    text = answer(rows, VerdictRule(metric="test_loss"))
    assert text is not None
    assert "with test loss 1.0000 (one seed): l2=0.1 is undecided (-0.5000)" in text


def test_one_setting_over_several_seeds_gets_its_spread() -> None:
    text = answer([row(0.0, 0.5, seed=0), row(0.0, 0.7, seed=1)])
    assert text == (
        "Test accuracy: 0.6000 (mean over 2 seeds), from 0.5000 to 0.7000, standard deviation "
        "0.1414."
    )
    assert answer([row(0.0, 0.5)]) == "Test accuracy: 0.5000 (one seed)."


def test_failed_runs_are_ignored() -> None:
    assert answer([row(0.0, None)]) is None
    alone = answer([row(0.0, None, baseline=0.0), row(0.1, 0.75, baseline=0.0)])
    assert (
        alone == "Of 2 settings, only l2=0.1 has a finished run: test accuracy 0.7500 (one seed)."
    )


def test_held_out_samples_decide_where_all_runs_have_them() -> None:
    rows = [
        row(0.0, 0.9, metrics={"val_accuracy": 0.5}),
        row(0.1, 0.1, metrics={"val_accuracy": 0.75}),
    ]
    text = answer(rows)
    assert text is not None
    assert "the best mean, l2=0.1, with validation accuracy 0.7500" in text
    mixed = answer([rows[0], row(0.1, 0.1)])
    assert mixed is not None
    assert "the best mean, l2=0, with test accuracy 0.9000" in mixed


@pytest.mark.parametrize(
    ("metric", "start"),
    [
        ("val_macro_f1", "Validation macro-F1: 0.2500"),
        ("test_nll", "Test negative log-likelihood: 0.2500"),
        ("final_train_loss", "Final training loss: 0.2500"),
    ],
)
def test_metrics_have_their_names_in_a_sentence(metric: str, start: str) -> None:
    text = answer([row(0.0, 0.5, metrics={metric: 0.25})], VerdictRule(metric=metric))
    assert text == f"{start} (one seed)."


def test_a_labelled_setting_is_called_by_its_label() -> None:
    text = answer([row(0.0, 0.5, label="m3"), row(0.1, 0.75, label="m4")])
    assert text is not None
    assert "the best mean, m4, with test accuracy 0.7500 (one seed): m3 is" in text


def test_the_table_of_settings_has_means_deviations_and_paired_differences() -> None:
    rows = [row(0.0, 0.4, seed=0, baseline=0.0), row(0.0, 0.6, seed=1, baseline=0.0)]
    rows += [row(0.1, 0.5, seed=0, baseline=0.0), row(0.1, 0.9, seed=1, baseline=0.0)]
    table = build_settings(rows)
    assert list(table.index) == [1, 2]
    assert table["seeds"].tolist() == [2, 2]
    assert table["metric"].tolist() == ["test_accuracy"] * 2
    assert table["mean"].tolist() == table["test_accuracy"].tolist() == [0.5, 0.7]
    assert table["worst"].tolist() == [0.4, 0.5]
    assert table["best"].tolist() == [0.6, 0.9]
    assert table["is_baseline"].tolist() == [True, False]
    assert table["baseline"].isna().tolist() == [True, False]
    second = table.loc[2]
    assert (second["baseline"], second["verdict"], second["failing"]) == (
        *("l2=0", "undecided"),
        "undecided",
    )
    assert second["difference"] == pytest.approx(0.2)
    assert second["effect_size"] == pytest.approx(0.2 / (0.1 * 2**0.5))
    assert second["t_low"] < 0 < second["t_high"]
    assert (second["pairs"], second["won"], second["sign_flip_p"]) == (2, 1, 0.5)
    assert second["difference_low"] is None or np.isnan(second["difference_low"])
    assert "hidden" not in table


def test_the_table_of_runs_has_the_difference_to_the_run_with_the_same_seeds() -> None:
    rows = [row(0.0, 0.4, seed=0, baseline=0.0), row(0.0, 0.6, seed=1, baseline=0.0)]
    rows += [row(0.1, 0.5, seed=0, baseline=0.0), row(0.1, None, seed=1, baseline=0.0)]
    table = build_table(rows)
    assert table["difference"].round(9).tolist()[:3] == [0.0, 0.0, 0.1]
    assert table["difference"].isna().tolist() == [False, False, False, True]
    assert table["is_baseline"].tolist() == [True, True, False, False]


def test_a_network_that_differs_is_a_column_and_another_setting() -> None:
    wide = row(0.0, 0.9)
    rows = [row(0.0, 0.5), Row(**{**vars_of(wide), "model": {"hidden": "[50]"}})]
    assert build_table(rows)["hidden"].tolist() == ["[3]", "[50]"]
    assert len(settings_of(rows)) == 2
    text = answer(rows)
    assert text is not None
    assert "hidden=[50], with test accuracy 0.9000" in text


def of_version(version: int, one: Row) -> Row:
    baseline = one.baseline and f"{one.baseline} of {version}"
    values = vars_of(one) | {"run_id": f"{one.run_id} of {version}", "baseline": baseline}
    return Row(**values, version=version)


def test_versions_of_the_training_are_never_one_setting_nor_subtracted() -> None:
    """Of version 2 the baseline has no run with seed 1, and none at all of l2 = 1."""
    rows = [
        of_version(version, row(l2, score, seed=seed, label="m3", baseline=baseline))
        for version, l2, seed, score, baseline in (
            *((1, 0.0, 0, 0.1, 0.0), (1, 0.0, 1, 0.2, 0.0)),
            *((1, 0.1, 0, 0.4, 0.0), (1, 0.1, 1, 0.5, 0.0)),
            *((2, 0.0, 0, 0.5, 0.0), (2, 0.1, 0, 0.9, 0.0)),
            *((2, 0.1, 1, 0.7, 0.0), (1, 1.0, 0, 0.3, 1.0), (2, 0.2, 0, 0.6, 1.0)),
        )
    ]
    table = build_table(rows)
    assert table["version"].tolist() == [1, 1, 1, 1, 2, 2, 2, 1, 2]
    none = -1.0
    differences = table["difference"].fillna(none).round(9)
    assert differences.tolist() == [0, 0, 0.3, 0.3, 0, 0.4, none, 0, none]
    means = build_settings(rows)
    assert means["version"].tolist() == [1, 1, 2, 2, 1, 2]
    assert means["test_accuracy"].round(9).tolist() == [0.15, 0.45, 0.5, 0.8, 0.3, 0.6]
    assert means["difference"].fillna(none).round(9).tolist() == [none, 0.3, none, 0.4, none, none]
    assert build_settings(rows, sort="version")["version"].tolist() == [1, 1, 1, 2, 2, 2]
    only_old = [row for row in rows if row.version == 1]
    assert "version" not in build_table(only_old)
    assert "version" not in build_settings(only_old)


@pytest.mark.parametrize("change", [{"data": "cdef"}, {"validation": 0.2}])
def test_data_and_validation_shares_are_never_one_setting_nor_subtracted(
    change: dict[str, object],
) -> None:
    """The second half has no baseline, and the seeds of the first."""
    rows = [
        *(row(0.0, 0.5, seed=0, baseline=0.0), row(0.0, 0.5, seed=1, baseline=0.0)),
        *(row(0.1, 0.7, seed=0, baseline=0.0), row(0.1, 0.8, seed=1, baseline=0.0)),
    ]
    others = [
        replace(one, run_id=f"other {one.run_id}", baseline=f"other {one.baseline}", **change)
        for one in rows[2:]
    ]
    assert not {"data", "validation"} & {*build_table(rows), *build_settings(rows)}
    (name,) = change
    assert len(set(build_table(rows + others)[name])) == 2
    means = build_settings(rows + others)
    assert means["test_accuracy"].round(9).tolist() == [0.5, 0.75, 0.75]
    assert means["difference"].fillna(-1.0).round(9).tolist() == [-1.0, 0.25, -1.0]


def test_a_new_run_that_an_older_version_has_finished_is_marked() -> None:
    new = Row("toy", "new", None, Parameters(l2=0.2), None, {"hidden": "[3]"}, older=1)
    assert build_table([row(0.0, 0.5), new])["older_version"].tolist()[1] == 1
    assert "older_version" not in build_table([row(0.0, 0.5)])


def vars_of(one: Row) -> dict[str, object]:
    names = ("experiment", "run_id", "label", "parameters", "result", "model", "baseline")
    return {name: getattr(one, name) for name in names}


def test_a_run_that_only_guesses_is_marked_in_both_tables() -> None:
    rows = [row(0.0, 0.5), row(0.1, 0.2, guessing_since=3)]
    assert build_table(rows)["guessing_since"].tolist()[1] == 3
    assert build_settings(rows)["failed"].tolist() == [0, 1]
    assert "guessing_since" not in build_table(rows[:1])


def test_a_baseline_that_is_not_among_the_runs_is_none() -> None:
    settings = settings_of([row(0.1, 0.5, baseline=0.0)])
    assert declared_baselines(settings) == [None]
