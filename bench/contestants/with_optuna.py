"""Optuna proposes, Keras's `fit` trains, MLflow's Keras callback logs: trial after trial."""

import tempfile
from pathlib import Path

import mlflow
import optuna
from common import BATCH, Clock, arrays, keras_model, parse_options

options = parse_options()
images, labels = arrays()
clock = Clock()
folder = tempfile.TemporaryDirectory()
mlflow.set_tracking_uri(f"sqlite:///{Path(folder.name, 'mlflow.db')}")
mlflow.set_experiment("bench")
optuna.logging.set_verbosity(optuna.logging.WARNING)


def objective(trial: optuna.Trial) -> float:
    """Train a variant."""
    variant = trial.suggest_categorical("variant", options.variants)
    model = keras_model(variant)
    model.fit(images, labels, batch_size=BATCH, epochs=1, verbose=0)
    with mlflow.start_run(), clock.of(variant, options.epochs):
        history = model.fit(
            images,
            labels,
            batch_size=BATCH,
            epochs=options.epochs,
            verbose=0,
            callbacks=[mlflow.keras.MlflowCallback()],
        )
    return float(history.history["loss"][-1])


study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(), direction="minimize")
study.optimize(objective, n_trials=len(options.variants))
clock.report()
folder.cleanup()
