"""Sweeps that are killed again and again end as if nothing had happened.

`make torture` does it more often than the suite. Who is killed and when follows from a seed, which
is printed: SIGNS_SWEEP_SEED=... plans the same kills again.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from looking import (
    PATIENCE,
    children,
    epochs_kept,
    processes_in,
    recorded_bits,
    wait_until,
)

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("SIGNS_SWEEP_KILLS", "1"))
SEED = int(os.environ.get("SIGNS_SWEEP_SEED") or random.randrange(10**6))

# One sample a step makes epochs slow: some milliseconds. Two pairs of runs share a trajectory.
SPEC = """\
name: long
model: {hidden: [300]}
base: {batch_size: 1, learning_rate: 1e-4, keep_prob: 0.9}
cases:
  - {label: longer, epochs: 240}
  - {label: shorter, epochs: 140}
  - {label: other, epochs: 140, l2: 0.01}
  - {label: stopping, epochs: 140, l2: 0.01, early_stopping: {metric: accuracy, patience: 30}}
"""
COMMAND = ("run", "long.yaml", "--workers", "2", "--checkpoint-seconds", "0.3", "--retries", "1")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, make_project) -> dict[str, tuple]:
    """What a sweep gives that nobody interrupts, trained in the process of the tests."""
    project = make_project(tmp_path_factory.mktemp("undisturbed"))
    project.write("long.yaml", SPEC)
    done = project.run("run", "long.yaml", "--workers", "0")
    assert done.returncode == 0, done.stderr
    return recorded_bits(project)


@dataclass(frozen=True)
class Kill:
    """Whom to kill, and when: by what has been trained, whatever the speed of the machine.

    Attributes:
        whom: orchestrator, worker, group or interrupt.
        epochs: how many have to be in checkpoints, beside those of before the start.
        seconds: how long to wait then, or from the start where no epoch is waited for.
    """

    whom: str
    epochs: int
    seconds: float


def planned_kills(seed: int) -> Iterator[Kill]:
    """One in four comes while Python starts and imports, the others while it trains."""
    rng = random.Random(seed)
    while True:
        whom = rng.choice(["orchestrator", "worker", "group", "interrupt"])
        if rng.random() < 0.25:
            yield Kill(whom, 0, rng.uniform(0, 6))
        else:
            yield Kill(whom, rng.randint(1, 100), rng.uniform(0, 0.5))


def kill(project, process: subprocess.Popen[str], whom: str) -> None:
    workers = [pid for pid, line in processes_in(project).items() if "executors.worker" in line]
    if whom == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif whom == "worker" and workers:
        os.kill(min(workers), signal.SIGKILL)
    elif whom == "interrupt":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.kill()


def comes(planned: Kill, project, process: subprocess.Popen[str], before: int) -> bool:
    """Wait for the moment of a kill; return whether it came before the end of the process."""
    while epochs_kept(project) < before + planned.epochs:
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    try:
        process.wait(planned.seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def disturb(project, kills: Iterator[Kill], most: int) -> Counter[str]:
    """Run the sweep to its end, killing it at most so often; return who was killed."""
    project.write("long.yaml", SPEC)
    killed: Counter[str] = Counter()
    while True:
        before = epochs_kept(project)
        process = project.start(*COMMAND)
        if killed.total() < most:
            planned = next(kills)
            if comes(planned, project, process, before):
                sys.stdout.write(f"at {epochs_kept(project)} epochs {planned}\n")
                kill(project, process, planned.whom)
                killed[planned.whom] += 1
        _, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err, err
        wait_until(lambda: not processes_in(project))
        if process.returncode == 0:
            return killed


def test_sweeps_that_are_killed_at_random_give_the_same_bits(
    make_project, tmp_path, undisturbed
) -> None:
    sys.stdout.write(f"SIGNS_SWEEP_SEED={SEED} SIGNS_SWEEP_KILLS={KILLS}\n")
    kills = planned_kills(SEED)
    killed: Counter[str] = Counter()
    while killed.total() < KILLS:
        project = make_project(tmp_path / f"after {killed.total()} kills")
        killed += disturb(project, kills, KILLS - killed.total())
        sys.stdout.write(f"killed so far: {dict(killed)}\n")
        assert recorded_bits(project) == undisturbed
        check_that_everything_is_recorded_once(project)


def test_a_seed_plans_the_same_kills_again() -> None:
    first, again, other = (planned_kills(seed) for seed in (1, 1, 2))
    planned = [next(first) for _ in range(20)]
    assert planned == [next(again) for _ in range(20)]
    assert planned != [next(other) for _ in range(20)]


def check_that_everything_is_recorded_once(project) -> None:
    client, runs = children(project, "long")
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    for run in runs:
        stopped_at = run.data.tags.get("signs_sweep.stopped_at")
        assert (stopped_at is None) is (run.data.params["early_stopping"] == "none")
        epochs = int(stopped_at or run.data.params["epochs"])
        for name in ("loss", "accuracy"):
            points = client.get_metric_history(run.info.run_id, name)
            assert [point.step for point in points] == list(range(1, epochs + 1))
        for name in ("test_accuracy", "final_train_loss"):
            assert len(client.get_metric_history(run.info.run_id, name)) == 1


def test_ctrl_c_keeps_what_was_trained(project, undisturbed) -> None:
    project.write("long.yaml", SPEC)
    process = project.start(*COMMAND)
    wait_until(lambda: epochs_kept(project) > 0)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    again = project.run("run", "long.yaml", "--workers", "0")
    assert again.returncode == 0, again.stderr
    assert "resumes from epoch" in again.stderr
    assert recorded_bits(project) == undisturbed
    assert len(children(project, "long")[1]) == 4


def test_two_sweeps_at_once_train_each_run_once_and_both_have_all_results(
    project, undisturbed
) -> None:
    project.write("long.yaml", SPEC)
    both = [project.start(*COMMAND, "--workers", "1") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert len(out.split("\n\n")[0].splitlines()) == 5
    assert recorded_bits(project) == undisturbed
    check_that_everything_is_recorded_once(project)
