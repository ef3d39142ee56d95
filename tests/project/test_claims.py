"""Who may train what, among sweeps of one machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from signs_sweep.errors import StoreError
from signs_sweep.project import FileClaims

HOLD = """
import sys, time
from pathlib import Path
from signs_sweep.project import FileClaims
print(FileClaims(Path(sys.argv[1])).take("abc"), flush=True)
claims = FileClaims(Path(sys.argv[1])); claims.take("kept")
time.sleep(60)
"""


def test_one_at_a_time_has_the_right(tmp_path: Path) -> None:
    one, other = FileClaims(tmp_path / "new"), FileClaims(tmp_path / "new")
    assert one.take("abc")
    assert not one.take("abc")
    assert not other.take("abc")
    assert other.take("def")
    one.release("abc")
    assert other.take("abc")


def test_what_a_process_held_is_free_when_it_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    process.stdout.close()
    process.kill()
    process.wait()
    assert FileClaims(tmp_path).take("kept")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(StoreError, match="--tracking-uri"):
        FileClaims(tmp_path / "taken").take("abc")
