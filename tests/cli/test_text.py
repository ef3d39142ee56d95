"""Text and numbers on the terminal."""

import fcntl
import os
import struct
import sys
import termios
from pathlib import Path

import pytest

from signs_sweep.cli.output import show_error
from signs_sweep.cli.text import columns, fill, joined
from signs_sweep.domain.formats import count, duration, measure, number, numbers
from signs_sweep.errors import SpecError
from signs_sweep.spec import load


def test_columns_align_numbers_to_the_right_and_words_to_the_left() -> None:
    assert columns([("l2", ["0.01", "0"]), ("state", ["cached", "new"])]) == [
        "    l2  state",
        "  0.01  cached",
        "     0  new",
    ]


def test_columns_without_rows_show_the_header() -> None:
    assert columns([("a", []), ("b", [])]) == ["  a  b"]


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


TABLE = [
    ("label", ["a name that is long", "m4"]),
    ("learning_rate", ["0.0001", "5e-05"]),
    ("hidden", ["[100, 50]", "[25, 12]"]),
    ("test", ["0.8500", "0.8583"]),
    ("vs baseline", ["baseline", "+0.0083"]),
    ("time", ["1:20", "cached"]),
]


@pytest.mark.parametrize("width", range(40, 80))
def test_a_table_fits_the_terminal_and_no_number_is_cut(width: int) -> None:
    lines = columns(TABLE, width, droppable=["time"], last=["hidden", "learning_rate"])
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert "0.8500" in text
    assert "+0.0083" in text


def test_columns_that_a_narrow_terminal_does_not_show_are_named() -> None:
    wide = columns(TABLE)
    assert columns(TABLE, max(map(len, wide)), droppable=["time"]) == wide
    narrow = columns(TABLE, 60, droppable=["time"])
    assert narrow[-1] == "  not shown on 60 columns: time"
    assert narrow[0].split() == ["learning", "vs"]


def test_wide_characters_take_two_columns() -> None:
    assert columns([("label", ["\u624b", "ab"]), ("x", ["1", "2"])])[1:] == [
        "  \u624b     1",
        "  ab     2",
    ]


def test_text_is_broken_between_words_and_never_within_one() -> None:
    text = "write validation: 0.2 into /a/very-long/path/of-a-store.db, please"
    lines = fill(text, 24).splitlines()
    assert "/a/very-long/path/of-a-store.db," in lines
    assert " ".join(lines) == text
    assert fill(text, None) == text


def test_wide_characters_and_lines_that_are_broken_already_are_counted_right() -> None:
    assert fill("\u624b\u624b \u624b\u624b ab", 8) == "\u624b\u624b\n\u624b\u624b ab"
    assert fill("  a b\nc", 80) == "  a b\nc"


def test_parts_stay_whole_and_go_to_further_lines() -> None:
    assert joined(["toy", "4 runs", "data: signs"], None) == "toy   4 runs   data: signs"
    assert joined(["toy", "4 runs", "data: signs"], 16) == "toy   4 runs\n  data: signs"


def test_a_column_of_numbers_keeps_the_digits_that_tell_them_apart() -> None:
    assert numbers([3.412345678e-05, 0.1]) == ["3.41e-05", "0.1"]
    assert numbers([0.123456, 0.123457]) == ["0.123456", "0.123457"]
    assert numbers([1500, None, "x"]) == ["1,500", "", "x"]


def test_an_error_of_a_spec_fits_the_terminal_that_it_is_printed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong.yaml").write_text(f"name: x\n{'long' * 40}: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    with pytest.raises(SpecError) as caught:
        load(Path("wrong.yaml"))
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
    with open(slave, "w", encoding="utf-8") as terminal:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stderr", terminal)
        show_error(caught.value)
        terminal.flush()
        shown = os.read(master, 10_000).decode().splitlines()
    os.close(master)
    assert max(map(len, shown)) == 70
    assert shown[1].startswith("  2 | longlong")
