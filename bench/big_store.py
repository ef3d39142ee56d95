"""Create a tracking store with many runs, to measure commands on it.

    python bench/big_store.py FOLDER [--runs 2000] [--epochs 500]
                              [--tracking-uri URI] [--database URI]

The runs are those of FOLDER/big.yaml, so that `plan`, `run` and `compare` find them finished. They
are recorded in FOLDER, or in any store; of a server, also name the database behind it. Nothing is
trained: the tracker records the first run with invented results, and its rows are copied in the
database for the others, with a different test accuracy and the predictions that belong to it.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
from sqlalchemy import Connection, MetaData, create_engine, insert, literal, select

from signs_sweep.data import Dataset
from signs_sweep.domain import Diagnosis, Finished, Predictions, Progress, Run, Started, State
from signs_sweep.domain.diagnosis import Condition
from signs_sweep.planning.plan import Part
from signs_sweep.planning.preparation import prepare
from signs_sweep.project.tracking_store import resolve_uri
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, MlflowIndex, MlflowTracker
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import connect
from signs_sweep.tracking.mlflow.predictions import PREDICTIONS, predictions_file
from signs_sweep.tracking.mlflow.recorder import params_of

SPEC = """\
name: big
data: drawn
base: {{epochs: {epochs}}}
grid: {{l2: [{l2}]}}
seeds: {seeds}
"""
SEEDS = 10
NAMES = ("processor", "vectors", "device", "tensorflow", "keras", "numpy", "python", "platform")
UPLOADS = 8


def main() -> None:
    """Write the spec and the store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--tracking-uri", default="sqlite:///mlruns/mlflow.db")
    parser.add_argument("--database", help="behind a server")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    spec = options.folder / "big.yaml"
    l2 = ", ".join(f"{0.001 * number:.3f}" for number in range(options.runs // SEEDS))
    spec.write_text(SPEC.format(epochs=options.epochs, l2=l2, seeds=SEEDS), encoding="utf-8")
    started = time.monotonic()
    uri = resolve_uri(options.tracking_uri, options.folder)
    prepared = prepare([spec])
    (part,), (dataset,) = prepared.plan.parts, prepared.datasets.values()
    accuracies = draw_accuracies(part)
    record_first(uri, part, dataset, accuracies)
    database = uri if options.database is None else resolve_uri(options.database, options.folder)
    with create_engine(database).begin() as connection:
        copy_rows(connection, part, accuracies)
    upload_predictions(uri, part, dataset, accuracies)
    runs, seconds = len(part.runs), time.monotonic() - started
    print(f"{runs:,} runs of {options.epochs:,} epochs in {seconds:.0f} s")


def draw_accuracies(part: Part) -> dict[str, float]:
    """Return an invented test accuracy for each run: seeds differ as much as settings."""
    draws = np.random.default_rng(0)
    of_trials = {trial.number: draws.normal(0.8, 0.04) for trial, _ in part.runs}
    return {
        run.run_id: round(120 * min(draws.normal(of_trials[trial.number], 0.04), 1)) / 120
        for trial, run in part.runs
    }


def invented(run: Run, dataset: Dataset, accuracy: float) -> dict[str, Predictions]:
    """Return predictions on the test set with a certain accuracy."""
    labels = dataset.test_labels
    draws = np.random.default_rng(int(run.run_id[:8], 16))
    is_wrong = draws.permutation(len(labels)) >= round(accuracy * len(labels))
    probabilities = draws.dirichlet(np.ones(len(dataset.classes)), len(labels)) * 0.4
    predicted = (labels + is_wrong) % len(dataset.classes)
    probabilities[np.arange(len(labels)), predicted] += 0.6
    return {"test": Predictions(np.arange(len(labels)), labels, probabilities.astype(np.float32))}


def record_first(uri: str, part: Part, dataset: Dataset, accuracies: dict[str, float]) -> None:
    """Record the first run with the tracker."""
    example = dataset.test_images[:1]
    info = DatasetInfo(dataset.name, dataset.classes, example, drawn=dataset.drawn)
    trial, run = part.runs[0]
    tracker = MlflowTracker(uri, {run.data: info})
    experiment = part.experiment
    sweep = SweepRecord(experiment.name, "", experiment.text, "plan\n", dataset.name, uuid4().hex)
    tracker.open([sweep])
    tracker.start(trial, run)
    tracker.record(Started(run.run_id, 0, time.time(), dict.fromkeys(NAMES, "1.0")))
    curve = np.geomspace(1.8, 0.1, run.parameters.epochs)
    moments = time.time() * 1000 + np.arange(len(curve))
    tracker.record(Progress(run.run_id, 1, {"loss": curve, "accuracy": 1 - curve / 2}, moments))
    final = {"final_train_accuracy": 0.95, "test_accuracy": accuracies[run.run_id]}
    tracker.record(
        Finished(
            *(run.run_id, time.time(), 9.0, final, np.ones((6, 6), np.int64), bytes(1_200_000)),
            predictions=invented(run, dataset, accuracies[run.run_id]),
            diagnosis=Diagnosis(Condition.LEARNED),
            pictures={name: bytes(30_000) for name in ("curves.png", "confusion.png")},
        )
    )
    tracker.close(State.FINISHED, {})


def copy_rows(connection: Connection, part: Part, accuracies: dict[str, float]) -> None:
    """Copy what the tables have of the first run for all others, with their own values."""
    known = MetaData()
    known.reflect(
        connection, only=["runs", "tags", "params", "metrics", "latest_metrics", "inputs"]
    )
    runs = known.tables["runs"]
    (_, first), *others = part.runs
    named = known.tables["tags"]
    is_first = (named.c.key == tags.RUN_ID) & (named.c.value == first.run_id)
    (template,) = connection.execute(select(named.c.run_uuid).where(is_first)).scalars()
    (address,) = connection.execute(
        select(runs.c.artifact_uri).where(runs.c.run_uuid == template)
    ).scalars()

    for number, (trial, run) in enumerate(others, start=1):
        location, title = uuid4().hex, trial.title_of(run)

        def copy(table: str, of_record: str, **values: object) -> None:
            """Insert the rows of the first record into a table for the new one."""
            columns = known.tables[table].c
            values[of_record] = location  # noqa: B023
            chosen = [
                literal(values[column.name]).label(column.name) if column.name in values else column
                for column in columns
            ]
            rows = select(*chosen).where(columns[of_record] == template)
            connection.execute(insert(known.tables[table]).from_select(columns.keys(), rows))

        began = time.time_ns() // 1_000_000 + number
        copy(
            *("runs", "run_uuid"),
            name=title,
            start_time=began,
            end_time=began + 9000,
            artifact_uri=address.replace(template, location),
        )
        for table in ("tags", "params", "metrics", "latest_metrics"):
            copy(table, "run_uuid")
        copy("inputs", "destination_id", input_uuid=uuid4().hex)
        texts = {tags.RUN_ID: run.run_id, tags.TRIAL: str(trial.number), tags.NAME: title}
        baseline = trial.baseline_of(run)
        texts |= {tags.BASELINE: baseline} if baseline else {}
        scores = {"test_accuracy": accuracies[run.run_id]}
        changed = (("tags", texts), ("params", params_of(run)), ("metrics", scores))
        for table, new in (*changed, ("latest_metrics", scores)):
            columns = known.tables[table].c
            for name, value in new.items():
                is_it = (columns.run_uuid == location) & (columns.key == name)
                connection.execute(known.tables[table].update().where(is_it).values(value=value))


def upload_predictions(
    uri: str, part: Part, dataset: Dataset, accuracies: dict[str, float]
) -> None:
    """Add their predictions to all records."""
    client = connect(uri)
    locations = {record.run_id: record.location for record in MlflowIndex(uri).records()}

    def upload(run: Run) -> None:
        content = predictions_file(invented(run, dataset, accuracies[run.run_id]), dataset.classes)
        with TemporaryDirectory() as folder:
            Path(folder, PREDICTIONS).write_bytes(content)
            client.log_artifacts(locations[run.run_id], folder)

    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(upload, [run for _, run in part.runs[1:]]))


if __name__ == "__main__":
    main()
