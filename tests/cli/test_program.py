"""The end of the process: its status, its exit functions and all that was written."""

import subprocess
import sys

import pytest

CODE = """
import atexit, sys
from signs_sweep import cli

def main():
    atexit.register(lambda: print("exit function"))
    sys.stdout.write("not flushed")
    {}

cli.main = main
cli.program()
"""


@pytest.mark.parametrize(
    ("end", "status", "words"),
    [
        ("pass", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(2)", 2, ""),
        ("sys.exit('why')", 1, "why"),
        ("raise ValueError('a bug')", 1, "ValueError: a bug"),
    ],
)
def test_a_process_ends_with_its_status_and_all_that_was_written(
    end: str, status: int, words: str
) -> None:
    command = [sys.executable, "-c", CODE.format(end)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stdout == "not flushedexit function\n"
    assert words in done.stderr
    assert bool(words) == bool(done.stderr)
