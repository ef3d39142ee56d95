"""How the trainer's advantage over `model.fit` depends on the size of the problem.

    python bench/scaling.py [--json FILE]

One size varies at a time, starting from the network and data of the series. Both trainers run in
this process with one thread, in turns; the result is the median over turns, in ms per epoch.
"""

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from signs_sweep.domain import Dense, Parameters
from signs_sweep.trainer import runtime

runtime.prepare()

from signs_sweep.trainer.dense import DenseNetwork, tile_widths  # noqa: E402 - after the settings
from signs_sweep.trainer.evaluation import LabelledImages  # noqa: E402
from signs_sweep.trainer.loop import EpochLoop  # noqa: E402

CLASSES = 6
TURNS = 3
SECONDS_A_TURN = 1.5


@dataclass(frozen=True)
class Size:
    """The size of a problem.

    Attributes:
        hidden: units of the hidden layers.
        batch: samples per step.
        samples: samples in the training set.
        side: height and width of an image, in pixels.
        channels: channels of an image.
    """

    hidden: tuple[int, ...] = (25, 12)
    batch: int = 32
    samples: int = 1080
    side: int = 64
    channels: int = 3


def sizes() -> Iterator[tuple[str, Size]]:
    """Yield the sizes to measure, with the name of what varies."""
    base = Size()
    yield "as in the series", base
    for hidden in ((5,), (25,), (100,), (500,), (5, 5), (100, 50), (500, 100), (100, 50, 25)):
        yield "hidden", replace(base, hidden=hidden)
    for batch in (8, 64, 128, 1080):
        yield "batch", replace(base, batch=batch)
    for samples in (200, 5000, 20000):
        yield "samples", replace(base, samples=samples)
    for side, channels in ((28, 1), (32, 3), (50, 3), (96, 3), (128, 3)):
        yield "image", replace(base, side=side, channels=channels)


def epoch_loop(size: Size, data: LabelledImages) -> Callable[[int], object]:
    """Return a function that trains some epochs with the trainer of signs-sweep."""
    shape = (size.side, size.side, size.channels)
    loop = EpochLoop(DenseNetwork(shape, Dense(size.hidden), CLASSES), size.batch, size.samples)
    loop.start(Parameters(batch_size=size.batch, l2=0.01))

    def train(epochs: int) -> None:
        for done in range(0, epochs, loop.capacity):
            loop.advance(min(loop.capacity, epochs - done), data)

    return train


def keras_fit(size: Size, data: LabelledImages) -> Callable[[int], object]:
    """Return a function that trains some epochs with `fit`."""
    import keras

    images = data.images.astype(np.float32) / np.float32(255)
    layers: list[Any] = [keras.layers.Input(images.shape[1:]), keras.layers.Flatten()]
    layers += [
        keras.layers.Dense(units, "relu", kernel_regularizer=keras.regularizers.L2(0.01))
        for units in size.hidden
    ]
    model = keras.Sequential([*layers, keras.layers.Dense(CLASSES, "softmax")])
    model.compile(
        keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return lambda epochs: model.fit(
        images, data.labels, batch_size=size.batch, epochs=epochs, verbose=0
    )


def epochs_a_turn(train: Callable[[int], object]) -> int:
    """Compile, and return the number of epochs in a turn of about `SECONDS_A_TURN`."""
    train(1)
    started = time.perf_counter()
    train(1)
    return max(1, min(50, int(SECONDS_A_TURN / (time.perf_counter() - started))))


def measure(size: Size) -> dict[str, float]:
    """Return milliseconds per epoch for both trainers."""
    draws = np.random.default_rng(0)
    shape = (size.samples, size.side, size.side, size.channels)
    data = LabelledImages(
        draws.integers(0, 256, shape, dtype=np.uint8), draws.integers(0, CLASSES, size.samples)
    )
    trainers = {"ours": epoch_loop(size, data), "fit": keras_fit(size, data)}
    turns = {name: epochs_a_turn(train) for name, train in trainers.items()}
    taken: dict[str, list[float]] = {name: [] for name in trainers}
    for _ in range(TURNS):
        for name, train in trainers.items():
            started = time.perf_counter()
            train(turns[name])
            taken[name].append(1000 * (time.perf_counter() - started) / turns[name])
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    """Measure all sizes, print a line for each, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "scaling.json")
    options = parser.parse_args()
    rows = []
    print(
        "| varies | hidden | batch | samples | image | tiles | signs-sweep, ms | fit, ms | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for varies, size in sizes():
        taken = measure(size)
        image = f"{size.side} x {size.side} x {size.channels}"
        tiles = len(tile_widths(size.side**2 * size.channels, size.hidden[0]))
        print(
            f"| {varies} | {list(size.hidden)} | {size.batch} | {size.samples:,} | {image} "
            f"| {tiles} | {taken['ours']:.1f} | {taken['fit']:.1f} "
            f"| {taken['fit'] / taken['ours']:.1f} |"
        )
        sys.stdout.flush()
        rows.append({"varies": varies, **asdict(size), **taken})
        gc.collect()
    options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
