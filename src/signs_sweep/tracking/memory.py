"""A tracker that keeps everything in memory: the fake for tests."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from signs_sweep.domain import (
    Checkpoint,
    Curves,
    Event,
    Failed,
    Finished,
    Progress,
    Result,
    Retried,
    Run,
    Started,
    State,
    Stopped,
    Trial,
    TrialEnd,
    Waiting,
)
from signs_sweep.errors import UnknownExperimentError
from signs_sweep.protocols import Findings, RecordedRun, SweepRecord


@dataclass(eq=False)
class _Record:
    """One recording of a run."""

    trial: Trial
    run: Run
    result: Result
    curves: Curves = field(default_factory=Curves)


class MemoryTracker:
    """Implements `Tracker` and `RunIndex` without any effect; what was recorded can be looked at.

    Attributes:
        sweeps: every sweep that was opened, by experiment.
        started: trial and run of every `start`, in order.
        closed: the state of every `close`, in order.
        tables: by experiment, the table that the last `close` brought.
        trial_ends: how trials ended, in order, each once.
        findings: by experiment, what the last `close` brought of its search.
    """

    def __init__(self) -> None:
        self.sweeps: dict[str, SweepRecord] = {}
        self.started: list[tuple[Trial, Run]] = []
        self.closed: list[State] = []
        self.tables: dict[str, str] = {}
        self.trial_ends: list[TrialEnd] = []
        self.findings: dict[str, Findings] = {}
        self._records: list[_Record] = []
        self._current: dict[str, _Record] = {}

    def find(self, run_ids: Collection[str] | None = None) -> Mapping[str, Result]:
        """See `RunIndex.find`."""
        return {
            run_id: _with_history(record)
            for run_id, record in _best(self._records).items()
            if run_ids is None or run_id in run_ids
        }

    def list_runs(self, experiment: str) -> Sequence[RecordedRun]:
        """See `RunIndex.list_runs`."""
        if experiment not in self.sweeps:
            raise UnknownExperimentError(f"no experiment '{experiment}'")
        found = [record for record in self._records if record.trial.experiment == experiment]
        return [
            RecordedRun(
                label=record.trial.label,
                parameters=record.run.parameters,
                model=record.run.model.values,
                baseline=record.trial.baseline_of(record.run),
                version=record.run.training_version,
                result=_with_history(record),
            )
            for record in _best(found).values()
        ]

    def versions(self) -> Mapping[str, int]:
        """See `RunIndex.versions`."""
        return {record.run.run_id: record.run.training_version for record in self._records}

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """See `Tracker.open`."""
        self.sweeps.update({sweep.experiment: sweep for sweep in sweeps})

    def start(self, trial: Trial, run: Run, continues: str | None = None) -> None:
        """See `Tracker.start`."""
        if trial.experiment not in self.sweeps:
            raise KeyError(trial.experiment)
        self.started.append((trial, run))
        earlier = [one for one in self._records if one.result.location == continues]
        if continues is not None and earlier:
            (record,) = earlier
            record.result = replace(record.result, state=State.RUNNING, message=None)
            if record.trial.experiment == trial.experiment:
                record.trial = trial
        else:
            location = f"memory/{len(self._records) + 1}"
            result = Result(run.run_id, State.RUNNING, location=location)
            record = _Record(trial, run, result)
            self._records.append(record)
        self._current[run.run_id] = record

    def record(self, event: Event) -> None:
        """See `Tracker.record`."""
        record = self._current[event.run_id]
        if record.result.state.has_ended:
            return
        match event:
            case Started() | Checkpoint() | Retried() | Waiting():
                pass
            case Progress():
                record.curves.add(event)
            case Finished():
                record.result = replace(
                    record.result,
                    state=State.FINISHED,
                    metrics=dict(event.metrics),
                    seconds=event.seconds,
                    guessing_since=event.guessing_since,
                )
            case Failed():
                record.result = replace(record.result, state=State.FAILED, message=event.message)
            case Stopped():
                record.result = replace(record.result, state=State.KILLED)

    def then(self, job: Callable[[], None]) -> None:
        """See `Tracker.then`."""
        job()

    def end_trial(self, end: TrialEnd) -> None:
        """See `Tracker.end_trial`."""
        if self.sweeps[end.trial.experiment].is_search and end not in self.trial_ends:
            self.trial_ends.append(end)

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        """See `Tracker.close`."""
        for record in self._current.values():
            if not record.result.state.has_ended:
                record.result = replace(record.result, state=State.KILLED)
        self._current.clear()
        self.closed.append(state)
        self.tables = dict(tables)
        self.findings = dict(findings or {})


def _best(records: Sequence[_Record]) -> dict[str, _Record]:
    """Choose one record per run: a finished one wins, and among equals the latest."""
    best: dict[str, _Record] = {}
    for record in records:
        known = best.get(record.run.run_id)
        if known is None or record.result.state.is_finished or not known.result.state.is_finished:
            best[record.run.run_id] = record
    return best


def _with_history(record: _Record) -> Result:
    history = record.curves.history()
    last = {name: float(values[-1]) for name, values in history.items()}
    return replace(
        record.result,
        metrics=last | dict(record.result.metrics),
        epochs=record.curves.epochs,
        history=history,
    )
