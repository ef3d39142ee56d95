"""The records of sweeps, searches and their trials in a store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from signs_sweep.domain import Purpose, State, TrialState, search_key
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.found import Record

SPEC = "spec.yaml"
"""The artifact of a sweep that has the text of its spec."""


@dataclass(frozen=True)
class SweepInfo:
    """The record of a sweep or a search.

    Attributes:
        location: its id in MLflow.
        is_search: whether it has trials.
        began: when it began, with a time zone.
        ended: when it ended, or None.
        state: how it ended, or RUNNING.
        note: description and outcome, in Markdown.
        outcome: the outcome alone, or an empty string. Searches of earlier versions have none.
        commit: commit of the folder in which it was started, or None.
        best: of a search, the values of the winner by dimension, as text.
        metrics: of a search, the numbers of its latest outcome, by name.
    """

    location: str
    is_search: bool
    began: datetime
    ended: datetime | None
    state: State
    note: str
    outcome: str
    commit: str | None
    best: Mapping[str, str]
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, record: Record, *, is_search: bool) -> "SweepInfo":
        """Return what a record holds."""
        latest = max(record.steps.values(), default=0)
        return cls(
            record.location,
            is_search,
            _moment(record.began),
            None if record.ended is None else _moment(record.ended),
            record.state,
            record.tags.get(tags.NOTE, ""),
            record.tags.get(tags.VERDICT, ""),
            record.tags.get(tags.COMMIT),
            {
                name.removeprefix(tags.BEST): value
                for name, value in record.tags.items()
                if name.startswith(tags.BEST)
            },
            # A metric cannot be deleted: those of an earlier outcome have fewer trials as step.
            {name: value for name, value in record.metrics.items() if record.steps[name] == latest},
        )


@dataclass(frozen=True)
class TrialInfo:
    """The record of a trial of a search, of its race, or of the confirmation.

    Attributes:
        location: its id in MLflow.
        search: location of the search.
        number: its number in the study; 0 for a trial of the race or the confirmation.
        purpose: what it is for; None for what earlier versions recorded of a race or confirmation.
        label: its name.
        state: how it ended; None for a trial that has not ended.
        value: its value, or None.
        seeds: number of seeds of its value, if that depended on the results; else None.
        choices: its values by dimension, as text.
        run_ids: its runs.
        baselines: for each run, the run_id of the run that it is compared with; maybe empty.
    """

    location: str
    search: str
    number: int
    purpose: Purpose | None
    label: str
    state: TrialState | None
    value: float | None
    seeds: int | None
    choices: Mapping[str, str]
    run_ids: tuple[str, ...]
    baselines: tuple[str, ...]

    @property
    def is_baseline(self) -> bool:
        """Whether the other trials are compared with it."""
        return bool(self.baselines) and self.baselines[0] == self.run_ids[0]

    @classmethod
    def of(cls, record: Record) -> "TrialInfo":
        """Return what a record holds."""
        seeds = record.metrics.get("seeds")
        return cls(
            record.location,
            record.tags[tags.PARENT],
            int(record.tags[tags.TRIAL]),
            _purpose(record),
            record.tags[tags.LABEL],
            _state(record),
            record.metrics.get("value"),
            None if seeds is None else int(seeds),
            record.params,
            _listed(record, tags.RUN_IDS),
            _listed(record, tags.BASELINES),
        )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000).astimezone()


def _listed(record: Record, name: str) -> tuple[str, ...]:
    return tuple(part for part in record.tags.get(name, "").split(",") if part)


def _purpose(record: Record) -> Purpose | None:
    """Return what a trial is for; earlier versions recorded only what tells a search's trials.

    The earliest gave other trials negative numbers, later ones give each trial a key.
    """
    values, number = record.tags, int(record.tags[tags.TRIAL])
    if tags.PURPOSE in values:
        return Purpose(values[tags.PURPOSE])
    key = values.get(tags.TRIAL_KEY)
    is_searched = number >= 0 if key is None else key == search_key(number)
    return Purpose.SEARCH if is_searched else None


def _state(record: Record) -> TrialState | None:
    """Return how a trial ended; one that was killed before its end is STOPPED."""
    if tags.STATE in record.tags:
        return TrialState(record.tags[tags.STATE])
    return None if record.state is State.RUNNING else TrialState.STOPPED
