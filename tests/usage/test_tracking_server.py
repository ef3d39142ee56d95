"""A sweep that is recorded by a tracking server in another process."""

import os
import signal
from collections.abc import Iterator

import pytest
from looking import PATIENCE, assert_no_secret, wait_until

from servers import Mlflow

pytestmark = pytest.mark.slow

SECRET = "s3cret%40pw"
OTHER_SECRET = "0ther-secret"
TOKEN = "eyJ-t0ken"
HASTY = {"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0"}
"""MLflow asks a server that is away again without a pause."""

SECRETS = (SECRET, "s3cret@pw", OTHER_SECRET, TOKEN)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    started = Mlflow(tmp_path_factory.mktemp("server"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


def test_a_server_that_is_away_is_an_error_before_anything_is_trained(project) -> None:
    command = ("run", "toy.yaml", "--tracking-uri", f"http://me:{SECRET}@127.0.0.1:9")
    done = project.run(*command, **HASTY)
    assert done.returncode == 2
    assert "the tracking server http://me:***@127.0.0.1:9 does not answer" in done.stderr
    assert_no_secret(SECRETS, [done.stderr])
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


# One sample a step makes the epochs slow enough for a server to go and come back.
LONG = f"""\
name: long
description: Libraries quote {TOKEN} too.
search: {{storage: "postgresql://me:{OTHER_SECRET}@127.0.0.1/db"}}
model: {{hidden: [200, 100]}}
base: {{batch_size: 1, learning_rate: 1e-4, init_seed: 9}}
cases: [{{label: short, epochs: 200}}, {{label: long, epochs: 400, l2: 0.01}}]
"""


def test_a_server_that_goes_away_in_the_middle_gets_everything_later(bare_project, server) -> None:
    from mlflow import MlflowClient

    project = bare_project
    address = f"http://me:{SECRET}@127.0.0.1:{server.port}"
    project.write("long.yaml", LONG)
    command = ("run", "long.yaml", "--workers", "1", "--tracking-uri", address)
    token = {"MLFLOW_TRACKING_TOKEN": TOKEN}
    process = project.start(*command, "--checkpoint-seconds", "0.5", **token, **HASTY)
    checkpoints = project.folder / "mlruns" / "checkpoints"
    wait_until(lambda: any(checkpoints.rglob("*.h5")))
    server.stop()
    spool = project.folder / "mlruns" / "spool"
    wait_until(
        lambda: sum(each.read_text().count('{"Finished"') for each in spool.glob("*.jsonl")) == 2
    )
    assert_no_secret(SECRETS, [], project.folder / "mlruns")
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert "does not answer" in err
    assert "Training continues" in err
    assert "Traceback" not in err
    assert len(out.split("\n\n")[0].splitlines()) == 3
    assert process.returncode == 1, "its runs had ended"
    assert "the next `run` or `search` writes it" in err
    server.start()
    again = project.run(*command, **token)
    assert again.returncode == 0, again.stderr
    assert "recovered unsaved records of 1 sweep" in again.stderr
    assert not list(spool.iterdir())
    assert_no_secret(SECRETS, [out, err], project.folder / "mlruns", server.folder)

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
