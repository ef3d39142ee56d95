"""Options: one list for the command line, for Python, for type checkers and for checks."""

from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import get_type_hints

import pytest
from typer.main import get_command

from signs_sweep import api
from signs_sweep.cli.app import app
from signs_sweep.commands.options import (
    Keywords,
    Options,
    SharedOptions,
    options_in,
)
from signs_sweep.errors import UsageError

OPTIONS = {field.name: field.default for field in fields(Options)}


def test_type_checkers_know_every_option() -> None:
    types = get_type_hints(Options)
    # Keywords of `run` only.
    assert types.pop("force") is bool
    assert types.pop("budget") == float | None
    types["checkpoints"] |= str
    types["executor"] |= str
    assert get_type_hints(Keywords) == types


@pytest.mark.parametrize(("command", "left_out"), [("run", set()), ("search", {"force", "budget"})])
def test_python_and_the_command_line_have_the_same_options(command: str, left_out: set) -> None:
    of_command = {
        param.name: param.default
        for param in get_command(app).commands[command].params
        if param.name in OPTIONS
    }
    of_function = {
        name: parameter.default
        for name, parameter in signature(getattr(api, command)).parameters.items()
        if name in OPTIONS
    }
    expected = {name: value for name, value in OPTIONS.items() if name not in left_out}
    assert of_command == of_function == expected


def test_every_command_that_reads_specs_has_the_shared_options() -> None:
    for command in ("run", "plan", "search", "compare"):
        names = {param.name for param in get_command(app).commands[command].params}
        assert names >= set(options_in(SharedOptions)), command


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"workers": -1}, "--workers -1: expected a number from 0 to 1024"),
        ({"workers_per_gpu": 0}, "--workers-per-gpu 0: expected a number from 1 to 1024"),
        ({"retries": 1001}, "--retries 1001: expected a number from 0 to 1000"),
        ({"stall_seconds": float("nan")}, "--stall-seconds nan: expected a number from 1 to 86400"),
        ({"workers": "2"}, "--workers 2: expected a number"),
    ],
)
def test_values_out_of_range_are_refused(values: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Options(**values)


@pytest.mark.parametrize(
    ("name", "wrong", "near"),
    [
        ("run", "worker", "workers"),
        ("run", "override", "overrides"),
        ("search", "trails", "trials"),
        ("search", "retry", "retries"),
    ],
)
def test_a_wrong_name_is_refused_before_anything_else_with_the_right_name(
    name: str, wrong: str, near: str
) -> None:
    with pytest.raises(TypeError) as caught:
        getattr(api, name)("missing.yaml", **{wrong: 1})
    assert str(caught.value) == (
        f"{name}() got an unexpected keyword argument '{wrong}'. Did you mean '{near}'?"
    )


def test_a_search_has_no_force() -> None:
    with pytest.raises(TypeError, match="'force'"):
        api.search("missing.yaml", force=True)


def test_values_to_set_reach_a_plan_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("name: a\ndata: drawn\nbase: {epochs: 3}\n", encoding="utf-8")
    words = ["plan", "a.yaml", "--set", "epochs=7", "--set", "l2=0.5"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert "7" in done.output
    refused = CliRunner().invoke(app, ["plan", "a.yaml", "--set", "epoch=7"])
    assert isinstance(refused.exception, UsageError)
