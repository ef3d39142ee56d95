"""Checkpoints as files: complete, checked, and only as many as needed."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from signs_sweep.domain import PARAMETERS, Checkpoint, Dense, Parameters, Run
from signs_sweep.errors import StoreError
from signs_sweep.project import FileCheckpoints

RUN = Run(Parameters(epochs=10), Dense((2,)), 0.0, "data")


def keep(store: FileCheckpoints, *epochs: int) -> None:
    for epoch in epochs:
        content = b"state %d" % epoch
        store.keep(RUN, Checkpoint(RUN.run_id, epoch, content, is_end=epoch == 10))


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / RUN.trajectory_id).iterdir())


def test_a_run_in_training_has_two_checkpoints_and_its_end_is_kept(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    keep(store, 1, 2, 3)
    assert names(tmp_path) == ["00000002.h5", "00000003.h5"]
    keep(store, 10)
    longer = Run(Parameters(epochs=30), Dense((2,)), 0.0, "data")
    for epoch in (15, 20, 25):
        store.keep(longer, Checkpoint(longer.run_id, epoch, b"x", is_end=False))
    assert names(tmp_path) == ["00000010.end.h5", "00000020.h5", "00000025.h5"]
    assert store.latest(RUN) == b"state 10"


def test_the_end_of_a_run_replaces_its_earlier_checkpoints(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    longer = Run(Parameters(epochs=30), Dense((2,)), 0.0, "data")
    for epoch in (19, 21):  # It was interrupted and resumes from there.
        store.keep(longer, Checkpoint(longer.run_id, epoch, b"x", is_end=False))
    keep(store, 1, 2, 3)
    assert names(tmp_path) == ["00000002.h5", "00000003.h5", "00000019.h5", "00000021.h5"]
    keep(store, 10)
    assert names(tmp_path) == ["00000010.end.h5", "00000019.h5", "00000021.h5"]


def test_a_reader_finds_the_checkpoint_that_replaced_the_expected_one(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    keep(store, 3, 6)

    class Slow(FileCheckpoints):
        """Another process writes the end after this process has listed the files."""

        def _files(self, run: Run) -> list[tuple[int, Path]]:
            files = super()._files(run)
            if not files[-1][1].name.endswith(".end.h5"):
                keep(store, 10)
            return files

    assert Slow(tmp_path).latest(RUN) == b"state 10"


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: b"X" + whole[1:],
        lambda whole: whole + b"\n",
    ],
    ids=["last byte", "half", "empty", "other byte", "longer"],
)
def test_a_damaged_checkpoint_is_renamed_and_the_checkpoint_before_it_is_used(
    tmp_path: Path, damage
) -> None:
    store = FileCheckpoints(tmp_path)
    keep(store, 3, 6)
    file = tmp_path / RUN.trajectory_id / "00000006.h5"
    file.write_bytes(damage(file.read_bytes()))
    assert store.latest(RUN) == b"state 3"
    assert names(tmp_path) == ["00000003.h5", "00000006.h5.damaged"]
    assert store.latest_epoch(RUN) == 3


def test_an_incomplete_file_is_not_a_checkpoint(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    keep(store, 3)
    (tmp_path / RUN.trajectory_id / "00000006.h5.part").write_bytes(b"half of it")
    (tmp_path / RUN.trajectory_id / "notes.h5").write_bytes(b"of somebody else")
    assert store.latest(RUN) == b"state 3"


def test_a_folder_that_cannot_be_written_is_an_error_that_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(StoreError, match="cannot write the checkpoint"):
        keep(FileCheckpoints(tmp_path / "taken"), 1)


def test_damaged_files_and_checkpoints_before_an_end_are_unneeded(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    keep(store, 4, 8)
    trajectory = RUN.trajectory_id
    (tmp_path / "claims").mkdir()
    assert store.trajectories() == [trajectory]
    assert store.unneeded(trajectory, ends=True) == []  # An interrupted run goes on from them.
    keep(store, 10)
    keep(store, 8)  # As an older version left it.
    longer = Run(Parameters(epochs=30), Dense((2,)), 0.0, "data")
    store.keep(longer, Checkpoint(longer.run_id, 20, b"x", is_end=False))
    folder = tmp_path / trajectory
    (folder / "00000030.h5.part").touch()
    (folder / "00000025.h5.damaged").touch()

    def found(*, ends: bool) -> list[str]:
        return [file.name for file in store.unneeded(trajectory, ends=ends)]

    broken = ["00000025.h5.damaged", "00000030.h5.part"]
    assert found(ends=False) == ["00000008.h5", *broken]
    assert found(ends=True) == ["00000008.h5", "00000010.end.h5", *broken]
    assert store.latest(longer) == b"x"


def test_a_damaged_checkpoint_is_reported(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    keep(store, 3)
    file = tmp_path / RUN.trajectory_id / "00000003.h5"
    file.write_bytes(file.read_bytes()[:-1])
    messages: list[str] = []
    assert store.latest(RUN, messages.append) is None
    assert len(messages) == 1
    assert f"{file} is damaged and was renamed to {file.name}.damaged" in messages[0]


def test_a_longer_finished_run_is_known(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    keep(store, 10, 3)
    shorter = Run(Parameters(epochs=6), Dense((2,)), 0.0, "data")
    assert store.finished_beyond(shorter) == 10
    assert store.latest_epoch(shorter) == 3
    assert store.finished_beyond(RUN) == 0


WRITE_TOO_MUCH = """
import resource, sys
from pathlib import Path
from signs_sweep.project import FileCheckpoints
from signs_sweep.errors import StoreError
from signs_sweep.domain import PARAMETERS, Checkpoint, Dense, Parameters, Run

