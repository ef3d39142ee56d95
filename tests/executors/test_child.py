"""What a separate child has started ends with it."""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from signs_sweep.executors.child import kill_session

_PROGRAM = """
import subprocess, time
own = subprocess.Popen(["sleep", "600"], process_group=0)
print(own.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="without /proc, nothing is killed")
def test_processes_of_a_session_are_killed_also_in_groups_of_their_own() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout is not None
        own = Path("/proc", leader.stdout.readline().decode().strip())
        kill_session(leader.pid)
        leader.wait()
        end = time.monotonic() + 60
        while time.monotonic() < end and _is_running(own):
            time.sleep(0.01)
        assert not _is_running(own)


def _is_running(process: Path) -> bool:
    with suppress(OSError):
        return (process / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "XZ"
    return False
