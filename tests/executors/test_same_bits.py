"""The same bits wherever a run is trained: rule 1 of the design, end to end."""

import os
import zipfile
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from signs_sweep.data import TEST_FILE, TRAIN_FILE, Dataset, DataSource, write_dataset
from signs_sweep.domain import Dense, Finished, Parameters, Progress, Run, Started
from signs_sweep.executors import InlineExecutor, LocalExecutor
from signs_sweep.protocols import Executor
from signs_sweep.trainer.runtime import training_environment
from signs_sweep.trainer.training import Trainer

pytestmark = pytest.mark.slow

Numbers = dict[str, tuple]


def train_all(executor: Executor, runs: list[Run]) -> tuple[Numbers, set[int]]:
    """Train runs as slots become free; return the result and worker of each."""
    waiting, under_way, events = list(runs), 0, []
    while waiting or under_way:
        while waiting and under_way < executor.slots:
            executor.submit(waiting.pop(0))
            under_way += 1
        new = executor.events(timeout=1)
        under_way -= sum(isinstance(event, Finished) for event in new)
        events += new
        assert all(isinstance(event, Started | Progress | Finished) for event in new)
    numbers = {}
    for run in runs:
        own = [event for event in events if event.run_id == run.run_id]
        parts = [event for event in own if isinstance(event, Progress)]
        numbers[run.run_id] = (
            {
                name: np.concatenate([p.metrics[name] for p in parts]).tobytes()
                for name in own[1].metrics
            },
            dict(own[-1].metrics),
            own[-1].confusion.tolist(),
            weights_file(own[-1].model),
        )
    return numbers, {event.worker for event in events if isinstance(event, Started)}


def weights_file(model: bytes) -> list[bytes]:
    """Return the arrays of a `.keras` file; the file itself holds the time it was written."""
    import h5py

    arrays = []
    with zipfile.ZipFile(BytesIO(model)) as archive:
        file = h5py.File(BytesIO(archive.read("model.weights.h5")))
        file.visititems(
            lambda _, item: arrays.append(item[()].tobytes()) if hasattr(item, "shape") else None
        )
    return arrays


def test_two_workers_and_no_worker_give_the_same_bits(tmp_path: Path) -> None:
    """With three runs; `usage/test_splits.py` compares a single worker with none."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (90, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(90) % 3
    dataset = Dataset(
        "tiny", images[:60], labels[:60], images[60:], labels[60:], ("a", "b", "c"), drawn=False
    )
    write_dataset(dataset, tmp_path)
    source = DataSource("tiny", tmp_path / TRAIN_FILE, tmp_path / TEST_FILE, drawn=False)
    make_trainer = partial(Trainer, {dataset.fingerprint: source})
    runs = [
        Run(
            Parameters(
                learning_rate=1e-3,
                batch_size=16,
                epochs=12,
                l2=0.01,
                keep_prob=0.8,
                global_seed=seed,
                init_seed=seed,
            ),
            Dense((6, 4)),
            0.2,
            dataset.fingerprint,
        )
        for seed in range(3)
    ]
    environment = training_environment(os.environ)
    found = {}
    for name, executor in {
        "two workers": LocalExecutor(make_trainer, [environment] * 2),
        "no worker": InlineExecutor(make_trainer),
    }.items():
        try:
            found[name], workers = train_all(executor, runs)
        finally:
            executor.close()
        assert workers == set(range(executor.slots))
    arrays = found["no worker"][runs[0].run_id][3]
    assert len(arrays) == 6
    assert len({repr(numbers) for numbers in found["no worker"].values()}) == 3
    assert found["two workers"] == found["no worker"]
