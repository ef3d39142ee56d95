"""The table of runs."""

from dataclasses import replace

import pytest

from signs_sweep.analysis.table import build_table
from signs_sweep.domain import Parameters, Result, Row, State
from signs_sweep.errors import UsageError


def row(l2: float, *, label: str | None = None, test: float | None = None, seed: int = 0) -> Row:
    run_id = f"run-{l2}-{seed}"
    metrics = {"loss": 1 - test, "test_accuracy": test, "test_loss": 1.0} if test else {}
    metrics |= {"test_macro_f1": test, "test_nll": 1 - test} if test else {}
    result = Result(run_id, State.FINISHED, metrics, epochs=7, seconds=2.0) if test else None
    return Row("toy", run_id, label, Parameters(l2=l2, epochs=9, global_seed=seed), result)


def test_columns_are_what_varies_then_seeds_state_metrics_epochs_seconds() -> None:
    table = build_table([row(0.0, test=0.5), row(0.1, test=0.75)])
    assert list(table.columns) == [
        "l2",
        "global_seed",
        "init_seed",
        "split_seed",
        "state",
        "loss",
        "test_accuracy",
        "epochs",
        "seconds",
    ]
    assert table.index.name == "run_id"
    assert table.loc["run-0.1-0", "test_accuracy"] == 0.75


def test_seeds_do_not_count_as_varying() -> None:
    assert "l2" not in build_table([row(0.1, test=0.5, seed=0), row(0.1, test=0.6, seed=1)])


def test_a_run_never_started_is_new_and_has_no_numbers() -> None:
    table = build_table([row(0.0, test=0.5), row(0.1)])
    new = table.loc["run-0.1-0"]
    assert new["state"] == "NEW"
    assert new[["loss", "test_accuracy", "seconds"]].isna().all()
    assert new["epochs"] == 9


def test_labels_and_experiments_are_shown_where_there_are_any() -> None:
    assert "label" in build_table([row(0.0, label="m3"), row(0.1)])
    other = Row("other", "x", None, Parameters(), None)
    assert "experiment" in build_table([row(0.0), other])
    assert "experiment" not in build_table([row(0.0), row(0.1)])


def test_sorting_puts_the_best_first_and_what_is_missing_last() -> None:
    rows = [row(0.0, test=0.5), row(0.1), row(0.2, test=0.75)]
    assert build_table(rows, sort="test_accuracy")["l2"].tolist() == [0.2, 0.0, 0.1]
    assert build_table(rows, sort="loss")["l2"].tolist() == [0.2, 0.0, 0.1]
    for metric in ("test_macro_f1", "test_nll"):
        assert build_table(rows, sort=metric, metrics=[metric])["l2"].tolist() == [0.2, 0.0, 0.1]
    assert build_table(rows, sort="l2")["l2"].tolist() == [0.0, 0.1, 0.2]
    held_out = ("given", 0.2, 0.1)
    mixed = [replace(row, validation=part) for row, part in zip(rows, held_out, strict=True)]
    found = build_table(mixed, sort="validation")["validation"].tolist()
    assert found == [0.1, 0.2, "given"]


def test_further_metrics_can_be_shown() -> None:
    assert "test_loss" not in build_table([row(0.0, test=0.5)])
    assert "test_loss" in build_table([row(0.0, test=0.5)], metrics=["test_loss"])


@pytest.mark.parametrize("arguments", [{"sort": "speed"}, {"metrics": ["speed"]}])
def test_the_message_about_an_unknown_column_lists_the_known_columns(
    arguments: dict[str, object],
) -> None:
    with pytest.raises(UsageError, match=r"'speed'.*test_accuracy"):
        build_table([row(0.0, test=0.5)], **arguments)


def test_an_empty_table_has_its_columns() -> None:
    assert list(build_table([]).columns)
