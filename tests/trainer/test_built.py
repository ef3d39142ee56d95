"""Models that a user's function builds: trained like the built-in one, or refused."""

import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_training import bits, history, run_on, weights

from signs_sweep.data import DataSource
from signs_sweep.domain import Built, Checkpoint, Parameters, Run
from signs_sweep.errors import TrainingError
from signs_sweep.planning.building import find_model
from signs_sweep.trainer.built import BuiltNetwork
from signs_sweep.trainer.evaluation import LabelledImages
from signs_sweep.trainer.loop import EpochLoop
from signs_sweep.trainer.randomness import sample_order
from signs_sweep.trainer.training import Trainer

pytestmark = pytest.mark.slow

MODULE = '''
import functools

import keras
from keras import layers


def dense(shape, classes, l2=0.0):
    image = keras.Input(shape)
    hidden = layers.Dense(6, activation="relu", kernel_regularizer=keras.regularizers.L2(l2))
    inner = hidden(layers.Flatten()(image))
    return keras.Model(image, layers.Dense(classes, activation="softmax")(inner))


def rich(shape, classes):
    """Everything at once: convolution, batch norm, dropout, a penalty, a model within a model."""
    part = keras.Sequential([layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.4)])
    image = keras.Input(shape)
    inner = part(layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2")(image))
    inner = layers.Dropout(0.2)(layers.Flatten()(inner))
    return keras.Model(image, layers.Dense(classes, activation="softmax")(inner))


def logits(shape, classes):
    return keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(classes)])


def too_many(shape, classes):
    return keras.Sequential(
        [keras.Input(shape), layers.Flatten(), layers.Dense(classes + 1, activation="softmax")])


def gray(shape, classes):
    return keras.Sequential(
        [keras.Input((9, 9, 1)), layers.Flatten(), layers.Dense(classes, "softmax")])


def nothing(shape, classes):
    return None


class Fixed(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.dense = layers.Dense(classes, activation="softmax")

    def call(self, images):
        return self.dense(keras.ops.reshape(images, (images.shape[0], 16 * 32)))


def fixed(shape, classes):
    return Fixed(classes)


def broken(shape, classes):
    raise RuntimeError("my own mistake")


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **more):
        return function(*args, **more, width=3)
    return wrapper


@logged
def narrow(shape, classes):
    pass


def clumsy(shape, classes):
    return "a" + 1
'''

