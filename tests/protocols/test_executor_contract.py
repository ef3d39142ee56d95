"""What every executor guarantees, tested on each with trainers that need no TensorFlow."""

import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "executors"))
import toys

from ray_nodes import Node
from signs_sweep.domain import Checkpoint, Failed, Finished, Progress, Started, Stopped
from signs_sweep.executors import InlineExecutor, LocalExecutor
from signs_sweep.executors.cluster import Crew, RayExecutor, Setup
from signs_sweep.process.processor import kind_of
from signs_sweep.protocols import Executor

MakeExecutor = Callable[..., Executor]


def make_inline(make_trainer: Callable) -> Executor:
    return InlineExecutor(make_trainer)


def make_local(make_trainer: Callable) -> Executor:
    return LocalExecutor(make_trainer, [toys.worker_environment()] * 2)


@pytest.fixture(scope="module")
def make_ray(ray_head: Node) -> Iterator[MakeExecutor]:
    """Return an executor a trainer: each has processes that take seconds to start."""
    made: dict[Callable, RayExecutor] = {}

    def make(make_trainer: Callable) -> Executor:
        if make_trainer not in made:
            setup = Setup(pickle.dumps(Crew(make_trainer, dict)), ray_head.address, workers=2)
            made[make_trainer] = RayExecutor(setup, environment=toys.worker_environment())
        made[make_trainer].connect()
        return made[make_trainer]

    yield make
    for executor in made.values():
        executor.close()


@pytest.fixture(
    params=[
        make_inline,
        pytest.param(make_local, marks=pytest.mark.slow),
        pytest.param("make_ray", marks=pytest.mark.slow),
    ]
)
def make_executor(request: pytest.FixtureRequest) -> Iterator[MakeExecutor]:
    is_ray = isinstance(request.param, str)
    make_one = request.getfixturevalue(request.param) if is_ray else request.param
    made: list[Executor] = []

    def make(make_trainer: Callable = toys.ToyTrainer) -> Executor:
        made.append(make_one(make_trainer))
        return made[-1]

    yield make
    for executor in made if not is_ray else ():
        executor.close()


def test_a_run_starts_progresses_and_finishes_in_this_order(make_executor: MakeExecutor) -> None:
    run = toys.toy_run("quick", epochs=4)
    events = toys.train(make_executor(), run)
    assert [type(event) for event in events] == [Started, *[Progress] * 4, Finished]
    assert {event.run_id for event in events} == {run.run_id}
    assert [event.first_epoch for event in events[1:-1]] == [1, 2, 3, 4]


def test_what_the_trainer_sends_arrives_unchanged(make_executor: MakeExecutor) -> None:
    finished = toys.train(make_executor(), toys.toy_run("large"))[-1]
    assert finished.model == toys.LARGE_MODEL
    assert finished.metrics == {"test_loss": 1.0}
    assert finished.confusion.tolist() == [[1, 0], [0, 1]]


def test_as_many_runs_as_slots_are_in_progress_at_once(make_executor: MakeExecutor) -> None:
    executor = make_executor()
    assert executor.slots >= 1
    runs = [toys.toy_run("slow", epochs=100_000, seed=seed) for seed in range(executor.slots)]
    for run in runs:
        executor.submit(run)
    events = []
    while len({event.run_id for event in events if isinstance(event, Progress)}) < len(runs):
        events += toys.events_until(executor, Progress)
    assert all(isinstance(event, Started | Progress) for event in events)
    started = [event for event in events if isinstance(event, Started)]
    assert {event.run_id for event in started} == {run.run_id for run in runs}
    assert sorted(event.worker for event in started) == list(range(executor.slots))
    for run in runs:
        executor.stop(run.run_id)
    events += toys.events_until_end(executor, len(runs))
    for run in runs:
        epochs = [
            e.first_epoch for e in events if isinstance(e, Progress) and e.run_id == run.run_id
        ]
        assert epochs == list(range(1, len(epochs) + 1))


def test_nothing_happens_while_no_run_is_in_progress(make_executor: MakeExecutor) -> None:
    executor = make_executor()
    assert list(executor.events(timeout=0.01)) == []
    toys.train(executor, toys.toy_run("quick"))
    assert list(executor.events(timeout=0.01)) == []


def test_a_run_begins_at_the_checkpoint_that_it_is_submitted_with(
    make_executor: MakeExecutor,
) -> None:
    executor = make_executor()
    executor.submit(toys.toy_run("quick", epochs=5), b"3")
    events = toys.events_until_end(executor)
    assert [event.first_epoch for event in events if isinstance(event, Progress)] == [4, 5]
    executor.submit(toys.toy_run("quick", epochs=2))
    events = toys.events_until_end(executor)
    epochs = [event.first_epoch for event in events if isinstance(event, Progress)]
    assert epochs == [1, 2], "a checkpoint is that of one submission"


def test_checkpoints_arrive_whole_between_the_epochs_before_and_after_them(
    make_executor: MakeExecutor,
) -> None:
    events = toys.train(make_executor(toys.KeepingTrainer), toys.toy_run("quick", epochs=2))
    order = [type(event) for event in events]
    assert order == [Started, Progress, Checkpoint, Progress, Checkpoint, Finished]
    checkpoints = [event for event in events if isinstance(event, Checkpoint)]
    assert [event.content for event in checkpoints] == [b"1", b"2"]
    assert [event.is_end for event in checkpoints] == [False, True]


def test_a_stopped_run_leaves_a_checkpoint_of_its_last_epoch(make_executor: MakeExecutor) -> None:
    executor = make_executor(toys.KeepingTrainer)
    run = toys.toy_run("slow", epochs=10_000)
    executor.submit(run)
    toys.events_until(executor, Progress)
    executor.stop(run.run_id)
    events = toys.events_until_end(executor)
    assert isinstance(events[-1], Stopped)
    assert isinstance(events[-2], Checkpoint)
    trained = [event.last_epoch for event in events if isinstance(event, Progress)]
    assert not trained or events[-2].epoch == trained[-1]


