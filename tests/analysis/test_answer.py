"""The sentence that answers the question of an experiment."""

from dataclasses import replace

import pytest

from signs_sweep.analysis.answer import answer
from signs_sweep.analysis.settings import baselines_of, settings_of
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.domain import Parameters, Result, Row, State


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


def test_the_best_setting_is_compared_with_the_baseline() -> None:
    text = answer([row(0.0, 0.5, baseline=0.0), row(0.1, 0.75, baseline=0.0), row(1.0, 0.25)])
    assert text == (
        "Best of 3 by test accuracy: l2=0.1, 0.7500 (one seed), +0.2500 against the baseline l2=0. "
        "One seed cannot rule out chance: write `seeds: 10` in the spec."
    )


def test_a_baseline_that_is_best_is_compared_with_the_next() -> None:
    text = answer([row(0.0, 0.75, baseline=0.0), row(0.1, 0.5, baseline=0.0)])
    assert text is not None
    assert "the baseline l2=0, 0.7500 (one seed), +0.2500 against the next best, l2=0.1" in text


def test_without_a_baseline_the_best_is_compared_with_the_next() -> None:
    text = answer([row(0.0, 0.25), row(0.1, 0.75), row(1.0, 0.5)])
    assert text is not None
    assert "l2=0.1, 0.7500 (one seed), +0.2500 against the next best, l2=1." in text


def test_several_seeds_give_an_interval() -> None:
    rows = [row(0.0, 0.50, seed=0), row(0.0, 0.52, seed=1), row(0.0, 0.51, seed=2)]
    rows += [row(0.1, 0.70, seed=0), row(0.1, 0.72, seed=1), row(0.1, 0.72, seed=2)]
    text = answer(rows)
    assert text is not None
    assert "l2=0.1, 0.7133 (mean over 3 seeds), +0.2033 against the next best, l2=0 (3" in text
    assert "chance" not in text
    rows[-1] = row(0.1, 0.1, seed=2)
    rows[-2] = row(0.1, 0.9, seed=1)
    unclear = answer(rows)
    assert unclear is not None
    assert unclear.endswith("This may be chance.")


def test_settings_without_a_common_seed_are_not_subtracted() -> None:
    text = answer([row(0.0, 0.5, seed=0), row(0.1, 0.75, seed=1)])
    assert text is not None
    assert "shares no seed with the next best, l2=0: 0.5000 (one seed)" in text
    assert "+0.25" not in text


def test_a_single_seed_that_both_have_finished_is_mentioned() -> None:
    rows = [row(0.0, 0.50, seed=0), row(0.0, None, seed=1), row(0.1, 0.7, seed=0)]
    text = answer([*rows, row(0.1, 0.72, seed=1)])
    assert text is not None
    assert text.endswith("with the only seed that both have finished. This may be chance.")


def test_an_interval_without_width_is_not_certainty() -> None:
    rows = [row(0.0, 0.25, seed=seed) for seed in range(3)]
    text = answer([*rows, *(row(0.1, 0.75, seed=seed) for seed in range(3))])
    assert text is not None
    assert text.endswith("with each of the 3 seeds. So few seeds may agree by chance.")
    assert "interval" not in text


def test_equal_settings_are_equally_good() -> None:
    text = answer([row(0.0, 0.5), row(0.1, 0.75), row(1.0, 0.75)])
    assert text == "l2=0.1 and l2=1 are equally good by test accuracy: 0.7500 (one seed)."


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
    rows = [row(0.0, None, baseline=0.0), row(0.1, 0.75, baseline=0.0), row(1.0, 0.5, baseline=0.0)]
    text = answer(rows)
    assert text is not None
    assert text.endswith("There is no finished run of the baseline l2=0.")


def test_held_out_samples_decide_where_all_runs_have_them() -> None:
    rows = [
        row(0.0, 0.9, metrics={"val_accuracy": 0.5}),
        row(0.1, 0.1, metrics={"val_accuracy": 0.75}),
    ]
    text = answer(rows)
    assert text is not None
    assert text.startswith("Best of 2 by validation accuracy: l2=0.1, 0.7500")
    mixed = answer([rows[0], row(0.1, 0.1)])
    assert mixed is not None
    assert mixed.startswith("Best of 2 by test accuracy: l2=0, 0.9000")


def test_a_labelled_setting_is_called_by_its_label() -> None:
    text = answer([row(0.0, 0.5, label="m3"), row(0.1, 0.75, label="m4")])
    assert text is not None
    assert "Best of 2 by test accuracy: m4, 0.7500" in text


def test_the_table_of_settings_has_means_deviations_and_paired_differences() -> None:
    rows = [row(0.0, 0.4, seed=0, baseline=0.0), row(0.0, 0.6, seed=1, baseline=0.0)]
    rows += [row(0.1, 0.5, seed=0, baseline=0.0), row(0.1, 0.9, seed=1, baseline=0.0)]
    table = build_settings(rows)
    assert list(table.index) == [1, 2]
    assert table["runs"].tolist() == [2, 2]
    assert table["test_accuracy"].tolist() == [0.5, 0.7]
    assert table["is_baseline"].tolist() == [True, False]
    assert table.loc[2, "difference"] == 0.2
    assert table.loc[2, "difference_low"] < 0 < table.loc[2, "difference_high"]
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
    assert "hidden=[50], 0.9000" in text


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
    assert means["difference"].fillna(none).round(9).tolist() == [0, 0.3, 0, 0.4, 0, none]
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
    assert means["difference"].fillna(-1.0).round(9).tolist() == [0, 0.25, -1.0]


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
    assert build_settings(rows)["guessing"].tolist() == [0, 1]
    assert "guessing_since" not in build_table(rows[:1])


def test_a_baseline_that_is_not_among_the_runs_is_none() -> None:
    settings = settings_of([row(0.1, 0.5, baseline=0.0)])
    assert baselines_of(settings) == [None]
