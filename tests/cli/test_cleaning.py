"""`signs-sweep clean`, on files in a store."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.cli.cleaning import clean_store
from signs_sweep.commands.store import Store
from signs_sweep.domain import TRAINING_VERSION, Checkpoint, Dense, Parameters, Run, State
from signs_sweep.project import FileClaims
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, MlflowTracker
from trials import make_trial

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


def test_without_a_terminal_nothing_is_removed_unless_agreed(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.setattr("sys.stdin", (tmp_path / "nothing").open("w+"))
    clean_store(store, ends=False, is_agreed=False)
    shown = capsys.readouterr()
    assert "00000004.h5" in shown.out
    assert "--yes" in shown.err
    assert left(tmp_path) == ["00000004.h5", "00000010.end.h5"]
    clean_store(store, ends=False, is_agreed=True)
    assert left(tmp_path) == ["00000010.end.h5"]
    clean_store(store, ends=False, is_agreed=True)
    assert capsys.readouterr().out.endswith("nothing to remove\n")
    clean_store(store, ends=True, is_agreed=True)
    assert left(tmp_path) == []


@pytest.mark.slow
def test_checkpoints_that_no_run_resumes_from_since_the_training_changed_are_removed(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted runs of the current version, of an older version, and unknown to the store."""
    dataset = DatasetInfo("toy", ("a", "b"), np.zeros((1, 4, 4, 3), np.uint8), drawn=False)
    tracker = MlflowTracker(store.uri, {"data": dataset})
    tracker.open([SweepRecord("toy", "", "name: toy\n", "", "toy data")])
    kept = []
    for seed, version in enumerate((TRAINING_VERSION, TRAINING_VERSION - 1)):
        parameters = replace(RUN.parameters, global_seed=seed + 1)
        run = replace(RUN, parameters=parameters, training_version=version)
        tracker.start(make_trial(run), run)
        for kind in (run, replace(run, data="elsewhere")):
            store.checkpoints.keep(kind, Checkpoint(kind.run_id, 5, b"state", is_end=False))
            kept.append(kind.trajectory_id)
    tracker.close(State.KILLED, {})
    clean_store(store, ends=False, is_agreed=True)
    shown = capsys.readouterr().out
    assert "2 files" in shown
    assert "1 of an older training version, from which no run resumes" in shown
    folders = {file.parent.name for file in store.checkpoints.folder.rglob("*.h5")}
    assert folders == {RUN.trajectory_id, kept[0], kept[1], kept[3]}
    clean_store(store, ends=False, is_agreed=True)
    assert capsys.readouterr().out == "nothing to remove\n"


def test_without_an_answer_of_the_store_no_version_is_known(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlruns" / "mlflow.db").write_text("this is no database " * 10, encoding="utf-8")
    clean_store(store, ends=False, is_agreed=True)
    assert "1 file," in capsys.readouterr().out
    assert left(tmp_path) == ["00000010.end.h5"]


def test_what_is_being_trained_is_left_alone(store: Store, tmp_path: Path) -> None:
    other = FileClaims(tmp_path / "mlruns" / "checkpoints" / "claims")
    assert other.take(RUN.trajectory_id)
    clean_store(store, ends=True, is_agreed=True)
    assert len(left(tmp_path)) == 2
    other.release(RUN.trajectory_id)
    clean_store(store, ends=True, is_agreed=True)
    assert left(tmp_path) == []


@pytest.mark.parametrize("is_shared", [False, True])
def test_trajectories_are_claimed_one_at_a_time_and_elsewhere_only_if_checkpoints_are_shared(
    store: Store, is_shared: bool
) -> None:
    held, most = set[str](), []

    class Remote:
        def take(self, name: str) -> bool:
            held.add(name)
            most.append(len(held))
            return True

        release = staticmethod(held.discard)

    other = replace(RUN, parameters=Parameters(epochs=10, l2=0.5))
    store.checkpoints.keep(other, Checkpoint(other.run_id, 10, b"end", is_end=True))
    store.checkpoints.is_shared = is_shared
    store.claims.remote = Remote()
    clean_store(store, ends=True, is_agreed=True)
    assert most == [1] * 4 * is_shared
    assert not list(store.checkpoints.folder.rglob("*.h5"))
