"""The proof that training is Keras's: same weights, batches and masks give the same numbers.

The reference is a plain Keras model that Keras trains by itself. It sees the batches in the order
that our loop draws, and the dropout masks that our loop draws as a second input.

Tolerances. Both sides compute in float32, but add the products of a layer in another order (tiles,
compiled by XLA, against one matrix by Eigen). Each result differs by some units in the last place,
and Adam passes that on: where a gradient is near zero, its step has the size of the learning rate
and the sign of the noise. So the weights drift apart with the steps. Measured over all cases here,
after six epochs: losses within 2e-7 of each other, relatively, and weights within 7e-6. The
bounds are ten times that, since another processor adds in yet another order.

Accuracies are counts and must be equal, which needs data without ties. They are not rare: a sample
whose last hidden layer is all zero has the biases as its logits, and after Adam's first step these
are plus or minus the learning rate, equal but for the last bit. So biases start at random here.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signs_sweep.domain import Dense, Parameters
from signs_sweep.trainer.dense import DenseNetwork
from signs_sweep.trainer.evaluation import LabelledImages, evaluate
from signs_sweep.trainer.loop import EpochLoop
from signs_sweep.trainer.network import scaled
from signs_sweep.trainer.randomness import dropout_mask, sample_order

pytestmark = pytest.mark.slow

SAMPLES = 100
CLASSES = 4
EPOCHS = 4
DIVIDES, DOES_NOT_DIVIDE, IS_FILLED_UP = 20, 32, 26
"""Sizes of a batch; the last one leaves 4 rows to fill up, the one before 28."""

# The first kernel of the second network is cut into five tiles, the last of them narrower.
SHAPES = {(9,): (16, 32, 1), (40, 12): (48, 48, 3), (10, 8, 6): (16, 16, 3)}

VARIANTS = {
    "plain": Parameters(learning_rate=1e-3, global_seed=3),
    "l2": Parameters(learning_rate=1e-3, l2=0.03, global_seed=3),
    "dropout": Parameters(learning_rate=1e-3, keep_prob=0.8, global_seed=3),
    "both": Parameters(learning_rate=1e-3, l2=0.03, keep_prob=0.8, global_seed=3),
}

LOSS_TOLERANCE = 2e-6
"""Relative, of a loss averaged over an epoch."""

WEIGHT_TOLERANCE = 7e-5
"""Absolute, of a weight after the last epoch."""


@cache
def data(shape: tuple[int, int, int], samples: int = SAMPLES, seed: int = 0) -> LabelledImages:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, samples)
    images = rng.integers(0, 200, (samples, *shape)) + 10 * labels[:, None, None, None]
    return LabelledImages(images.astype(np.uint8), labels)


@cache
def loop_of(
    hidden: tuple[int, ...], batch_size: int, *, with_validation: bool = False
) -> EpochLoop:
    """Return a loop; it is compiled once for all variants."""
    network = DenseNetwork(SHAPES[hidden], Dense(hidden), CLASSES)
    return EpochLoop(network, batch_size, SAMPLES, 50 if with_validation else 0)


def plain_keras(hidden: tuple[int, ...], parameters: Parameters) -> Any:
    """Return a compiled Keras model as usually written, with the masks as an input."""
    import keras

    image = outputs = keras.layers.Input(SHAPES[hidden])
    masks = [keras.layers.Input((units,)) for units in hidden] if parameters.keep_prob < 1 else []
    penalty = keras.regularizers.L2(parameters.l2) if parameters.l2 else None
    outputs = keras.layers.Flatten()(outputs)
    for number, units in enumerate(hidden):
        dense = keras.layers.Dense(units, activation="relu", kernel_regularizer=penalty)
        outputs = dense(outputs)
        if masks:
            outputs = keras.layers.Multiply()([outputs, masks[number]])
            outputs = keras.layers.Rescaling(1 / parameters.keep_prob)(outputs)
    outputs = keras.layers.Dense(CLASSES, activation="softmax")(outputs)
    model = keras.Model([image, *masks], outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(parameters.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
        run_eagerly=True,  # tracing takes longer than these few steps
    )
    return model


def start_both(loop: EpochLoop, model: Any, parameters: Parameters) -> None:
    """Give both the same initial weights: those of a run, with random biases."""
    loop.start(parameters)
    rng = np.random.default_rng(0)
    weights = loop.network.weights()
    weights[1::2] = [rng.normal(0, 0.1, bias.shape).astype(np.float32) for bias in weights[1::2]]
    loop.network.set_weights(weights)
    model.set_weights(weights)


def train_with_keras(
    model: Any, hidden: tuple[int, ...], batch_size: int, parameters: Parameters
) -> list[tuple[float, float]]:
    """Train batch by batch; return loss and accuracy of each epoch, averaged over its samples."""
    shown = data(SHAPES[hidden])
    images = shown.images.astype(np.float32) / 255
    seed, units, keep_prob = parameters.global_seed, sum(hidden), parameters.keep_prob
    result = []
    for epoch in range(EPOCHS):
        order = sample_order(seed, epoch, SAMPLES)
        mask = dropout_mask(seed, epoch, SAMPLES, units, keep_prob).astype(np.float32)
        parts = np.split(mask, np.cumsum(hidden)[:-1], axis=1) if keep_prob < 1 else []
        batches, sizes = [], []
        for first in range(0, SAMPLES, batch_size):
            rows = slice(first, first + batch_size)
            inputs = [images[order[rows]], *(part[rows] for part in parts)]
            model.reset_metrics()  # some versions of Keras do so by themselves, others do not
            batches.append(model.train_on_batch(inputs, shown.labels[order[rows]]))
            sizes.append(len(order[rows]))
        result.append(tuple(np.average(np.array(batches, np.float64), axis=0, weights=sizes)))
    return result


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("hidden", "batch_size"),
    [
        *(((9,), size) for size in (DIVIDES, DOES_NOT_DIVIDE, IS_FILLED_UP)),
        ((40, 12), DOES_NOT_DIVIDE),
        ((10, 8, 6), IS_FILLED_UP),
    ],
)
def test_losses_accuracies_and_weights_are_those_of_keras(
    hidden: tuple[int, ...], batch_size: int, variant: str
) -> None:
    parameters = VARIANTS[variant]
    loop = loop_of(hidden, batch_size)
    model = plain_keras(hidden, parameters)
    start_both(loop, model, parameters)

    ours = loop.advance(EPOCHS, data(SHAPES[hidden]))
    theirs = np.array(train_with_keras(model, hidden, batch_size, parameters)).T

    np.testing.assert_allclose(ours["loss"], theirs[0], rtol=LOSS_TOLERANCE)
    np.testing.assert_allclose(ours["accuracy"], theirs[1], rtol=0, atol=1e-6)
    for mine, other in zip(loop.network.weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=WEIGHT_TOLERANCE)


def test_averages_are_those_that_fit_reports_with_the_penalty_in_val_loss_too() -> None:
    hidden, batch_size, parameters = (9,), DIVIDES, VARIANTS["l2"]
    loop = loop_of(hidden, batch_size, with_validation=True)
    model = plain_keras(hidden, parameters)
    start_both(loop, model, parameters)
    shown, held_out = data(SHAPES[hidden]), data(SHAPES[hidden], 50, seed=1)
    order = sample_order(parameters.global_seed, 0, SAMPLES)

    ours = loop.advance(1, shown, held_out)
    history = model.fit(
        shown.images[order] / np.float32(255),
        shown.labels[order],
        batch_size=batch_size,
        validation_data=(held_out.images / np.float32(255), held_out.labels),
        shuffle=False,
        verbose=0,
    ).history

    assert set(ours) == set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in history.items():
        np.testing.assert_allclose(ours[name], values, rtol=LOSS_TOLERANCE, err_msg=name)
    penalty = parameters.l2 * float(loop.network.penalty(1.0))
    without_penalty, *_ = evaluate(loop.network, held_out)
    assert penalty > 0.1
    assert ours["val_loss"][0] == pytest.approx(without_penalty + penalty, rel=LOSS_TOLERANCE)


@pytest.fixture(scope="module")
def trained() -> DenseNetwork:
    loop = loop_of((40, 12), DOES_NOT_DIVIDE)
    loop.start(VARIANTS["plain"])
    loop.advance(EPOCHS, data(SHAPES[40, 12]))
    return loop.network


def test_evaluation_is_that_of_keras_without_penalty(trained: DenseNetwork) -> None:
    import keras

    shown = data(SHAPES[40, 12], 300, seed=2)  # more than one batch of the evaluation
    model = keras.models.clone_model(trained.to_keras())  # The network saves its own.
    model.set_weights(trained.weights())
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    images = shown.images / np.float32(255)
    their_loss, their_accuracy = model.evaluate(images, shown.labels, verbose=0)

    loss, predicted, probabilities, _ = evaluate(trained, shown)

    assert loss == pytest.approx(their_loss, rel=LOSS_TOLERANCE)
    assert np.mean(predicted == shown.labels) == pytest.approx(their_accuracy, abs=1e-6)
    expected = model.predict(images, verbose=0)
    assert predicted.tolist() == expected.argmax(axis=1).tolist()
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)


def test_the_model_is_a_keras_file_of_ordinary_layers(
    trained: DenseNetwork, tmp_path: Path
) -> None:
    import keras
    import tensorflow as tf

    (tmp_path / "model.keras").write_bytes(trained.to_bytes())
    loaded = keras.saving.load_model(tmp_path / "model.keras")

    layers = [type(layer) for layer in loaded.layers]
    assert layers == [keras.layers.Rescaling, keras.layers.Flatten, *[keras.layers.Dense] * 3]
    assert loaded.input_shape == (None, 48, 48, 3)
    assert loaded.inputs[0].dtype == "uint8"
    shown = data(SHAPES[40, 12], 20, seed=2)
    probabilities = loaded.predict(shown.images, verbose=0)
    images = scaled(tf.constant(shown.images)).numpy()
    assert np.array_equal(probabilities, trained.to_keras().predict(images, verbose=0))
    assert probabilities.argmax(axis=1).tolist() == evaluate(trained, shown)[1].tolist()
