"""Help, versions and completion of the command line."""

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from signs_sweep.cli.app import app

WIDTHS = (60, 80, 100)


def groups_and_commands(command, path: tuple[str, ...] = ()):
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from groups_and_commands(below, (*path, name))


ALL = dict(groups_and_commands(get_command(app)))


def words_of(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "signs-sweep")
def test_help_has_every_sentence_whole_and_fits(path: tuple[str, ...], width: int) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], prog_name="x", terminal_width=width)
    assert shown.exit_code == 0
    assert all(len(line) <= width for line in shown.output.splitlines())
    command, text = ALL[path], words_of(shown.output)
    below = getattr(command, "commands", {}).values()
    for described in (command, *below, *command.params):
        assert words_of(described.help) in text
    ends = re.findall(r"\S*\.\.\.", text)
    assert all(re.match(r"\W*(SPEC|ARGS|IMAGE)", end) for end in ends), "a sentence is cut"


def test_a_flag_has_no_negation() -> None:
    assert "--no-force" not in CliRunner().invoke(app, ["run", "--help"]).output


def test_the_version_names_the_libraries_that_results_depend_on() -> None:
    code = (
        "import sys; from signs_sweep.cli import main; sys.argv = ['signs-sweep', '--version']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert not {'tensorflow', 'mlflow', 'optuna'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"signs-sweep {version('signs-sweep')}",
        f"  Python {sys.version.split()[0]}",
        *(f"  {name} {version(name.lower())}" for name in ("TensorFlow", "MLflow", "Optuna")),
    ]


def test_a_shell_completes_commands_and_options() -> None:
    code = "import sys; from signs_sweep.cli import program; sys.argv[0] = 'signs-sweep'; program()"

    def completed(words: str) -> list[str]:
        request = {
            "_SIGNS_SWEEP_COMPLETE": "complete_bash",
            "COMP_WORDS": f"signs-sweep {words}",
            "COMP_CWORD": str(len(words.split())),
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | request,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert completed("pl") == ["plan"]
    assert completed("run --sta") == ["--stall-seconds"]
