"""A sweep that is recorded by a tracking server in another process."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from looking import PATIENCE, wait_until

import signs_sweep
from signs_sweep.tracking.mlflow.view import VIEW

pytestmark = pytest.mark.slow

SPEC = "name: served\nmodel: {hidden: [3]}\nbase: {epochs: 3}\ngrid: {l2: [0, 0.1]}\n"

SECRET = "s3cret%40pw"
OTHER_SECRET = "0ther-secret"


def assert_no_secret(texts: Iterable[str], *folders: Path) -> None:
    """Look for the secrets in texts and in all files of folders, and in the names of these."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    read = [file.read_bytes() for file in files if file.suffix != ".yaml" or "mlruns" in str(file)]
    for secret in (SECRET, "s3cret@pw", OTHER_SECRET):
        assert not any(secret in text for text in (*texts, *map(str, files)))
        assert not any(secret.encode() in content for content in read)


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False


class Server:
    """A tracking server that somebody else has started, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.address = f"http://127.0.0.1:{self.port}"
        self.with_password = f"http://me:{SECRET}@127.0.0.1:{self.port}"

    def start(self) -> None:
        folder = self.folder
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
        command += ["--artifacts-destination", str(folder / "artifacts")]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | quiet,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: is_up(self.address))

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    with suppress(ProcessLookupError):
        server.stop()


@pytest.fixture
def running_server(one_server: Server) -> Server:
    """A server that runs; a test that fails may have left it stopped."""
    if one_server.process.poll() is not None:
        one_server.start()
    return one_server


def test_a_server_keeps_runs_metrics_and_artifacts_and_answers_for_them(
    bare_project, running_server
) -> None:
    from mlflow import MlflowClient

    project = bare_project
    server = running_server.with_password
    project.write("served.yaml", SPEC)
    done = project.run("run", "served.yaml", "--workers", "0", MLFLOW_TRACKING_URI=server)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split("\n\n")[0].splitlines()) == 3, done.stdout
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
    assert len(signs_sweep.history("served", tracking_uri=server)) == 2 * 2 * 3
    assert len(signs_sweep.predictions("served", tracking_uri=server)) == 2 * 12
    compared = project.run("compare", "served", "--format", "csv", "--tracking-uri", server)
    assert compared.stdout.count("FINISHED") == 2
    opened = project.run("ui", "served.yaml", "--no-browser", "--tracking-uri", server)
    assert opened.returncode == 0, opened.stderr
    shown = f"/#/experiments/{experiment.experiment_id}/runs?"
    assert opened.stdout.startswith(server.replace(f":{SECRET}@", "@") + shown)
    assert VIEW in client.get_experiment(experiment.experiment_id).tags
    cleaned = project.run("clean", "served", "--yes", "--tracking-uri", server)
    assert "`mlflow gc` on the server removes them" in " ".join(cleaned.stdout.split())
    assert not list((project.folder / "mlruns").rglob("*.h5"))
    plan = ("plan", "served.yaml", "--tracking-uri", server)
    assert "2 runs to train, 0 cached" in project.run(*plan).stdout
    for run in runs:
        client.restore_run(run.info.run_id)
    assert "2 runs, all cached" in project.run(*plan).stdout
    for one in (done, again, compared, opened, cleaned):
        assert_no_secret([one.stdout, one.stderr])


def test_a_server_that_is_away_is_an_error_before_anything_is_trained(project) -> None:
    done = project.run("run", "toy.yaml", "--tracking-uri", f"http://me:{SECRET}@127.0.0.1:9")
    assert done.returncode == 2
    assert "the tracking server http://me:***@127.0.0.1:9 does not answer" in done.stderr
    assert_no_secret([done.stderr])
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


# One sample a step makes the epochs slow enough for a server to go and come back.
LONG = f"""\
name: long
search: {{storage: "postgresql://me:{OTHER_SECRET}@127.0.0.1/db"}}
model: {{hidden: [200, 100]}}
base: {{batch_size: 1, learning_rate: 1e-4, init_seed: 9}}
cases: [{{label: short, epochs: 200}}, {{label: long, epochs: 400, l2: 0.01}}]
"""


def test_a_server_that_goes_away_in_the_middle_gets_everything_later(
    bare_project, running_server
) -> None:
    from mlflow import MlflowClient

    project = bare_project
    address = running_server.with_password
    project.write("long.yaml", LONG)
    command = ("run", "long.yaml", "--workers", "2", "--tracking-uri", address)
    process = project.start(*command, "--checkpoint-seconds", "0.5")
    checkpoints = project.folder / "mlruns" / "checkpoints"
    wait_until(lambda: any(checkpoints.rglob("*.h5")))
    running_server.stop()
    spool = project.folder / "mlruns" / "spool"
    wait_until(lambda: list(spool.glob("*.jsonl")))
    assert_no_secret([], project.folder / "mlruns")
    wait_until(lambda: len(list(checkpoints.rglob("*.end.h5"))) == 2)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert "does not answer" in err
    assert "Training continues" in err
    assert "Traceback" not in err
    assert len(out.split("\n\n")[0].splitlines()) == 3
    assert process.returncode == 1, "its runs had ended"
    assert "the next `run` or `search` writes it" in err
    running_server.start()
    again = project.run(*command)
    assert again.returncode == 0, again.stderr
    assert "recovered unsaved records of 1 sweep" in again.stderr
    assert not list(spool.iterdir())
    assert_no_secret([out, err], project.folder / "mlruns", running_server.folder)

    client = MlflowClient(address)
    experiment = client.get_experiment_by_name("long")
    runs = client.search_runs([experiment.experiment_id])
    states = sorted(run.info.status for run in runs)
    assert states == ["FINISHED"] * 3, "a sweep and its two runs"
    trained = [run for run in runs if "signs_sweep.run_id" in run.data.tags]
    for run in trained:
        history = client.get_metric_history(run.info.run_id, "loss")
        steps = list(range(1, int(run.data.params["epochs"]) + 1))
        assert [point.step for point in history] == steps
        assert len(client.get_metric_history(run.info.run_id, "test_accuracy")) == 1
        assert {"model", "history.csv"} <= {
            item.path for item in client.list_artifacts(run.info.run_id)
        }
