"""Create a tracking store with many runs, to measure commands on it.

    python bench/big_store.py FOLDER [--runs 2000] [--epochs 500]

The runs are those of FOLDER/big.yaml, which is written next to the store, so that `plan`, `run` and
`compare` find them finished. Nothing is trained: their metrics are invented, and recorded in the
form that the tracker uses, without pictures and models.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from signs_sweep.planning.preparation import prepare
from signs_sweep.project.tracking_store import resolve_uri
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import connect, experiment_for
from signs_sweep.tracking.mlflow.recorder import params_of

SPEC = """\
name: big
data: drawn
base: {{epochs: {epochs}}}
grid: {{l2: [{l2}]}}
seeds: {seeds}
"""
SEEDS = 10


def main() -> None:
    """Write the spec and the store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=500)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    spec = options.folder / "big.yaml"
    l2 = ", ".join(f"{0.001 * number:.3f}" for number in range(options.runs // SEEDS))
    spec.write_text(SPEC.format(epochs=options.epochs, l2=l2, seeds=SEEDS), encoding="utf-8")
    started = time.monotonic()
    runs = record(spec, resolve_uri("sqlite:///mlruns/mlflow.db", options.folder))
    print(f"{runs:,} runs of {options.epochs:,} epochs in {time.monotonic() - started:.0f} s")


def record(spec: Path, uri: str) -> int:
    """Record every run of a spec as finished, with invented metrics; return the number of runs."""
    from mlflow.entities import Metric, Param, RunTag

    client = connect(uri)
    (part,) = prepare([spec]).plan.parts
    experiment = experiment_for(client, uri, part.experiment.name)
    parent = client.create_run(experiment, run_name="sweep").info.run_id
    draws = np.random.default_rng(0)
    for trial, run in part.runs:
        epochs = run.parameters.epochs
        record_id = client.create_run(
            experiment,
            run_name=trial.title_of(run),
            tags={
                tags.PARENT: parent,
                tags.RUN_ID: run.run_id,
                tags.TRIAL: str(trial.number),
                tags.DATA: run.data,
                tags.EPOCHS: str(epochs),
            },
        ).info.run_id
        params = [Param(name, value) for name, value in params_of(run).items()]
        final = {name: draws.random() for name in ("final_train_accuracy", "test_accuracy")}
        metrics = [
            Metric(name, value, 0, epochs) for name, value in (final | {"seconds": 9.0}).items()
        ]
        curve = np.geomspace(1.8, 0.1, epochs)
        for name, values in (("loss", curve), ("accuracy", 1 - curve / 2)):
            metrics += [Metric(name, float(v), s, s) for s, v in enumerate(values, start=1)]
        client.log_batch(record_id, params=params, tags=[RunTag(tags.DATASET, "drawn")])
        for first in range(0, len(metrics), 900):
            client.log_batch(record_id, metrics=metrics[first : first + 900])
        client.set_terminated(record_id)
    client.set_terminated(parent)
    return len(part.runs)


if __name__ == "__main__":
    main()
