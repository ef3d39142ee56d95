"""Searches that are interrupted at every moment in turn, and resumed: without training."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from stories import MEDIAN, NO_PRUNER, SEARCH, SPACE, Story, value_at

from events import failed, finished, progress, started, stopped
from fakes import FixedScheduler, MemoryCheckpoints, MemoryTracker
from signs_sweep.domain import (
    Checkpoint,
    Event,
    Growth,
    Progress,
    Result,
    Run,
    State,
    Trial,
    TrialEnd,
)
from signs_sweep.protocols import Scheduler, SweepRecord
from signs_sweep.searching.study.own import VALUES
from signs_sweep.searching.study.scheduler import proposed
from signs_sweep.searching.study.space import is_complete
from signs_sweep.searching.study.storage import FAILED, recover
from signs_sweep.spec import Sampler, Search
from signs_sweep.sweep.loop import Sweep
from signs_sweep.sweep.recovery import Recovery

EPOCHS = 30
PIECE = 10

Tick = Callable[[], None]


def accuracy(run: Run, epoch: int) -> float:
    """Return the accuracy of a run at an epoch; seeds are too close to reorder the points."""
    return (value_at(run) + run.parameters.global_seed / 1000) * epoch / EPOCHS


def epochs_of(run: Run, first: int, last: int) -> Progress:
    values = np.array([accuracy(run, epoch) for epoch in range(first, last + 1)])
    return progress(run, first, loss=1 - values, val_loss=1 - values, val_accuracy=values)


class Scripted:
    """An executor whose runs have ten epochs per event and resume from their checkpoint."""

    kinds = ()

    def __init__(self, slots: int, tick: Tick, crashes: int = 0) -> None:
        self.slots = slots
        self.tick = tick
        self.crashes = crashes
        self.is_closed = False
        self._runs: dict[str, deque[Event]] = {}
        self._reached: dict[str, int] = {}

    def submit(
        self,
        run: Run,
        checkpoint: bytes | None = None,
        *,
        is_tested: bool = True,
        kind: str | None = None,
    ) -> None:
        self.tick()
        assert not self.is_closed
        assert len(self._runs) < self.slots
        assert run.run_id not in self._runs
        done = int(checkpoint or b"0")
        self._reached[run.run_id] = done
        events: list[Event] = [started(run)]
        events += [epochs_of(run, 1, done)] if done else []
        events += [epochs_of(run, at + 1, at + PIECE) for at in range(done, EPOCHS, PIECE)]
        final = {"val_accuracy": accuracy(run, EPOCHS), "test_accuracy": 0.5}
        events.append(finished(run, **final))
        if self.crashes:
            self.crashes -= 1
            events[2:] = [failed(run, "it died.", is_crash=True)]
        self._runs[run.run_id] = deque(events)

    def events(self, timeout: float) -> Sequence[Event]:
        self.tick()
        events = [queue.popleft() for queue in self._runs.values()]
        self._runs = {run_id: queue for run_id, queue in self._runs.items() if queue}
        for event in events:
            if isinstance(event, Progress):
                self._reached[event.run_id] = event.last_epoch
        return events

    def stop(self, run_id: str) -> None:
        self.tick()
        if run_id not in self._runs:  # It has ended already.
            return
        reached = self._reached[run_id]
        ends = [stopped(run_id)]
        if reached:
            ends.insert(0, Checkpoint(run_id, reached, str(reached).encode(), is_end=False))
        self._runs[run_id] = deque(ends)

    def close(self) -> None:
        self.is_closed = True
        self._runs.clear()


class Held:
    """Claims that a test can inspect."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    def take(self, trajectory: str) -> bool:
        is_free = trajectory not in self.held
        self.held.add(trajectory)
        return is_free

    def release(self, trajectory: str) -> None:
        self.held.remove(trajectory)


class Watched:
    """A scheduler whose calls are moments too; it counts the calls of `tell` by trial."""

    def __init__(self, inner: Scheduler, tick: Tick) -> None:
        self.inner = inner
        self.tick = tick
        self.ended: Counter[int] = Counter()

    def ask(self) -> Trial | None:
        self.tick()
        return self.inner.ask()

    def report(self, trial: Trial, progress: Progress) -> bool:
        is_continued = self.inner.report(trial, progress)
        self.tick()
        return is_continued

    def end(self, trial: Trial, result: Result) -> bool:
        is_continued = self.inner.end(trial, result)
        self.tick()
        return is_continued

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        self.tick()
        self.ended[trial.number] += 1
        end = self.inner.tell(trial, results)
        self.tick()
        return end


class World:
    """What outlives a process: the store and the checkpoints. Counts moments of the next one."""

    def __init__(self, slots: int = 1, crashes: int = 0) -> None:
        self.slots = slots
        self.crashes = crashes
        self.tracker = MemoryTracker()
        self.checkpoints = MemoryCheckpoints()
        self.moments = 0

    def sweep(self, scheduler: Scheduler, *, at: int = 0, times: int = 1) -> bool:
        """Sweep as one process does; return whether an interruption ended it."""
        self.moments = 0

        def tick() -> None:
            self.moments += 1
            if self.moments == at:
                for _ in range(times):
                    sweep.interrupt()

        claims, executor = Held(), Scripted(self.slots, tick, self.crashes)
        recovery = Recovery(
            self.checkpoints, claims, lambda run: self.tracker.find([run.run_id]).get(run.run_id)
        )
        watched = Watched(scheduler, tick)
        self.tracker.open([SweepRecord("toy", "", "", "", "data")])
        sweep = Sweep(watched, executor, self.tracker, {}, lambda _: tick(), recovery)
        try:
            sweep.run()
        except KeyboardInterrupt:
            return True
        finally:
            self.tracker.close(State.KILLED, {})
            self.crashes = 0
            assert set(watched.ended.values()) <= {1}
            if times == 1:
                assert not claims.held
        return False


