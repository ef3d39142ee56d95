"""The tags of a run in MLflow."""

RUN_ID = "signs_sweep.run_id"
TRIAL = "signs_sweep.trial"
LABEL = "signs_sweep.label"
DATA = "signs_sweep.data"
DATASET = "signs_sweep.dataset"
EPOCHS = "signs_sweep.epochs"
MESSAGE = "signs_sweep.message"
ENVIRONMENT = "signs_sweep.env."

PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"

KIND = "mlflow.experimentKind"
"""Of an experiment: which pages MLflow shows for it."""
TRAINING = "custom_model_development"
"""The kind whose pages show training runs; without it they are those for language models."""
