"""A pool of trained runs, from which `honesty.py` draws comparisons.

The networks are tiny and the drawn images are reduced to 8 x 8 pixels, so that a run takes less
than a tenth of a second. Runs are trained by the workers of this package, but not recorded in
MLflow: with 13,000 runs, that would double the time and take 3.4 GB. Their results are kept by
run_id in a CSV file instead, so that an interrupted pool is continued.
"""

import csv
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from signs_sweep.data import DataSource, find_source
from signs_sweep.data.writing import write_dataset
from signs_sweep.domain import Dense, Failed, Finished, Parameters, Run, Seeds, Setting
from signs_sweep.executors import LocalExecutor
from signs_sweep.trainer.training import Trainer

NETWORK = Dense((24,))
EPOCHS = 40
BLOCK = 8
"""Side in pixels of the squares of an image that become a pixel."""

LOGGED = 1000
"""Runs between two lines about the progress."""


@dataclass(frozen=True)
class Member:
    """A setting of the pool: its learning rate and its number of seeds."""

    learning_rate: float
    seeds: int


MEMBERS = {
    "A": Member(5e-4, 6000),
    "B": Member(6e-4, 2000),
    "C": Member(2e-4, 2000),
    "D": Member(3e-3, 3000),
}


@dataclass(frozen=True)
class Results:
    """The results of a setting, in the order of its seeds.

    Attributes:
        correct: number of test images that each run classifies correctly, int64 of (seeds,).
        is_guessing: whether each run gives every image the same class, bool of (seeds,).
    """

    correct: NDArray[np.int64]
    is_guessing: NDArray[np.bool_]


Pool = Mapping[str, Results]
"""By name of a setting, its results."""


def read_pool(folder: Path, workers: int) -> tuple[Pool, int]:
    """Return the results of all settings and the number of test images; train missing runs."""
    source = _reduced_images(folder)
    dataset = source.load()
    runs: dict[str, list[Run]] = {}
    for name, member in MEMBERS.items():
        parameters = Parameters(learning_rate=member.learning_rate, epochs=EPOCHS)
        setting = Setting(parameters, NETWORK, 0.0, dataset.fingerprint)
        runs[name] = [setting.run(Seeds(seed, seed)) for seed in range(member.seeds)]
    file = folder / "runs.csv"
    known = read_runs(file)
    missing = [run for each in runs.values() for run in each if run.run_id not in known]
    began = time.monotonic()
    with file.open("a", buffering=1, encoding="utf-8") as target:
        trainer = partial(Trainer, {dataset.fingerprint: source})
        for number, finished in enumerate(_train(missing, trainer, workers), start=1):
            assert finished.confusion is not None
            correct, is_guessing = int(finished.confusion.trace()), bool(finished.guessing_since)
            known[finished.run_id] = correct, is_guessing
            target.write(f"{finished.run_id},{correct},{is_guessing}\n")
            if number % LOGGED == 0 or number == len(missing):
                minutes = (time.monotonic() - began) / 60
                text = f"{number:,} of {len(missing):,} runs trained, {minutes:.1f} minutes"
                print(text, file=sys.stderr, flush=True)
    pool = {}
    for name, each in runs.items():
        correct, is_guessing = zip(*(known[run.run_id] for run in each), strict=True)
        pool[name] = Results(np.array(correct), np.array(is_guessing))
    return pool, len(dataset.test_labels)


def _reduced_images(folder: Path) -> DataSource:
    """Write the drawn images with fewer pixels; return where they are."""
    drawn = find_source("drawn", data_dir=None, spec_folder=folder).load()

    def reduced(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        count, height, width, channels = images.shape
        shape = (count, height // BLOCK, BLOCK, width // BLOCK, BLOCK, channels)
        return images.reshape(shape).mean(axis=(2, 4)).round().astype(np.uint8)

    images = {part: reduced(getattr(drawn, part)) for part in ("train_images", "test_images")}
    write_dataset(replace(drawn, **images), folder / "images")
    return find_source("images", data_dir=None, spec_folder=folder)


def read_runs(file: Path) -> dict[str, tuple[int, bool]]:
    """Return the recorded results by run_id; remove a last line whose writing was interrupted."""
    if not file.exists():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if whole != lines:
        file.write_text("".join(whole), encoding="utf-8")
    return {run_id: (int(correct), text == "True") for run_id, correct, text in csv.reader(whole)}


def _train(runs: Sequence[Run], trainer: Callable[[], Trainer], workers: int) -> Iterator[Finished]:
    """Train runs in worker processes; yield the end of each."""
    executor = LocalExecutor(trainer, [os.environ] * workers)
    waiting, training = list(reversed(runs)), 0
    try:
        while waiting or training:
            while waiting and training < workers:
                executor.submit(waiting.pop())
                training += 1
            for event in executor.events(1.0):
                if isinstance(event, Failed):
                    sys.exit(f"{event.run_id}: {event.message}\n{event.traceback}")
                if isinstance(event, Finished):
                    training -= 1
                    yield event
    finally:
        executor.close()
