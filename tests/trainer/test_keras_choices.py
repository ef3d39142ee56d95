"""Every choice held against plain Keras: same weights and batches give the same numbers.

As in `test_keras_equivalence`, where the tolerances are derived: both sides compute in float32 and
add in another order, and an optimizer that divides by the size of the gradient passes that on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signs_sweep.domain import NETWORK, PARAMETERS, Component, Dense, Parameters
from signs_sweep.trainer.built import BuiltNetwork
from signs_sweep.trainer.dense import DenseNetwork, initial_kernel
from signs_sweep.trainer.evaluation import LabelledImages, evaluate
from signs_sweep.trainer.loop import EpochLoop
from signs_sweep.trainer.randomness import dropout_mask, sample_order
from signs_sweep.trainer.recipe import Recipe

SAMPLES, HELD_OUT, CLASSES, EPOCHS = 70, 40, 4, 3
BATCH, STEPS = 24, 3
"""The last batch of an epoch has 22 samples, which are filled up unless the rows interact."""

SMALL, TILED = (8, 8, 3), (48, 48, 3)
"""Shapes of an image; with the second, the first kernel of 40 units is cut into five tiles."""


def chosen(name: str, word: str = "", **options: Any) -> dict[str, Component]:
    return {name: PARAMETERS[name].component(word, options)}


def optimizer(word: str, **options: Any) -> dict[str, Component]:
    return chosen("optimizer", word, **options)


def schedule(word: str, **options: Any) -> dict[str, Component]:
    return chosen("schedule", word, **options)


BASE = Parameters(learning_rate=1e-3, batch_size=BATCH, epochs=EPOCHS, global_seed=3, init_seed=5)
NARROW = Dense((10, 8))


@dataclass(frozen=True)
class Case:
    """A choice, and Keras's arguments for it; the optimizer of Keras has its default options."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    model: Dense = NARROW
    optimizer: str = "Adam"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, int, int] = SMALL
    weight_tolerance: float = 7e-5

    @classmethod
    def of(cls, kind: str, activation: str, rate: float = 1e-3, **options: Any) -> "Case":
        """Return a case of an optimizer whose options have the same names in Keras."""
        given = {"learning_rate": rate, **optimizer(kind.lower(), **options)}
        model = replace(NARROW, activation=activation)
        return cls(given, model, optimizer=kind, arguments=options)


_WIDE = Dense((40,))
_LION = Case.of("Lion", "selu", 1e-4, beta_1=0.8, beta_2=0.95, weight_decay=0.1)
_ADAMW = Case.of("AdamW", "gelu")
_SGD = Case.of("SGD", "relu", 0.05)

CASES = {
    "adam, tanh": Case.of("Adam", "tanh", beta_1=0.8, beta_2=0.95, epsilon=1e-4, weight_decay=0.05),
    "adamw with cosine, gelu": replace(
        _ADAMW, parameters={**_ADAMW.parameters, **schedule("cosine", warmup=1, end=0.1)}
    ),
    "sgd, sigmoid": Case.of("SGD", "sigmoid", 0.05, momentum=0.9, weight_decay=0.1),
    "nesterov, leaky_relu": Case.of("SGD", "leaky_relu", 0.02, momentum=0.8, nesterov=True),
    "rmsprop, elu": Case.of("RMSprop", "elu", rho=0.8, momentum=0.5, epsilon=1e-5),
    "nadam": Case.of("Nadam", "relu", beta_1=0.8, weight_decay=0.01),
    # The sign of a gradient near zero is that of the noise, and a step has the size of the rate.
    "lion, selu": replace(_LION, weight_tolerance=3e-4),
    "clipnorm": replace(Case.of("SGD", "relu", 0.1, clipnorm=0.05), model=_WIDE, shape=TILED),
    "global_clipnorm": replace(
        Case.of("SGD", "relu", 0.1, global_clipnorm=0.1), model=_WIDE, shape=TILED
    ),
    # Not with Adam: the gradient of a bias before batch normalisation is nothing but noise.
    "batch": replace(_SGD, model=replace(NARROW, norm="batch")),
    "layer, with dropout and l2": Case(
        {"keep_prob": 0.8, "l2": 0.03}, replace(NARROW, norm="layer")
    ),
    "class weights": Case(chosen("class_weights", **{"0": 2.0, "3": 0.5})),
}


def data(shape: tuple[int, int, int], samples: int = SAMPLES, seed: int = 0) -> LabelledImages:
    """Return images of which the last class has the most."""
    rng = np.random.default_rng(seed)
    labels = np.minimum(rng.integers(0, CLASSES + 2, samples), CLASSES - 1)
    images = rng.integers(0, 200, (samples, *shape)) + 10 * labels[:, None, None, None]
    return LabelledImages(images.astype(np.uint8), labels)


