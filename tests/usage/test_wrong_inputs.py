"""What a user can get wrong, and what they are told. No traceback, exit code 2."""

from pathlib import Path

import pytest


@pytest.fixture
def project(bare_project):
    return bare_project


SPEC = "name: fine\nmodel: {hidden: [3]}\nbase: {epochs: 3}\n"


def refused(project, *arguments: str, **variables: str) -> str:
    done = project.run(*arguments, **variables)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (project.folder / "mlruns").exists()
    return done.stderr


def test_a_spec_that_is_not_there(project) -> None:
    assert "nowhere.yaml" in refused(project, "run", "nowhere.yaml")


def test_all_errors_of_all_specs_come_at_once(project) -> None:
    project.write("a.yaml", "name: a\ngrid: {lamda: [1]}\nbase: {epochs: 0}\n")
    project.write("b.yaml", "name: b\nseeds: 0\n")
    said = refused(project, "run", "a.yaml", "b.yaml")
    assert "a.yaml:2:8: unknown parameter 'lamda' in grid" in said
    assert "a.yaml:3:16:" in said
    assert "b.yaml:2:8:" in said


def test_an_unknown_dataset_points_at_its_line(project) -> None:
    project.write("a.yaml", "name: a\ndata: sings\n")
    said = refused(project, "run", "a.yaml")
    assert "a.yaml:2:7:" in said
    assert "did you mean 'signs'?" in said


def test_a_batch_larger_than_the_data_points_at_its_line(project) -> None:
    project.write("a.yaml", "name: a\nbase:\n  batch_size: 41\n")
    assert "a.yaml:3:15:" in refused(project, "run", "a.yaml")


def test_a_validation_share_that_cannot_be_held_out_points_at_its_line(project) -> None:
    project.write("a.yaml", "name: a\nvalidation: 0.001\n")
    assert "a.yaml:2:13:" in refused(project, "run", "a.yaml")


def test_a_data_folder_that_is_not_there(project) -> None:
    project.write("a.yaml", SPEC)
    assert "nowhere" in refused(project, "run", "a.yaml", "--data", "nowhere")
    assert "nowhere" in refused(project, "run", "a.yaml", SIGNS_DATA="nowhere")


def test_damaged_data(project) -> None:
    project.write("a.yaml", SPEC)
    file = project.folder / "data" / "train_signs.h5"
    file.write_bytes(file.read_bytes()[:1000])
    assert "train_signs.h5" in refused(project, "run", "a.yaml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "lambda=1"], "l2"),
        (["--set", "epochs"], "KEY=VALUE"),
        (["--set", "epochs=0"], "epochs"),
        (["--workers", "-1"], "--workers"),
        (["--workers", "many"], "workers"),
        (["--tracking-uri", "mlruns"], "sqlite:///mlruns/mlflow.db"),
        (["--frobnicate"], "frobnicate"),
    ],
    ids=" ".join,
)
def test_options_that_cannot_be_followed(project, arguments: list[str], words: str) -> None:
    project.write("a.yaml", SPEC)
    assert words in refused(project, "run", "a.yaml", *arguments)


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ("sqlite:///./mlruns/mlflow.db?timeout=5", "this is the tracking store"),
        ("postgresql://me:s3cretpw@[::1/db", "postgresql://me:***@[::1/db is not a valid address"),
    ],
)
def test_a_study_in_an_impossible_place_points_at_its_line(project, storage, words) -> None:
    search = f'{{storage: "{storage}", space: {{l2: [0, 1]}}}}'
    project.write("a.yaml", f"{SPEC}validation: 0.2\nsearch: {search}\n")
    said = refused(project, "search", "a.yaml", "--set", "batch_size=8")
    assert "a.yaml:5:19:" in said
    assert words in said
    assert "s3cretpw" not in said


def test_two_specs_of_one_name(project) -> None:
    project.write("a.yaml", SPEC)
    project.write("b.yaml", SPEC)
    said = refused(project, "run", "a.yaml", "b.yaml")
    assert "a.yaml" in said
    assert "b.yaml" in said


def test_comparing_where_nothing_was_run(project) -> None:
    assert "nothing has been run" in refused(project, "compare", "toy")


def test_the_pages_of_a_store_that_is_not_there(project) -> None:
    refused(project, "ui", "--no-browser")


def test_the_pages_of_a_spec_with_a_problem_or_of_one_that_is_not_there(project) -> None:
    project.write("a.yaml", "name: a\nbase: {epochs: 1.5}\n")
    assert "a.yaml:2:16:" in refused(project, "ui", "a.yaml", "--no-browser")
    assert "missing.yaml" in refused(project, "ui", "missing.yaml", "--no-browser")


def test_a_folder_that_cannot_be_written_to(project, tmp_path: Path) -> None:
    (project.folder / "mlruns").write_text("in the way", encoding="utf-8")
    project.write("a.yaml", SPEC)
    done = project.run("run", "a.yaml")
    assert done.returncode == 2
    assert "mlruns" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plan_of_wrong_things_is_as_clear(project) -> None:
    project.write("a.yaml", "name: a\nbase: {epochs: 1.5}\n")
    assert "a.yaml:2:16:" in refused(project, "plan", "a.yaml")
