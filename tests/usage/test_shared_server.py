"""A group's server: MLflow with users over PostgreSQL, behind HTTPS with a private certificate."""

import os
import signal
import traceback
from base64 import b64encode
from pathlib import Path

import pytest
from looking import assert_no_secret, processes_in, wait_until

import signs_sweep
from servers import Postgres, SharedServer
from signs_sweep.errors import StoreError
from signs_sweep.tracking.mlflow.view import VIEW

pytestmark = pytest.mark.slow

QUOTING = f"description: Libraries quote {SharedServer.PASSWORD} and {SharedServer.TOKEN}.\n"
SPEC = "model: {hidden: [3]}\nbase: {epochs: 3}\ngrid: {l2: [0, 0.1]}\n" + QUOTING

SEARCH = f"""\
name: small
{QUOTING}data: signs
validation: 0.2
model: {{{{hidden: [4]}}}}
base: {{{{learning_rate: 1e-2, batch_size: 8, epochs: 5}}}}
search:
  storage: {{storage}}
  trials: 2
  confirm: 2
  sampler: {{{{name: random, seed: 1}}}}
  space: {{{{l2: {{{{low: 1e-4, high: 0.1, log: true}}}}}}}}
"""

SECRETS = (
    *(SharedServer.PASSWORD, SharedServer.TOKEN, Postgres.PASSWORD),
    b64encode(f"ann:{SharedServer.PASSWORD}".encode()).decode(),
)


def client_of(variables, monkeypatch: pytest.MonkeyPatch):
    from mlflow import MlflowClient

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return MlflowClient(variables["MLFLOW_TRACKING_URI"])


def test_every_command_works_with_a_password_and_with_a_token(
    bare_project, shared_server, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, token = bare_project, shared_server.token
    user = token | shared_server.user  # MLflow prefers the password to the token.
    project.write("served.yaml", f"name: served\n{SPEC}")
    done = project.run("run", "served.yaml", "--workers", "0", "--report", **user)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split("\n\n")[0].splitlines()) == 3, done.stdout
    assert [file.name for file in (project.folder / "mlruns").iterdir()] == ["checkpoints"]

    client = client_of(token, monkeypatch)
    experiment = client.get_experiment_by_name("served")
    runs = client.search_runs([experiment.experiment_id], "tags.`signs_sweep.run_id` LIKE '%'")
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    for run in runs:
        assert run.data.tags["mlflow.user"] == "ann"
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [point.step for point in history] == [1, 2, 3]
        files = {item.path for item in client.list_artifacts(run.info.run_id)}
        assert {"cost.png", "history.csv", "model"} <= files
        picture = client.download_artifacts(run.info.run_id, "cost.png", str(project.folder))
        assert Path(picture).read_bytes().startswith(b"\x89PNG")
    assert len(signs_sweep.history("served")) == 2 * 2 * 3
    assert len(signs_sweep.predictions("served", tracking_uri=shared_server.with_token)) == 2 * 12

    again = project.run("run", "served.yaml", **token)
    assert "2 runs, 2 cached" in again.stderr
    compared = project.run("compare", "served", "--format", "csv", **token)
    assert compared.stdout.count("FINISHED") == 2
    reported = project.run("report", "served", "-o", "report.html", **token)
    assert reported.returncode == 0, reported.stderr
    predicted = project.run("predict", "best:served", "cost.png", **token)
    assert predicted.returncode == 0, predicted.stderr
    opened = project.run("ui", "served.yaml", "--no-browser", **token)
    assert opened.returncode == 0, opened.stderr
    shown = f"{shared_server.with_token}/#/experiments/{experiment.experiment_id}/runs?"
    assert opened.stdout.startswith(shown)
    assert VIEW in client.get_experiment(experiment.experiment_id).tags
    cleaned = project.run("clean", "served", "--yes", **token)
    assert "`mlflow gc` on the server removes them" in " ".join(cleaned.stdout.split())
    assert not list((project.folder / "mlruns").rglob("*.h5"))
    assert "2 runs to train, 0 cached" in project.run("plan", "served.yaml", **user).stdout
    for run in runs:
        client.restore_run(run.info.run_id)
    assert "2 runs, all cached" in project.run("plan", "served.yaml", **user).stdout
    all_done = (done, again, compared, reported, predicted, opened, cleaned)
    assert_no_secret(SECRETS, [text for each in all_done for text in (each.stdout, each.stderr)])


