"""The compiled loop: what shares a program, interruptions, and the stopping rule within it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import cycle
from typing import Any

import numpy as np
import pytest

from signs_sweep.domain import PARAMETERS, Component, Dense, EarlyStopping, Parameters
from signs_sweep.errors import TrainingError
from signs_sweep.trainer.dense import DenseNetwork
from signs_sweep.trainer.evaluation import LabelledImages
from signs_sweep.trainer.loop import EpochLoop
from signs_sweep.trainer.recipe import Recipe

pytestmark = pytest.mark.slow

SHAPE, CLASSES, BATCH = (8, 8, 3), 4, 35
NARROW = Dense((10, 8))
BASE = Parameters(learning_rate=1e-3, batch_size=BATCH, global_seed=3, init_seed=13)


def data(samples: int, seed: int) -> LabelledImages:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, samples)
    images = rng.integers(0, 100, (samples, *SHAPE)) + 40 * labels[:, None, None, None]
    return LabelledImages(images.astype(np.uint8), labels)


TRAINING, VALIDATION = data(70, 0), data(40, 1)


def chosen(name: str, word: str = "", **options: Any) -> dict[str, Component]:
    return {name: PARAMETERS[name].component(word, options)}


def loop_of(
    parameters: Parameters, model: Dense = NARROW, held_out: int = len(VALIDATION)
) -> EpochLoop:
    network = DenseNetwork(SHAPE, model, CLASSES)
    return EpochLoop(network, BATCH, len(TRAINING), held_out, Recipe.of(parameters))


def curves_of(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def bits(values: Iterable[np.ndarray]) -> list[bytes]:
    return [np.asarray(value).tobytes() for value in values]


def test_values_are_inputs_so_that_a_sweep_over_them_compiles_once() -> None:
    schedules = [
        chosen("schedule", "cosine", warmup=1),
        chosen("schedule", "step", decay_epochs=1),
        chosen("schedule", "linear", end=0.5),
    ]

    def parameters(value: int) -> Parameters:
        share = 0.1 * value
        return replace(
            BASE,
            learning_rate=1e-3 * value,
            label_smoothing=share,
            l2=share,
            **chosen("optimizer", "adamw", weight_decay=share, clipnorm=share),
            **schedules[value - 1],
            **chosen("class_weights", **{"0": 1.0 + value}),
            **chosen("early_stopping", patience=value, min_delta=share, metric="loss"),
        )

    loop = loop_of(parameters(1))
    losses = []
    for value in (1, 2, 3):
        loop.start(parameters(value))
        losses.append(loop.advance(1, TRAINING, VALIDATION)["loss"][0])
    assert loop._compiled.experimental_get_tracing_count() == 1
    assert len(set(losses)) == 3


@pytest.mark.parametrize(
    ("word", "first", "second"),
    [
        ("sgd", {"momentum": 0.5}, {"momentum": 0.9}),
        ("rmsprop", {"rho": 0.8, "momentum": 0.1}, {"momentum": 0.9}),
        ("adam", {"beta_1": 0.8}, {"beta_2": 0.9, "epsilon": 0.1}),
    ],
)
def test_options_of_an_optimizer_are_inputs(word: str, first: dict, second: dict) -> None:
    runs = [replace(BASE, **chosen("optimizer", word, **options)) for options in (first, second)]
    loop = loop_of(runs[0], Dense((6,)), held_out=0)
    losses = []
    for parameters in runs:
        loop.start(parameters)
        losses.append(loop.advance(3, TRAINING)["loss"][-1])
    assert loop._compiled.experimental_get_tracing_count() == 1
    assert len(set(losses)) == 2


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (NARROW, chosen("optimizer", "nadam") | chosen("schedule", "cosine", warmup=2)),
        (
            replace(NARROW, norm="batch"),
            chosen("optimizer", "sgd", momentum=0.9) | {"keep_prob": 0.8},
        ),
    ],
    ids=["nadam with cosine", "batch normalisation"],
)
def test_an_interrupted_run_ends_with_the_same_bits(model: Dense, given: Mapping[str, Any]) -> None:
    parameters = replace(BASE, epochs=8, **given)
    loop = loop_of(parameters, model)
    loop.start(parameters)
    whole = bits(loop.advance(8, TRAINING, VALIDATION).values()) + bits(loop.state())

    loop.start(parameters)
    parts = [loop.advance(3, TRAINING, VALIDATION)]
    state = loop.state()
    loop.start(replace(parameters, init_seed=9))
    loop.advance(2, TRAINING, VALIDATION)
    loop.start(parameters)
    loop.resume(state, 3)
    parts += [loop.advance(count, TRAINING, VALIDATION) for count in (1, 4)]
    assert bits(curves_of(parts).values()) + bits(loop.state()) == whole


EPOCHS = 12


@pytest.fixture(scope="module")
def unstopped() -> tuple[dict[str, np.ndarray], list[list[bytes]]]:
    """Curves without a rule, and the weights after each epoch."""
    loop = loop_of(BASE)
    loop.start(BASE)
    parts, weights = [], []
    for _ in range(EPOCHS):
        parts.append(loop.advance(1, TRAINING, VALIDATION))
        weights.append(bits(loop.network.weights()))
    return curves_of(parts), weights


@pytest.fixture(scope="module")
def loops() -> Callable[[Parameters], EpochLoop]:
    """Return the loop of a run; it is compiled once for all tests."""
    return cache(loop_of)


@pytest.mark.parametrize("cut", [None, 2])
@pytest.mark.parametrize("calls", [(32,), (1,), (3, 1, 5)])
@pytest.mark.parametrize(
    "rule",
    [
        {"metric": "val_accuracy", "patience": 4},
        {"metric": "loss", "patience": 2, "min_delta": 0.03},
    ],
    ids=["accuracy", "loss"],
)
def test_the_loop_follows_the_rule_whatever_the_length_of_its_calls(
    unstopped: Any, loops: Any, rule: dict, calls: tuple[int, ...], cut: int | None
) -> None:
    curves, weights = unstopped
    parameters = replace(BASE, **chosen("early_stopping", **rule))
    course = EarlyStopping.of(parameters).follow(curves)
    assert course.stop is not None
    assert 1 < course.best < course.stop < EPOCHS
    loop = loops(parameters)
    loop.start(parameters)
    lengths, parts = cycle(calls), []
    while not loop.stopped:
        parts.append(loop.advance(next(lengths), TRAINING, VALIDATION))
        if len(parts) == cut and not loop.stopped:
            state, best, epoch = loop.state(), loop.best(), loop.epoch
            loop.start(replace(parameters, init_seed=9))
            loop.advance(1, TRAINING, VALIDATION)
            loop.start(parameters)
            loop.resume(state, epoch, curves_of(parts), best)
    assert loop.epoch == course.stop
    assert loop.best_epoch == course.best
    ours = curves_of(parts)
    assert bits(ours.values()) == bits(values[: course.stop] for values in curves.values())
    assert bits(loop.network.weights()) == weights[course.stop - 1]
    loop.restore_best()
    assert bits(loop.network.weights()) == weights[course.best - 1]


def test_best_weights_that_a_checkpoint_does_not_have_are_an_error(loops: Any) -> None:
    parameters = replace(BASE, **chosen("early_stopping", metric="val_loss", patience=3))
    loop = loops(parameters)
    loop.start(parameters)
    with pytest.raises(TrainingError, match="best weights"):
        loop.resume(loop.state(), 1, {"val_loss": np.ones(1)})