NAMES = (
    *("dense", "rich", "logits", "too_many", "gray"),
    *("nothing", "fixed", "broken", "narrow", "clumsy"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    (path / "mine.py").write_text(textwrap.dedent(MODULE), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def source(make_source) -> DataSource:
    return make_source()


def built_run(source: DataSource, folder: Path, function: str, **changes: object) -> Run:
    run = run_on(source, **{"keep_prob": 1.0, **changes})
    found = find_model(f"mine:{function}", (), folder)[0]
    return replace(run, model=Built(f"mine:{function}", (), found.fingerprint))


def trainer_of(source: DataSource, folder: Path) -> Trainer:
    found = [find_model(f"mine:{name}", (), folder)[0] for name in NAMES]
    return Trainer(
        {source.load().fingerprint: source}, {model.fingerprint: model for model in found}
    )


@pytest.fixture(scope="module")
def trainer(source: DataSource, folder: Path) -> Trainer:
    return trainer_of(source, folder)


def test_a_rich_model_gives_the_same_bits_first_again_and_after_others(
    source: DataSource, folder: Path, trainer: Trainer
) -> None:
    run = built_run(source, folder, "rich")
    first = bits(list(trainer.train(run)))
    list(trainer.train(built_run(source, folder, "rich", global_seed=8, init_seed=4)))
    next(trainer.train(built_run(source, folder, "rich", epochs=300)))
    assert bits(list(trainer.train(run))) == first
    assert bits(list(trainer_of(source, folder).train(run))) == first


@pytest.mark.parametrize("seed", ["global_seed", "init_seed"])
def test_each_seed_matters(source: DataSource, folder: Path, trainer: Trainer, seed: str) -> None:
    one, other = (
        history(list(trainer.train(built_run(source, folder, "rich", **{seed: number}))))
        for number in (1, 2)
    )
    assert not np.array_equal(one["loss"], other["loss"])


def test_a_longer_run_begins_with_the_shorter_one(
    source: DataSource, folder: Path, trainer: Trainer
) -> None:
    short = history(list(trainer.train(built_run(source, folder, "rich", epochs=3))))
    long = history(list(trainer.train(built_run(source, folder, "rich", epochs=9))))
    for name, values in short.items():
        assert np.array_equal(long[name][:3], values)


def test_a_rich_model_that_resumes_gives_the_bits_of_one_that_was_never_interrupted(
    source: DataSource, folder: Path, trainer: Trainer
) -> None:
    run = built_run(source, folder, "rich", epochs=12)
    expected = bits(list(trainer.train(run)))
    trainer._checkpoint_seconds = 0
    events = trainer.train(run)
    checkpoint = next(event for event in events if isinstance(event, Checkpoint))
    trainer._checkpoint_seconds = None
    assert 0 < checkpoint.epoch < 12
    assert bits(list(trainer.train(run, checkpoint.content))) == expected


def test_what_is_kept_predicts_as_the_run_says(
    source: DataSource, folder: Path, trainer: Trainer
) -> None:
    import keras

    run = built_run(source, folder, "rich", validation=0.2)
    events = list(trainer.train(run))
    assert history(events).keys() == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert len(weights(events[-1])) == 8
    path = folder / "model.keras"
    path.write_bytes(events[-1].model)
    data = source.load()
    expected = keras.saving.load_model(path).predict(data.test_images, verbose=0)
    predicted = expected.argmax(axis=1)
    recorded = events[-1].predictions["test"].probabilities
    np.testing.assert_allclose(recorded, expected, rtol=0, atol=1e-6)
    assert (predicted == data.test_labels).mean() == events[-1].metrics["test_accuracy"]


@pytest.fixture(scope="module")
def dense_loop(source: DataSource, folder: Path) -> EpochLoop:
    """It is compiled once for all penalties; 60 samples leave a smaller last batch."""
    builder = find_model("mine:dense", (), folder)[0].load()
    return EpochLoop(BuiltNetwork(builder, (), source.load().image_shape, 3), 16, 60)


@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_it_trains_as_keras_does(
    source: DataSource, folder: Path, dense_loop: EpochLoop, l2: float
) -> None:
    """The same weights and batches give the losses and accuracies of `train_on_batch`.

    Without what draws random numbers. Tolerance: sums are added in another order, 1e-5 relative.
    """
    import keras

    builder = find_model("mine:dense", (), folder)[0].load()
    data = source.load()
    shown = LabelledImages(data.train_images, data.train_labels)
    loop, network = dense_loop, dense_loop.network
    loop.start(Parameters(learning_rate=1e-3, batch_size=16, l2=l2, global_seed=3))
    model = builder(data.image_shape, 3, l2=l2)
    model.set_weights(network._model.get_weights())
    model.compile(
        keras.optimizers.Adam(1e-3),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=True,  # tracing takes longer than these few steps
    )
    images = shown.images.astype(np.float32) / np.float32(255)
    theirs = []
    for epoch in range(3):
        order = sample_order(3, epoch, len(shown))
        batches, sizes = [], []
        for first in range(0, len(shown), 16):
            rows = order[first : first + 16]
            model.reset_metrics()
            batches.append(model.train_on_batch(images[rows], shown.labels[rows]))
            sizes.append(len(rows))
        theirs.append(np.average(np.array(batches, np.float64), axis=0, weights=sizes))
    ours = loop.advance(3, shown)
    losses, accuracies = np.array(theirs).T
    np.testing.assert_allclose(ours["loss"], losses, rtol=1e-5)
    np.testing.assert_allclose(ours["accuracy"], accuracies, rtol=0, atol=1e-6)
    for mine, other in zip(network._model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("logits", "activation='softmax'"),
        ("too_many", "instead of a probability for each of 3 classes"),
        ("gray", "does not accept images of"),
        ("nothing", "returned NoneType"),
        ("fixed", r"does not accept a batch of unknown size: do not use x\.shape"),
        ("narrow", r"be called with the input shape, the number of classes: narrow\(\) got an"),
    ],
)
def test_a_model_that_does_not_classify_these_images_is_refused(
    source: DataSource, folder: Path, trainer: Trainer, function: str, words: str
) -> None:
    with pytest.raises(TrainingError, match=words):
        next(trainer.train(built_run(source, folder, function)))


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [("broken", RuntimeError, "my own mistake"), ("clumsy", TypeError, "can only concatenate str")],
)
def test_a_mistake_in_the_function_keeps_its_traceback(
    source: DataSource, folder: Path, trainer: Trainer, function: str, error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        next(trainer.train(built_run(source, folder, function)))
