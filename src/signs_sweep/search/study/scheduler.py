"""A search as a scheduler: Optuna proposes, the loop trains, Optuna hears what came of it."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from signs_sweep.domain import Progress, Result, State, Trial
from signs_sweep.search.study.methods import decision_interval, make_pruner, make_sampler
from signs_sweep.search.study.own import RUNS, VALUES, OwnTrials
from signs_sweep.search.study.space import grid, values_of
from signs_sweep.search.study.storage import FAILED
from signs_sweep.spec import EPOCHWISE_PRUNERS, Search
from signs_sweep.statistics.guessing import DeadWatch
from signs_sweep.statistics.replicates import aggregate

if TYPE_CHECKING:
    import optuna


_ENDED = "it was ended outside this search"


@dataclass(frozen=True)
class Told:
    """How a trial ended, for the record and for the terminal.

    Attributes:
        trial: the trial.
        state: COMPLETE, PRUNED or FAIL.
        value: over all replicates, or None.
        values: of each replicate that has one, by run_id.
        params: what was chosen, in Optuna's terms.
        why: why it was pruned or failed, in words, or an empty string.
    """

    trial: Trial
    state: str
    value: float | None
    values: Mapping[str, float]
    params: Mapping[str, Any]
    why: str


@dataclass(eq=False)
class _Open:
    """A trial that was asked for and not yet told."""

    handle: "optuna.Trial"
    reported: int = 0
    values: dict[str, float] = field(default_factory=dict)
    watches: dict[str, DeadWatch] = field(default_factory=dict)
    pruned: str = ""


@contextmanager
def _giving_up_what_others_ended(opened: _Open) -> Iterator[None]:
    """Prune a trial that cannot be written, since somebody else has ended it in the study."""
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        yield
    except UpdateFinishedTrialError:
        opened.pruned = _ENDED


class StudyScheduler:
    """Implements `Scheduler` on an Optuna study that nobody else works on.

    A trial is a point, its runs are replicates: the value is over them. Everything it decides
    depends on the epochs of a run, not on when they arrive.

    Attributes:
        seconds_asking: time spent on proposals, in all.
        asked: how many proposals there were.
    """

    def __init__(
        self,
        own: OwnTrials,
        search: Search,
        make_trial: Callable[[int, Mapping[str, Any]], Trial],
        classes: int,
        epochs: int,
        listener: Callable[[Told], None],
        deadline: float = math.inf,
    ) -> None:
        """Prepare; nothing is asked.

        Args:
            own: the trials of the search, in a study that is open.
            search: what to search, and how.
            make_trial: makes a trial from a number and from values by parameter.
            classes: how many there are.
            epochs: of a run, as far as the spec says.
            listener: hears of every trial that ends.
            deadline: by `time.monotonic`, when to stop asking.
        """
        self._own = own
        self._study = own.study
        self._search = search
        self._make_trial = make_trial
        self._classes = classes
        self._interval = decision_interval(search.pruner, epochs)
        self._listener = listener
        self._deadline = deadline
        self._open: dict[int, _Open] = {}
        self._is_exhausted = False
        self.seconds_asking = 0.0
        self.asked = 0
        self._study.pruner = make_pruner(search.pruner, epochs)

    def ask(self) -> Trial | None:
        """Return a point that Optuna proposes, or None when there are enough or time is over."""
        if self._is_exhausted or time.monotonic() >= self._deadline:
            return None
        if count_done(self._study) + len(self._open) >= self._search.trials:
            return None
        began = time.monotonic()
        handle = self._propose()
        self.seconds_asking += time.monotonic() - began
        if handle is None:
            self._is_exhausted = True
            return None
        self.asked += 1
        trial = self._make_trial(handle.number, values_of(self._search.space, handle.params))
        handle.set_user_attr(RUNS, [run.run_id for run in trial.runs])
        self._open[handle.number] = _Open(handle)
        return trial

    def report(self, trial: Trial, progress: Progress) -> bool:
        """Hear of new epochs; return False for a run that is pruned.

        They are gone through one by one, so that the answer does not depend on how many came
        together. At the last epoch nothing is decided any more.
        """
        opened = self._open[trial.number]
        last = trial.runs[0].parameters.epochs
        for epoch in range(progress.first_epoch, min(progress.last_epoch, last - 1) + 1):
            if opened.pruned:
                break
            place = epoch - progress.first_epoch
            at = {name: float(values[place]) for name, values in progress.metrics.items()}
            with _giving_up_what_others_ended(opened):
                self._judge(opened, progress.run_id, epoch, at)
        return not opened.pruned

    def _judge(self, opened: _Open, run_id: str, epoch: int, at: Mapping[str, float]) -> None:
        """Decide after an epoch, given its metrics, whether a run is pruned."""
        pruner = self._search.pruner
        if pruner.dead:
            watch = opened.watches.setdefault(run_id, DeadWatch(self._classes))
            if watch.is_dead(epoch, at["loss"], at["val_loss"], at["val_accuracy"]):
                opened.pruned = f"cannot learn any more since about epoch {epoch:,}"
                opened.handle.set_user_attr("dead", value=True)
                return
        is_decision = pruner.name in EPOCHWISE_PRUNERS and epoch % self._interval == 0
        if is_decision and epoch > opened.reported:
            opened.handle.report(at[self._search.objective.metric], epoch)
            opened.reported = epoch
            if epoch > pruner.warmup and opened.handle.should_prune():
                opened.pruned = f"worse than others at epoch {epoch:,}"

    def end(self, trial: Trial, result: Result) -> bool:
        """Hear how a replicate ended; return whether the others are worth training."""
        opened = self._open.get(trial.number)
        if opened is None or opened.pruned or result.state is State.FAILED:
            return False
        if not result.state.is_finished:
            return True
        opened.values[result.run_id] = value = result.metrics[self._search.objective.metric]
        step = [run.run_id for run in trial.runs].index(result.run_id)
        if self._search.pruner.name == "wilcoxon":
            with _giving_up_what_others_ended(opened):
                opened.handle.report(value, step)
                count, total = len(opened.values), len(trial.runs)
                if count < total and opened.handle.should_prune():
                    opened.pruned = f"worse than the best after {count} of {total} seeds"
        return not opened.pruned

    def tell(self, trial: Trial, results: Sequence[Result]) -> None:
        """Tell Optuna the value of a point, or why there is none."""
        from optuna.trial import TrialState

        opened = self._open.pop(trial.number)
        failed = [one.message or "" for one in results if one.state is State.FAILED]
        objective = self._search.objective
        if not failed and not all(map(math.isfinite, opened.values.values())):
            failed = [f"its {objective.metric} is not a finite number"]
        value, why = None, opened.pruned
        with _giving_up_what_others_ended(opened):
            opened.handle.set_user_attr(VALUES, opened.values)
        if opened.pruned == _ENDED:  # The study has it as they ended it, and it is left out.
            state, why = TrialState.FAIL, _ENDED
        elif opened.pruned:  # Whatever became of its runs until they heard of it.
            state = TrialState.PRUNED
            opened.handle.set_user_attr("pruned", why)
            self._study.tell(opened.handle, state=state)
        elif failed:
            state, why = TrialState.FAIL, failed[0]
            opened.handle.set_user_attr(FAILED, why)
            self._study.tell(opened.handle, state=state)
        else:
            state = TrialState.COMPLETE
            values = [opened.values[run.run_id] for run in trial.runs]
            value = aggregate(values, objective.aggregate, maximize=objective.maximize)
            self._study.tell(opened.handle, value)
        params = dict(opened.handle.params)
        self._listener(Told(trial, state.name, value, dict(opened.values), params, why))

    def _propose(self) -> "optuna.Trial | None":
        """Ask Optuna; None when the grid has no more points."""
        from optuna.trial import TrialState

        study, search = self._study, self._search
        self._own.admit()
        waits = study.get_trials(deepcopy=False, states=[TrialState.WAITING])
        if search.sampler.name == "grid" and not waits:
            point = self._next_of_grid()
            if point is None:
                return None
            study.enqueue_trial(point)
            self._own.admit()
        study.sampler = make_sampler(search.sampler, len(proposed(study)))
        return study.ask(self._own.distributions)

    def _next_of_grid(self) -> dict[str, Any] | None:
        """Return the first point of the grid that no trial has."""
        space = self._search.space
        trials = self._study.get_trials(deepcopy=False)
        taken = [
            values_of(space, trial.params) for trial in trials if len(trial.params) == len(space)
        ]
        points = (point for point in grid(space) if values_of(space, point) not in taken)
        return next(points, None)


def count_done(study: "optuna.Study") -> int:
    """Return how many trials count: complete, pruned, or failed by themselves."""
    return sum(trial.state.is_finished() for trial in proposed(study))


def proposed(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    """Return the trials that have begun, without those that a process left behind."""
    from optuna.trial import TrialState

    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state is not TrialState.WAITING
        and (trial.state is not TrialState.FAIL or FAILED in trial.user_attrs)
    ]
