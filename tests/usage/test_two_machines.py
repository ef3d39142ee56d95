"""Two machines with one PostgreSQL server: two folders, between which no file is shared.

Each has its own claims on files, so that the two keep out of each other's way by the server alone.
"""

import signal
import subprocess
import sys
from urllib.parse import quote

import pytest
from looking import PATIENCE, wait_until
from projects import Project

from servers import Postgres
from signs_sweep.project import PostgresClaims
from signs_sweep.tracking import MlflowTracker

pytestmark = pytest.mark.slow

# One sample a step makes epochs slow: some milliseconds.
SPEC = """\
name: {name}
model: {{hidden: [200, 100]}}
base: {{batch_size: 1, learning_rate: 1e-4, epochs: {epochs}}}
seeds: {seeds}
"""
LEAST = ("--workers", "0", "--checkpoint-seconds", "0.5")


@pytest.fixture(scope="module")
def store(postgres: Postgres) -> str:
    """A store in which nothing has been run."""
    uri = postgres.database("machines")
    MlflowTracker(uri, {}).open([])
    return uri


def records(store: str, experiment: str):
    from mlflow import MlflowClient

    client = MlflowClient(store)
    found = client.get_experiment_by_name(experiment)
    return client, client.search_runs([found.experiment_id]) if found else []


def trained(store: str, experiment: str) -> list[str]:
    """The states of the records of runs."""
    _, runs = records(store, experiment)
    return [run.info.status for run in runs if "signs_sweep.run_id" in run.data.tags]


def check_that_everything_is_recorded_once(store: str, experiment: str, number: int) -> None:
    client, runs = records(store, experiment)
    runs = [run for run in runs if "signs_sweep.run_id" in run.data.tags]
    assert len({run.data.tags["signs_sweep.run_id"] for run in runs}) == len(runs) == number
    for run in runs:
        assert run.info.status == "FINISHED"
        steps = list(range(1, int(run.data.params["epochs"]) + 1))
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [point.step for point in history] == steps
        assert len(client.get_metric_history(run.info.run_id, "test_accuracy")) == 1


def finished(err: str) -> int:
    return err.count("finished in")


def test_they_share_the_work_and_train_each_run_once_though_the_server_restarts(
    machines, store: str, postgres: Postgres
) -> None:
    runs = 6
    processes = []
    for machine in machines:
        machine.write("both.yaml", SPEC.format(name="both", epochs=150, seeds=runs))
        processes.append(machine.start("run", "both.yaml", *LEAST, "--tracking-uri", store))
    wait_until(lambda: trained(store, "both").count("FINISHED") >= 2)
    postgres.stop()
    postgres.start()
    ended = [process.communicate(timeout=PATIENCE) for process in processes]
    for process, (out, err) in zip(processes, ended, strict=True):
        assert process.returncode == 0, err
        assert "Traceback" not in err
        assert f"n={runs}" in out or str(runs) in out
    numbers = [finished(err) for _, err in ended]
    assert sum(numbers) == runs, ended
    assert all(numbers), "each trains some"
    check_that_everything_is_recorded_once(store, "both", runs)


def test_the_runs_of_a_machine_that_dies_are_taken_over_at_once(machines, store: str) -> None:
    here, there = machines
    for machine in machines:
        machine.write("dies.yaml", SPEC.format(name="dies", epochs=400, seeds=1))
    command = ("run", "dies.yaml", *LEAST, "--tracking-uri", store)
    first = here.start(*command)
    wait_until(lambda: trained(store, "dies") == ["RUNNING"])
    first.send_signal(signal.SIGSTOP)
    second = there.start(*command)
    wait_until(lambda: PostgresClaims(store).count() == (3, 2))
    wait_until(lambda: len(records(store, "dies")[1]) == 3)  # Two sweeps and a run.
    cleaned = there.run("clean", "dies", "--yes", "--tracking-uri", store)
    assert "kept: 1 run of sweeps under way" in cleaned.stdout
    examined = " ".join(there.run("doctor", "--tracking-uri", store).stdout.split())
    assert "machines can be opened; MLflow's schema" in examined
    assert "machines can be opened; 3 claims of 2 sessions" in examined
    first.kill()
    first.communicate()
    _, err = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, err
    assert "another sweep is training it" in err
    assert finished(err) == 1
    check_that_everything_is_recorded_once(store, "dies", 1)
    client, found = records(store, "dies")
    (killed,) = (run.info.run_id for run in found if run.info.status == "KILLED")
    client.update_run(killed, status="RUNNING")  # As if no sweep had ended since it was killed.
    warned = " ".join(there.run("doctor", "--tracking-uri", store).stdout.split())
    assert "1 sweep marked RUNNING, whose process has ended" in warned
    there.run(*command)  # Everything is cached.
    assert {run.info.status for run in records(store, "dies")[1]} == {"FINISHED", "KILLED"}
    cleaned = there.run("clean", "dies", "--yes", "--tracking-uri", store)
    assert "1 finished" in cleaned.stdout
    assert records(store, "dies")[1] == []


SEARCH = """\
name: sought
model: {hidden: [4]}
base: {epochs: 2, batch_size: 8}
validation: 0.2
search: {trials: 2, sampler: random, confirm: 0, storage: "STORAGE", space: {l2: [0, 0.1]}}
"""
HOLD = """
import sys, time
from signs_sweep.project import claim_study
from signs_sweep.project.paths import ProjectPaths
print(claim_study(ProjectPaths("sqlite:///mlflow.db"), *sys.argv[1:]) is not None, flush=True)
time.sleep(600)
"""


def test_a_study_has_one_search_at_a_time_and_a_dead_one_is_followed_at_once(
    machines, postgres: Postgres
) -> None:
    here, there = machines
    storage = postgres.database("claimed_studies")
    there.write("sought.yaml", SEARCH.replace("STORAGE", storage))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, storage, "sought"],
        stdout=subprocess.PIPE,
        cwd=here.folder,
        text=True,
        start_new_session=True,
    )
    here.started.append(holder)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    command = ("search", "sought.yaml", "--workers", "0")
    refused = there.run(*command)
    assert refused.returncode == 2
    assert "another process is running the search 'sought'. Wait until it ends" in refused.stderr
    holder.kill()
    holder.communicate()
    done = there.run(*command)
    assert done.returncode == 0, done.stderr
    assert "2 trials: 2 complete" in done.stdout


def test_claims_that_cannot_be_reached_are_an_error_before_anything_is_done(
    project: Project, postgres: Postgres
) -> None:
    uri = postgres.address("postgres").replace(quote(Postgres.PASSWORD, safe=""), "wr0ng-one")
    done = project.run("run", "toy.yaml", "--workers", "0", "--claims", uri)
    assert done.returncode == 2
    assert 'password authentication failed for user "signs"' in " ".join(done.stderr.split())
    assert "wr0ng-one" not in done.stderr
    assert trained(project.uri, "toy") == []