def test_a_run_resumes_on_the_kind_of_processor_it_names_and_on_no_other(
    make_executor: MakeExecutor,
) -> None:
    executor = make_executor()
    run = toys.toy_run("quick", epochs=5)
    assert executor.kinds
    for kind in executor.kinds:
        executor.submit(run, b"3", kind=kind)
        started, first, *_ = toys.events_until_end(executor)
        assert kind_of(started.environment) == kind
        assert first.first_epoch == 4
    foreign = make_executor(toys.ForeignTrainer)  # Its kind shows when it has started.
    foreign.submit(run, b"3", kind=kind)
    started, first, *_ = toys.events_until_end(foreign)
    assert foreign.kinds >= {kind_of(started.environment)} != {kind}
    assert first.first_epoch == 1


@pytest.mark.parametrize("is_tested", [True, False])
def test_whether_a_run_is_tested_reaches_its_trainer(
    make_executor: MakeExecutor, is_tested: bool
) -> None:
    executor = make_executor()
    executor.submit(toys.toy_run("quick"), is_tested=is_tested)
    finished = toys.events_until_end(executor)[-1]
    assert isinstance(finished, Finished)
    assert ("test_loss" in finished.metrics) == is_tested


def test_an_exception_fails_the_run_with_its_traceback(make_executor: MakeExecutor) -> None:
    events = toys.train(make_executor(), toys.toy_run("bug"))
    assert [type(event) for event in events] == [Started, Progress, Failed]
    assert events[-1].message.endswith("ZeroDivisionError: a bug in epoch 1")
    assert "Traceback" in events[-1].traceback
    assert "_misbehave" in events[-1].traceback


def test_an_error_that_says_what_to_do_fails_the_run_without_traceback(
    make_executor: MakeExecutor,
) -> None:
    events = toys.train(make_executor(), toys.toy_run("known problem"))
    assert isinstance(events[-1], Failed)
    assert events[-1].message.endswith("this cannot be trained. Use other data.")
    assert events[-1].traceback is None


def test_the_failure_of_a_run_that_diverged_has_the_accuracy_of_guessing(
    make_executor: MakeExecutor,
) -> None:
    failure = toys.train(make_executor(), toys.toy_run("divergence"))[-1]
    assert isinstance(failure, Failed)
    assert failure.chance == 0.25
    assert failure.message.startswith("diverged: the loss became inf in epoch 2.")


def test_a_run_after_a_failed_one_is_trained(make_executor: MakeExecutor) -> None:
    executor = make_executor()
    assert isinstance(toys.train(executor, toys.toy_run("bug"))[-1], Failed)
    assert isinstance(toys.train(executor, toys.toy_run("known problem"))[-1], Failed)
    assert isinstance(toys.train(executor, toys.toy_run("quick"))[-1], Finished)


def test_a_trainer_that_cannot_be_made_fails_every_run_with_the_reason(
    make_executor: MakeExecutor,
) -> None:
    executor = make_executor(toys.failing_factory)
    for seed in range(3):
        events = toys.train(executor, toys.toy_run("quick", seed=seed))
        assert [type(event) for event in events] == [Failed]
        assert events[0].message.endswith("ImportError: no such library")
        assert "failing_factory" in events[0].traceback


def test_a_stopped_run_ends_soon_and_frees_its_slot(make_executor: MakeExecutor) -> None:
    executor = make_executor()
    run = toys.toy_run("slow", epochs=10_000)
    executor.submit(run)
    toys.events_until(executor, Progress)
    executor.stop(run.run_id)
    events = toys.events_until_end(executor)
    assert isinstance(events[-1], Stopped)
    assert sum(isinstance(event, Progress) for event in events) < 1_000
    assert isinstance(toys.train(executor, toys.toy_run("quick"))[-1], Finished)


def test_a_run_stopped_immediately_still_starts_first(make_executor: MakeExecutor) -> None:
    executor = make_executor()
    run = toys.toy_run("slow", epochs=10_000)
    executor.submit(run)
    executor.stop(run.run_id)
    events = toys.events_until_end(executor)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Stopped)


def test_a_stopped_run_can_be_submitted_again(make_executor: MakeExecutor) -> None:
    executor = make_executor()
    run = toys.toy_run("slow", epochs=8)
    for _ in range(2):
        executor.submit(run)
        executor.stop(run.run_id)
        assert isinstance(toys.events_until_end(executor)[-1], Stopped)
    assert isinstance(toys.train(executor, run)[-1], Finished)


def test_stopping_a_run_that_is_not_in_progress_does_nothing(make_executor: MakeExecutor) -> None:
    executor = make_executor()
    executor.stop("unknown-1")
    run = toys.toy_run("quick")
    toys.train(executor, run)
    executor.stop(run.run_id)
    assert list(executor.events(timeout=0.05)) == []
    assert isinstance(toys.train(executor, run)[-1], Finished)


def test_close_in_the_middle_of_a_run_leaves_nothing_and_may_be_repeated(
    make_executor: MakeExecutor,
) -> None:
    threads = threading.active_count()
    executor = make_executor()
    executor.submit(toys.toy_run("slow", epochs=10_000))
    pid = toys.process_of(toys.events_until(executor, Progress))
    executor.close()
    executor.close()
    assert threading.active_count() == threads
    assert isinstance(executor, InlineExecutor) or not toys.is_alive(pid)
    assert list(executor.events(timeout=0)) == []


def test_close_before_any_run_is_fine(make_executor: MakeExecutor) -> None:
    make_executor().close()