def loop_of(
    parameters: Parameters,
    model: Dense = NARROW,
    shape: tuple[int, int, int] = SMALL,
    held_out: int = 0,
) -> EpochLoop:
    network = DenseNetwork(shape, model, CLASSES)
    return EpochLoop(network, BATCH, SAMPLES, held_out, Recipe.of(parameters))


def plain_keras(case: Case, parameters: Parameters) -> Any:
    """Return a compiled Keras model as usually written, with the dropout masks as inputs."""
    import keras

    image = outputs = keras.layers.Input(case.shape)
    masks = [keras.layers.Input((units,)) for units in case.model.hidden]
    penalty = keras.regularizers.L2(parameters.l2)
    outputs = keras.layers.Flatten()(outputs)
    for units, mask in zip(case.model.hidden, masks, strict=True):
        outputs = keras.layers.Dense(units, kernel_regularizer=penalty)(outputs)
        if case.model.norm == "batch":
            outputs = keras.layers.BatchNormalization()(outputs)
        elif case.model.norm == "layer":
            outputs = keras.layers.LayerNormalization()(outputs)
        outputs = keras.layers.Activation(case.model.activation)(outputs)
        outputs = keras.layers.Multiply()([outputs, mask])
    outputs = keras.layers.Dense(CLASSES, activation="softmax")(outputs)
    model = keras.Model([image, *masks], outputs)
    rate: Any = parameters.learning_rate
    if parameters.schedule.name == "cosine":
        options = parameters.options("schedule")
        warmup = options["warmup"] * STEPS
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, EPOCHS * STEPS - warmup, options["end"], warmup_target=rate, warmup_steps=warmup
        )
    model.compile(
        optimizer=getattr(keras.optimizers, case.optimizer)(rate, **case.arguments),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=parameters.label_smoothing),
        metrics=["accuracy"],
        run_eagerly=True,  # tracing takes longer than these few steps
    )
    return model


def keras_weights(parameters: Parameters, labels: np.ndarray) -> dict[int, float] | None:
    if parameters.class_weights.name == "none":
        return None
    if parameters.class_weights.name == "balanced":
        return {c: len(labels) / CLASSES / np.sum(labels == c) for c in range(CLASSES)}
    return dict.fromkeys(range(CLASSES), 1.0) | {0: 2.0, 3: 0.5}


def start_both(loop: EpochLoop, model: Any, parameters: Parameters) -> None:
    """Give both the same initial weights: those of a run, with random vectors but no averages."""
    loop.start(parameters)
    rng = np.random.default_rng(0)
    for variable in loop.network.variables:
        if len(variable.shape) == 1:
            variable.assign_add(rng.normal(0, 0.1, variable.shape).astype(np.float32))
    model.set_weights(loop.network.weights())


def train_with_keras(model: Any, case: Case, parameters: Parameters) -> np.ndarray:
    """Train batch by batch; return losses and accuracies of the epochs, float64 (2, epochs)."""
    shown = data(case.shape)
    images, labels = shown.images.astype(np.float32) / 255, np.eye(CLASSES)[shown.labels]
    weights = keras_weights(parameters, shown.labels)
    seed, keep_prob, hidden = parameters.global_seed, parameters.keep_prob, case.model.hidden
    result = []
    for epoch in range(EPOCHS):
        order = sample_order(seed, epoch, SAMPLES)
        mask = dropout_mask(seed, epoch, SAMPLES, sum(hidden), keep_prob) / np.float32(keep_prob)
        parts = np.split(mask, np.cumsum(hidden)[:-1], axis=1)
        batches, sizes = [], []
        for first in range(0, SAMPLES, BATCH):
            rows = slice(first, first + BATCH)
            inputs = [images[order[rows]], *(part[rows] for part in parts)]
            model.reset_metrics()
            values = model.train_on_batch(inputs, labels[order[rows]], class_weight=weights)
            batches.append(values)
            sizes.append(len(order[rows]))
        result.append(np.average(np.array(batches, np.float64), axis=0, weights=sizes))
    return np.array(result).T


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_choice_is_that_of_keras(name: str) -> None:
    case = CASES[name]
    parameters = replace(BASE, **case.parameters)
    loop = loop_of(parameters, case.model, case.shape)
    model = plain_keras(case, parameters)
    start_both(loop, model, parameters)

    ours = loop.advance(EPOCHS, data(case.shape))
    losses, accuracies = train_with_keras(model, case, parameters)

    np.testing.assert_allclose(ours["loss"], losses, rtol=1e-5)
    np.testing.assert_allclose(ours["accuracy"], accuracies, rtol=0, atol=1e-6)
    for mine, other in zip(loop.network.weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=case.weight_tolerance)


