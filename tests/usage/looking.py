"""Looking from outside at what a command does: its store and its processes."""

import io
import sqlite3
import time
import zipfile
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import h5py

from signs_sweep.tracking import MlflowTracker

PATIENCE = 600
"""Seconds after which something counts as hanging: more than a busy machine needs."""


def runs_in(project, experiment: str = "toy"):
    """All MLflow runs of an experiment, with parents."""
    MlflowTracker(project.uri, {}).open([])  # Makes or waits for a store that is not there yet.
    from mlflow import MlflowClient

    client = MlflowClient(project.uri)
    found = client.get_experiment_by_name(experiment)
    return client, client.search_runs([found.experiment_id]) if found else []


def children(project, experiment: str = "toy"):
    client, runs = runs_in(project, experiment)
    return client, [run for run in runs if "signs_sweep.run_id" in run.data.tags]


def rows_of(project, query: str) -> list[tuple]:
    """What a query finds in the database of a project: cheaper than MLflow for who waits."""
    with closing(sqlite3.connect(project.folder / "mlruns" / "mlflow.db", timeout=60)) as database:
        return database.execute(query).fetchall()


def processes_in(project) -> dict[int, str]:
    """Command lines, by process id, of what lives in the folder of a project and is ours."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            cwd = (folder / "cwd").readlink()
        except OSError:
            continue
        if state != "Z" and cwd == project.folder and "signs_sweep" in line:
            found[int(folder.name)] = line
    return found


def epochs_kept(project) -> int:
    """How many epochs are in checkpoints, over all trajectories."""
    folders = (project.folder / "mlruns" / "checkpoints").glob("*/")
    return sum(
        max((int(file.name[:8]) for file in folder.glob("*.h5")), default=0) for folder in folders
    )


def processes_with(variable: str) -> list[int]:
    """Processes that live and have a variable in their environment, as in NAME=value."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def assert_no_secret(secrets: Iterable[str], texts: Iterable[str], *folders: Path) -> None:
    """Look for secrets, as they are and encoded, in texts and in the files of folders.

    Specs that a user has written are not looked at.
    """
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    contents = [str(text).encode() for text in (*texts, *files)]
    for file in files:
        if file.suffix != ".yaml" or "mlruns" in str(file):
            with suppress(FileNotFoundError):  # A sweep that runs removes checkpoints.
                contents.append(file.read_bytes())
    assert contents
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), quote(secret)}:
            assert not any(form.encode() in content for content in contents), form


def wait_until(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def arrays_in(content: bytes) -> list[bytes]:
    """All arrays of an HDF5 file, given its content."""
    found: list[bytes] = []
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(
            lambda _, item: found.append(item[()].tobytes()) if hasattr(item, "shape") else None
        )
    return found


def recorded_bits(project) -> dict[str, tuple]:
    """By run, its whole history, its final metrics and its weights as they are recorded."""
    client, runs = children(project)
    result = {}
    for run in runs:
        folder = Path(client.download_artifacts(run.info.run_id, "", str(project.folder)))
        with zipfile.ZipFile(folder / "model" / "data" / "model.keras") as model:
            values = arrays_in(model.read("model.weights.h5"))
        final = {name: value for name, value in run.data.metrics.items() if name != "seconds"}
        history = (folder / "history.csv").read_text()
        result[run.data.tags["signs_sweep.run_id"]] = (history, final, values)
    return result
