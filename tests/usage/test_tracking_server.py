"""A sweep that is recorded by a tracking server in another process."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from looking import wait_until

pytestmark = pytest.mark.slow

SPEC = "name: served\nmodel: {hidden: [3]}\nbase: {epochs: 3}\ngrid: {l2: [0, 0.1]}\n"


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that somebody else has started, in a folder of its own."""
    folder: Path = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | quiet,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    wait_until(lambda: is_up(address), seconds=90)
    yield address
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_server_keeps_runs_metrics_and_artifacts_and_answers_for_them(project, server) -> None:
    from mlflow import MlflowClient

    project.write("served.yaml", SPEC)
    done = project.run("run", "served.yaml", MLFLOW_TRACKING_URI=server)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3, done.stdout
    assert [file.name for file in (project.folder / "mlruns").iterdir()] == ["checkpoints"]

    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("served")
    runs = client.search_runs([experiment.experiment_id], "tags.`signs_sweep.run_id` LIKE '%'")
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    for run in runs:
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [point.step for point in history] == [1, 2, 3]
        files = {item.path for item in client.list_artifacts(run.info.run_id)}
        assert {"cost.png", "history.csv", "model"} <= files
        picture = client.download_artifacts(run.info.run_id, "cost.png", str(project.folder))
        assert Path(picture).read_bytes().startswith(b"\x89PNG")

    again = project.run("run", "served.yaml", "--tracking-uri", server)
    assert "2 runs, 2 cached" in again.stderr
    compared = project.run("compare", "served", "--format", "csv", "--tracking-uri", server)
    assert compared.stdout.count("FINISHED") == 2
    opened = project.run("ui", "--no-browser", "--tracking-uri", server)
    assert (opened.returncode, opened.stdout.strip()) == (0, server)


def test_a_server_that_is_away_is_an_error_before_anything_is_trained(project) -> None:
    done = project.run("run", "toy.yaml", "--tracking-uri", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "the tracking server http://127.0.0.1:9 does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
