"""Optuna asks, Keras's `fit` trains, MLflow's callback for Keras logs: trial after trial."""

import tempfile
from pathlib import Path

import mlflow
import optuna
from common import BATCH, VARIANTS, Clock, arrays, keras_model, options

given = options()
images, labels = arrays()
clock = Clock()
folder = tempfile.TemporaryDirectory()
mlflow.set_tracking_uri(f"sqlite:///{Path(folder.name, 'mlflow.db')}")
mlflow.set_experiment("bench")
optuna.logging.set_verbosity(optuna.logging.WARNING)


def objective(trial: optuna.Trial) -> float:
    """Train one of the variants."""
    variant = trial.suggest_categorical("variant", given.variants)
    model = keras_model(*VARIANTS[variant])
    model.fit(images, labels, batch_size=BATCH, epochs=1, verbose=0)
    with mlflow.start_run(), clock.of(variant, given.epochs):
        history = model.fit(
            images,
            labels,
            batch_size=BATCH,
            epochs=given.epochs,
            verbose=0,
            callbacks=[mlflow.keras.MlflowCallback()],
        )
    return float(history.history["loss"][-1])


study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(), direction="minimize")
study.optimize(objective, n_trials=len(given.variants))
clock.report()
folder.cleanup()
