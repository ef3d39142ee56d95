"""docs/commands.md and the command line say the same."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from signs_sweep.cli.app import app
from signs_sweep.domain import METRICS

PAGE = (Path(__file__).parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
SHARED = {"--set", "--data", "--tracking-uri", "--version", "--install-completion"}


def commands(group, prefix: str = ""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


COMMANDS = dict(commands(get_command(app)))


def section(name: str) -> str:
    found = re.search(rf"^## signs-sweep {name}\b.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/commands.md has no section on {name}"
    return found.group()


def test_the_page_has_no_command_that_does_not_exist() -> None:
    headings = re.findall(r"^## signs-sweep ((?:data )?[a-z]+)", PAGE, re.MULTILINE)
    assert sorted(headings) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_the_section_and_every_option_there_exists(name: str) -> None:
    parameters = COMMANDS[name].params
    options = {option for parameter in parameters for option in parameter.opts}
    negations = {option for parameter in parameters for option in parameter.secondary_opts}
    shown = set(re.findall(r"`(--[a-z-]+)", section(name)))
    assert shown - negations == {each for each in options if each[:2] == "--"} - {"--help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    assert COMMANDS[name].help
    assert all(getattr(one, "help", None) for one in COMMANDS[name].params if one.name != "help")


def test_every_metric_is_in_the_table_with_its_direction() -> None:
    part = PAGE[PAGE.index("## Metrics") : PAGE.index("## From Python")]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (more|less) \|", part, re.MULTILINE)
    shown = {
        f"{prefix.strip('`')}{name}".removeprefix("none"): better == "more"
        for name, prefixes, better in rows
        for prefix in prefixes.split(", ")
    }
    assert shown == {name: measure.is_higher_better for name, measure in METRICS.items()}


def test_the_shared_options_are_explained() -> None:
    assert set(re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE)) >= SHARED
