"""The conditions of several runs: counts, and the parameter that separates those that failed."""

from signs_sweep.analysis.conditions import conditions_text, describe_conditions
from signs_sweep.analysis.table import build_settings, build_table
from signs_sweep.domain import Condition, Diagnosis, Parameters, Result, Row, State

COLLAPSED = Diagnosis(Condition.COLLAPSED, 3)
OVERFITS = Diagnosis(Condition.OVERFITS, 210, 0.15)
LEARNED = Diagnosis(Condition.LEARNED)


def runs(*diagnoses: Diagnosis | None, **parameters: float) -> list[Row]:
    """Return a run for each diagnosis, with further seeds of the same setting."""
    rows = []
    for seed, diagnosis in enumerate(diagnoses):
        run_id = f"{parameters}-{seed}"
        since = 3 if diagnosis is COLLAPSED else None
        metrics = {"test_accuracy": 0.5}
        result = Result(run_id, State.FINISHED, metrics, guessing_since=since, diagnosis=diagnosis)
        values = Parameters(**parameters, global_seed=seed)
        rows.append(Row("toy", run_id, None, values, result))
    return rows


def described(*groups: list[Row]) -> str:
    return " ".join(describe_conditions([row for group in groups for row in group]))


def test_runs_that_all_learned_or_have_no_diagnosis_need_no_sentence() -> None:
    assert described(runs(LEARNED, LEARNED, None)) == ""


def test_the_counts_are_in_a_fixed_order_and_in_the_right_number() -> None:
    rows = runs(OVERFITS, LEARNED, COLLAPSED, OVERFITS, None)
    assert conditions_text(rows) == "1 collapsed, 2 overfit, 1 learned"
    assert described(runs(OVERFITS)) == "Diagnosis of 1 run: 1 overfits."


def test_a_parameter_that_separates_the_failures_is_named_with_all_of_its_values() -> None:
    text = described(
        runs(*[COLLAPSED] * 4, *[LEARNED] * 6, learning_rate=5e-4),
        runs(*[LEARNED] * 10, learning_rate=1e-4),
        runs(*[LEARNED] * 5, learning_rate=1e-5),
    )
    assert "Diagnosis of 25 runs: 4 collapsed, 21 learned." in text
    assert text.endswith(
        "With all else equal, 4 of 10 runs with learning_rate=0.0005 collapsed; "
        "with 0.0001 or 1e-05, none of 15."
    )


def test_the_parameter_with_the_largest_contrast_is_chosen() -> None:
    text = described(
        runs(COLLAPSED, COLLAPSED, learning_rate=5e-4, keep_prob=1.0),
        runs(COLLAPSED, LEARNED, learning_rate=5e-4, keep_prob=0.8),
        runs(LEARNED, LEARNED, learning_rate=1e-4, keep_prob=1.0),
        runs(LEARNED, LEARNED, learning_rate=1e-4, keep_prob=0.8),
    )
    assert "3 of 4 runs with learning_rate=0.0005 collapsed; with 0.0001, none of 4." in text
    assert "keep_prob" not in text


def test_settings_that_differ_in_two_parameters_show_the_effect_of_neither() -> None:
    text = described(
        runs(COLLAPSED, learning_rate=5e-4, l2=0.01), runs(LEARNED, learning_rate=1e-4, l2=0.0)
    )
    assert "1 collapsed" in text
    assert "all else equal" not in text


def test_the_tables_have_the_diagnosis_of_runs_and_the_counts_of_settings() -> None:
    rows = runs(COLLAPSED, OVERFITS, LEARNED, l2=0.01)
    table = build_table(rows)
    assert table["diagnosis"].tolist() == ["collapsed", "overfits", "learned"]
    assert table["diagnosis_since"].tolist()[:2] == [3, 210]
    assert table["diagnosis_gap"].tolist()[1] == 0.15
    assert build_settings(rows)["diagnosis"].tolist() == ["1 collapsed, 1 overfits, 1 learned"]
    assert "diagnosis" not in build_table(runs(None))
    assert "diagnosis" not in build_settings(runs(None))
