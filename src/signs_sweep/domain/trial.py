"""A trial: a setting with some seeds, handed out by a scheduler; and how it ended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from statistics import fmean
from typing import Any

from signs_sweep.domain.result import Result, State
from signs_sweep.domain.run import Run, Setting


class Purpose(Enum):
    """What a trial is for."""

    SWEEP = "sweep"
    SEARCH = "search"
    RACE = "race"
    CONFIRMATION = "confirmation"

    @property
    def is_tested(self) -> bool:
        """Whether its runs are evaluated on the test set: not where a winner is chosen."""
        return self not in (Purpose.SEARCH, Purpose.RACE)


def search_key(number: int) -> str:
    """Return the key of a trial of a search, given its number in the study."""
    return f"{Purpose.SEARCH.value}/{number}"


@dataclass(frozen=True)
class Trial:
    """A setting and its replicates.

    Attributes:
        key: identifies the trial among all trials of its experiment, also in later invocations.
        experiment: name of its experiment.
        purpose: what it is for.
        number: position in the spec, from 1, or number in the study, from 0.
        title: what distinguishes it from the other trials, as in `m6 keep_prob=0.8`; empty if only
            the seeds differ.
        runs: one run for each pair of seeds, at least one; they differ only in their seeds.
        label: its name from the spec's `cases` or from the search, or None.
        baselines: for each run, the run_id of the run with the same seeds that it is compared with:
            its own in the baseline. Empty without a baseline.
        choices: the values that a search chose, by dimension.
        is_part: whether it has only some of the replicates of a setting; others belong to trials
            with the same number.
        is_sequential: whether each run starts only after the previous one has ended, because its
            result decides whether the trial continues.
    """

    key: str
    experiment: str
    purpose: Purpose
    number: int
    title: str
    runs: tuple[Run, ...]
    label: str | None = None
    baselines: tuple[str, ...] = ()
    choices: Mapping[str, Any] = field(default_factory=dict, hash=False)
    is_part: bool = False
    is_sequential: bool = False

    @property
    def setting(self) -> Setting:
        """The setting that all of its runs share."""
        return self.runs[0].setting

    @property
    def epochs(self) -> int:
        """Number of epochs of each run."""
        return self.runs[0].parameters.epochs

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The ids of its runs, in order."""
        return tuple(run.run_id for run in self.runs)

    @property
    def seeds(self) -> int:
        """The number of its pairs of seeds; with folds, each has a run for every split."""
        return len({run.parameters.seeds.pair for run in self.runs})

    @property
    def is_baseline(self) -> bool:
        """Whether the other trials are compared with it."""
        return bool(self.baselines) and self.baselines[0] == self.runs[0].run_id

    def baseline_of(self, run: Run) -> str | None:
        """Return the run_id of the run that one of its runs is compared with, or None."""
        return self.baselines[self.runs.index(run)] if self.baselines else None

    def title_of(self, run: Run) -> str:
        """Return what distinguishes one of its runs from all others, as in `l2=0.01 seeds 3, 0`.

        Seeds are included if the setting has several runs, or if nothing else differs.
        """
        if self.title and len(self.runs) == 1 and not self.is_part:
            return self.title
        return f"{self.title} seeds {run.parameters.seeds}".strip()


class TrialState(Enum):
    """How a trial ended. The values are those of Optuna, which has no STOPPED."""

    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAILED = "FAIL"
    STOPPED = "STOPPED"

    @property
    def is_complete(self) -> bool:
        """Whether all of its runs finished, so that its value counts."""
        return self is TrialState.COMPLETE


@dataclass(frozen=True)
class TrialEnd:
    """How a trial ended.

    Attributes:
        trial: the trial; if it is sequential, only with the runs that count.
        state: how it ended.
        value: the metric that ranks it, aggregated over the replicates, or None.
        values: the metric of each replicate that has it, by run_id.
        why: why it was pruned, failed or stopped, for a person, or an empty string.
        is_dead: whether it was pruned because its network can no longer learn.
        audited: when and why it would have been pruned if it had not been drawn for the audit of
            pruning, for a person; else an empty string.
    """

    trial: Trial
    state: TrialState
    value: float | None = None
    values: Mapping[str, float] = field(default_factory=dict, hash=False)
    why: str = ""
    is_dead: bool = False
    audited: str = ""

    @classmethod
    def of(cls, trial: Trial, results: Sequence[Result], metric: str | None = None) -> "TrialEnd":
        """Return how a trial ended, from the results of its runs.

        The results are in the order of `trial.runs`; the value is the mean of `metric`, if given.
        """
        failed = [result.message or "" for result in results if result.state is State.FAILED]
        finished = [result for result in results if result.state.is_finished]
        scores = {
            result.run_id: result.metrics[metric]
            for result in finished
            if metric is not None and metric in result.metrics
        }
        if failed:
            return cls(trial, TrialState.FAILED, values=scores, why=failed[0])
        if len(finished) < len(results):
            return cls(trial, TrialState.STOPPED, values=scores)
        return cls(trial, TrialState.COMPLETE, fmean(scores.values()) if scores else None, scores)


def ranked(ends: Iterable[TrialEnd], *, maximize: bool) -> list[TrialEnd]:
    """Return the completed trials of a search, the best first.

    Of trials with the same value, those with the most runs come first, of these the earliest.
    """
    sign = -1 if maximize else 1
    complete = [
        end
        for end in ends
        if end.trial.purpose is Purpose.SEARCH and end.state.is_complete and end.value is not None
    ]
    return sorted(
        complete,
        key=lambda end: (sign * (end.value or 0.0), -len(end.trial.runs), end.trial.number),
    )


def best_of(ends: Iterable[TrialEnd], *, maximize: bool) -> TrialEnd | None:
    """Return the first of the `ranked` trials of a search; None if none completed."""
    return next(iter(ranked(ends, maximize=maximize)), None)
