"""What came of a search."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from signs_sweep.domain import Result, State
from signs_sweep.search.confirming import Candidate, Confirmation
from signs_sweep.search.study.own import LeftOut
from signs_sweep.search.study.scheduler import proposed
from signs_sweep.search.study.storage import FAILED
from signs_sweep.spec import Experiment, Search

if TYPE_CHECKING:
    import optuna
    import pandas as pd

TEST_METRIC = "test_accuracy"


@dataclass(frozen=True)
class Summary:
    """One trial, as it stands in the study.

    Attributes:
        number: its number there, from 0.
        state: COMPLETE, PRUNED, FAIL, RUNNING or WAITING.
        value: over all replicates, or None.
        params: what was chosen, by dimension; of a choice its number or its text.
        run_ids: its runs.
        why: why it was pruned or failed, or an empty string.
        values: of each replicate that has one, by run_id.
    """

    number: int
    state: str
    value: float | None
    params: Mapping[str, Any]
    run_ids: tuple[str, ...]
    why: str
    values: Mapping[str, float]


@dataclass(eq=False)
class SearchOutcome:
    """What came of a search.

    Attributes:
        experiment: what was searched.
        search: how, with what the command line said.
        study: the Optuna study, with the trials of this search alone.
        winner: the best trial's point, or None where none was completed.
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
    winner: Candidate | None
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
        found = "no best" if best is None else f"best trial {best.number}, value {best.value}"
        return f"<SearchOutcome of {self.experiment.name}: {len(self.trials)} trials, {found}>"

    @cached_property
    def trials(self) -> list[Summary]:
        """All trials but those that a dead process left behind, by number."""
        return summaries(self.study)

    @property
    def counts(self) -> Counter[str]:
        """How many trials there are, by state."""
        return Counter(one.state for one in self.trials)

    def runs(self, number: int) -> list[Result]:
        """Return what is known of the runs of a trial, given its number."""
        (run_ids,) = [one.run_ids for one in self.trials if one.number == number]
        return [self.results[run_id] for run_id in run_ids if run_id in self.results]

    @property
    def best(self) -> Summary | None:
        """The best of the completed trials; of equal ones the first."""
        return best_of(self.trials, maximize=self.search.objective.maximize)

    @property
    def epochs_saved(self) -> int:
        """Epochs of pruned trials that were not trained."""
        pruned = [run_id for one in self.trials if one.state == "PRUNED" for run_id in one.run_ids]
        return sum(_left(run_id, self.results.get(run_id)) for run_id in dict.fromkeys(pruned))

    @property
    def finished_though_pruned(self) -> int:
        """How many pruned trials had finished all of their runs before they could be stopped."""
        finished = {run_id for run_id, one in self.results.items() if one.state.is_finished}
        pruned = [one for one in self.trials if one.state == "PRUNED"]
        return sum(bool(one.run_ids) and finished.issuperset(one.run_ids) for one in pruned)

    @property
    def state(self) -> State:
        """KILLED after an interruption, FINISHED where there is a winner, else FAILED."""
        if self.was_interrupted:
            return State.KILLED
        return State.FAILED if self.winner is None else State.FINISHED

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One line a trial, indexed by its number: state, value, and what was chosen."""
        import pandas as pd

        rows = [{"state": one.state, "value": one.value, **one.params} for one in self.trials]
        index = pd.Index([one.number for one in self.trials], name="trial")
        return pd.DataFrame(rows, index=index)


def summaries(study: "optuna.Study") -> list[Summary]:
    """Return the trials of a study, without those that a process left behind."""
    return [
        Summary(
            number=one.number,
            state=one.state.name,
            value=one.value if one.state.name == "COMPLETE" else None,
            params=one.params,
            run_ids=tuple(one.user_attrs.get("runs", ())),
            why=one.user_attrs.get("pruned") or one.user_attrs.get(FAILED, ""),
            values=one.user_attrs.get("values", {}),
        )
        for one in proposed(study)
    ]


def best_of(trials: Sequence[Summary], *, maximize: bool) -> Summary | None:
    """Return the best of the completed trials, or None; of equal ones the first."""
    done = [one for one in trials if one.value is not None]
    sign = -1 if maximize else 1
    return min(done, key=lambda one: sign * (one.value or 0.0), default=None)


def _left(run_id: str, result: Result | None) -> int:
    """Return how many epochs of a run were not trained; its id ends with their number."""
    total = int(run_id.rpartition("-")[2])
    return total - (result.epochs if result else 0)
