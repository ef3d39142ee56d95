"""What every checkpoint store guarantees."""

from dataclasses import replace
from pathlib import Path

import pytest

from fakes import MemoryCheckpoints
from signs_sweep.domain import (
    PARAMETERS,
    Checkpoint,
    Component,
    Dense,
    Parameters,
    Run,
    Unusable,
)
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


def stopping(epochs: int, patience: int, metric: str = "val_loss", restore: str = "best") -> Run:
    options = {"metric": metric, "patience": patience, "restore": restore}
    rule: Component = PARAMETERS["early_stopping"].component("", options)
    return Run(Parameters(epochs=epochs, early_stopping=rule), Dense((2,)), 0.2, "data")


def test_runs_resume_from_checkpoints_with_the_best_weights_that_they_need(
    store: CheckpointStore,
) -> None:
    def starts(*runs: Run) -> list[int]:
        return [store.latest_epoch(run) for run in runs]

    plain = Run(Parameters(epochs=50), Dense((2,)), 0.2, "data")
    one, other = stopping(50, 5), stopping(50, 5, metric="loss")
    assert store.unusable(one) is None
    store.keep(plain, Checkpoint(plain.run_id, 8, b"plain", is_end=False))
    assert starts(plain, one, other) == [8, 0, 0]
    assert (store.unusable(plain), store.unusable(one)) == (None, Unusable.LACKS_BEST)
    assert store.latest(one) is None

    store.keep(one, Checkpoint(one.run_id, 20, b"stopped", is_end=True, least_patience=5))
    patient, last = stopping(50, 9), stopping(50, 5, restore="last")
    assert starts(plain, one, other, patient, last) == [20, 20, 0, 20, 20]
    assert starts(stopping(50, 4)) == [0], "it stops before that epoch"
    assert store.latest(patient) == b"stopped"
    assert (store.unusable(other), store.unusable(one)) == (Unusable.LACKS_BEST, None)
    assert store.unusable(stopping(50, 4)) is Unusable.IS_LATER
    assert store.finished_beyond(stopping(10, 9)) == 20
    assert store.finished_beyond(Run(Parameters(epochs=10), Dense((2,)), 0.2, "data")) == 20
    assert store.finished_beyond(stopping(10, 9, metric="loss")) == 0


def test_checkpoints_are_found_by_the_kind_of_processor_that_made_them(
    store: CheckpointStore,
) -> None:
    run = run_of(9)
    made = {2: {1: "A, avx2"}, 4: {1: "A, avx2", 3: "\u00c4 9"}, 6: {}, 8: {7: "A, avx2"}}
    for epoch, kinds in made.items():
        shorter = run_of(epoch)
        store.keep(shorter, replace(checkpoint(shorter, epoch, b"%d" % epoch), kinds=kinds))
        assert store.kinds(run) == kinds
    assert (store.latest(run), store.latest_epoch(run)) == (b"8", 8)
    assert (store.latest(run, kind="A, avx2"), store.latest_epoch(run, "A, avx2")) == (b"2", 2)
    assert (store.latest(run, kind="\u00c4 9"), store.latest_epoch(run, "\u00c4 9")) == (None, 0)
    assert store.kinds(run_of(1)) == {}
