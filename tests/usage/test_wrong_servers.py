"""Each command says why a tracking server cannot be used, before anything is trained."""

import pytest
from projects import Project

from stub_server import MLFLOW, Stub

SEARCH = """\
validation: 0.2
search: {trials: 2, space: {l2: {low: 0, high: 1}}}
"""
COMMANDS = ["run", "search", "plan", "compare", "report", "ui", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_password(bare_project: Project, command: str) -> None:
    """`doctor` goes on with its other checks."""
    project, name = bare_project, "toy.yaml"
    if command == "search":
        text = (
            (project.folder / name)
            .read_text()
            .replace("grid: {l2: [0, 0.01], keep_prob: [1, 0.8]}", SEARCH)
        )
        name = project.write("search.yaml", text.replace("baseline: {l2: 0, keep_prob: 1}", ""))
    with Stub(answers=MLFLOW | {"/api": (401, "no")}).serving() as stub:
        done = project.run(
            *(command, *([] if command == "doctor" else [name])),
            MLFLOW_TRACKING_URI=f"http://127.0.0.1:{stub.port}",
            MLFLOW_TRACKING_USERNAME="ann",
            MLFLOW_TRACKING_PASSWORD="a-wrong-password",
        )
    shown = " ".join(f"{done.stdout} {done.stderr}".split())
    assert "does not accept the user 'ann' with this password (401). Set MLFLOW_TRACKING_" in shown
    assert "Traceback" not in shown
    assert "a-wrong-password" not in shown
    assert done.returncode == (1 if command == "doctor" else 2), shown
    assert "started" not in shown, "nothing is trained"
