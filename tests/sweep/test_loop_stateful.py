"""The loop under any order of events: whatever happens, no trial is lost and none ends twice."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from events import failed, finished, progress, started, stopped
from fakes import MemoryCheckpoints, MemoryTracker
from signs_sweep.domain import (
    Checkpoint,
    Dense,
    Event,
    Parameters,
    Progress,
    Result,
    Run,
    State,
    Trial,
    TrialEnd,
)
from signs_sweep.protocols import SweepRecord
from signs_sweep.sweep import loop
from signs_sweep.sweep.loop import Sweep
from signs_sweep.sweep.recovery import Recovery
from trials import make_trial

EPOCHS = (3, 5)
RUNS = [
    Run(Parameters(l2=l2, epochs=epochs), Dense((2,)), 0.0, "data")
    for l2 in (0.1, 0.2, 0.3)
    for epochs in EPOCHS
]
"""Pairs of them share a trajectory."""


class Scripted:
    """An executor in which nothing happens but what a rule says."""

    kinds = ()

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.underway: dict[str, Run] = {}
        self.epochs: dict[str, int] = {}
        self.stopping: set[str] = set()
        self.events_to_come: list[Event] = []

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        assert len(self.underway) < self.slots
        assert run.run_id not in self.underway
        self.underway[run.run_id] = run
        self.stopping.discard(run.run_id)
        self.epochs[run.run_id] = 0
        self.events_to_come.append(started(run))
        if checkpoint is not None:
            self.train(run, int(checkpoint), is_replay=True)

    def train(self, run: Run, epochs: int, *, is_replay: bool = False) -> None:
        first = self.epochs[run.run_id] + 1
        epochs = min(epochs, run.parameters.epochs - first + 1)
        if epochs > 0:
            event = progress(run, first, epochs)
            self.epochs[run.run_id] += epochs
            self.events_to_come.append(
                Progress(event.run_id, first, event.metrics, event.times, is_replay)
            )

    def end(self, event: Event) -> None:
        del self.underway[event.run_id]
        self.events_to_come.append(event)

    def events(self, timeout: float) -> Sequence[Event]:
        events, self.events_to_come = self.events_to_come, []
        return events

    def stop(self, run_id: str) -> None:
        self.stopping.add(run_id)

    def close(self) -> None:
        self.underway.clear()
        self.events_to_come.clear()


class Fickle:
    """A scheduler that drops trials when a rule says so, and checks the calls it receives."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.waiting = list(trials)
        self.asked: list[Trial] = []
        self.pruned: set[str] = set()
        self.tells: Counter[str] = Counter()
        self.epochs: dict[tuple[str, str], int] = {}
        self.ended: dict[tuple[str, str], int] = Counter()

    def ask(self) -> Trial | None:
        if not self.waiting:
            return None
        self.asked.append(self.waiting.pop(0))
        return self.asked[-1]

    def report(self, trial: Trial, progress: Progress) -> bool:
        key = (trial.key, progress.run_id)
        assert progress.first_epoch == self.epochs.get(key, 0) + 1, "each epoch once, in order"
        self.epochs[key] = progress.last_epoch
        assert not self.tells[trial.key]
        if trial.is_sequential:
            earlier = trial.run_ids[: trial.run_ids.index(progress.run_id)]
            assert all(self.ended[trial.key, run_id] for run_id in earlier), "started too early"
        return trial.key not in self.pruned

    def end(self, trial: Trial, result: Result) -> bool:
        assert not self.tells[trial.key]
        self.ended[trial.key, result.run_id] += 1
        assert self.ended[trial.key, result.run_id] == 1
        return trial.key not in self.pruned

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        self.tells[trial.key] += 1
        assert [result.run_id for result in results] == list(trial.run_ids)
        assert all(result.state.has_ended for result in results)
        return TrialEnd.of(trial, results)


class Shared:
    """Claims that another sweep takes and gives back, too."""

    def __init__(self) -> None:
        self.ours: set[str] = set()
        self.theirs: set[str] = set()

    def take(self, trajectory: str) -> bool:
        is_free = trajectory not in self.ours | self.theirs
        if is_free:
            self.ours.add(trajectory)
        return is_free

    def release(self, trajectory: str) -> None:
        self.ours.remove(trajectory)