def test_a_killed_sweep_continues_and_nothing_that_it_left_contains_a_secret(
    bare_project, shared_server, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, token = bare_project, shared_server.token
    user = token | shared_server.user  # MLflow prefers the password to the token.
    # One sample a step makes the epochs slow enough to be interrupted.
    base = "{batch_size: 1, learning_rate: 1e-4, epochs: 200}"
    project.write("long.yaml", f"name: long\nmodel: {{hidden: [200, 100]}}\nbase: {base}\n")
    command = ("run", "long.yaml", "--workers", "1", "--checkpoint-seconds", "0.3")
    process = project.start(*command, **user)
    wait_until(lambda: any((project.folder / "mlruns" / "checkpoints").rglob("*.h5")))
    lines = processes_in(project).values()
    assert any("executors.worker" in line for line in lines), lines
    os.killpg(process.pid, signal.SIGKILL)
    output = process.communicate()
    again = project.run("run", "long.yaml", "--workers", "0", **token)
    assert again.returncode == 0, again.stderr
    assert "resumes from epoch" in again.stderr, again.stderr
    client = client_of(token, monkeypatch)
    experiment = client.get_experiment_by_name("long")
    (run,) = client.search_runs([experiment.experiment_id], "tags.`signs_sweep.run_id` LIKE '%'")
    assert run.info.status == "FINISHED"
    steps = [point.step for point in client.get_metric_history(run.info.run_id, "loss")]
    assert steps == list(range(1, 201))
    texts = [*lines, *output, again.stdout, again.stderr]
    assert_no_secret(SECRETS, texts, project.folder / "mlruns")


def test_a_study_in_postgresql_and_its_server_contain_no_secret(
    bare_project, shared_server, postgres
) -> None:
    project, user = bare_project, shared_server.token | shared_server.user
    project.write("small.yaml", SEARCH.format(storage=postgres.database("studies")))
    done = project.run("search", "small.yaml", "--workers", "0", "--report", **user)
    assert done.returncode == 0, done.stderr
    rows = postgres.contents()
    assert "signs_sweep.proposals" in rows, "the study"
    assert "signs_sweep.run_id" in rows, "the records"
    artifacts = shared_server.mlflow.folder / "artifacts"
    assert list(artifacts.rglob("report.html"))
    assert_no_secret(SECRETS, [done.stdout, done.stderr, rows], artifacts, project.folder)


def test_records_and_claims_in_postgresql_contain_no_secret(bare_project, postgres) -> None:
    project, store = bare_project, postgres.database("store")
    project.write("served.yaml", f"name: served\n{SPEC}")
    secret = {
        "MLFLOW_TRACKING_PASSWORD": SharedServer.PASSWORD,
        "MLFLOW_TRACKING_TOKEN": SharedServer.TOKEN,
        "PGPASSWORD": Postgres.PASSWORD,
        "SIGNS_SWEEP_CLAIMS": postgres.database("claims"),
    }
    done = project.run("run", "served.yaml", "--workers", "0", "--tracking-uri", store, **secret)
    assert done.returncode == 0, done.stderr
    assert "--tracking-uri 'postgresql://signs:***@" in done.stderr, "a command to copy"
    doctor = [
        project.run("doctor", "--format", form, "--tracking-uri", store, **secret)
        for form in ("text", "json")
    ]
    assert all("signs:***@127.0.0.1" in shown.stdout for shown in doctor)
    rows = postgres.contents()
    assert "signs_sweep.run_id" in rows
    texts = [text for each in (done, *doctor) for text in (each.stdout, each.stderr)]
    assert_no_secret(SECRETS, [*texts, rows], project.folder)
    for part, wrong in (("/store", "/none"), (":pg-", ":wr0ng-pg-")):
        with pytest.raises(StoreError) as caught:
            signs_sweep.compare("served", tracking_uri=store.replace(part, wrong))
        assert_no_secret([*SECRETS, "wr0ng"], traceback.format_exception(caught.value))


REFUSED = {
    "wrong password": ("user", {"MLFLOW_TRACKING_PASSWORD": "wr0ng-s3cret"}, "password"),
    "wrong token": ("token", {"MLFLOW_TRACKING_TOKEN": "wr0ng-s3cret"}, "MLFLOW_TRACKING_TOKEN"),
    "neither": ("user", {"MLFLOW_TRACKING_USERNAME": ""}, "MLFLOW_TRACKING_USERNAME"),
    "unknown authority": (
        "user",
        {"MLFLOW_TRACKING_SERVER_CERT_PATH": "/etc/ssl/certs/ca-certificates.crt"},
        "MLFLOW_TRACKING_SERVER_CERT_PATH",
    ),
    "unknown host": ("user", {"MLFLOW_TRACKING_URI": "https://nowhere.invalid"}, "nowhere.invalid"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_server_that_cannot_be_used_is_an_error_before_anything_is_trained(
    case, bare_project, shared_server
) -> None:
    kind, changed, word = REFUSED[case]
    refused(bare_project, word, **{**getattr(shared_server, kind), **changed})


def test_http_where_the_server_expects_https(bare_project, shared_server) -> None:
    address = shared_server.address.replace("https", "http")
    error = refused(bare_project, "https", **shared_server.user | {"MLFLOW_TRACKING_URI": address})
    assert "<html>" not in error


def test_a_user_who_may_only_read(
    bare_project, shared_server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_of(shared_server.token, monkeypatch).create_experiment("of ann")
    eve = shared_server.user | {"MLFLOW_TRACKING_USERNAME": "eve"}
    refused(bare_project, "permission", "of ann", **eve)


def refused(project, word: str, name: str = "served", **variables: str) -> str:
    """Return the error of a `run`, which trains nothing."""
    project.write("served.yaml", f"name: {name}\n{SPEC}")
    command = ("run", "served.yaml", "--workers", "0", "--set", "epochs=4")  # Not in the store.
    done = project.run(*command, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", **variables)
    assert done.returncode == 2
    assert done.stdout == ""
    assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert "started" not in done.stderr
    assert not list(project.folder.rglob("*.h5.*")) + list(project.folder.rglob("*.jsonl"))
    assert_no_secret([*SECRETS, "wr0ng-s3cret"], [done.stdout, done.stderr])
    return done.stderr
