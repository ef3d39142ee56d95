"""The loop, with a fake executor and the tracker in memory."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

import trials
from events import FINAL, failed, finished, progress, started, stopped
from fakes import FixedScheduler, MemoryCheckpoints, MemoryTracker, NoClaims
from signs_sweep.domain import (
    PARAMETERS,
    Checkpoint,
    Dense,
    Event,
    Failed,
    Kinds,
    Notice,
    Parameters,
    Progress,
    Purpose,
    Result,
    Retried,
    Run,
    Started,
    State,
    Trial,
    TrialEnd,
    Waiting,
    kinds_in,
    kinds_text,
)
from signs_sweep.errors import ClusterError
from signs_sweep.protocols import SweepRecord
from signs_sweep.sweep.loop import Sweep
from signs_sweep.sweep.recovery import Recovery


def make_run(l2: float, epochs: int = 2) -> Run:
    return Run(Parameters(l2=l2, epochs=epochs), Dense((3,)), 0.0, "data")


def make_trial(number: int, *l2: float) -> Trial:
    return trials.make_trial(*map(make_run, l2), number=number)


class ToyExecutor:
    """Sends one event per run and call, in the order in which runs were submitted."""

    kinds: Collection[str] = ()

    def __init__(self, slots: int, ends: Mapping[float, Callable[[Run], Event]] | None = None):
        self.slots = slots
        self.ends = ends or {}
        self.submitted: list[Run] = []
        self.tested: list[bool] = []
        self.stopped: list[str] = []
        self.begun_from: list[bytes | None] = []
        self.is_closed = False
        self._queues: dict[str, deque[Event]] = {}

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        self.begun_from.append(checkpoint)
        assert len(self._queues) < self.slots
        self.submitted.append(run)
        self.tested.append(is_tested)
        end = self.ends.get(run.parameters.l2, finished)(run)
        events = [started(run), progress(run, 1), progress(run, 2), end]
        self._queues[run.run_id] = deque(events)

    def events(self, timeout: float) -> Sequence[Event]:
        found = [queue.popleft() for queue in self._queues.values()]
        self._queues = {run_id: queue for run_id, queue in self._queues.items() if queue}
        return found

    def stop(self, run_id: str) -> None:
        self.stopped.append(run_id)
        self._queues[run_id] = deque([stopped(run_id)])

    def close(self) -> None:
        self.is_closed = True


class Recording(FixedScheduler):
    """A fixed list that remembers its calls."""

    def __init__(
        self,
        trials: Sequence[Trial],
        goes_on: Callable[[Trial], bool] = lambda _: True,
        wants_rest: Callable[[Trial], bool] = lambda _: True,
    ):
        super().__init__(trials)
        self.tells: list[tuple[int, list[State]]] = []
        self.goes_on = goes_on
        self.wants_rest = wants_rest
        self.ended: list[tuple[int, State]] = []

    def end(self, trial: Trial, result: Result) -> bool:
        self.ended.append((trial.number, result.state))
        return self.wants_rest(trial)

    def report(self, trial: Trial, progress: Progress) -> bool:
        return self.goes_on(trial)

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        self.tells.append((trial.number, [result.state for result in results]))
        return super().tell(trial, results)


def make_sweep(scheduler, executor, known=None, listener=lambda _: None, recovery=None):
    tracker = MemoryTracker()
    tracker.open([SweepRecord("toy", "", "", "", "data")])
    recovery = recovery or Recovery(MemoryCheckpoints(), NoClaims())
    sweep = Sweep(scheduler, executor, tracker, known or {}, listener, recovery)
    return sweep, tracker


def test_every_run_is_trained_recorded_and_reported() -> None:
    scheduler = Recording([make_trial(1, 0.1), make_trial(2, 0.2, 0.3)])
    executor = ToyExecutor(2)
    sweep, tracker = make_sweep(scheduler, executor)
    sweep.run()
    assert [run.parameters.l2 for run in executor.submitted] == [0.1, 0.2, 0.3]
    assert scheduler.tells == [(1, [State.FINISHED]), (2, [State.FINISHED] * 2)]
    result = sweep.results[make_run(0.3).run_id]
    assert result.metrics["loss"] == 0.5
    assert result.metrics["test_accuracy"] == FINAL["test_accuracy"]
    assert result.epochs == 2
    assert result.history is not None
    assert result.history["accuracy"].tolist() == [0.1, 0.2]
    assert tracker.find()[result.run_id].state is State.FINISHED


def test_what_is_known_is_not_trained() -> None:
    known = {make_run(0.1).run_id: Result(make_run(0.1).run_id, State.FINISHED)}
    scheduler = Recording([make_trial(1, 0.1), make_trial(2, 0.2)])
    executor = ToyExecutor(1)
    sweep, _ = make_sweep(scheduler, executor, known)
    sweep.run()
    assert executor.submitted == [make_run(0.2)]
    assert [number for number, _ in scheduler.tells] == [1, 2]


def test_a_run_that_trials_share_is_trained_once_and_reported_to_each() -> None:
    scheduler = Recording([make_trial(1, 0.1), make_trial(2, 0.1, 0.2), make_trial(3, 0.1)])
    executor = ToyExecutor(4)
    sweep, tracker = make_sweep(scheduler, executor)
    sweep.run()
    assert [run.parameters.l2 for run in executor.submitted] == [0.1, 0.2]
    assert sorted(number for number, _ in scheduler.tells) == [1, 2, 3]
    assert len(tracker.started) == 2


def test_a_failure_ends_its_own_run_and_the_others_continue() -> None:
    def fail(run: Run) -> Event:
        return replace(failed(run, "diverged"), chance=1 / 6)

    scheduler = Recording([make_trial(1, 0.1), make_trial(2, 0.2)])
    sweep, tracker = make_sweep(scheduler, ToyExecutor(1, {0.1: fail}))
    sweep.run()
    assert scheduler.tells == [(1, [State.FAILED]), (2, [State.FINISHED])]
    result = sweep.results[make_run(0.1).run_id]
    assert (result.message, result.epochs, result.chance) == ("diverged", 2, 1 / 6)
    assert tracker.find()[make_run(0.1).run_id].has_diverged


def test_a_run_that_the_scheduler_drops_is_stopped() -> None:
    scheduler = Recording(
        [make_trial(1, 0.1), make_trial(2, 0.2)], goes_on=lambda trial: trial.number != 1
    )
    executor = ToyExecutor(1)
    sweep, _ = make_sweep(scheduler, executor)
    sweep.run()
    assert executor.stopped == [make_run(0.1).run_id]
    assert scheduler.tells == [(1, [State.KILLED]), (2, [State.FINISHED])]


def test_a_shared_run_continues_while_one_trial_wants_it() -> None:
    scheduler = Recording(
        [make_trial(1, 0.1, 0.2), make_trial(2, 0.1)], goes_on=lambda trial: trial.number != 1
    )
    executor = ToyExecutor(3)
    sweep, _ = make_sweep(scheduler, executor)
    sweep.run()
    assert executor.stopped == [make_run(0.2).run_id]


def test_an_interruption_records_what_was_in_progress_as_stopped() -> None:
    events: list[Event | None] = []

    def listener(event: Event | None) -> None:
        events.append(event)
        if sum(isinstance(each, Progress) for each in events) == 1 and isinstance(event, Progress):
            sweep.interrupt()

    executor = ToyExecutor(1)
    sweep, tracker = make_sweep(
        Recording([make_trial(1, 0.1), make_trial(2, 0.2)]), executor, listener=listener
    )
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    assert executor.is_closed
    assert executor.submitted == [make_run(0.1)]
    assert sweep.results[make_run(0.1).run_id].state is State.KILLED
    assert tracker.find()[make_run(0.1).run_id].state is State.KILLED


def test_a_second_interruption_does_not_wait() -> None:
    sweep, _ = make_sweep(Recording([]), ToyExecutor(1))
    sweep.interrupt()
    with pytest.raises(KeyboardInterrupt):
        sweep.interrupt()


def crashed(run: Run) -> Failed:
    return failed(run, "its worker process was killed.", is_crash=True)


class Crashing(ToyExecutor):
    """Crashes the process of a run a number of times, after a checkpoint of its first epoch."""

    def __init__(self, times: int) -> None:
        super().__init__(1)
        self.times = times

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        super().submit(run, checkpoint, is_tested=is_tested, kind=kind)
        if len(self.begun_from) <= self.times:
            state = Checkpoint(run.run_id, 1, b"after 1", is_end=False)
            queue = [started(run), progress(run, 1), state, crashed(run)]
            self._queues[run.run_id] = deque(queue)


def test_a_run_whose_process_dies_resumes_from_its_checkpoint() -> None:
    events: list[Event | None] = []
    executor = Crashing(2)
    sweep, tracker = make_sweep(Recording([make_trial(1, 0.1)]), executor, listener=events.append)
    sweep.run()
    assert executor.begun_from == [None, b"after 1", b"after 1"]
    (result,) = sweep.results.values()
    assert result.state is State.FINISHED
    assert list(result.history["loss"]) == [1, 0.5]
    assert [event.epoch for event in events if isinstance(event, Retried)] == [1, 1]
    assert len(tracker.find()) == 1


def test_a_run_whose_process_dies_too_often_fails_and_says_how_to_resume() -> None:
    executor = Crashing(9)
    sweep, _ = make_sweep(Recording([make_trial(1, 0.1)]), executor)
    sweep.run()
    (result,) = sweep.results.values()
    assert len(executor.begun_from) == 3
    assert result.state is State.FAILED
    assert result.message == (
        "its worker process was killed. Run the same command again to resume this run; "
        "finished runs are kept."
    )


def test_a_run_begins_where_an_earlier_sweep_left_it() -> None:
    checkpoints = MemoryCheckpoints()
    run = make_run(0.1)
    checkpoints.keep(run, Checkpoint(run.run_id, 1, b"after 1", is_end=False))
    for uses_checkpoints, expected in ((True, b"after 1"), (False, None)):
        executor = ToyExecutor(1)
        recovery = Recovery(checkpoints, NoClaims(), uses_checkpoints=uses_checkpoints)
        make_sweep(Recording([make_trial(1, 0.1)]), executor, recovery=recovery)[0].run()
        assert executor.begun_from == [expected]


class OnKinds(ToyExecutor):
    """Trains on the first of several kinds of processors, or on the kind that a run requires.

    Runs leave a checkpoint of their first epoch. The process of the first `crashes` then dies.
    """

    def __init__(self, *kinds: str, crashes: int = 0) -> None:
        super().__init__(1)
        self.kinds = kinds
        self.crashes = crashes
        self.required: list[str | None] = []

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        super().submit(run, checkpoint, is_tested=is_tested, kind=kind)
        self.required.append(kind)
        own = kind or self.kinds[0]
        before = kinds_in(checkpoint or b"{}") or {1: own}
        kinds = before if before == {1: own} else {**before, 2: own}
        first = replace(progress(run, 1), is_replay=checkpoint is not None, kinds=before)
        queue: list[Event] = [replace(started(run), environment={"device": own}), first]
        if checkpoint is None:
            queue.append(kept(run, before))
        if len(self.required) > self.crashes:
            queue += [replace(progress(run, 2), kinds=kinds), replace(finished(run), kinds=kinds)]
        else:
            queue.append(crashed(run))
        self._queues[run.run_id] = deque(queue)


def kept(run: Run, kinds: Kinds) -> Checkpoint:
    return Checkpoint(run.run_id, 1, kinds_text(kinds).encode(), is_end=False, kinds=kinds)


def resume(
    executor: OnKinds, made: Kinds, *, same_processor: bool
) -> tuple[Result, list[str], list[str | None]]:
    """Train a run that has a checkpoint and a record of its first epoch.

    Returns:
        Its result, the messages, and the record that it continues.
    """
    run, continued = make_run(0.1), []
    earlier = Result(run.run_id, State.KILLED, epochs=1, location="earlier", kinds=made)
    checkpoints = MemoryCheckpoints()
    checkpoints.keep(run, kept(run, made))
    events: list[Event | None] = []
    sweep, tracker = make_sweep(
        Recording([make_trial(1, 0.1)]),
        executor,
        listener=events.append,
        recovery=Recovery(
            checkpoints, NoClaims(), lambda _: earlier, same_processor=same_processor
        ),
    )
    start = tracker.start

    def started_as(trial: Trial, run: Run, continues: str | None = None) -> None:
        continued.append(continues)
        start(trial, run, continues)

    tracker.start = started_as
    sweep.run()
    messages = [event.message for event in events if isinstance(event, Notice)]
    return sweep.results[run.run_id], messages, continued


def test_a_run_that_resumes_on_another_kind_of_processor_says_so() -> None:
    executor = OnKinds("A", "B")
    result, messages, continued = resume(executor, {1: "A"}, same_processor=False)
    assert (result.kinds, messages, continued) == ({1: "A"}, [], ["earlier"])
    executor = OnKinds("B", "A")
    result, (message,), continued = resume(executor, {1: "A"}, same_processor=False)
    assert (result.kinds, continued) == ({1: "A", 2: "B"}, ["earlier"])
    assert message.startswith("trained on A until epoch 1, from then on B: its numbers may differ")
    assert executor.required == [None]


def test_with_the_same_processor_a_run_resumes_on_its_kind_or_begins_anew() -> None:
    executor = OnKinds("B", "A")
    result, messages, continued = resume(executor, {1: "A"}, same_processor=True)
    assert (result.kinds, messages, continued) == ({1: "A"}, [], ["earlier"])
    executor.kinds = ()  # All nodes are taken or lost: it waits for one of its kind.
    result, messages, continued = resume(executor, {1: "A"}, same_processor=True)
    assert (result.kinds, messages, continued) == ({1: "A"}, [], ["earlier"])
    assert executor.required == ["A", "A"]
    for made, name in (
        ({1: "A"}, "A"),
        ({1: "A", 2: "B"}, "A and B"),
        ({2: "B"}, "an unknown kind and B"),
        ({}, "an unknown kind"),
    ):
        executor = OnKinds("B")
        result, (message,), continued = resume(executor, made, same_processor=True)
        assert (result.kinds, continued) == ({1: "B"}, [None])
        assert (executor.begun_from, executor.required) == ([None], [None])
        assert message == (
            f"its checkpoint after epoch 1 was trained on {name}; with --same-processor, this run "
            "is therefore trained from epoch 0"
        )


@pytest.mark.parametrize("is_lost", [False, True])
def test_with_the_same_processor_a_run_whose_process_dies_resumes_on_its_kind(
    is_lost: bool,
) -> None:
    class Changing(OnKinds):
        """After the first submission, another kind comes first or is the only one."""

        def submit(self, *arguments: Any, **options: Any) -> None:
            super().submit(*arguments, **options)
            self.kinds = ("B",) if is_lost else ("B", "A")

    executor, events = Changing("A", crashes=1), []
    recovery = Recovery(MemoryCheckpoints(), NoClaims(), same_processor=True)
    sweep, _ = make_sweep(Recording([make_trial(1, 0.1)]), executor, None, events.append, recovery)
    sweep.run()
    (result,) = sweep.results.values()
    assert executor.required == [None, None if is_lost else "A"]
    assert [content is None for content in executor.begun_from] == [True, is_lost]
    assert result.kinds == {1: "B" if is_lost else "A"}
    assert [event.epoch for event in events if isinstance(event, Retried)] == [0 if is_lost else 1]
    assert any(isinstance(event, Notice) for event in events) == is_lost


def test_runs_on_one_trajectory_are_trained_one_after_the_other() -> None:
    asked = [
        trials.make_trial(make_run(l2, epochs), number=number)
        for number, (l2, epochs) in enumerate([(0.1, 2), (0.1, 4), (0.2, 2)], start=1)
    ]
    executor = ToyExecutor(2)
    sweep, _ = make_sweep(Recording(asked), executor)
    sweep.run()
    order = [(run.parameters.l2, run.parameters.epochs) for run in executor.submitted]
    assert order == [(0.1, 2), (0.2, 2), (0.1, 4)]
    assert len(sweep.results) == 3


class OtherSweep(NoClaims):
    """Holds a trajectory for a while, like another sweep that trains it."""

    def __init__(self, run: Run, refusals: int) -> None:
        super().__init__()
        self.run = run
        self.refusals = refusals

    def take(self, trajectory: str) -> bool:
        if trajectory == self.run.trajectory_id and self.refusals:
            self.refusals -= 1
            return False
        return super().take(trajectory)


@pytest.mark.parametrize("has_finished", [True, False])
def test_what_another_sweep_trains_is_waited_for_and_taken_over_if_it_did_not_finish(
    has_finished: bool,
) -> None:
    asked = [make_trial(1, 0.1), make_trial(2, 0.2)]
    theirs = asked[0].runs[0]
    state = State.FINISHED if has_finished else State.KILLED
    result = Result(theirs.run_id, state, {"test_accuracy": 0.5}, location="memory/9")
    found = {theirs.run_id: result}
    recovery = Recovery(
        MemoryCheckpoints(), OtherSweep(theirs, 4), lambda run: found.get(run.run_id)
    )
    events: list[Event | None] = []
    scheduler, executor = Recording(asked), ToyExecutor(2)
    make_sweep(scheduler, executor, listener=events.append, recovery=recovery)[0].run()
    trained = [run.parameters.l2 for run in executor.submitted]
    assert trained == ([0.2] if has_finished else [0.2, 0.1])
    assert sorted(scheduler.tells) == [(1, [State.FINISHED]), (2, [State.FINISHED])]
    assert [event.run_id for event in events if isinstance(event, Waiting)] == [theirs.run_id]


def test_an_interruption_ends_the_search_for_a_run_that_can_be_claimed() -> None:
    asked = []

    class Elsewhere(NoClaims):
        def take(self, trajectory: str) -> bool:
            asked.append(trajectory)
            sweep.interrupt()
            return False

    recovery = Recovery(MemoryCheckpoints(), Elsewhere())
    sweep, _ = make_sweep(Recording([make_trial(1, 0.1, 0.2)]), ToyExecutor(1), recovery=recovery)
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    assert len(asked) == 1


class Importing(ToyExecutor):
    """Starts runs and never sends an epoch, like a worker that imports or compiles."""

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        super().submit(run, checkpoint, is_tested=is_tested, kind=kind)
        self._queues[run.run_id] = deque([started(run)] * 10_000)

    def stop(self, run_id: str) -> None:
        self.stopped.append(run_id)


def test_an_interruption_does_not_wait_for_a_run_that_has_nothing_to_keep() -> None:
    executor = Importing(1)
    sweep, _ = make_sweep(
        Recording([make_trial(1, 0.1)]),
        executor,
        listener=lambda event: isinstance(event, Started) and sweep.interrupt(),
    )
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    assert executor.is_closed
    assert len(executor._queues[make_run(0.1).run_id]) > 9_990
    assert [result.state for result in sweep.results.values()] == [State.KILLED]


def test_a_run_that_is_shorter_than_a_finished_one_says_why_it_is_trained() -> None:
    checkpoints = MemoryCheckpoints()
    longer = make_run(0.1, epochs=9)
    checkpoints.keep(longer, Checkpoint(longer.run_id, 9, b"end", is_end=True))
    events = []
    executor = ToyExecutor(1)
    sweep, _ = make_sweep(
        Recording([make_trial(1, 0.1), make_trial(2, 0.2)]),
        executor,
        listener=events.append,
        recovery=Recovery(checkpoints, NoClaims()),
    )
    sweep.run()
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert notice.run_id == make_run(0.1).run_id
    assert notice.message == (
        "a run of 9 epochs is finished, but its weights after epoch 2 were not kept, only its "
        "curve; this run is therefore trained from epoch 0"
    )
    assert executor.begun_from == [None, None]


def test_a_run_without_the_best_weights_that_it_needs_says_that_it_begins_again() -> None:
    rule = PARAMETERS["early_stopping"].component("", {"metric": "loss", "patience": 5})
    plain, checkpoints = make_run(0.1), MemoryCheckpoints()
    checkpoints.keep(plain, Checkpoint(plain.run_id, 2, b"2", is_end=False))
    stopping = replace(plain, parameters=replace(plain.parameters, early_stopping=rule))
    for uses_checkpoints in (True, False):
        recovery = Recovery(checkpoints, NoClaims(), uses_checkpoints=uses_checkpoints)
        why = "trained from its beginning: the checkpoints lack the best weights"
        assert recovery.remark(stopping, None) == (why if uses_checkpoints else None)
        assert recovery.remark(plain, None) is None


def test_a_run_that_was_stopped_resumes_when_a_later_trial_wants_it() -> None:
    calls = {1: 0, 2: 0}

    def goes_on(trial: Trial) -> bool:
        calls[trial.number] += 1
        return trial.number == 2

    scheduler = Recording([make_trial(1, 0.1), make_trial(2, 0.1)], goes_on)
    executor = ToyExecutor(1)
    sweep, tracker = make_sweep(scheduler, executor)
    sweep.run()
    assert [run.parameters.l2 for run in executor.submitted] == [0.1, 0.1]
    assert scheduler.tells == [(1, [State.KILLED]), (2, [State.FINISHED])]
    assert tracker.find()[make_run(0.1).run_id].state is State.FINISHED


class Slow(ToyExecutor):
    """Runs that are stopped take a while to stop, or finish before they do."""

    is_deaf = False

    def stop(self, run_id: str) -> None:
        self.stopped.append(run_id)
        run = next(run for run in self.submitted if run.run_id == run_id)
        end = finished(run) if self.is_deaf else stopped(run_id)
        self._queues[run_id] = deque([progress(run, 3), progress(run, 4), end])


@pytest.mark.parametrize("seeds", [(0.1,), (0.1, 0.3)])
def test_a_run_that_is_asked_for_while_it_is_being_stopped_resumes_afterwards(seeds) -> None:
    asked = [make_trial(1, *seeds), make_trial(2, 0.2), make_trial(3, 0.1)]
    scheduler = Recording(asked, goes_on=lambda trial: trial.number != 1)
    executor = Slow(len(seeds) + 1)
    sweep, tracker = make_sweep(scheduler, executor)
    sweep.run()
    assert [run.parameters.l2 for run in executor.submitted].count(0.1) == 2
    assert sorted(scheduler.tells) == [
        (1, [State.KILLED] * len(seeds)),
        (2, [State.FINISHED]),
        (3, [State.FINISHED]),
    ]
    assert tracker.find()[make_run(0.1).run_id].state is State.FINISHED


def test_a_run_that_ends_although_it_is_being_stopped_has_ended_for_all_that_want_it() -> None:
    asked = [make_trial(1, 0.1), make_trial(2, 0.2), make_trial(3, 0.1)]
    scheduler = Recording(asked, goes_on=lambda trial: trial.number != 1)
    executor = Slow(2)
    executor.is_deaf = True
    sweep, _ = make_sweep(scheduler, executor)
    sweep.run()
    assert [run.parameters.l2 for run in executor.submitted] == [0.1, 0.2]
    assert sorted(scheduler.tells) == [(number, [State.FINISHED]) for number in (1, 2, 3)]


def test_a_run_that_is_being_stopped_is_not_resumed_when_its_worker_dies() -> None:
    class Dying(ToyExecutor):
        def stop(self, run_id: str) -> None:
            run = next(run for run in self.submitted if run.run_id == run_id)
            self._queues[run_id] = deque([crashed(run)])

    scheduler = Recording([make_trial(1, 0.1)], goes_on=lambda _: False)
    executor = Dying(1)
    sweep, _ = make_sweep(scheduler, executor)
    sweep.run()
    assert len(executor.submitted) == 1
    assert scheduler.tells == [(1, [State.KILLED])]


def test_the_scheduler_does_not_receive_a_run_that_an_interruption_stopped() -> None:
    scheduler = Recording([make_trial(1, 0.1)])
    sweep, tracker = make_sweep(
        scheduler,
        ToyExecutor(1),
        listener=lambda event: isinstance(event, Started) and sweep.interrupt(),
    )
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    assert (scheduler.ended, scheduler.tells) == ([], [])
    assert tracker.find()[make_run(0.1).run_id].state is State.KILLED


def test_a_cluster_that_is_lost_while_a_sweep_is_interrupted_does_not_change_how_it_ends() -> None:
    class Lost(ToyExecutor):
        def events(self, timeout: float) -> Sequence[Event]:
            if sweep._is_interrupted:
                raise ClusterError("the connection to the Ray cluster was lost")
            return super().events(timeout)

    sweep, tracker = make_sweep(
        Recording([make_trial(1, 0.1)]),
        Lost(1),
        listener=lambda event: isinstance(event, Progress) and sweep.interrupt(),
    )
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    assert tracker.find()[make_run(0.1).run_id].state is State.KILLED


def test_while_there_is_no_worker_nothing_is_claimed_and_the_sweep_goes_on() -> None:
    class Claimed(NoClaims):
        def take(self, key: str) -> bool:
            assert executor.slots, "another sweep could train it meanwhile"
            return super().take(key)

    class Late(ToyExecutor):
        def events(self, timeout: float) -> Sequence[Event]:
            self.slots = 1
            return super().events(timeout)

    executor = Late(0)
    sweep, _ = make_sweep(
        Recording([make_trial(1, 0.1), make_trial(2, 0.2)]),
        executor,
        recovery=Recovery(MemoryCheckpoints(), Claimed()),
    )
    sweep.run()
    assert [run.parameters.l2 for run in executor.submitted] == [0.1, 0.2]


def test_without_workers_a_sweep_ends_once_another_has_trained_its_runs() -> None:
    found: dict[str, Result] = {}

    class Without(ToyExecutor):
        def events(self, timeout: float) -> Sequence[Event]:
            """The other sweep finishes its next run."""
            run_id = make_run((0.1, 0.2)[len(found)]).run_id
            found[run_id] = Result(run_id, State.FINISHED, {"test_accuracy": 0.5})
            return ()

    sweep, _ = make_sweep(
        Recording([make_trial(1, 0.1), make_trial(2, 0.2)]),
        Without(0),
        recovery=Recovery(MemoryCheckpoints(), NoClaims(), lambda run: found.get(run.run_id)),
    )
    sweep.run()
    assert sweep.results == found


def test_an_interruption_is_noticed_while_trials_are_answered_from_the_store() -> None:
    asked = []

    class Endless(Recording):
        def ask(self) -> Trial | None:
            asked.append(make_trial(len(asked), len(asked) / 100))
            if len(asked) == 3:
                sweep.interrupt()
            assert len(asked) < 50
            return asked[-1]

    found = Result("", State.FINISHED, {"test_accuracy": 0.5})
    recovery = Recovery(
        MemoryCheckpoints(), NoClaims(), lambda run: replace(found, run_id=run.run_id)
    )
    sweep, _ = make_sweep(Endless([]), ToyExecutor(1), recovery=recovery)
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    assert len(asked) == 3


def test_runs_of_a_trial_that_are_no_longer_wanted_are_not_started() -> None:
    asked = [make_trial(1, 0.1, 0.2, 0.3, 0.4), make_trial(2, 0.5)]
    scheduler = Recording(asked, wants_rest=lambda trial: trial.number == 2)
    executor = ToyExecutor(1)
    sweep, _ = make_sweep(scheduler, executor)
    sweep.run()
    assert [run.parameters.l2 for run in executor.submitted] == [0.1, 0.5]
    killed = [State.KILLED] * 3
    assert scheduler.tells == [(1, [State.FINISHED, *killed]), (2, [State.FINISHED])]


def test_runs_that_are_no_longer_wanted_are_stopped() -> None:
    scheduler = Recording([make_trial(1, 0.1, 0.2)], wants_rest=lambda _: False)
    slow = {0.2: lambda run: progress(run, 3)}  # It does not end by itself.
    executor = ToyExecutor(2, slow)
    sweep, _ = make_sweep(scheduler, executor)
    sweep.run()
    assert executor.stopped == [make_run(0.2).run_id]
    assert scheduler.tells == [(1, [State.FINISHED, State.KILLED])]


def test_a_run_that_another_trial_wants_too_is_not_stopped() -> None:
    asked = [make_trial(1, 0.1, 0.2), make_trial(2, 0.2)]
    scheduler = Recording(asked, wants_rest=lambda trial: trial.number == 2)
    executor = ToyExecutor(1)
    sweep, _ = make_sweep(scheduler, executor)
    sweep._take_trial()
    sweep._take_trial()
    sweep.run()
    assert [run.parameters.l2 for run in executor.submitted] == [0.1, 0.2]
    assert (2, [State.FINISHED]) in scheduler.tells


def test_a_trial_whose_runs_are_all_known_receives_each() -> None:
    run = make_run(0.1)
    scheduler = Recording([make_trial(1, 0.1)])
    sweep, _ = make_sweep(
        scheduler, ToyExecutor(1), {run.run_id: Result(run.run_id, State.FINISHED)}
    )
    sweep.run()
    assert scheduler.ended == [(1, State.FINISHED)]
    assert scheduler.tells == [(1, [State.FINISHED])]


@pytest.mark.parametrize("is_tested", [True, False])
def test_a_run_that_was_trained_and_not_tested_is_tested_if_a_trial_requires_it(
    is_tested: bool,
) -> None:
    run = make_run(0.1)
    untested = Result(run.run_id, State.FINISHED, {"loss": 0.5})
    recovery = Recovery(MemoryCheckpoints(), NoClaims(), lambda _: untested)
    purpose = Purpose.CONFIRMATION if is_tested else Purpose.SEARCH
    scheduler, executor = Recording([trials.make_trial(run, purpose=purpose)]), ToyExecutor(1)
    make_sweep(scheduler, executor, recovery=recovery)[0].run()
    assert executor.tested == ([True] if is_tested else [])
    assert scheduler.tells == [(1, [State.FINISHED])]


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("chance", [1 / 6, None])
def test_a_failed_run_of_another_sweep_is_trained_unless_it_diverged(
    chance: float | None, purpose: Purpose
) -> None:
    run = make_run(0.1)
    earlier = Result(run.run_id, State.FAILED, message="it broke", chance=chance)
    recovery = Recovery(MemoryCheckpoints(), NoClaims(), lambda _: earlier)
    scheduler, executor = Recording([trials.make_trial(run, purpose=purpose)]), ToyExecutor(1)
    sweep, tracker = make_sweep(scheduler, executor, recovery=recovery)
    sweep.run()
    if chance is None:
        assert scheduler.tells == [(1, [State.FINISHED])]
    else:
        assert scheduler.tells == [(1, [State.FAILED])]
        assert sweep.results == {run.run_id: earlier}
        assert not executor.submitted
        assert not tracker.started


def test_every_trial_ends_however_often_points_are_repeated() -> None:
    """Trials come and go, so that Python gives a new one the address of an old one."""

    class Repeating:
        """Proposes the same point again and again, and stops each run."""

        def __init__(self) -> None:
            self.asked: list[int] = []
            self.tells: list[int] = []

        def ask(self) -> Trial | None:
            if len(self.asked) == 60:
                return None
            self.asked.append(len(self.asked))
            return trials.make_trial(*RUNS_OF_REPEATING, number=self.asked[-1])

        def report(self, trial: Trial, progress: Progress) -> bool:
            return False

        def end(self, trial: Trial, result: Result) -> bool:
            return True

        def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
            self.tells.append(trial.number)
            return TrialEnd.of(trial, results)

    scheduler = Repeating()
    sweep, tracker = make_sweep(scheduler, ToyExecutor(1))
    sweep._tracker = Forgetful(tracker)
    sweep.run()
    assert sorted(scheduler.tells) == scheduler.asked


RUNS_OF_REPEATING = (make_run(0.1),)


class Forgetful:
    """A tracker that keeps nothing, so that nothing is kept alive by it."""

    def __init__(self, inner: MemoryTracker) -> None:
        self.then = inner.then

    def start(self, *_: object) -> None: ...

    def record(self, event: Event) -> None: ...

    def end_trial(self, end: TrialEnd) -> None: ...


def test_a_repeated_cause_of_death_is_reported_once() -> None:
    causes = iter(["it died at 0x7f3a, 10:00.", "it died at 0x7f4b, 10:01.", "killed.", "killed."])
    ends = {0.1: lambda run: failed(run, next(causes), is_crash=True)}
    events: list[Event | None] = []
    recovery = Recovery(MemoryCheckpoints(), NoClaims(), retries=3)
    sweep, _ = make_sweep(
        Recording([make_trial(1, 0.1)]), ToyExecutor(1, ends), None, events.append, recovery
    )
    sweep.run()
    assert [event.message for event in events if isinstance(event, Retried)] == [
        "it died at 0x7f3a, 10:00.",
        "its worker process died again in the same way.",
        "killed.",
    ]
    (failure,) = [event for event in events if isinstance(event, Failed)]
    assert failure.message.startswith("killed. Run the same command again")


def test_lost_nodes_do_not_count_as_restarts_of_a_run_unless_it_seems_to_end_them() -> None:
    deaths = iter(["its node a was lost.", "killed.", *["its node a was lost."] * 30])

    def end(run: Run) -> Failed:
        message = next(deaths)
        is_node_lost = message != "killed."
        return Failed(run.run_id, 0, message, is_crash=True, is_node_lost=is_node_lost)

    events: list[Event | None] = []
    recovery = Recovery(MemoryCheckpoints(), NoClaims(), retries=1)
    sweep, _ = make_sweep(
        Recording([make_trial(1, 0.1)]), ToyExecutor(1, {0.1: end}), None, events.append, recovery
    )
    sweep.run()
    causes = [event.message for event in events if isinstance(event, Retried)]
    assert causes == ["its node a was lost.", "killed.", *["its node a was lost."] * 19]
    assert sum(isinstance(event, Failed) for event in events) == 1


class Reported(Recording):
    """A fixed list that keeps the epochs reported to each trial."""

    def __init__(self, asked: Sequence[Trial], goes_on: Callable[[Trial], bool] = lambda _: True):
        super().__init__(asked, goes_on)
        self.epochs: dict[int, list[int]] = {trial.number: [] for trial in asked}

    def report(self, trial: Trial, progress: Progress) -> bool:
        epochs = range(progress.first_epoch, progress.last_epoch + 1)
        self.epochs[trial.number] += epochs
        return super().report(trial, progress)


def test_a_trial_that_asks_for_a_run_in_training_is_given_its_earlier_epochs() -> None:
    scheduler = Reported([make_trial(1, 0.1), make_trial(2, 0.1)])
    sweep, _ = make_sweep(scheduler, ToyExecutor(1))
    sweep._fill()
    for _ in range(2):  # The run starts, and trains its first epoch.
        sweep._step()
    sweep._take_trial()
    assert scheduler.epochs == {1: [1], 2: [1]}
    sweep.run()
    assert scheduler.epochs == {1: [1, 2], 2: [1, 2]}


def test_trials_that_ask_for_a_run_that_is_being_stopped_are_given_each_epoch_once() -> None:
    asked = [make_trial(number, 0.1) for number in (1, 2, 3)]
    scheduler = Reported(asked, goes_on=lambda trial: trial.number != 1)
    executor = Slow(1)
    sweep, _ = make_sweep(scheduler, executor)
    sweep._fill()
    while not executor.stopped:
        sweep._step()
    sweep._take_trial()
    sweep._take_trial()
    sweep.run()
    assert scheduler.epochs[2] == scheduler.epochs[3] == [1, 2]


def sequential(number: int, *l2: float) -> Trial:
    return replace(make_trial(number, *l2), is_sequential=True)


def test_a_sequential_trial_starts_each_run_after_the_previous_one_and_leaves_no_slot_empty() -> (
    None
):
    asked = [sequential(1, 0.1, 0.2), sequential(2, 0.3, 0.4), make_trial(3, 0.5)]
    scheduler, executor = Recording(asked), ToyExecutor(2)
    sweep, _ = make_sweep(scheduler, executor)
    sweep._fill()
    while not sweep._is_over:
        assert len(executor._queues) == 2 or scheduler.ask() is None
        sweep._step()
    order = [run.parameters.l2 for run in executor.submitted]
    assert order == [0.1, 0.3, 0.2, 0.4, 0.5]
    assert sorted(number for number, _ in scheduler.tells) == [1, 2, 3]


def test_the_next_run_of_a_sequential_trial_comes_before_the_next_trial() -> None:
    executor = ToyExecutor(1)
    make_sweep(Recording([sequential(1, 0.1, 0.2), make_trial(2, 0.3)]), executor)[0].run()
    assert [run.parameters.l2 for run in executor.submitted] == [0.1, 0.2, 0.3]


def test_a_sequential_trial_that_is_not_wanted_ends_without_its_other_runs() -> None:
    known = {run.run_id: Result(run.run_id, State.FINISHED) for run in map(make_run, (0.1, 0.3))}
    scheduler = Recording(
        [sequential(1, 0.1, 0.2, 0.3), sequential(2, 0.3, 0.1, 0.4)],
        wants_rest=lambda trial: trial.number != 1,
    )
    executor = ToyExecutor(2)
    sweep, _ = make_sweep(scheduler, executor, known)
    sweep.run()
    assert [run.parameters.l2 for run in executor.submitted] == [0.4]
    killed = [State.KILLED] * 2
    assert scheduler.tells == [(1, [State.FINISHED, *killed]), (2, [State.FINISHED] * 3)]
    assert scheduler.ended.count((1, State.FINISHED)) == 1
    assert sweep.results[make_run(0.3).run_id].state is State.FINISHED


def test_a_sequential_trial_may_have_any_number_of_known_runs() -> None:
    many = [number / 10_000 for number in range(3000)]
    known = {run.run_id: Result(run.run_id, State.FINISHED) for run in map(make_run, many)}
    scheduler = Recording([sequential(1, *many)])
    make_sweep(scheduler, ToyExecutor(1), known)[0].run()
    assert scheduler.tells == [(1, [State.FINISHED] * 3000)]
