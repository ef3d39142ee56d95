"""Ray Tune over the variants, one trial on each core."""

import tempfile
import time
from typing import Any

import ray
from common import BATCH, Clock, arrays, keras_model, parse_options
from ray import tune

options = parse_options()
clock = Clock()


def train(config: dict[str, Any]) -> None:
    """Train a variant in a Ray process."""
    import numpy as np

    images, labels = ray.get(config["data"])
    model = keras_model(config["variant"])
    history = model.fit(
        np.array(images), labels, batch_size=BATCH, epochs=options.epochs, verbose=0
    )
    tune.report({"loss": history.history["loss"][-1]})


ray.init(log_to_driver=False, include_dashboard=False)
data = ray.put(arrays())
with tempfile.TemporaryDirectory() as folder:
    space = {"variant": tune.grid_search(options.variants), "data": data}
    tuner = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space=space,
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    )
    started = time.perf_counter()
    tuner.fit()
    an_epoch = 1000 * (time.perf_counter() - started) / options.epochs / len(options.variants)
clock.milliseconds = dict.fromkeys(options.variants, an_epoch)
clock.report()
ray.shutdown()