def trials_of(story: Story) -> list[tuple[dict, str, float | None, dict | None]]:
    return [
        (trial.params, trial.state.name, trial.value, trial.user_attrs.get(VALUES))
        for trial in proposed(story.own.study)
    ]


RANDOM = replace(SEARCH, trials=3, sampler=Sampler("random", seed=3, startup=1))
TPE = replace(SEARCH, trials=4, sampler=Sampler("tpe", seed=3, startup=1))
LOSING = replace(RANDOM, trials=2, sampler=Sampler("random", seed=4, startup=1))
WILCOXON = replace(NO_PRUNER, name="wilcoxon", startup=2, p=0.3)
SEARCHES = {
    "one seed": (RANDOM, 1, 1, 0),
    "two seeds": (replace(RANDOM, trials=2), 2, 1, 0),
    "two workers": pytest.param(RANDOM, 1, 2, 0, marks=pytest.mark.slow),
    "two seeds, two workers": (replace(RANDOM, trials=2), 2, 2, 0),
    "a worker that died": (replace(RANDOM, trials=2), 1, 1, 1),
    "trials that share runs": (replace(RANDOM, space=SPACE[2:], trials=5), 2, 2, 0),
    "median": pytest.param(
        *(replace(TPE, pruner=replace(MEDIAN, startup=1)), 1, 1, 0), marks=pytest.mark.slow
    ),
    "replicates": pytest.param(
        *(replace(TPE, replicates=Growth(1, 3)), 3, 1, 0), marks=pytest.mark.slow
    ),
    "replicates, median": pytest.param(
        *(replace(TPE, replicates=Growth(1, 2), pruner=replace(MEDIAN, startup=1)), 2, 1, 0),
        marks=pytest.mark.slow,
    ),
    "median, audited": pytest.param(
        replace(TPE, trials=6, pruner=replace(MEDIAN, startup=1, audit=0.5)),
        *(1, 1, 0),
        marks=pytest.mark.slow,
    ),
    "wilcoxon, two workers": pytest.param(
        *(replace(LOSING, pruner=WILCOXON), 3, 2, 0), marks=pytest.mark.slow
    ),
}


@pytest.mark.parametrize(("search", "seeds", "slots", "crashes"), SEARCHES.values(), ids=SEARCHES)
def test_a_search_interrupted_at_any_moment_resumes_as_if_undisturbed(
    search: Search, seeds: int, slots: int, crashes: int
) -> None:
    interrupt_at_every_moment(search, seeds, slots, crashes, times=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two seeds", "a worker that died"])
def test_a_second_interruption_in_the_middle_of_a_step_changes_nothing(name: str) -> None:
    interrupt_at_every_moment(*SEARCHES[name], times=2)


def interrupt_at_every_moment(
    search: Search, seeds: int, slots: int, crashes: int, times: int
) -> None:
    world, story = World(slots, crashes), Story(search, seeds=seeds, epochs=EPOCHS)
    assert not world.sweep(story.scheduler)
    undisturbed = trials_of(story)
    assert len(undisturbed) == search.trials
    if search.pruner.name != "none":
        assert {"COMPLETE", "PRUNED"} <= {state for _, state, *_ in undisturbed}
    moments = world.moments
    for moment in range(1, moments):
        world, first = World(slots, crashes), Story(search, seeds=seeds, epochs=EPOCHS)
        assert world.sweep(first.scheduler, at=moment, times=times)
        recover(first.own.study, partial(is_complete, search.space))
        second = Story(search, seeds=seeds, epochs=EPOCHS, study=first.study)
        assert not world.sweep(second.scheduler)
        trials = trials_of(second)
        if slots == 1:
            assert trials == undisturbed, moment
        else:  # Their order depends on which worker is free first.
            assert len(trials) == len(undisturbed)
            assert all(trial in undisturbed for trial in trials), moment


@pytest.mark.parametrize("slots", [1, 2])
def test_a_fixed_list_interrupted_at_any_moment_is_completed(slots: int) -> None:
    story = Story(seeds=2, epochs=EPOCHS)
    points = [{"l2": l2, "batch_size": 16, "hidden": "50"} for l2 in (0.1, 0.01, 0.1)]
    trials = [story.make_trial(number, values) for number, values in enumerate(points)]
    world = World(slots)
    assert not world.sweep(FixedScheduler(trials))
    moments = world.moments
    for moment in range(1, moments):
        world = World(slots)
        assert world.sweep(FixedScheduler(trials), at=moment)
        assert not world.sweep(FixedScheduler(trials))
        assert {result.state for result in world.tracker.find().values()} == {State.FINISHED}
        assert len(world.tracker.find()) == 4


def test_a_run_that_diverged_before_fails_its_trial_without_being_trained() -> None:
    def look_up(run: Run) -> Result:
        return Result(run.run_id, State.FAILED, message="it diverged", chance=1 / 6)

    story, tracker = Story(replace(SEARCH, trials=2), seeds=2), MemoryTracker()
    executor = Scripted(1, lambda: pytest.fail("nothing is trained"))
    recovery = Recovery(MemoryCheckpoints(), Held(), look_up)
    Sweep(story.scheduler, executor, tracker, {}, lambda _: None, recovery).run()
    trials = story.study.trials
    assert [trial.state.name for trial in trials] == ["FAIL", "FAIL"]
    assert [trial.user_attrs[FAILED] for trial in trials] == ["it diverged", "it diverged"]
    assert tracker.started == []
