"""Records sweeps, their trials and their runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from signs_sweep.domain import Event, Judgement, Run, State, Trial, TrialEnd, VerdictRule
from signs_sweep.domain.masking import mask


@dataclass(frozen=True)
class SweepRecord:
    """One invocation for one experiment, as the tracker records it.

    Attributes:
        experiment: name of the experiment.
        description: purpose of the experiment, or an empty string.
        spec: text of the spec file.
        plan: the plan as text for a person.
        data: name of the dataset, with a remark if it is the built-in drawn images.
        sweep_id: identifies the invocation; opening the same id again continues its record.
        origin: machine and folder of its process.
        claims: where its claims show to other machines whether it is alive; empty if nowhere.
        is_search: whether its trials have records of their own.
        is_forced: whether it trains finished runs again, whose records are kept.
        rule: how its settings are compared.

    Secrets in the texts are masked.
    """

    experiment: str
    description: str
    spec: str
    plan: str
    data: str
    sweep_id: str = ""
    origin: str = ""
    claims: str = ""
    is_search: bool = False
    is_forced: bool = False
    rule: VerdictRule = field(default_factory=VerdictRule)

    def __post_init__(self) -> None:
        for name in ("description", "spec", "plan", "data"):
            object.__setattr__(self, name, mask(getattr(self, name)))


@dataclass(frozen=True)
class Findings:
    """The outcome of a sweep or a search.

    Attributes:
        note: the outcome for a person, in Markdown.
        files: artifacts, by file name.
        verdicts: of a sweep, the verdict on each setting that has a baseline, by its name.
        choices: of a search, the values of the best trial, by dimension.
        metrics: metrics of a search, by name.
        tested: by fingerprint of the data, the number of comparisons by a test metric.
    """

    note: str
    files: Mapping[str, bytes]
    verdicts: Mapping[str, Judgement] = field(default_factory=dict)
    choices: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tested: Mapping[str, int] = field(default_factory=dict)


class Tracker(Protocol):
    """Records sweeps and their runs.

    The order is: `open`, then for each run `start`, its events through `record` (from `Started` to
    the event that ends it), `end_trial` after the runs of each trial, then `close`. A tracker has
    one caller at a time. Each epoch of a started run is passed once, in order; what an earlier
    record of the run contains is not recorded again. Recording the end of a run or a trial twice
    has no further effect. Raises StoreError if the store cannot be opened or written, RefusedError
    if it would refuse the call again, and DeletedError if the record of a run was deleted.
    """

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """Begin an invocation for one or more experiments."""

    def start(self, trial: Trial, run: Run, continues: str | None = None) -> None:
        """Announce a run; its events follow. It belongs to the sweep of the trial's experiment.

        Args:
            trial: the trial that the run is part of.
            run: the run to be trained.
            continues: location of an unfinished record of this run; the record is continued, and
                what it already contains is not recorded again. If a sweep of another origin began
                it, a new record replaces it.
        """

    def record(self, event: Event) -> None:
        """Record an event of a started run. The event that ends the run decides its state."""

    def then(self, job: Callable[[], None]) -> None:
        """Call a function once all earlier calls are written; possibly in another thread."""

    def end_trial(self, end: TrialEnd) -> None:
        """Record how a trial ended, if its sweep keeps records of trials; called after its runs.

        The trial need not have been started, nor its experiment opened: all of its runs may have
        been found in the store.
        """

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        """End the invocation and write everything that is still pending.

        Runs and trials that have not ended are marked KILLED.

        Args:
            state: FINISHED, FAILED or KILLED.
            tables: by experiment, the table of its runs as CSV.
            findings: by experiment, the outcome of its sweep or search.
        """
