"""Who may train what, among sweeps of one machine."""

import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

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


def test_threads_may_share_them(tmp_path: Path) -> None:
    claims, holders, most = FileClaims(tmp_path), [], []
    begin = Barrier(4)

    def work(number: int) -> None:
        begin.wait()
        for turn in range(200):
            if claims.take("abc"):
                holders.append(number)
                most.append(len(holders))
                holders.remove(number)
                (claims.retire if turn % 2 else claims.release)("abc")

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert set(most) == {1}
    assert claims.take("abc"), "nothing is left held"


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(StoreError, match="--tracking-uri"):
        FileClaims(tmp_path / "taken").take("abc")
