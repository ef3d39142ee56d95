"""Results of runs that a rule stopped: what is marked, and where there is no verdict."""

from collections.abc import Sequence

from signs_sweep.analysis.answer import answer_from
from signs_sweep.analysis.comparison import compare_settings
from signs_sweep.analysis.power import power_of
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.domain import (
    PARAMETERS,
    Component,
    Judgement,
    Parameters,
    Result,
    Row,
    State,
    VerdictRule,
)

NONE = Component("none")


def rule(patience: int, metric: str = "val_loss", restore: str = "best") -> Component:
    options = {"metric": metric, "patience": patience, "restore": restore}
    return PARAMETERS["early_stopping"].component("", options)


def rows(stopping: Component, *, first: float = 0.5, step: float = 0.0, l2: float = 0) -> list[Row]:
    """Return ten runs, each compared with that of the same seed without a rule and l2 of 0."""
    found = []
    chosen = None if stopping == NONE else 3
    for seed in range(10):
        score = first + step * seed
        metrics = {"val_accuracy": score, "test_accuracy": score, "loss": 1 - score}
        result = Result(
            f"{stopping}-{l2}-{seed}",
            State.FINISHED,
            metrics,
            epochs=5,
            stopped_at=chosen and 5,
            chosen_epoch=chosen,
        )
        parameters = Parameters(l2=l2, early_stopping=stopping, global_seed=seed, init_seed=seed)
        baseline = f"none-0-{seed}"
        found.append(
            Row("toy", result.run_id, None, parameters, result, baseline=baseline, validation=0.2)
        )
    return found


def judgements(runs: Sequence[Row], metric: str) -> list[Judgement | None]:
    (comparison,) = compare_settings(runs, {"toy": VerdictRule(metric=metric)})
    return [verdict and verdict.judgement for verdict in comparison.verdicts]


def test_there_is_no_verdict_by_the_images_that_differing_rules_chose_by() -> None:
    runs = [
        *rows(NONE),
        *rows(rule(5), first=0.6, step=0.01),
        *rows(rule(5, metric="loss"), first=0.6, step=0.01),
    ]
    better = Judgement.BETTER
    assert judgements(runs, "val_accuracy") == [None, None, better]
    assert judgements(runs, "test_accuracy") == [None, better, better]
    table = build_settings(
        runs, compare_settings(runs, {"toy": VerdictRule(metric="val_accuracy")})
    )
    refused, judged = table.loc[2], table.loc[3]
    assert refused[["verdict", "difference", "t_low", "sign_flip_p"]].isna().all()
    assert judged[["verdict", "difference", "t_low", "sign_flip_p"]].notna().all()
    by_run = build_table(runs, {"toy": VerdictRule(metric="val_accuracy")})
    assert by_run["difference"].isna().tolist() == [False] * 10 + [True] * 10 + [False] * 10


def test_plan_and_verdicts_count_refused_comparisons_alike() -> None:
    runs = [*rows(NONE), *rows(rule(5)), *rows(NONE, first=0.6, step=0.01, l2=0.1)]
    (comparison,) = compare_settings(runs, {"toy": VerdictRule()})
    power = power_of(runs, VerdictRule())
    assert power is not None
    assert (len(comparison.refused), power.comparisons) == (1, 2)
    (undecided,) = compare_settings(
        [row for row in runs if row.seeds.init_seed < 2], {"toy": VerdictRule()}
    )
    assert [each.least_pairs for each in undecided.decisive] == [power.least_seeds]


def test_with_the_same_rule_there_are_verdicts_as_always() -> None:
    runs = [*rows(rule(5)), *rows(rule(5), first=0.6, step=0.01, l2=0.1)]
    (comparison,) = compare_settings(runs, {"toy": VerdictRule()}, baseline={"l2": 0})
    assert [verdict.judgement for verdict in comparison.decisive] == [Judgement.BETTER]
    assert comparison.refused == []


def test_the_answer_says_why_there_is_no_verdict_and_what_to_do() -> None:
    why = (
        "No verdict on early_stopping={metric: val_loss, patience: 5}: early stopping differs from "
        "what it is compared with, and chooses epochs by the images of validation accuracy, so "
        "that a difference may be due to the choice alone. Compare by the test set (verdict: "
        "{metric: test_accuracy} in the spec), or use the same early_stopping everywhere."
    )
    runs = [*rows(NONE), *rows(rule(5), first=0.6)]
    text = answer_from(*compare_settings(runs))
    assert text is not None
    assert text.startswith(
        "By validation accuracy: early_stopping=none 0.5000 (mean over 10 seeds)"
    )
    assert text.endswith(why.replace("metric: val_loss, ", ""))
    (by_test,) = compare_settings(runs, {"toy": VerdictRule(metric="test_accuracy")})
    assert "No verdict" not in str(answer_from(by_test))


def test_the_tables_say_which_epoch_was_chosen_and_by_which_images() -> None:
    last = rows(rule(5, restore="last"))
    for row in last:
        object.__setattr__(row.result, "chosen_epoch", None)
    runs = [*rows(NONE)[:1], *rows(rule(5))[:1], *rows(rule(5, metric="loss"))[:1], *last[:1]]
    table = build_table(runs).astype(object).where(lambda cells: cells.notna(), None)
    assert table["stopped_at"].tolist() == [None, 5, 5, 5]
    assert table["chosen_epoch"].tolist() == [None, 3, 3, None]
    assert table["selected_on"].tolist() == [None, "validation", "training", None]
    settings = build_settings(runs).astype(object)
    settings = settings.where(settings.notna(), None)
    assert settings["selected_on"].tolist() == [None, "validation", "training", None]
    for without in (build_table(runs[:1]), build_settings(rows(NONE))):
        assert not {"stopped_at", "chosen_epoch", "selected_on"} & {*without.columns}
