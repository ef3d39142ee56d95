"""A search as a scheduler: Optuna proposes, the loop trains, Optuna gets the results."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from signs_sweep.domain import Curves, Progress, Result, State, Trial, TrialEnd, TrialState
from signs_sweep.errors import StoreError
from signs_sweep.searching.study.audit import is_drawn
from signs_sweep.searching.study.methods import decision_interval, make_pruner, make_sampler
from signs_sweep.searching.study.own import RUNS, VALUES, OwnTrials, counts_of_runs
from signs_sweep.searching.study.space import (
    existing,
    grid,
    is_complete,
    suggest,
    values_of,
)
from signs_sweep.searching.study.storage import EPOCHS, FAILED, PROPOSAL
from signs_sweep.spec import EPOCHWISE_PRUNERS, Search
from signs_sweep.statistics.guessing import DeadWatch
from signs_sweep.statistics.replicates import aggregate

if TYPE_CHECKING:
    import optuna


_ENDED = "it was ended outside this search"

PRUNED = "pruned"
"""Attribute of a pruned trial: the reason."""

DEAD = "dead"
"""Attribute of a trial that was pruned because its network can no longer learn."""

AUDITED = "signs_sweep.audited"
"""Attribute of a trial that was trained to its end for the audit: why it would have been pruned."""


@dataclass(eq=False)
class _OpenTrial:
    """A trial that has not ended.

    Attributes:
        handle: the trial in the study.
        is_drawn: whether it is audited instead of pruned.
        values: value of each finished run, by run_id.
        watches: by run_id, what looks for dead networks.
        curves: by run_id, its epochs, if early stopping may end it.
        pruned: why it is pruned, or an empty string.
        audited: why it would have been pruned, or an empty string.
        is_dead: whether it is pruned because its network can no longer learn.
    """

    handle: "optuna.Trial"
    is_drawn: bool
    values: dict[str, float] = field(default_factory=dict)
    watches: dict[str, DeadWatch] = field(default_factory=dict)
    curves: dict[str, Curves] = field(default_factory=dict)
    pruned: str = ""
    used: int = 0
    """Number of its runs, the first, that count."""
    judged: int = 0
    """Number of times that its replicates so far were compared with the best trial."""
    is_compared: bool = False
    """Whether epochs were reported that a pruner compares."""
    is_over: bool = False
    audited: str = ""
    is_dead: bool = False

    def prune(self, why: str, *, is_dead: bool = False) -> None:
        """Prune the trial, or note that its audit has begun."""
        if self.is_drawn:
            self.audited = why
            self.handle.set_user_attr(AUDITED, why)
            return
        self.pruned, self.is_dead = why, is_dead
        if is_dead:
            self.handle.set_user_attr(DEAD, value=True)


@contextmanager
def _pruning_if_ended_outside(opened: _OpenTrial) -> Iterator[None]:
    """Prune a trial that can no longer be written because another program has ended it."""
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        yield
    except UpdateFinishedTrialError:
        opened.pruned = _ENDED


class StudyScheduler:
    """Implements `Scheduler` on an Optuna study that no other process uses.

    A trial is a point with its replicates, and its value is an aggregate over them. Every decision
    depends on the metrics of epochs, not on when they arrive.

    If the number of replicates depends on results, they are judged in the order of the seeds: after
    each from `at_least` on, a trial continues only while its value so far is better than that of
    every completed trial with all replicates. The best trial therefore always has all of them.

    Attributes:
        seconds_asking: total time spent on proposals.
        asked: number of proposals.
    """

    def __init__(
        self,
        own: OwnTrials,
        search: Search,
        make_trial: Callable[[int, Mapping[str, Any]], Trial],
        classes: int,
        epochs: int,
        deadline: float = math.inf,
        splits: int = 1,
        is_lost: Callable[[], bool] = lambda: False,
    ) -> None:
        """Set the study's pruner; nothing is proposed yet.

        Args:
            own: the trials of the search, in an open study.
            search: the `search` section of the spec.
            make_trial: returns a trial, given its number in the study and its choices.
            classes: number of classes in the data.
            epochs: epochs of a run according to the spec.
            splits: number of successive runs of a trial that are a replicate.
            is_lost: whether another process has taken the study over.
            deadline: time, on the clock of `time.monotonic`, after which nothing is proposed.
        """
        self._own = own
        self._study = own.study
        self._search = search
        self._make_trial = make_trial
        self._classes = classes
        self._interval = decision_interval(search.pruner, epochs)
        self._deadline = deadline
        self._splits = splits
        self._is_lost = is_lost
        self._open: dict[int, _OpenTrial] = {}
        self._is_exhausted = False
        self.seconds_asking = 0.0
        self.asked = 0
        self._study.pruner = make_pruner(search.pruner, epochs)

    def ask(self) -> Trial | None:
        """Return a trial that Optuna proposes, or None once there are enough or time is up.

        Raises:
            StoreError: another process has taken the study over.
        """
        if self._is_lost():
            raise StoreError(
                f"another process has taken over the search '{self._study.study_name}' while the "
                "study's database could not be reached, so this one ends. Its results are kept"
            )
        if self._is_exhausted or time.monotonic() >= self._deadline:
            return None
        if count_done(self._study) + len(self._open) >= self._search.trials:
            return None
        began, before = time.monotonic(), len(proposed(self._study))
        handle = self._propose(before)
        self.seconds_asking += time.monotonic() - began
        if handle is None:
            self._is_exhausted = True
            return None
        self.asked += 1
        trial = self._make_trial(handle.number, handle.params)
        handle.set_user_attr(RUNS, list(trial.run_ids))
        self._open[handle.number] = _OpenTrial(handle, self._is_drawn(handle, before))
        return trial

    def report(self, trial: Trial, progress: Progress) -> bool:
        """Process new epochs of a run; return False if it is pruned.

        Epochs are judged separately, so the decision does not depend on how they are batched. No
        decision is made at the last epoch, nor at the one at which early stopping ends the run.
        """
        opened = self._open[trial.number]
        end, rule = trial.epochs, trial.runs[0].early_stopping
        if rule is not None:
            curves = opened.curves.setdefault(progress.run_id, Curves())
            curves.add(progress)
            end = rule.follow(curves.history()).stop or end
        for epoch in range(progress.first_epoch, min(progress.last_epoch, end - 1) + 1):
            if opened.pruned:
                break
            index = epoch - progress.first_epoch
            metrics = {name: float(values[index]) for name, values in progress.metrics.items()}
            with _pruning_if_ended_outside(opened):
                self._judge(opened, trial, progress.run_id, epoch, metrics)
        return not opened.pruned

    def _judge(
        self,
        opened: _OpenTrial,
        trial: Trial,
        run_id: str,
        epoch: int,
        metrics: Mapping[str, float],
    ) -> None:
        """Decide from the metrics of an epoch whether a run is pruned.

        Only the first run of a trial is compared with other trials at the same epoch.
        """
        pruner = self._search.pruner
        if pruner.dead and not opened.audited:
            is_weighted = trial.runs[0].parameters.class_weights.name != "none"
            watch = DeadWatch(self._classes, is_weighted=is_weighted)
            if opened.watches.setdefault(run_id, watch).is_dead(metrics):
                opened.prune(f"unable to learn since about epoch {epoch:,}", is_dead=True)
        is_compared = run_id == trial.run_ids[0] and pruner.name in EPOCHWISE_PRUNERS
        if is_compared and epoch % self._interval == 0 and not opened.pruned:
            opened.is_compared = True
            opened.handle.report(metrics[self._search.objective.metric], epoch)
            is_undecided = epoch > pruner.warmup and not opened.audited
            if is_undecided and opened.handle.should_prune():
                opened.prune(f"worse than others at epoch {epoch:,}")

    def end(self, trial: Trial, result: Result) -> bool:
        """Process the result of a replicate; return whether to train the others."""
        opened = self._open.get(trial.number)
        if opened is None or opened.is_over:
            return False
        opened.used = max(opened.used, trial.run_ids.index(result.run_id) + 1)
        opened.is_over = not self._continues(opened, trial, result)
        return not opened.is_over

    def _continues(self, opened: _OpenTrial, trial: Trial, result: Result) -> bool:
        """Whether a trial needs further runs after a run that ended."""
        if opened.pruned or result.state is State.FAILED:
            return False
        if not result.state.is_finished:
            return True
        metric = self._search.objective.metric
        if metric not in result.metrics:  # An earlier version has recorded it; see `tell`.
            return False
        opened.values[result.run_id] = value = result.metrics[metric]
        step = trial.run_ids.index(result.run_id)
        if self._search.pruner.name == "wilcoxon":
            with _pruning_if_ended_outside(opened):
                opened.handle.report(value, step)
                count, total = len(opened.values), len(trial.runs)
                is_undecided = count < total and not opened.audited
                if is_undecided and opened.handle.should_prune():
                    opened.prune(f"worse than the best after {count} of {total} seeds")
        if step == 0 and not opened.is_compared:  # Found in the store after an interruption.
            with _pruning_if_ended_outside(opened):
                for epoch, compared in opened.handle.user_attrs.get(EPOCHS, {}).items():
                    opened.handle.report(compared, int(epoch))
        return not opened.pruned and math.isfinite(value) and not self._has_lost(opened, trial)

    def _has_lost(self, opened: _OpenTrial, trial: Trial) -> bool:
        """Whether a trial ends with some of its replicates, because they are not promising.

        A decision depends only on the replicates up to it, in the order of the seeds.
        """
        *counts, _ = counts_of_runs(len(trial.runs), self._search.replicates)
        for count in counts[opened.judged :]:
            if not opened.values.keys() >= set(trial.run_ids[:count]):
                break
            opened.judged += 1
            if not self._is_promising(opened, trial, count):
                opened.used = count
                return True
        return False

    def _is_promising(self, opened: _OpenTrial, trial: Trial, count: int) -> bool:
        """Whether the first runs of a trial beat every completed trial with all replicates."""
        from optuna.trial import TrialState

        sign = 1 if self._search.objective.maximize else -1
        best = max(
            (
                sign * other.value
                for other in self._study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
                if other.value is not None and len(other.user_attrs[RUNS]) == len(trial.runs)
            ),
            default=-math.inf,
        )
        return sign * self._value(opened, trial.run_ids[:count]) > best

    def _value(self, opened: _OpenTrial, run_ids: Sequence[str]) -> float:
        """Return the aggregate over some runs of a trial."""
        objective = self._search.objective
        values = [opened.values[run_id] for run_id in run_ids]
        how, maximize = objective.aggregate, objective.maximize
        return aggregate(values, how, maximize=maximize, splits=self._splits)

    def tell(self, trial: Trial, results: Sequence[Result]) -> TrialEnd:
        """Report the value or the failure of a trial to Optuna; return how the trial ended."""
        from optuna import trial as optuna_trial

        opened = self._open.pop(trial.number)
        if trial.is_sequential:  # The others were not trained, or do not count.
            trial = replace(trial, runs=trial.runs[: opened.used])
            results = results[: opened.used]
            used = set(trial.run_ids)
            opened.values = {name: opened.values[name] for name in opened.values if name in used}
        failed = [result.message or "" for result in results if result.state is State.FAILED]
        objective = self._search.objective
        failed += [
            f"{result.run_id} was recorded by an earlier version, without {objective.metric}: "
            "choose another objective, or another tracking store"
            for result in results
            if result.state.is_finished and objective.metric not in result.metrics
        ]
        if not failed and not all(map(math.isfinite, opened.values.values())):
            failed = [f"its {objective.metric} is not a finite number"]
        value, why = None, opened.pruned
        with _pruning_if_ended_outside(opened):
            opened.handle.set_user_attr(VALUES, opened.values)
            opened.handle.set_user_attr(RUNS, list(trial.run_ids))
        if opened.pruned == _ENDED:  # The study keeps the foreign result; the search excludes it.
            state, why = TrialState.STOPPED, _ENDED
        elif opened.pruned:  # Even if its runs finished or failed before they could be stopped.
            state = TrialState.PRUNED
            opened.handle.set_user_attr(PRUNED, why)
            self._study.tell(opened.handle, state=optuna_trial.TrialState.PRUNED)
        elif failed:
            state, why = TrialState.FAILED, failed[0]
            opened.handle.set_user_attr(FAILED, why)
            self._study.tell(opened.handle, state=optuna_trial.TrialState.FAIL)
        else:
            state = TrialState.COMPLETE
            value = self._value(opened, trial.run_ids)
            self._study.tell(opened.handle, value)
        kept = dict(opened.values)
        return TrialEnd(trial, state, value, kept, why, opened.is_dead, opened.audited)

    def _is_drawn(self, handle: "optuna.Trial", before: int) -> bool:
        """Whether a trial is audited if it is to be pruned, given the number of earlier ones."""
        proposal = handle.user_attrs.get(PROPOSAL)
        if proposal is None:
            handle.set_user_attr(PROPOSAL, proposal := before)
        return is_drawn(self._search.sampler.seed, proposal, self._search.pruner.audit)

    def _propose(self, before: int) -> "optuna.Trial | None":
        """Ask Optuna for a trial, given the number of earlier ones; None if the grid is through."""
        from optuna.trial import TrialState

        study, search = self._study, self._search
        self._own.check_enqueued()
        waiting = study.get_trials(deepcopy=False, states=[TrialState.WAITING])
        if search.sampler.name == "grid" and not waiting:
            point = self._next_of_grid()
            if point is None:
                return None
            study.enqueue_trial(point)
            self._own.check_enqueued()
        study.sampler = make_sampler(search, before)
        own = self._own.distributions
        handle = study.ask({part.name: own[part.name] for part in search.space if not part.under})
        for part in existing(search.space, handle.params):
            if part.under:
                suggest(handle, part.name, own[part.name])
        return handle

    def _next_of_grid(self) -> dict[str, Any] | None:
        """Return the first point of the grid without a trial, or None."""
        space = self._search.space
        trials = self._study.get_trials(deepcopy=False)
        taken = [
            values_of(space, trial.params) for trial in trials if is_complete(space, trial.params)
        ]
        points = (point for point in grid(space) if values_of(space, point) not in taken)
        return next(points, None)


def ends_of(
    study: "optuna.Study", make_trial: Callable[[int, Mapping[str, Any]], Trial]
) -> list[TrialEnd]:
    """Return how the trials of a study ended, by number; unfinished trials count as stopped.

    A trial in which not everything is chosen yet is left out. No other process may be using the
    study. `make_trial` is that of `StudyScheduler`.
    """
    return [
        TrialEnd(
            _used(make_trial(trial.number, trial.params), trial),
            TrialState.STOPPED if not trial.state.is_finished() else TrialState(trial.state.name),
            trial.value if trial.state.name == "COMPLETE" else None,
            trial.user_attrs.get(VALUES, {}),
            trial.user_attrs.get(PRUNED) or trial.user_attrs.get(FAILED, ""),
            trial.user_attrs.get(DEAD, False),
            trial.user_attrs.get(AUDITED, ""),
        )
        for trial in proposed(study)
        if trial.state.is_finished() or RUNS in trial.user_attrs
    ]


def _used(trial: Trial, recorded: "optuna.trial.FrozenTrial") -> Trial:
    """Return a trial with the runs that the study has for it."""
    return replace(trial, runs=trial.runs[: len(recorded.user_attrs[RUNS])])


def count_done(study: "optuna.Study") -> int:
    """Return the number of trials that are complete, pruned, or failed in training."""
    return sum(trial.state.is_finished() for trial in proposed(study))


def proposed(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    """Return the trials that have begun, except those that a dead process left behind."""
    from optuna.trial import TrialState

    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state is not TrialState.WAITING
        and (trial.state is not TrialState.FAIL or FAILED in trial.user_attrs)
    ]
