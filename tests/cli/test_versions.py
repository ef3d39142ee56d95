"""What is said of versions of the training."""

from signs_sweep.cli.versions import anew_lines, version_lines
from signs_sweep.domain import TRAINING_VERSION, Parameters, Row

OLD = TRAINING_VERSION - 1


def row(version: int = TRAINING_VERSION, older: int | None = None) -> Row:
    return Row("toy", "id", None, Parameters(), None, version=version, older=older)


def test_runs_that_are_trained_anew_are_counted_and_their_versions_named() -> None:
    assert anew_lines([]) == []
    (one,) = anew_lines([1])
    assert one.startswith("1 run was finished by version 1 of the training and is to be trained ")
    (several,) = anew_lines([2, 1, 1, 3])
    assert several.startswith("4 runs were finished by versions 1, 2 and 3 of the training and are")


def test_of_a_table_it_is_said_whose_version_is_not_the_present_one() -> None:
    assert version_lines([]) == []
    assert version_lines([row()]) == []
    assert version_lines([row(older=OLD), row()]) == anew_lines([OLD])
    (old,) = version_lines([row(OLD)])
    assert f"are of version {OLD} of the training. This is version {TRAINING_VERSION}," in old
    (mixed,) = version_lines([row(OLD), row()])
    assert f"are of versions {OLD} and {TRAINING_VERSION} of the training" in mixed
    assert "not compared with each other" in mixed
    assert version_lines([row(OLD), row(older=OLD)]) == [*anew_lines([OLD]), mixed]
