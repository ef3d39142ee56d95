"""Two machines that run the same spec and share an MLflow server, which has no compare-and-set."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from looking import PATIENCE, wait_until
from projects import Project

from events import finished, progress
from servers import Mlflow
from signs_sweep.commands import store as stores
from signs_sweep.domain import Dense, Parameters, Run, State
from signs_sweep.protocols import SweepRecord
from signs_sweep.tracking import DatasetInfo, MlflowIndex, MlflowTracker, TagClaims
from signs_sweep.tracking.mlflow.tags import BOARD, SWEEP
from trials import make_trial

pytestmark = pytest.mark.slow

# One sample a step makes the epochs slow enough to interrupt a run.
SPEC = """\
name: NAME
model: {hidden: [100, 50]}
base: {batch_size: 1, learning_rate: 1e-4, epochs: EPOCHS}
grid: {l2: RATES}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    server = Mlflow(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


def write(machines: tuple[Project, Project], name: str, epochs: int, runs: int) -> str:
    text = SPEC.replace("NAME", name).replace("EPOCHS", str(epochs))
    text = text.replace("RATES", str([number / 100 for number in range(runs)]))
    machines[1].write("spec.yaml", text)
    return machines[0].write("spec.yaml", text)


def check_records(server: Mlflow, name: str, epochs: int, *, active: int, deleted: int) -> None:
    """Check that each run has one finished record, each step once, and count the records."""
    from mlflow import MlflowClient
    from mlflow.entities import ViewType

    client = MlflowClient(server.address)
    experiment = client.get_experiment_by_name(name)
    found = client.search_runs(
        [experiment.experiment_id], "tags.`signs_sweep.run_id` LIKE '%'", ViewType.ALL
    )
    kept = [run for run in found if run.info.lifecycle_stage == "active"]
    assert (len(kept), len(found) - len(kept)) == (active, deleted)
    assert {run.info.status for run in kept} == {"FINISHED"}
    assert len({run.data.tags["signs_sweep.run_id"] for run in kept}) == active
    for run in kept:
        points = client.get_metric_history(run.info.run_id, "loss")
        assert [point.step for point in points] == list(range(1, epochs + 1))
        assert len(client.get_metric_history(run.info.run_id, "test_accuracy")) == 1


def board(server: Mlflow) -> list[str]:
    from mlflow import MlflowClient

    found = MlflowClient(server.address).get_experiment("0").tags
    return [text for name, text in found.items() if name.startswith(BOARD)]


def test_two_sweeps_at_the_same_time_train_each_run_once(machines, server) -> None:
    name = write(machines, "shared", 30, 4)
    command = ("run", name, "--workers", "0", "--tracking-uri", server.address)
    both = [project.start(*command) for project in machines]
    for process in both:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert len(out.split("\n\n")[0].splitlines()) == 5, "all results"
    check_records(server, "shared", 30, active=4, deleted=0)
    assert board(server) == []


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_run_is_taken_over_from_a_machine_that_died(
    machines, server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_shared: bool
) -> None:
    epochs, experiment = 1200 + is_shared, f"dead-{is_shared}"  # Runs of their own.
    name = write(machines, experiment, epochs, 1)
    common = ("--workers", "0", "--tracking-uri", server.address, "--checkpoint-seconds", "0.2")
    common += ("--checkpoints", str(tmp_path / "shared")) if is_shared else ()
    first, second = machines
    process = first.start("run", name, *common)
    wait_until(lambda: any(tmp_path.rglob("0*.h5")) and epochs_in(server, experiment) > 5)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (left,) = board(server)
    monkeypatch.setattr(stores, "TagClaims", partial(TagClaims, lease=2.0, beat=0.5))
    done = second.run("run", name, *common)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stderr.split())
    assert "another sweep is training it" in text
    begins_again = f"of {epochs:,} epochs, but its checkpoints are not here" in text
    assert begins_again is not is_shared
    assert ("--checkpoints" in text) is not is_shared
    check_records(server, experiment, epochs, active=1, deleted=1)
    assert left not in board(server)
    sweeps = MlflowIndex(server.address).records(experiment, mark=SWEEP)
    assert [sweep.state for sweep in sweeps] == [State.KILLED, State.FINISHED]


def epochs_in(server: Mlflow, experiment: str) -> int:
    from signs_sweep.errors import StoreError

    try:
        rows = MlflowIndex(server.address).list_runs(experiment)
    except StoreError:
        return 0
    return max((row.result.epochs for row in rows), default=0)


def test_a_run_that_is_trained_twice_as_a_machine_slept_has_one_record(
    machines, server, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = 1300  # A run of its own.
    name = write(machines, "twice", epochs, 1)
    command = ("run", name, "--workers", "0", "--tracking-uri", server.address)
    asleep = machines[0].start(*command)
    wait_until(lambda: epochs_in(server, "twice") > 5)
    asleep.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(stores, "TagClaims", partial(TagClaims, lease=2.0, beat=0.5))
    done = machines[1].run(*command)
    asleep.send_signal(signal.SIGCONT)
    out, err = asleep.communicate(timeout=PATIENCE)
    assert (asleep.returncode, done.returncode) == (0, 0), err
    assert "as by another sweep that takes the run over" in " ".join(err.split())
    rows = [text.split("\n\n")[0].splitlines()[-1].split() for text in (out, done.stdout)]
    assert rows[0][:4] == rows[1][:4]
    check_records(server, "twice", epochs, active=1, deleted=1)
    assert board(server) == []


RUN = Run(Parameters(epochs=5), Dense((5,)), 0.0, "abcd")


def test_of_records_finished_at_the_same_time_one_is_kept_but_with_force_both(server) -> None:
    dataset = DatasetInfo("toy", ("a", "b"), np.zeros((1, 4, 4, 3), np.uint8), drawn=True)
    here = SweepRecord("same", "", "name: same\n", "", "toy", "one", "here:/a")
    trackers = []
    for sweep in (here, replace(here, sweep_id="two", origin="there:/b")):
        tracker = MlflowTracker(server.address, {"abcd": dataset}, lambda *_: False)
        tracker.open([sweep])
        tracker.start(make_trial(RUN, experiment="same"), RUN)
        tracker.record(progress(RUN, 1, 5))
        trackers.append(tracker)
    for tracker in trackers:
        tracker.record(finished(RUN))
    check_records(server, "same", 5, active=1, deleted=1)
    for sweep, left in ((here, 1), (replace(here, is_forced=True), 2)):
        trackers[0].close(State.FINISHED, {})
        trackers[0].open([sweep])
        trackers[0].start(make_trial(RUN, experiment="same"), RUN)
        trackers[0].record(finished(RUN))
        assert len(MlflowIndex(server.address).records("same")) == left
