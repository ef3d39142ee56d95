"""`signs-sweep clean`, on files that it finds."""

from pathlib import Path

import pytest

from signs_sweep.checkpoints import FileClaims
from signs_sweep.cli.cleaning import clean_store
from signs_sweep.records import Checkpoint, Dense, Parameters, Run
from signs_sweep.store import Store

RUN = Run(Parameters(epochs=10), Dense((2,)), 0.0, "data")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    made = Store(None)
    for epoch in (10, 4):  # As an older version left it.
        made.checkpoints.keep(RUN, Checkpoint(RUN.run_id, epoch, b"state", is_end=epoch == 10))
    return made


def left(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "mlruns" / "checkpoints").rglob("*.h5"))


def test_without_a_terminal_nothing_is_removed_unless_told_so(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.setattr("sys.stdin", (tmp_path / "nothing").open("w+"))
    clean_store(store, ends=False, is_agreed=False)
    said = capsys.readouterr()
    assert "00000004.h5" in said.out
    assert "--yes" in said.err
    assert left(tmp_path) == ["00000004.h5", "00000010.end.h5"]
    clean_store(store, ends=False, is_agreed=True)
    assert left(tmp_path) == ["00000010.end.h5"]
    clean_store(store, ends=False, is_agreed=True)
    assert capsys.readouterr().out.endswith("nothing to remove\n")
    clean_store(store, ends=True, is_agreed=True)
    assert left(tmp_path) == []


def test_what_is_being_trained_is_left_alone(store: Store, tmp_path: Path) -> None:
    other = FileClaims(tmp_path / "mlruns" / "checkpoints" / "claims")
    assert other.take(RUN.trajectory_id)
    clean_store(store, ends=True, is_agreed=True)
    assert len(left(tmp_path)) == 2
    other.release(RUN.trajectory_id)
    clean_store(store, ends=True, is_agreed=True)
    assert left(tmp_path) == []
