"""Sweeps that are killed again and again end as if nothing had happened.

`make torture` does it more often than the suite.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from looking import children, processes_in, recorded_bits, wait_until

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("SIGNS_SWEEP_KILLS", "3"))

# One sample a step makes epochs slow: some milliseconds. Two of the runs are on one trajectory.
SPEC = """\
name: long
model: {hidden: [200, 100]}
base: {batch_size: 1, learning_rate: 1e-4, keep_prob: 0.9}
cases:
  - {label: longer, epochs: 500}
  - {label: shorter, epochs: 300}
  - {label: other, epochs: 300, l2: 0.01}
"""
COMMAND = ("run", "long.yaml", "--workers", "2", "--checkpoint-seconds", "0.3", "--retries", "1")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, make_project) -> dict[str, tuple]:
    """What a sweep gives that nobody interrupts."""
    project = make_project(tmp_path_factory.mktemp("undisturbed"))
    project.write("long.yaml", SPEC)
    done = project.run(*COMMAND)
    assert done.returncode == 0, done.stderr
    return recorded_bits(project)


def kill(project, process: subprocess.Popen[str], whom: str) -> None:
    workers = [pid for pid, line in processes_in(project).items() if "executors.worker" in line]
    if whom == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif whom == "worker" and workers:
        os.kill(random.choice(workers), signal.SIGKILL)
    elif whom == "interrupt":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.kill()


def trains(project) -> bool:
    return any((project.folder / "mlruns" / "checkpoints").rglob("*.h5"))


def disturb(project, kills: int) -> Counter[str]:
    """Run the sweep to its end, killing it at most so often; return who was killed."""
    project.write("long.yaml", SPEC)
    killed: Counter[str] = Counter()
    while True:
        process = project.start(*COMMAND)
        if killed.total() < kills:
            # From its start, when it imports, to the end of its training.
            deadline = time.monotonic() + random.uniform(3, 12)
            while time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.05)
            if process.poll() is None:
                whom = random.choice(["orchestrator", "worker", "group", "interrupt"])
                kill(project, process, whom)
                killed[whom] += 1
        _, err = process.communicate(timeout=240)
        assert "Traceback" not in err, err
        wait_until(lambda: not processes_in(project), seconds=30)
        if process.returncode == 0:
            return killed


def test_sweeps_that_are_killed_at_random_give_the_same_bits(
    make_project, tmp_path, undisturbed
) -> None:
    killed: Counter[str] = Counter()
    while killed.total() < KILLS:
        project = make_project(tmp_path / f"after {killed.total()} kills")
        killed += disturb(project, KILLS - killed.total())
        sys.stdout.write(f"killed so far: {dict(killed)}\n")
        assert recorded_bits(project) == undisturbed
        check_that_everything_is_recorded_once(project)


def check_that_everything_is_recorded_once(project) -> None:
    client, runs = children(project, "long")
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    for run in runs:
        epochs = int(run.data.params["epochs"])
        for name in ("loss", "accuracy"):
            points = client.get_metric_history(run.info.run_id, name)
            assert [point.step for point in points] == list(range(1, epochs + 1))
        for name in ("test_accuracy", "final_train_loss"):
            assert len(client.get_metric_history(run.info.run_id, name)) == 1


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(project, undisturbed) -> None:
    project.write("long.yaml", SPEC)
    process = project.start(*COMMAND)
    wait_until(lambda: trains(project), seconds=120)
    kill(project, process, "worker")
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "its worker process was killed (SIGKILL)" in err
    assert "in a new one" in err
    assert recorded_bits(project) == undisturbed


def test_ctrl_c_keeps_what_was_trained(project, undisturbed) -> None:
    project.write("long.yaml", SPEC)
    process = project.start(*COMMAND)
    wait_until(lambda: trains(project), seconds=120)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    again = project.run(*COMMAND)
    assert again.returncode == 0, again.stderr
    assert "goes on from epoch" in again.stderr
    assert recorded_bits(project) == undisturbed
    assert len(children(project, "long")[1]) == 3


def test_two_sweeps_at_once_train_each_run_once_and_both_have_all_results(
    project, undisturbed
) -> None:
    project.write("long.yaml", SPEC)
    both = [project.start(*COMMAND) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        assert len(out.split("\n\n")[0].splitlines()) == 4
    assert recorded_bits(project) == undisturbed
    check_that_everything_is_recorded_once(project)
