"""Where what happens is recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from signs_sweep.domain import Event, Run, State, Trial
from signs_sweep.domain.masking import mask


@dataclass(frozen=True)
class SweepRecord:
    """One invocation of one experiment, as the tracker keeps it.

    Attributes:
        experiment: name of the experiment.
        description: what it is for, or an empty string.
        spec: text of the spec file.
        plan: the plan in words, for a person.
        data: name of the dataset, with a remark when it is the built-in drawn one.
        varying: names of the parameters that differ between its runs.
        sweep_id: tells it from other invocations; one that is opened again goes on.
        origin: machine and folder of the process that it belongs to.
        is_search: whether its trials have records of their own, each with a label.

    Secrets are masked in its texts.
    """

    experiment: str
    description: str
    spec: str
    plan: str
    data: str
    varying: Sequence[str]
    sweep_id: str = ""
    origin: str = ""
    is_search: bool = False

    def __post_init__(self) -> None:
        for name in ("description", "spec", "plan", "data"):
            object.__setattr__(self, name, mask(getattr(self, name)))


@dataclass(frozen=True)
class TrialEnd:
    """How a trial of a search ended.

    Attributes:
        label: its label, which names its record.
        number: its number in the study.
        state: COMPLETE, PRUNED or FAIL.
        value: what the search goes by, over all replicates; None where there is none.
        values: the same of each replicate that has one, by its seeds, as in `3, 0`.
        params: what was chosen, by name, as text.
        run_ids: its runs, also those that were found in the store.
        why: why it was pruned or failed, in words, or an empty string.
    """

    label: str
    number: int
    state: str
    value: float | None
    values: Mapping[str, float]
    params: Mapping[str, str]
    run_ids: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True)
class Findings:
    """What came of a search.

    Attributes:
        params: the best trial's choices, by name, as text.
        metrics: numbers of the search, by name.
        note: the same for a person, in Markdown.
        files: artifacts, by file name.
    """

    params: Mapping[str, str]
    metrics: Mapping[str, float]
    note: str
    files: Mapping[str, bytes]


class Tracker(Protocol):
    """Records sweeps and their runs.

    The order is: `open`, then for each run `start`, its events through `record` (from `Started` to
    the one that ends it), in a search `end_trial` after the runs of each trial, then `close`. A
    tracker has one caller at a time. Recording an event or the end of a trial twice changes
    nothing. Raises StoreError when the store cannot be opened or written.
    """

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """Begin an invocation over one or more experiments."""

    def start(self, experiment: str, trial: Trial, run: Run, continues: str | None = None) -> None:
        """Announce a run; its events follow. It belongs to the sweep of that experiment.

        Args:
            experiment: name of the experiment.
            trial: what the run is part of.
            run: what will be trained.
            continues: location of an unfinished record of this run; it is continued, and what is in
                it already is not recorded a second time.
        """

    def record(self, event: Event) -> None:
        """Record what happened to a started run. The event that ends it decides its state."""

    def then(self, job: Callable[[], None]) -> None:
        """Do something once all that was given before is written; perhaps in another thread."""

    def end_trial(self, experiment: str, end: TrialEnd) -> None:
        """Record how a trial of a search ended. Its runs have ended before.

        It need not have begun: all of its runs may have been found in the store.
        """

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        """End the invocation and write everything that is still on its way.

        Runs and trials that have not ended are marked KILLED.

        Args:
            state: FINISHED, FAILED or KILLED.
            tables: by experiment, the table of its runs as CSV.
            findings: by experiment, what came of its search.
        """
