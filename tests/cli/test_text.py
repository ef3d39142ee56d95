"""Words and numbers on the terminal."""

import fcntl
import os
import struct
import sys
import termios
from pathlib import Path

import pytest

from signs_sweep.cli.text import columns, count, duration, measure, number, show_error
from signs_sweep.errors import SpecError
from signs_sweep.spec import load


def test_columns_align_numbers_to_the_right_and_words_to_the_left() -> None:
    assert columns(["l2", "state"], [["0.01", "cached"], ["0", "new"]]) == [
        "    l2  state",
        "  0.01  cached",
        "     0  new",
    ]


def test_columns_without_rows_show_the_header() -> None:
    assert columns(["a", "b"], []) == ["  a  b"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.9, "60 s"),
        (59.96, "1:00"),
        (65, "1:05"),
        (3599.7, "1:00:00"),
        (7800, "2:10:00"),
    ],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0000"), (0.12345, "0.1235"), (1e-5, "1.00e-05"), (2e7, "2.00e+07"), (None, "")],
)
def test_measures_keep_four_digits(value: float | None, text: str) -> None:
    assert measure(value) == text
    assert measure(float("nan")) == ""


def test_numbers_read_as_in_a_spec() -> None:
    assert number(1500) == "1,500"
    assert number(5e-5) == "5e-05"
    assert number(None) == ""


def test_nouns_follow_their_number() -> None:
    assert count(1, "run") == "1 run"
    assert count(1200, "run") == "1,200 runs"


def test_an_error_of_a_spec_fits_the_terminal_that_it_is_printed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong.yaml").write_text(f"name: x\n{'long' * 40}: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError) as caught:
        load(Path("wrong.yaml"))
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
    with open(its, "w", encoding="utf-8") as terminal:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stderr", terminal)
        show_error(caught.value)
        terminal.flush()
        shown = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert max(map(len, shown)) == 70
    assert shown[1].startswith("  2 | longlong")
