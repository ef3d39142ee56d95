"""Sentences on training versions."""

from signs_sweep.analysis.remarks import outdated_lines, version_lines
from signs_sweep.domain import TRAINING_VERSION, Parameters, Row

OLD = TRAINING_VERSION - 1


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