run = Run(Parameters(epochs=10), Dense((2,)), 0.0, "data")
store = FileCheckpoints(Path(sys.argv[1]))
store.keep(run, Checkpoint(run.run_id, 1, b"x" * 1000, is_end=False))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.keep(run, Checkpoint(run.run_id, 2, b"y" * 1_000_000, is_end=False))
except StoreError as error:
    print(error)
assert store.latest(run) == b"x" * 1000
"""


def test_a_full_disk_is_an_error_and_earlier_checkpoints_stay(tmp_path: Path) -> None:
    """The system refuses to write in the middle of the file, as a full disk does."""
    done = subprocess.run(
        [sys.executable, "-c", WRITE_TOO_MUCH, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot write the checkpoint" in done.stdout
    assert "Earlier checkpoints and all finished runs are kept" in done.stdout
    assert names(tmp_path) == ["00000001.h5"], "nothing half-written is left"


def test_with_early_stopping_names_say_which_best_weights_and_what_patience(
    tmp_path: Path,
) -> None:
    store = FileCheckpoints(tmp_path)

    def stopping(patience: int) -> Run:
        rule = PARAMETERS["early_stopping"].component("", {"patience": patience})
        return Run(Parameters(epochs=10, early_stopping=rule), Dense((2,)), 0.0, "data")

    def unneeded() -> list[str]:
        return [file.name for file in store.unneeded(RUN.trajectory_id, ends=False)]

    keep(store, 1, 2)
    run = stopping(3)
    key = run.early_stopping.state_key
    for epoch, least in ((2, 1), (3, 2), (4, 3)):
        checkpoint = Checkpoint(run.run_id, epoch, b"x", is_end=False, least_patience=least)
        store.keep(run, checkpoint)
    assert names(tmp_path) == [
        *("00000001.h5", "00000002.h5", f"00000003.{key}.2.h5", f"00000004.{key}.3.h5")
    ]
    keep(store, 10)  # Without its rule.
    assert names(tmp_path) == [*(f"00000003.{key}.2.h5", f"00000004.{key}.3.h5", "00000010.end.h5")]
    assert unneeded() == []
    assert (store.has_end(RUN), store.has_end(run)) == (True, False)
    store.keep(stopping(4), Checkpoint(run.run_id, 6, b"x", is_end=True, least_patience=4))
    (tmp_path / RUN.trajectory_id / f"00000003.{key}.2.h5").write_bytes(b"")
    assert (store.has_end(stopping(4)), store.has_end(stopping(5))) == (True, False)
    assert unneeded() == [f"00000003.{key}.2.h5"]


def test_two_machines_that_train_the_same_run_do_not_disturb_each_other(tmp_path: Path) -> None:
    begin, warnings, found = Barrier(3), [], []

    def train() -> None:
        begin.wait()
        keep(FileCheckpoints(tmp_path, is_shared=True), *range(1, 11))

    def look() -> None:
        begin.wait()
        while not any(state == b"state 10" for state in found):
            found.append(FileCheckpoints(tmp_path, is_shared=True).latest(RUN, warnings.append))

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(train), pool.submit(train), pool.submit(look)]:
            done.result(60)
    assert not warnings
    first = next(number for number, state in enumerate(found) if state is not None)
    assert None not in found[first:]
    store, folder = FileCheckpoints(tmp_path, is_shared=True), tmp_path / RUN.trajectory_id
    assert not [name for name in names(tmp_path) if not name.endswith(".h5")]
    half = folder / ".00000007.h5.0123abcd"
    half.touch()
    assert half not in store.unneeded(RUN.trajectory_id, ends=True), "it is being written"
    os.utime(half, (0, 0))
    assert half in store.unneeded(RUN.trajectory_id, ends=True)


def test_a_shared_folder_is_checked_before_anything_is_trained(tmp_path: Path) -> None:
    FileCheckpoints(tmp_path / "new" / "folder", is_shared=True).check()
    assert not list((tmp_path / "new" / "folder").iterdir())
    (tmp_path / "taken").touch()
    with pytest.raises(StoreError, match="--checkpoints"):
        FileCheckpoints(tmp_path / "taken", is_shared=True).check()
