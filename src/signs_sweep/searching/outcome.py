"""The outcome of a search."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

from signs_sweep.analysis.answer import SELECTED
from signs_sweep.domain import (
    Result,
    Setting,
    State,
    Trial,
    TrialEnd,
    TrialState,
    are_comparable,
    best_of,
)
from signs_sweep.domain.notebook import paragraphs, table
from signs_sweep.searching.candidates import Candidate, Confirmed, Standing
from signs_sweep.searching.race import Race
from signs_sweep.searching.study.collapses import collapsed_trials
from signs_sweep.searching.study.importances import Share
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
        race: how the winner was found and confirmed, or None.
        results: by run_id, the available results of all trials, the race and the confirmation.
        importances: by dimension, its share in the variation of the value among completed trials
            that did not collapse; empty if undefined.
        options: by dimension that only some trials have, its share among these, and their number.
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
    race: Race | None
    results: Mapping[str, Result]
    importances: Mapping[str, float]
    options: Mapping[str, Share]
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

    def _repr_html_(self) -> str:
        from signs_sweep.searching.tables import OF_THE_RACE, race_cells, trial_cells
        from signs_sweep.searching.words import sentences

        warnings = [f"warning: {self.unwritten}"] if self.unwritten else []
        return (
            paragraphs([*sentences(self), *warnings])
            + table(race_cells(self), OF_THE_RACE)
            + table(trial_cells(self), "best trials of the search")
        )

    def mark(self, setting: Setting) -> str:
        """Return the mark of a setting's values if early stopping chose epochs by the objective."""
        rule = setting.early_stopping
        return SELECTED if rule and rule.marks(self.search.objective.metric) else ""

    @property
    def has_marks(self) -> bool:
        """Whether the values of completed trials, or of a setting in the race, are marked."""
        raced = [candidate.setting for candidate in self.race.candidates] if self.race else []
        return any(map(self.mark, {*self._settings, *raced}))

    @property
    def has_different_rules(self) -> bool:
        """Whether early stopping makes completed trials incomparable by the objective."""
        rules = {setting.early_stopping for setting in self._settings}
        metric = self.search.objective.metric
        return not all(are_comparable(*pair, metric) for pair in combinations(rules, 2))

    @cached_property
    def _settings(self) -> set[Setting]:
        return {end.trial.setting for end in self.trials if end.state.is_complete}

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

    @cached_property
    def collapsed(self) -> frozenset[int]:
        """Numbers of the trials that collapsed."""
        return collapsed_trials(self.trials, self.results)

    @cached_property
    def winner(self) -> Candidate | None:
        """The winner of the race, or the best trial without a race.

        It is None without a completed trial, before the end of the race, and if a run of every
        candidate has failed.
        """
        if self.was_interrupted:
            return None
        if self.race is not None:
            return self.race.winner(self.results)
        if self.best is None or self.search.confirm is not None:
            return None
        return Candidate.of(self.best)

    @cached_property
    def standings(self) -> Sequence[Standing]:
        """How far each candidate got in the race, the best first; empty without a race."""
        if self.race is None or len(self.race.candidates) == 1:
            return []
        return self.race.standings(self.results)

    @property
    def race_means(self) -> Mapping[Candidate, float]:
        """The objective in the race by candidate; empty without a race."""
        return {each.candidate: each.mean for each in self.standings if each.mean is not None}

    @cached_property
    def confirmed(self) -> Mapping[str, Confirmed]:
        """The objective and the test accuracy over the further seeds, by metric."""
        if self.race is None or self.winner is None:
            return {}
        metrics = dict.fromkeys([self.search.objective.metric, TEST_METRIC])
        found = {name: self.race.confirmed(self.winner, self.results, name) for name in metrics}
        return {name: known for name, known in found.items() if known is not None}

    @property
    def optimism(self) -> float | None:
        """By how much the search promised more for its best trial than fresh seeds gave.

        These are the further seeds if that trial won, else those of the race. None if unknown.
        """
        if self.race is None or self.winner is None:
            return None
        best = self.race.candidates[0]
        known = self.confirmed.get(self.search.objective.metric)
        mean = known.mean if known else None
        if best != self.winner:
            mean = self.race_means.get(best)
        if mean is None or best.promised is None:
            return None
        return (best.promised - mean) * (1 if self.search.objective.maximize else -1)

    @property
    def has_different_seeds(self) -> bool:
        """Whether complete trials have different numbers of seeds."""
        return len({end.trial.seeds for end in self.trials if end.state.is_complete}) > 1

    @property
    def epochs_saved(self) -> int:
        """Epochs of pruned trials that were not trained."""
        runs = {run.run_id: run for trial in self._pruned for run in trial.runs}
        epochs = {
            run_id: runs[run_id].parameters.epochs if result.state.is_finished else result.epochs
            for run_id, result in self.results.items()
            if run_id in runs
        }
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
        """One row per trial, indexed by its number: state, value, and choices.

        Also the number of seeds, if complete trials have different numbers.
        """
        import pandas as pd

        def seeds(end: TrialEnd) -> dict[str, int]:
            return {"seeds": end.trial.seeds} if self.has_different_seeds else {}

        rows = [
            {"state": end.state.value, "value": end.value, **seeds(end), **end.trial.choices}
            for end in self.trials
        ]
        index = pd.Index([end.trial.number for end in self.trials], name="trial")
        return pd.DataFrame(rows, index=index)
