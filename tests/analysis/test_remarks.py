"""Sentences on training versions and on the processors that trained runs."""

from signs_sweep.analysis.remarks import kind_lines, outdated_lines, version_lines
from signs_sweep.domain import TRAINING_VERSION, Kinds, Parameters, Result, Row, State

OLD = TRAINING_VERSION - 1
KINDS = ((1, "A, avx2"), (3, "B"))


def row(version: int = TRAINING_VERSION, older: int | None = None) -> Row:
    return Row("toy", "id", None, Parameters(), None, version=version, older=older)


def test_runs_that_are_trained_again_are_counted_and_their_versions_named() -> None:
    assert outdated_lines([]) == []
    (single,) = outdated_lines([1])
    assert single.startswith("1 run was finished by training version 1 and is to be trained again:")
    (several,) = outdated_lines([2, 1, 1, 3])
    assert several.startswith("4 runs were finished by training versions 1, 2 and 3 and are")


def test_versions_in_a_table_other_than_the_current_version_are_named() -> None:
    assert version_lines([]) == []
    assert version_lines([row()]) == []
    assert version_lines([row(older=OLD), row()]) == outdated_lines([OLD])
    (old,) = version_lines([row(OLD)])
    assert f"have training version {OLD}. The current version is {TRAINING_VERSION}," in old
    (mixed,) = version_lines([row(OLD), row()])
    assert f"have training versions {OLD} and {TRAINING_VERSION}," in mixed
    assert "not compared with each other" in mixed
    assert version_lines([row(OLD), row(older=OLD)]) == [*outdated_lines([OLD]), mixed]


def trained(number: int, kinds: Kinds) -> Row:
    run_id = f"{number}-9"
    return Row("toy", run_id, None, Parameters(), Result(run_id, State.FINISHED, kinds=kinds))


def test_the_kinds_of_processors_of_a_table_are_counted_if_there_are_several() -> None:
    on_a, on_b = ([trained(n, {1: kind}) for n in (place, place + 1)] for place, kind in KINDS)
    unknown = [row(), trained(9, {})]
    assert kind_lines([*unknown, *on_a]) == []
    (line,) = kind_lines([*unknown, *on_a, *on_a, *on_b[:1]])
    assert line.startswith(
        "These runs were trained on 2 kinds of processors: 2 on A, avx2; 1 on B."
    )


def test_runs_that_changed_to_another_kind_of_processor_are_counted_with_an_example() -> None:
    mixed = [trained(number, {1: "B", 1_501: "A, avx2"}) for number in (5, 6)]
    (line,) = kind_lines([trained(1, {1: "A, avx2"}), *mixed])
    assert line == (
        "2 runs changed to another kind of processor while training, such as 5-9: B from epoch 1; "
        "A, avx2 from epoch 1,501. With --same-processor, a run stays on one kind."
    )
