"""Files that are there as a whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from signs_sweep.process.durable import replacing


def write(path: Path, *, has_rivals: bool = False) -> None:
    with replacing(path, has_rivals=has_rivals) as aside:
        aside.write_bytes(b"new")


@pytest.mark.parametrize("has_rivals", [False, True])
def test_a_reader_finds_the_old_file_until_the_new_one_is_whole(
    tmp_path: Path, *, has_rivals: bool
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with replacing(path, has_rivals=has_rivals) as aside:
        aside.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(aside: Path) -> None:
        aside.write_bytes(b"half of it")
        raise OSError(28, "the disk is full")

    with pytest.raises(OSError, match="full"), replacing(path) as aside:
        fail(aside)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"half of what came before")
    write(tmp_path / "a.bin")
    assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"new"


def test_rivals_do_not_write_into_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with replacing(path, has_rivals=True) as one, replacing(path, has_rivals=True) as other:
        assert one != other
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert path.read_bytes() == b"one"


def test_the_content_is_on_the_disk_before_the_name_and_then_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "a.bin", []

    def noted(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            is_file = (
                name == "fsync" and Path(f"/proc/self/fd/{arguments[0]}").readlink() != tmp_path
            )
            done.append("file" if is_file else name)
            return function(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", noted("fsync", os.fsync))
    monkeypatch.setattr(Path, "replace", noted("rename", Path.replace))
    write(path)
    assert done == ["file", "rename", "fsync"]
