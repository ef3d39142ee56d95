"""Tables of results for people, and the formats of `compare`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.analysis.table import build_table
from signs_sweep.cli.tables import View, comparison_text, outcome_text
from signs_sweep.commands.options import Format
from signs_sweep.domain import (
    PARAMETERS,
    Answers,
    Condition,
    Diagnosis,
    Parameters,
    Result,
    Row,
    State,
)


def row(l2: float, seed: int, test: float | None, **more) -> Row:
    run_id = f"run-{l2}-{seed}"
    metrics = {} if test is None else {"loss": 0.5, "final_train_accuracy": 0.75}
    metrics |= {} if test is None else {"test_accuracy": test}
    state = State.FAILED if test is None else State.FINISHED
    result = Result(run_id, state, metrics, 9, None if test is None else 65.0, **more)
    parameters = Parameters(l2=l2, epochs=9, global_seed=seed)
    return Row("toy", run_id, None, parameters, result, baseline=f"run-0.0-{seed}")


ROWS = [
    row(0.0, 0, 0.5),
    row(0.0, 1, 0.25, guessing_since=3),
    row(0.01, 0, 0.75),
    row(0.01, 1, None),
]


def outcome(*rows: Row, cached: tuple[str, ...] = ()) -> SimpleNamespace:
    known = {"table": build_table(rows), "compared": compare_settings(rows)}
    return SimpleNamespace(rows=list(rows), cached=frozenset(cached), **known)


def text_of(rows: Sequence[Row], view: View, width: int | None = None) -> str:
    return comparison_text(rows, {}, compare_settings(rows, images=view.images), view, width)


def compared(form: Format, width: int | None = None, **more) -> str:
    return text_of(ROWS, View(form, **more), width)


def test_the_end_of_a_sweep_has_seeds_baseline_times_and_diagnoses() -> None:
    runs, means = outcome_text(outcome(*ROWS, cached=("run-0.0-0",)), None).split("\n\n")
    diagnosis = "collapsed since epoch 3"
    assert runs.splitlines() == [
        "    l2  seeds    loss   train    test  vs baseline  epochs  time    diagnosis",
        "     0   0, 0  0.5000  0.7500  0.5000  baseline          9  cached",
        f"     0   1, 0  0.5000  0.7500  0.2500  baseline          9  1:05    {diagnosis}",
        "  0.01   0, 0  0.5000  0.7500  0.7500  +0.2500           9  1:05",
        "  0.01   1, 0                                            9  failed",
    ]
    title, header, *lines = means.splitlines()
    assert title == "over seeds"
    titles = "l2 seeds test \u00b1 worst best failed diagnosis loss train"
    assert " ".join(header.split()) == f"{titles} vs baseline interval won verdict"
    assert [line.split()[:2] for line in lines] == [["0", "2"], ["0.01", "1"]]
    assert lines[1].endswith("+0.2500                1 of 1  undecided")


@pytest.mark.parametrize("form", [Format.TABLE, Format.MD])
def test_values_by_which_early_stopping_chose_are_marked_and_explained(form: Format) -> None:
    rule = PARAMETERS["early_stopping"].component("", {"metric": "loss", "patience": 5})
    chosen = [row(0.0, seed, 0.5, stopped_at=8, chosen_epoch=3) for seed in (0, 1)]
    chosen = [
        replace(each, parameters=replace(each.parameters, early_stopping=rule)) for each in chosen
    ]
    text = text_of([*chosen, ROWS[2]], View(form))
    runs, settings = text.lower().split("over seeds")
    for table, count in ((runs, 2), (settings, 1)):
        assert table.count("0.5000*") == table.count("0.7500*") == count
    assert runs.count("0.7500") == 4, "the run without a rule has no mark"
    assert "chosen" in runs
    assert text.rstrip().endswith(
        "Values with * are of epochs that early stopping chose as the best on the same images, so "
        "they are too good. Values on the test set are not."
    )
    assert "*" not in compared(form)


def test_seeds_that_are_the_same_in_all_runs_are_left_out() -> None:
    text = outcome_text(outcome(ROWS[0], ROWS[2]), None)
    assert "seeds" not in text
    assert "over seeds" not in text


@pytest.mark.parametrize("width", range(60, 100, 5))
def test_results_are_kept_on_a_narrow_terminal(width: int) -> None:
    text = compared(Format.TABLE, width)
    assert max(map(len, text.splitlines())) <= width
    for number in ("0.2500", "0.7500", "+0.2500"):
        assert number in text


def test_means_failures_and_diagnoses_of_settings_fit_into_80_columns() -> None:
    conditions = [Condition.OVERFITS, Condition.OSCILLATES, *[Condition.IMPROVING] * 12]
    rows = [
        row(l2, seed, 0.5, diagnosis=Diagnosis(condition))
        for l2 in (0.0, 0.01)
        for seed, condition in enumerate(conditions)
    ]
    text = text_of(rows, View(Format.TABLE, has_settings=True), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "seeds    test  failed  diagnosis" in text
    assert "14  0.5000       0  1 overfits, 1 oscillates" in text
    assert "equivalent" in text


def test_formats_for_programs_keep_all_digits_and_columns() -> None:
    rows = json.loads(compared(Format.JSON))
    assert [row["run_id"] for row in rows] == [row.run_id for row in ROWS]
    assert rows[1]["guessing_since"] == 3
    assert rows[3]["seconds"] is None
    assert compared(Format.CSV).splitlines()[3].startswith("run-0.01-0,0.01,0,0,0,FINISHED,")
    assert "verdict" not in compared(Format.CSV)


def test_markdown_has_both_tables_or_only_the_means() -> None:
    runs, means = compared(Format.MD).split("\nOver seeds:\n\n")
    first, second = runs.splitlines()[:2]
    assert first.startswith("| run | l2 | seeds | state | loss | train | test | vs baseline |")
    assert first.endswith("| epochs | time | diagnosis |")
    assert second == "| --- " * 11 + "|"
    assert compared(Format.MD, has_settings=True) == means


NAMES = (
    *(
        "setting",
        "l2",
        "seeds",
        "runs",
        "metric",
        "mean",
        "deviation",
        "worst",
        "best",
        "failed",
        "diagnosis",
    ),
    *("loss", "final_train_accuracy", "test_accuracy", "is_baseline", "baseline", "pairs"),
    *("difference", "difference_low", "difference_high", "won", "verdict", "usually"),
    *("on_average", "decided_after", "more_seeds", "evidence", "threshold", "failing"),
    *("baseline_failed", "t_low", "t_high", "sign_flip_p", "effect_size", "mcnemar_p"),
    *("images", "splits", "both_low", "both_high"),
    *("share_seeds", "share_splits", "share_images"),
)


def test_the_names_in_json_are_stable() -> None:
    of_baseline, other = json.loads(compared(Format.JSON, has_settings=True))
    assert tuple(of_baseline) == tuple(other) == NAMES
    assert of_baseline["verdict"] is None
    assert (other["verdict"], other["won"], other["difference"]) == ("undecided", 1, 0.25)
    assert of_baseline["failed"] == 1
    assert of_baseline["diagnosis"] == "1 collapsed"


def right(row: Row, metric: str) -> Answers:
    assert metric == "test_accuracy"
    positions = np.arange(120)
    return Answers(positions, positions < 120 * row.result.metrics[metric])


def test_statistics_for_a_single_look_are_shown_only_on_request() -> None:
    short = compared(Format.TABLE, has_settings=True)
    detail = compared(Format.TABLE, has_settings=True, has_detail=True, images=right)
    assert "sign-flip p" not in short
    assert "valid for a single look" in detail
    assert "1.86e-09" in detail  # 30 discordant images, all in favour of the setting.


def of_split(seed: int, split: int, l2: float) -> Row:
    plain = row(l2, seed, 0.5 + l2 + split / 10)
    parameters = Parameters(l2=l2, epochs=9, global_seed=seed, split_seed=split)
    run_ids = {"run_id": f"{plain.run_id}-{split}", "baseline": f"{plain.baseline}-{split}"}
    return replace(plain, parameters=parameters, **run_ids)


def test_splits_are_a_column_and_their_share_of_the_variance_fits_into_80_columns() -> None:
    rows = [of_split(*cell) for cell in product(range(3), range(2), (0.0, 0.01))]
    runs = text_of(rows, View(Format.MD))
    assert "| l2 | seeds | split | state |" in runs
    assert "| 2, 0 | 1 |" in runs
    detailed = View(Format.TABLE, has_settings=True, has_detail=True, images=right)
    text = text_of(rows, detailed, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "seeds  runs  " in text
    assert "due to seeds  due to splits  due to images" in text
    assert "effect" in text


def test_with_folds_the_end_of_a_sweep_has_a_row_for_each_pair_of_seeds() -> None:
    rows = [
        replace(of_split(seed, split, l2), folds=2)
        for seed, split, l2 in product(range(2), range(2), (0.0, 0.01))
    ]
    cached = [each.run_id for each in rows if each.parameters.global_seed == 0]
    runs, _ = outcome_text(outcome(*rows, cached=cached), None).split("\n\n")
    assert [line.split() for line in runs.splitlines()] == [
        ["means", "over", "the", "splits"],
        ["l2", "seeds", "loss", "train", "test", "vs", "baseline", "epochs", "time"],
        ["0", "0,", "0", "0.5000", "0.7500", "0.5500", "baseline", "9", "cached"],
        ["0.01", "0,", "0", "0.5000", "0.7500", "0.5600", "+0.0100", "9", "cached"],
        ["0", "1,", "0", "0.5000", "0.7500", "0.5500", "baseline", "9", "2:10"],
        ["0.01", "1,", "0", "0.5000", "0.7500", "0.5600", "+0.0100", "9", "2:10"],
    ]
    unfinished = Result(rows[-1].run_id, State.FAILED)
    rows[-1] = replace(rows[-1], result=unfinished)
    runs, _ = outcome_text(outcome(*rows), None).split("\n\n")
    assert runs.splitlines()[-1].endswith("failed")
