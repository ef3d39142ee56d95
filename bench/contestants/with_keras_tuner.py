"""Keras Tuner's grid search over the variants, trial after trial."""

import tempfile
import time
from typing import Any

import keras_tuner
from common import BATCH, VARIANTS, Clock, arrays, keras_model, options

given = options()
images, labels = arrays()
clock = Clock()


class Model(keras_tuner.HyperModel):
    """One of the variants."""

    def build(self, hp: keras_tuner.HyperParameters) -> Any:
        """Return its model."""
        return keras_model(*VARIANTS[hp.Choice("variant", given.variants)])


with tempfile.TemporaryDirectory() as folder:
    tuner = keras_tuner.GridSearch(Model(), objective="loss", directory=folder, max_trials=10)
    started = time.perf_counter()
    tuner.search(images, labels, batch_size=BATCH, epochs=given.epochs, verbose=0)
    an_epoch = 1000 * (time.perf_counter() - started) / given.epochs / len(given.variants)
clock.milliseconds = dict.fromkeys(given.variants, an_epoch)
clock.report()
