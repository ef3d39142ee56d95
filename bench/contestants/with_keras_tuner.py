"""Keras Tuner's grid search over the variants, trial after trial."""

import tempfile
import time
from typing import Any

import keras_tuner
from common import BATCH, Clock, arrays, keras_model, parse_options

options = parse_options()
images, labels = arrays()
clock = Clock()


class Model(keras_tuner.HyperModel):
    """The model of a variant."""

    def build(self, hp: keras_tuner.HyperParameters) -> Any:
        """Return the model of the variant that the tuner chose."""
        return keras_model(hp.Choice("variant", options.variants))


with tempfile.TemporaryDirectory() as folder:
    tuner = keras_tuner.GridSearch(Model(), objective="loss", directory=folder, max_trials=10)
    started = time.perf_counter()
    tuner.search(images, labels, batch_size=BATCH, epochs=options.epochs, verbose=0)
    an_epoch = 1000 * (time.perf_counter() - started) / options.epochs / len(options.variants)
clock.milliseconds = dict.fromkeys(options.variants, an_epoch)
clock.report()
