"""docs/python.md: its code runs, in order, and gives the results that it shows."""

import ast
import re
import shlex
import shutil
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signs_sweep.cli.app import app

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", PAGE)


def execute(code: str, names: dict[str, object]) -> None:
    """Execute code; the value of a line that ends with `# -> text` is that text.

    Objects at the end of the code show themselves as in a notebook.
    """
    lines = code.splitlines()
    value: object = None
    for statement in ast.parse(code).body:
        if not isinstance(statement, ast.Expr):
            exec(compile(ast.Module([statement], []), "python.md", "exec"), names)
            continue
        value = eval(compile(ast.Expression(statement.value), "python.md", "eval"), names)
        _, arrow, shown = lines[statement.end_lineno - 1].partition("  # -> ")
        if arrow:
            assert OutputChecker().check_output(shown, str(value), ELLIPSIS), (shown, str(value))
    if hasattr(value, "_repr_html_"):
        assert re.search(r"<p>.*</p>|<table", value._repr_html_())


@pytest.mark.slow
def test_the_code_of_the_page_runs(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    for name in ("SIGNS_DATA", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "mlruns").mkdir()
    shutil.copy(empty_store, tmp_path / "mlruns" / "mlflow.db")
    names: dict[str, object] = {}
    for language, code in BLOCKS:
        if language == "console":
            for line in code.splitlines():
                program, *arguments = shlex.split(line.removeprefix("$ "))
                assert program == "signs-sweep"
                assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
        else:
            execute(code, names)
    assert {language for language, _ in BLOCKS} == {"console", "python"}
