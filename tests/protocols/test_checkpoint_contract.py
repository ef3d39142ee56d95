"""What every checkpoint store guarantees."""

from pathlib import Path

import pytest

from fakes import MemoryCheckpoints
from signs_sweep.domain import Checkpoint, Dense, Parameters, Run
from signs_sweep.project import FileCheckpoints
from signs_sweep.protocols import CheckpointStore


def run_of(epochs: int, l2: float = 0.0) -> Run:
    return Run(Parameters(epochs=epochs, l2=l2), Dense((2,)), 0.0, "data")


def checkpoint(run: Run, epoch: int, content: bytes = b"state") -> Checkpoint:
    return Checkpoint(run.run_id, epoch, content, is_end=epoch == run.parameters.epochs)


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointStore:
    return MemoryCheckpoints() if request.param == "memory" else FileCheckpoints(tmp_path / "new")


def test_an_unknown_run_has_no_checkpoint(store: CheckpointStore) -> None:
    assert store.latest(run_of(9)) is None
    assert store.latest_epoch(run_of(9)) == 0


def test_the_latest_is_returned_unchanged(store: CheckpointStore) -> None:
    run = run_of(9)
    content = bytes(range(256)) * 1000
    store.keep(run, checkpoint(run, 3))
    store.keep(run, checkpoint(run, 7, content))
    assert store.latest(run) == content
    assert store.latest_epoch(run) == 7


def test_a_longer_run_finds_the_end_of_a_shorter_one_and_not_the_other_way(
    store: CheckpointStore,
) -> None:
    short, long = run_of(5), run_of(20)
    store.keep(short, checkpoint(short, 5, b"end"))
    assert store.latest(long) == b"end"
    store.keep(long, checkpoint(long, 20, b"later"))
    assert store.latest(short) == b"end"
    assert store.latest(run_of(3)) is None
    assert store.latest(run_of(20, l2=0.1)) is None
