"""The outcome of a search."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from signs_sweep.domain import Result, State, Trial, TrialEnd, TrialState, best_of
from signs_sweep.searching.confirming import Confirmation
from signs_sweep.searching.study.own import LeftOut
from signs_sweep.spec import Experiment, Search

if TYPE_CHECKING:
    import optuna
    import pandas as pd

TEST_METRIC = "test_accuracy"


@dataclass(eq=False)
class SearchOutcome:
    """The outcome of a search.

    Attributes:
        experiment: the experiment that was searched.
        search: its `search` section, with the options of the command applied.
        study: the Optuna study, with only the trials of this search.
        trials: how the trials of the search ended, by number; excludes trials that a dead process
            left running.
        confirmation: the trials that confirmed the winner, or None.
        results: by run_id, the available results of all trials and of the confirmation.
        importances: by dimension, its share in the variation of the value; empty if undefined.
        files: contents of the pictures, by file name.
        seconds: duration of this invocation.
        seconds_per_ask: average duration of a proposal, or None without proposals.
        was_interrupted: whether the search was stopped before its end.
        was_done: whether the search was complete before this invocation.
        unwritten: message about records that the tracking store did not accept, or None.
        left_out: trials of the study that do not belong to the search, with the reason.
    """

    experiment: Experiment
    search: Search
    study: "optuna.Study"
    trials: Sequence[TrialEnd]
    confirmation: Confirmation | None
    results: Mapping[str, Result]
    importances: Mapping[str, float]
    files: Mapping[str, bytes]
    seconds: float
    seconds_per_ask: float | None
    was_interrupted: bool
    was_done: bool = False
    unwritten: str | None = None
    left_out: Sequence[LeftOut] = ()

    def __repr__(self) -> str:
        best = self.best
        result = "no best" if best is None else f"best {best.trial.title}, value {best.value}"
        return f"<SearchOutcome of {self.experiment.name}: {len(self.trials)} trials, {result}>"

    @property
    def counts(self) -> Counter[TrialState]:
        """Number of trials, by state."""
        return Counter(end.state for end in self.trials)

    def runs(self, number: int) -> list[Result]:
        """Return the available results of a trial, given its number."""
        (trial,) = [end.trial for end in self.trials if end.trial.number == number]
        return [self.results[run_id] for run_id in trial.run_ids if run_id in self.results]

    @cached_property
    def best(self) -> TrialEnd | None:
        """The best completed trial, the first in case of a tie; None if none completed."""
        return best_of(self.trials, maximize=self.search.objective.maximize)

    @property
    def epochs_saved(self) -> int:
        """Epochs of pruned trials that were not trained."""
        runs = {run.run_id: run for trial in self._pruned for run in trial.runs}
        epochs = {run_id: result.epochs for run_id, result in self.results.items()}
        return sum(run.parameters.epochs - epochs.get(run_id, 0) for run_id, run in runs.items())

    @property
    def finished_though_pruned(self) -> int:
        """Number of pruned trials that had finished all of their runs before they were stopped."""
        finished = {run_id for run_id, result in self.results.items() if result.state.is_finished}
        return sum(finished.issuperset(trial.run_ids) for trial in self._pruned)

    @property
    def _pruned(self) -> list[Trial]:
        return [end.trial for end in self.trials if end.state is TrialState.PRUNED]

    @property
    def state(self) -> State:
        """KILLED after an interruption, FINISHED with a winner, FAILED without."""
        if self.was_interrupted:
            return State.KILLED
        return State.FAILED if self.best is None else State.FINISHED

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row per trial, indexed by its number: state, value, and choices."""
        import pandas as pd

        rows = [
            {"state": end.state.value, "value": end.value, **end.trial.choices}
            for end in self.trials
        ]
        index = pd.Index([end.trial.number for end in self.trials], name="trial")
        return pd.DataFrame(rows, index=index)