class Delayed(MemoryTracker):
    """A tracker that does what is to follow a record when a rule says so."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Callable[[], None]] = []

    def then(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def do_jobs(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()


def trials_of(parts: Sequence[tuple[Collection[int], bool]]) -> list[Trial]:
    return [
        make_trial(*(RUNS[index] for index in part), number=number, is_sequential=is_sequential)
        for number, (part, is_sequential) in enumerate(parts)
    ]


class Loop(RuleBasedStateMachine):
    """A sweep to which everything happens that can."""

    @initialize(
        parts=st.lists(
            st.tuples(
                st.lists(st.integers(0, len(RUNS) - 1), min_size=1, max_size=3, unique=True),
                st.booleans(),
            ),
            min_size=3,
            max_size=8,
        ),
        slots=st.integers(1, 3),
        retries=st.integers(0, 2),
    )
    def begin(self, parts, slots: int, retries: int) -> None:
        self.executor, self.claims = Scripted(slots), Shared()
        self.scheduler, self.tracker = Fickle(trials_of(parts)), Delayed()
        self.tracker.open([SweepRecord("toy", "", "", "", "data")])
        self.ends: list[TrialEnd] = []
        self.is_interrupted = False
        self.elsewhere: dict[str, Result] = {}
        recovery = Recovery(
            MemoryCheckpoints(),
            self.claims,
            lambda run: (
                self.elsewhere.get(run.run_id) or self.tracker.find([run.run_id]).get(run.run_id)
            ),
            retries=retries,
        )
        self.sweep = Sweep(self.scheduler, self.executor, self.tracker, {}, self.listen, recovery)
        self.sweep._fill()

    def listen(self, event: object) -> None:
        if isinstance(event, TrialEnd):
            self.ends.append(event)

    def step(self) -> None:
        if not self.sweep._is_over:
            self.sweep._step()

    def is_training(self) -> bool:
        return not self.is_interrupted and bool(self.executor.underway)

    def some_run(self, data: st.DataObject) -> Run:
        runs = self.executor.underway
        return runs[data.draw(st.sampled_from(sorted(runs)))]

    @precondition(is_training)
    @rule(data=st.data(), epochs=st.integers(1, 3))
    def train(self, data: st.DataObject, epochs: int) -> None:
        self.executor.train(self.some_run(data), epochs)
        self.step()

    @precondition(is_training)
    @rule(data=st.data())
    def keep(self, data: st.DataObject) -> None:
        run = self.some_run(data)
        if epoch := self.executor.epochs[run.run_id]:
            content = str(epoch).encode()
            self.executor.events_to_come.append(
                Checkpoint(run.run_id, epoch, content, is_end=False)
            )
            self.step()

    @precondition(is_training)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        run = self.some_run(data)
        self.executor.train(run, run.parameters.epochs)
        self.executor.end(finished(run))
        self.step()

    @precondition(is_training)
    @rule(data=st.data(), is_crash=st.booleans())
    def fail(self, data: st.DataObject, is_crash: bool) -> None:
        self.executor.end(failed(self.some_run(data), is_crash=is_crash))
        self.step()

    @precondition(lambda self: self.is_training() and self.executor.stopping)
    @rule()
    def stop(self) -> None:
        for run_id in sorted(self.executor.stopping & set(self.executor.underway)):
            self.executor.end(stopped(run_id))
        self.step()

    @precondition(lambda self: self.scheduler.asked)
    @rule(data=st.data())
    def prune(self, data: st.DataObject) -> None:
        trial = data.draw(st.sampled_from(self.scheduler.asked))
        self.scheduler.pruned.add(trial.key)

    @rule()
    def write(self) -> None:
        self.tracker.do_jobs()
        if not self.is_interrupted:
            self.step()

    @rule(data=st.data())
    def let_another_sweep_train(self, data: st.DataObject) -> None:
        trajectory = data.draw(st.sampled_from([run.trajectory_id for run in RUNS]))
        if trajectory not in self.claims.ours:
            self.claims.theirs.add(trajectory)

    @rule(has_finished=st.booleans())
    def let_the_other_sweep_end(self, has_finished: bool) -> None:
        for run in RUNS:
            if has_finished and run.trajectory_id in self.claims.theirs:
                metrics = {"test_accuracy": 0.5}
                self.elsewhere[run.run_id] = Result(run.run_id, State.FINISHED, metrics)
        self.claims.theirs.clear()

    @precondition(lambda self: not self.is_interrupted and not self.sweep._is_over)
    @rule(is_meant=st.sampled_from([False] * 14 + [True]))
    def interrupt(self, is_meant: bool) -> None:
        if not is_meant:  # It ends all that could follow, so it must be rare.
            return
        self.sweep.interrupt()
        self.is_interrupted = True
        try:
            self.sweep._step()
        except KeyboardInterrupt:
            return
        raise AssertionError("an interruption ends the sweep")

    @invariant()
    def each_trial_is_told_at_most_once(self) -> None:
        assert set(self.scheduler.tells.values()) <= {1}
        assert [end.trial.key for end in self.ends] == list(self.scheduler.tells)

    @invariant()
    def no_slot_is_empty_while_there_are_trials(self) -> None:
        """Except with a single slot, which waits for a record rather than ask for a trial."""
        executor = self.executor
        if not self.is_interrupted and 1 < executor.slots > len(executor.underway):
            assert not self.scheduler.waiting

    def teardown(self) -> None:
        """Let everything end that has not, and look for what was lost."""
        while not self.is_interrupted and not self.sweep._is_over:
            self.claims.theirs.clear()
            self.tracker.do_jobs()
            for run in list(self.executor.underway.values()):
                self.executor.train(run, run.parameters.epochs)
                self.executor.end(finished(run))
            self.sweep._step()
        self.tracker.do_jobs()
        assert not self.claims.ours, "every claim is given back"
        assert all(result.state.has_ended for result in self.tracker.find().values())
        for result in self.tracker.find().values():
            if result.state is State.FINISHED:
                losses = [1 / epoch for epoch in range(1, result.epochs + 1)]
                assert result.history["loss"].tolist() == losses, "each epoch is recorded once"
        if not self.is_interrupted:
            ended = list(self.scheduler.tells)
            assert sorted(ended) == sorted(trial.key for trial in self.scheduler.asked)
            assert not self.scheduler.waiting


@pytest.mark.slow
def test_no_order_of_events_loses_a_trial_or_a_claim_or_ends_a_trial_twice() -> None:
    with patch.object(loop, "_POLL_SECONDS", 0), patch.object(loop, "_GRACE_SECONDS", 0):
        run_state_machine_as_test(
            Loop,
            settings=settings(
                max_examples=200,
                stateful_step_count=50,
                deadline=None,
                phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.target],
                suppress_health_check=list(HealthCheck),
            ),
        )
