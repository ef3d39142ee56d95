"""Signals, and a terminal that is closed, in separate processes."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import sys, time
from pathlib import Path
from signs_sweep.cli.streams import prepare_streams
from signs_sweep.process.interrupts import handling_signals

asked = []
prepare_streams()

def say(line):
    print(line, file=sys.stderr, flush=True)

with handling_signals(lambda: asked.append(1)):
    print("ready", flush=True)
    for number in range(60_000):
        say(number)
        Path("counted").write_text(str(number))
        if asked:
            break
        time.sleep(0.01)
say("this goes nowhere")
print("so does this", flush=True)
Path("in order").touch()
sys.exit(130)
"""


def start(folder: Path, terminal: int, before: Callable[[], None] = lambda: None):
    def prepare() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # The tests may run under nohup.
        before()

    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=folder,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509 - no other thread runs here
    )


def start_on_terminal(folder: Path, before: Callable[[], None] = lambda: None):
    """Start the script on a terminal; return it and our end of the terminal, once it is ready."""
    ours, its = pty.openpty()
    process = start(folder, its, before)
    os.close(its)
    output = b""
    while b"ready\r\n" not in output:
        output += os.read(ours, 100)
    return process, ours


def test_a_closed_terminal_ends_a_command_in_order(tmp_path: Path) -> None:
    process, terminal = start_on_terminal(tmp_path)
    os.close(terminal)
    assert process.wait(600) == 130
    assert (tmp_path / "in order").exists()


def test_with_nohup_it_continues_without_the_terminal(tmp_path: Path) -> None:
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    process, terminal = start_on_terminal(tmp_path, ignore)
    os.close(terminal)
    counted = tmp_path / "counted"
    while not counted.exists():
        assert process.poll() is None
    before = counted.read_text()
    while counted.read_text() in ("", before):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(600) == 130
    assert (tmp_path / "in order").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_call_the_function_and_an_open_terminal_is_kept(
    tmp_path: Path, number: int
) -> None:
    process, terminal = start_on_terminal(tmp_path)
    process.send_signal(number)
    output = b""
    while b"so does this" not in output:
        output += os.read(terminal, 1000)
    assert process.wait(600) == 130
    os.close(terminal)
