"""A new PostgreSQL database: only commands that record or serve something create tables in it."""

import signal

import pytest
from looking import PATIENCE

from servers import Postgres
from signs_sweep.tracking import MlflowIndex

pytestmark = pytest.mark.slow

READING = {
    ("plan", "toy.yaml"): "0 cached",
    ("compare", "toy.yaml"): "NEW baseline",
    ("compare", "toy"): "nothing has been recorded there yet",
    ("report", "toy"): "nothing has been recorded there yet",
    ("predict", "best:toy", "x.png"): "nothing has been recorded there yet",
    ("clean", "toy"): "nothing has been run here yet",
    ("doctor",): "empty: the first run creates MLflow's tables",
}


def test_commands_that_read_change_nothing_and_two_that_create_tables_take_turns(
    bare_project, postgres: Postgres
) -> None:
    project, store = bare_project, postgres.database("empty")
    for command, words in READING.items():
        done = project.run(*command, "--tracking-uri", store)
        shown = " ".join(f"{done.stdout} {done.stderr}".split())
        assert words in shown, command
        assert "Traceback" not in shown
        assert MlflowIndex(store).is_empty, command
    pages = project.start("ui", "--no-browser", "--tracking-uri", store)
    done = project.run("run", "toy.yaml", "--workers", "0", "--tracking-uri", store)
    assert done.returncode == 0, done.stderr
    assert pages.stdout is not None
    assert pages.stdout.readline().startswith("http://127.0.0.1:")
    assert not MlflowIndex(store).is_empty
    pages.send_signal(signal.SIGINT)  # It ends its server.
    pages.communicate(timeout=PATIENCE)
