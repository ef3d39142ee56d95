"""What only worker processes can do: die, be interrupted, outlive their parent."""

import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import toys

from signs_sweep.domain import Failed, Finished, Progress, Started
from signs_sweep.errors import UsageError
from signs_sweep.executors import LocalExecutor, default_workers

pytestmark = pytest.mark.slow

MakeLocal = Callable[..., LocalExecutor]


def test_a_worker_imports_no_tensorflow_unless_its_trainer_does(make_local: MakeLocal) -> None:
    events = toys.train(make_local(), toys.toy_run("quick"))
    assert events[0].environment["tensorflow"] == "False"


def test_workers_stay_for_the_next_runs(make_local: MakeLocal) -> None:
    executor = make_local()
    pids = {
        toys.process_of(toys.train(executor, toys.toy_run("quick", seed=seed))) for seed in range(5)
    }
    assert len(pids) == 1


def test_a_killed_worker_fails_its_own_run_only(make_local: MakeLocal) -> None:
    executor = make_local(workers=2)
    victim = toys.toy_run("slow", epochs=10_000)
    other = toys.toy_run("slow", epochs=30)
    executor.submit(victim)
    pid = toys.process_of(toys.events_until(executor, Progress))
    executor.submit(other)
    toys.events_until(executor, Started)
    os.kill(pid, signal.SIGKILL)
    events = toys.events_until_end(executor, runs=2)
    (failed,) = [event for event in events if isinstance(event, Failed)]
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert failed.run_id == victim.run_id
    assert "was killed (SIGKILL), by a user or because memory ran out" in failed.message
    assert failed.traceback is None
    assert finished.run_id == other.run_id
    assert not toys.is_alive(pid)


def test_the_run_after_a_killed_worker_gets_a_new_one_of_the_same_index(
    make_local: MakeLocal,
) -> None:
    executor = make_local()
    killed = toys.train(executor, toys.toy_run("kill"))
    assert [type(event) for event in killed] == [Started, Progress, Failed]
    events = toys.train(executor, toys.toy_run("quick"))
    assert isinstance(events[-1], Finished)
    assert events[0].worker == 0
    assert toys.process_of(events) != toys.process_of(killed)


def test_a_worker_that_was_killed_while_idle_costs_no_run(make_local: MakeLocal) -> None:
    executor = make_local()
    pid = toys.process_of(toys.train(executor, toys.toy_run("quick")))
    os.kill(pid, signal.SIGKILL)
    executor._pool[0].child.process.wait()
    assert isinstance(toys.train(executor, toys.toy_run("quick"))[-1], Finished)


def test_an_idle_worker_that_dies_during_events_sends_no_event(make_local: MakeLocal) -> None:
    executor = make_local()
    pid = toys.process_of(toys.train(executor, toys.toy_run("quick")))
    os.kill(pid, signal.SIGKILL)
    assert list(executor.events(timeout=toys.PATIENCE)) == []
    assert not toys.is_alive(pid)
    assert isinstance(toys.train(executor, toys.toy_run("quick"))[-1], Finished)


@pytest.mark.parametrize(
    ("behaviour", "code", "words"), [("exit", 7, "last words"), ("system exit", 1, "went away")]
)
def test_a_worker_that_exits_fails_its_run_with_its_last_output(
    make_local: MakeLocal, behaviour: str, code: int, words: str
) -> None:
    failed = toys.train(make_local(), toys.toy_run(behaviour))[-1]
    assert isinstance(failed, Failed)
    assert f"exited with code {code}" in failed.message
    assert failed.is_crash
    assert words in failed.traceback


def test_the_message_of_a_dead_worker_has_its_last_lines_and_what_to_do(
    make_local: MakeLocal,
) -> None:
    words = "many\nlines\n" + "before\n" * 8 + "terminate called\n\n  what():  std::bad_alloc\n"
    failed = toys.train(make_local(), toys.toy_run(f"die -6 {words}"))[-1]
    assert failed.message == (
        "its worker process was killed (SIGABRT). Memory ran out: use fewer workers with "
        "--workers N, or a smaller network or batch. "
        'Its last output: "before / before / before / terminate called / what():  std::bad_alloc".'
    )


def test_a_trainer_that_runs_out_of_memory_says_what_to_do(make_local: MakeLocal) -> None:
    failed = toys.train(make_local(), toys.toy_run("no memory"))[-1]
    assert failed.message.startswith("MemoryError. Memory ran out: use fewer workers")
    assert not failed.is_crash


