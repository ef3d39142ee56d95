"""What came of a search."""

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
    """What came of a search.

    Attributes:
        experiment: what was searched.
        search: how, with what the command line said.
        study: the Optuna study, with the trials of this search alone.
        trials: how the trials of the search ended, by number; without those that a process left
            behind when it died.
        confirmation: what was trained to confirm it, or None.
        results: by run_id, what is known of the runs of all trials and of the confirmation.
        importances: by dimension, its share in the variation of the value; empty if undefined.
        files: pictures, by file name.
        seconds: time it took.
        seconds_per_ask: average time that a proposal took, or None where there was none.
        was_interrupted: whether it was stopped before the end.
        was_done: whether nothing was left to do.
        unwritten: what the tracking store did not take, in words, or None.
        left_out: trials of the study that are not this search's, and why.
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
        found = "no best" if best is None else f"best {best.trial.title}, value {best.value}"
        return f"<SearchOutcome of {self.experiment.name}: {len(self.trials)} trials, {found}>"

    @property
    def counts(self) -> Counter[TrialState]:
        """How many trials there are, by state."""
        return Counter(end.state for end in self.trials)

    def runs(self, number: int) -> list[Result]:
        """Return what is known of the runs of a trial, given its number."""
        (trial,) = [end.trial for end in self.trials if end.trial.number == number]
        return [self.results[run_id] for run_id in trial.run_ids if run_id in self.results]

    @cached_property
    def best(self) -> TrialEnd | None:
        """The best of the completed trials, of equal ones the first; None where none was."""
        return best_of(self.trials, maximize=self.search.objective.maximize)

    @property
    def epochs_saved(self) -> int:
        """Epochs of pruned trials that were not trained."""
        runs = {run.run_id: run for trial in self._pruned for run in trial.runs}
        epochs = {run_id: result.epochs for run_id, result in self.results.items()}
        return sum(run.parameters.epochs - epochs.get(run_id, 0) for run_id, run in runs.items())

    @property
    def finished_though_pruned(self) -> int:
        """How many pruned trials had finished all of their runs before they could be stopped."""
        finished = {run_id for run_id, result in self.results.items() if result.state.is_finished}
        return sum(finished.issuperset(trial.run_ids) for trial in self._pruned)

    @property
    def _pruned(self) -> list[Trial]:
        return [end.trial for end in self.trials if end.state is TrialState.PRUNED]

    @property
    def state(self) -> State:
        """KILLED after an interruption, FINISHED where there is a winner, else FAILED."""
        if self.was_interrupted:
            return State.KILLED
        return State.FAILED if self.best is None else State.FINISHED

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One line a trial, indexed by its number: state, value, and what was chosen."""
        import pandas as pd

        rows = [
            {"state": end.state.value, "value": end.value, **end.trial.choices}
            for end in self.trials
        ]
        index = pd.Index([end.trial.number for end in self.trials], name="trial")
        return pd.DataFrame(rows, index=index)