@pytest.mark.slow
def test_val_loss_has_smoothed_labels_and_no_class_weights_as_in_fit() -> None:
    case = Case({"label_smoothing": 0.1, "l2": 0.03, **chosen("class_weights", "balanced")})
    parameters = replace(BASE, **case.parameters)
    loop = loop_of(parameters, held_out=HELD_OUT)
    model = plain_keras(case, parameters)
    start_both(loop, model, parameters)
    shown, held_out = data(SMALL), data(SMALL, HELD_OUT, seed=1)
    order = sample_order(parameters.global_seed, 0, SAMPLES)

    def inputs(images: np.ndarray) -> list[np.ndarray]:
        kept = [np.ones((len(images), units), np.float32) for units in NARROW.hidden]
        return [images / np.float32(255), *kept]

    ours = loop.advance(1, shown, held_out)
    history = model.fit(
        inputs(shown.images[order]),
        np.eye(CLASSES)[shown.labels[order]],
        batch_size=BATCH,
        class_weight=keras_weights(parameters, shown.labels),
        validation_data=(inputs(held_out.images), np.eye(CLASSES)[held_out.labels]),
        shuffle=False,
        verbose=0,
    ).history

    assert set(ours) == set(history)
    for name, values in history.items():
        np.testing.assert_allclose(ours[name], values, rtol=2e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_normalised_network_is_a_keras_file_of_ordinary_layers(norm: str, tmp_path: Path) -> None:
    import keras

    model = Dense((10, 8), norm=norm, activation="leaky_relu", init="he_normal")
    network = DenseNetwork(SMALL, model, CLASSES)
    rng = np.random.default_rng(0)
    network.set_weights([rng.random(part.shape, np.float32) for part in network.weights()])
    (tmp_path / "model.keras").write_bytes(network.to_bytes())
    loaded = keras.saving.load_model(tmp_path / "model.keras")

    kind = keras.layers.BatchNormalization if norm == "batch" else keras.layers.LayerNormalization
    hidden = [keras.layers.Dense, kind, keras.layers.Activation]
    layers = [type(layer) for layer in loaded.layers]
    assert layers == [
        keras.layers.Rescaling,
        keras.layers.Flatten,
        *hidden,
        *hidden,
        keras.layers.Dense,
    ]
    shown = data(SMALL, 20, seed=2)
    evaluation = evaluate(network, shown)
    expected = loaded.predict(shown.images, verbose=0)
    np.testing.assert_allclose(evaluation.probabilities, expected, rtol=0, atol=1e-5)
    assert evaluation.dead_units == [], "only relu units can be dead"


@pytest.mark.slow
@pytest.mark.parametrize("init", NETWORK["init"].words)
def test_initial_kernels_are_those_of_keras(init: str) -> None:
    import keras

    theirs = keras.initializers.get({"class_name": init, "config": {"seed": 5}})((6, 4))
    assert np.array_equal(initial_kernel(init, 5, (6, 4)), np.asarray(theirs))


@pytest.mark.slow
def test_a_built_model_has_every_choice() -> None:
    import keras

    def build(shape: tuple[int, int, int], classes: int) -> keras.Model:
        image = keras.Input(shape)
        hidden = keras.layers.Dense(10, activation="tanh")(keras.layers.Flatten()(image))
        return keras.Model(image, keras.layers.Dense(classes, activation="softmax")(hidden))

    parameters = replace(
        BASE,
        learning_rate=0.05,
        label_smoothing=0.1,
        **optimizer("sgd", momentum=0.9, weight_decay=0.01, global_clipnorm=0.5),
        **schedule("exponential", decay_epochs=1),
        **chosen("class_weights", "balanced"),
        **chosen("early_stopping", metric="loss", patience=1, min_delta=1.0),
    )
    shown = data(SMALL)
    network = BuiltNetwork(build, (), SMALL, CLASSES)
    loop = EpochLoop(network, BATCH, SAMPLES, 0, Recipe.of(parameters))
    loop.start(parameters)
    model = build(SMALL, CLASSES)
    model.set_weights(network._model.get_weights())
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, STEPS, 0.5)
    given = {"momentum": 0.9, "weight_decay": 0.01, "global_clipnorm": 0.5}
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(keras.optimizers.SGD(rate, **given), loss, run_eagerly=True)

    ours = loop.advance(5, shown)

    assert (len(ours["loss"]), loop.stopped, loop.best_epoch) == (2, True, 1)
    images, labels = shown.images / np.float32(255), np.eye(CLASSES)[shown.labels]
    for epoch in range(2):
        order = sample_order(parameters.global_seed, epoch, SAMPLES)
        for first in range(0, SAMPLES, BATCH):
            rows = order[first : first + BATCH]
            weights = keras_weights(parameters, shown.labels)
            model.train_on_batch(images[rows], labels[rows], class_weight=weights)
        if epoch == 0:
            best = model.get_weights()
    for mine, other in zip(network._model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=7e-5)
    loop.restore_best()
    for mine, other in zip(network._model.get_weights(), best, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=7e-5)