def test_a_worker_that_the_system_cannot_start_is_an_error_that_says_what_to_do(
    make_local: MakeLocal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    executor = make_local()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, limits[1]))
    try:
        with pytest.raises(
            UsageError, match=r"worker 1: Too many open files\. .*use fewer workers"
        ):
            executor.submit(toys.toy_run("quick"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"No such file or directory\. Set TMPDIR to a folder"):
        executor.submit(toys.toy_run("quick"))
    monkeypatch.undo()
    assert isinstance(toys.train(executor, toys.toy_run("quick"))[-1], Finished)


def test_what_a_trainer_prints_does_not_disturb_the_pipe(
    make_local: MakeLocal, capfd: pytest.CaptureFixture
) -> None:
    events = toys.train(make_local(), toys.toy_run("noise"))
    assert [type(event) for event in events] == [Started, *[Progress] * 3, Finished]
    assert capfd.readouterr() == ("", "")


def test_an_event_larger_than_the_pipe_waits_for_a_busy_orchestrator(
    make_local: MakeLocal,
) -> None:
    executor = make_local()
    run = toys.toy_run("large")
    executor.submit(run)
    toys.events_until(executor, Progress, count=3)
    time.sleep(0.1)  # the worker is in the middle of sending the model now
    for _ in range(2000):
        executor.stop(run.run_id)  # blocks for ever unless the worker reads while it sends
    assert toys.events_until_end(executor)[-1].model == toys.LARGE_MODEL


def test_what_asks_all_processes_of_a_terminal_to_end_does_not_reach_a_worker(
    make_local: MakeLocal,
) -> None:
    events = toys.train(make_local(), toys.toy_run("interrupt"))
    assert isinstance(events[-1], Finished)


def test_an_interrupt_while_a_worker_starts_does_not_reach_it(make_local: MakeLocal) -> None:
    executor = make_local()
    executor.submit(toys.toy_run("quick"))
    (worker,) = executor._pool
    for _ in range(20):
        worker.child.process.send_signal(signal.SIGINT)
        time.sleep(0.005)
    assert isinstance(toys.events_until_end(executor)[-1], Finished)


def test_interrupts_still_reach_this_process_after_a_start(make_local: MakeLocal) -> None:
    toys.train(make_local(), toys.toy_run("quick"))
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_factory_that_a_worker_cannot_import_fails_the_run(
    make_local: MakeLocal, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unknown(toys.ToyTrainer):
        """Can be imported only in this process."""

    Unknown.__qualname__ = "Unknown"
    monkeypatch.setattr(toys, "Unknown", Unknown, raising=False)
    Unknown.__module__ = "toys"
    failed = toys.train(make_local(make_trainer=Unknown), toys.toy_run("quick"))[-1]
    assert isinstance(failed, Failed)
    assert failed.message.startswith("AttributeError")
    assert "Unknown" in failed.message


def test_a_factory_that_cannot_be_pickled_is_refused_and_starts_no_process(
    make_local: MakeLocal,
) -> None:
    def local_factory() -> toys.ToyTrainer:
        return toys.ToyTrainer()

    executor = make_local(make_trainer=local_factory)
    with pytest.raises((AttributeError, pickle.PicklingError), match="local"):
        executor.submit(toys.toy_run("quick"))
    assert executor._pool == []


def test_a_module_in_the_current_folder_does_not_shadow_those_of_the_package(
    make_local: MakeLocal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise RuntimeError('the wrong queue')")
    monkeypatch.chdir(tmp_path)
    assert isinstance(toys.train(make_local(), toys.toy_run("quick"))[-1], Finished)


ORCHESTRATOR = """
import sys
import toys
from signs_sweep.errors import UsageError
from signs_sweep.executors import LocalExecutor
from signs_sweep.domain import Started

executor = LocalExecutor(toys.ToyTrainer, [toys.worker_environment()] * 2)
for seed in range(2):
    executor.submit(toys.toy_run("slow", epochs=100_000, seed=seed))
    print(toys.process_of(toys.events_until(executor, Started)), flush=True)
sys.stdin.read()
"""


def test_workers_end_when_their_orchestrator_is_killed() -> None:
    orchestrator = subprocess.Popen(
        [sys.executable, "-c", ORCHESTRATOR],
        env=toys.worker_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with orchestrator:
        pids = [int(orchestrator.stdout.readline()) for _ in range(2)]
        assert all(toys.is_alive(pid) for pid in pids)
        orchestrator.kill()
    assert all(toys.ends_soon(pid) for pid in pids)


def test_an_idle_worker_ends_when_its_pipe_closes(make_local: MakeLocal) -> None:
    executor = make_local()
    toys.train(executor, toys.toy_run("quick"))
    (worker,) = executor._pool
    worker.child.connection.close()
    assert worker.child.process.wait(timeout=toys.PATIENCE) == 0
    executor._pool.clear()


def test_the_default_is_one_worker_for_each_core_that_may_be_used() -> None:
    assert default_workers() == len(os.sched_getaffinity(0))


def test_a_worker_that_hangs_is_killed_and_another_takes_the_next_run() -> None:
    executor = LocalExecutor(toys.ToyTrainer, [toys.worker_environment()], toys.PATIENCE)
    try:
        executor.submit(toys.toy_run("hang"))
        events = toys.events_until(executor, Progress)
        executor.stall_seconds = 0.2
        events += toys.events_until_end(executor)
        assert [type(event) for event in events] == [Started, Progress, Failed]
        assert events[-1].is_crash
        assert events[-1].message == (
            "its worker process sent nothing for 0.2 s and was killed. If an epoch takes so long, "
            "raise --stall-seconds."
        )
        assert toys.ends_soon(toys.process_of(events))
        executor.stall_seconds = toys.PATIENCE
        assert isinstance(toys.train(executor, toys.toy_run("quick"))[-1], Finished)
    finally:
        executor.close()
