"""The record of a search: its trials, which are parents of their runs, and its findings.

MLflow never changes a param after it is logged. The choices of a trial are params of its record,
because they never change. Those of the best trial are tags of the search, because a resumed search
may find a better trial. Numbers are metrics, which have a history.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from signs_sweep.domain import State, Trial, TrialEnd, TrialState, as_text
from signs_sweep.protocols import Findings
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import search_all, write
from signs_sweep.tracking.mlflow.findings import conclude
from signs_sweep.tracking.mlflow.source import source_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

_STATUS = {
    TrialState.COMPLETE: State.FINISHED,
    TrialState.PRUNED: State.KILLED,
    TrialState.FAILED: State.FAILED,
    TrialState.STOPPED: State.KILLED,
}

_NOTES = {
    TrialState.PRUNED: "Pruned: it was stopped early.",
    TrialState.FAILED: "Failed: its runs say why.",
    TrialState.STOPPED: "Stopped before its end.",
}


@dataclass(eq=False)
class SearchRecorder:
    """Writes to the record of a search, and to the records of its trials below it.

    Attributes:
        client: the store.
        experiment_id: id of the MLflow experiment.
        location: id of the record of the search.
    """

    client: "MlflowClient"
    experiment_id: str
    location: str
    _trials: dict[str, str] = field(default_factory=dict, init=False)
    """By key of a trial, the id of its record."""
    _underway: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        parent = f"tags.`{tags.PARENT}` = '{self.location}'"
        condition = f"{parent} AND tags.`{tags.RECORD}` = '{tags.OF_TRIAL}'"
        for trial in search_all(self.client, [self.experiment_id], condition):
            values = trial.data.tags
            key = values.get(tags.TRIAL_KEY, values[tags.LABEL])
            self._trials[key] = trial.info.run_id
            if trial.info.status == "RUNNING":
                self._underway.add(trial.info.run_id)

    def begin_trial(self, trial: Trial) -> str:
        """Return the id of the record of a trial, and mark the record as running."""
        location = self._record_of(trial)
        if location not in self._underway:
            self.client.update_run(location, status="RUNNING")
            for name in (tags.STATE, tags.NOTE):
                if name in self.client.get_run(location).data.tags:
                    self.client.delete_tag(location, name)
            self._underway.add(location)
        return location

    def _record_of(self, trial: Trial) -> str:
        """Return the id of the record of a trial, which is created if it does not exist."""
        location = self._trials.get(trial.key) or self._trials.get(trial.label or "")
        if location is None:
            created = self.client.create_run(
                self.experiment_id,
                run_name=trial.title,
                tags={
                    tags.PARENT: self.location,
                    tags.RECORD: tags.OF_TRIAL,
                    tags.TRIAL_KEY: trial.key,
                    tags.LABEL: trial.label or trial.title,
                    tags.TRIAL: str(trial.number),
                    **_purpose_of(trial),
                    **source_tags(),
                },
            )
            location = self._trials[trial.key] = str(created.info.run_id)
            self._underway.add(location)
        return location

    def end_trial(self, end: TrialEnd, stopped: Callable[[str], Iterable[str]]) -> None:
        """Write how a trial ended, unless its record has an end already.

        Args:
            end: how it ended.
            stopped: called with the id of the trial's record, returns those of its stopped runs.
        """
        location = self._record_of(end.trial)
        known = self.client.get_run(location).data
        purpose = _purpose_of(end.trial)
        if tags.PURPOSE not in known.tags and known.tags.get(tags.TRIAL_KEY) == end.trial.key:
            write(self.client, location, tags=purpose)  # An earlier version made the record.
        if tags.STATE in known.tags:
            return
        choices = {_param_name(name): as_text(value) for name, value in end.trial.choices.items()}
        write(
            self.client,
            location,
            params={name: text for name, text in choices.items() if name not in known.params},
            tags={tags.RUN_IDS: ",".join(end.trial.run_ids), tags.NOTE: _note(end), **purpose},
            metrics=self._new_points(location, _metrics(end), step=0),
        )
        if end.state is TrialState.PRUNED:
            for run in stopped(location):
                write(self.client, run, tags={tags.PRUNED: end.why or _NOTES[end.state]})
        self.client.set_terminated(location, _STATUS[end.state].value)
        write(self.client, location, tags={tags.STATE: end.state.value})  # Last: all is written.
        self._underway.discard(location)

    def stop_trials(self) -> None:
        """Mark the trials that have not ended as killed."""
        for location in sorted(self._underway):
            self.client.set_terminated(location, State.KILLED.value)
        self._underway.clear()

    def conclude(self, findings: Findings, description: str) -> None:
        """Write the findings of the search in place of earlier ones.

        The step of the metrics is the number of trials.
        """
        best = {
            tags.BEST + _param_name(name): as_text(value)
            for name, value in findings.choices.items()
        }
        for name in self.client.get_run(self.location).data.tags:
            if name.startswith(tags.BEST) and name not in best:
                self.client.delete_tag(self.location, name)
        points = self._new_points(self.location, findings.metrics, step=len(self._trials))
        write(self.client, self.location, tags=best, metrics=points)
        conclude(self.client, self.location, findings, description)

    def _new_points(self, location: str, metrics: Mapping[str, float], step: int) -> list["Metric"]:
        """Return metrics, without those whose last point is the same."""
        from mlflow.entities import Metric

        known = self.client.get_run(location).data.metrics
        moment = int(time.time() * 1000)
        points = []
        for name, value in metrics.items():
            if known.get(name) == value:
                history = self.client.get_metric_history(location, name)
                if max(point.step for point in history) == step:
                    continue
            points.append(Metric(name, value, moment, step))
        return points


def _purpose_of(trial: Trial) -> dict[str, str]:
    """Return the tags for what a trial is for, and what its runs are compared with."""
    baselines = {tags.BASELINES: ",".join(trial.baselines)} if trial.baselines else {}
    return {tags.PURPOSE: trial.purpose.value, **baselines}


def _metrics(end: TrialEnd) -> dict[str, float]:
    """Return the value of a trial, that of each replicate where it has several, and the seeds.

    Their number is recorded only where it depends on results.

    A slash starts a section in MLflow's charts; a comma is not allowed in a name.
    """
    metrics = {} if end.value is None else {"value": end.value}
    if end.trial.is_sequential:
        metrics["seeds"] = end.trial.seeds
    if len(end.trial.runs) > 1:
        for seeds, value in _by_seeds(end):
            metrics[f"value/seeds {seeds.replace(',', '')}"] = value
    return metrics


def _by_seeds(end: TrialEnd) -> list[tuple[str, float]]:
    """Return the value of each replicate that has one, with its seeds as in `3, 0`."""
    values = end.values
    runs = [run for run in end.trial.runs if run.run_id in values]
    return [(str(run.parameters.seeds), values[run.run_id]) for run in runs]


def _param_name(name: str) -> str:
    """Return the name of a dimension in MLflow, which allows no comma: that of a `zip` has some."""
    return name.replace(", ", "/")


def _note(end: TrialEnd) -> str:
    """Return the note at the top of the page of a trial."""
    parts = [_NOTES[end.state]] if end.state in _NOTES else []
    if end.state is TrialState.PRUNED and end.why:
        parts = [f"Pruned: {end.why}."]
    if end.audited:
        parts.append(f"Audited: it would have been pruned as {end.audited}.")
    if len(end.trial.runs) > 1 and end.values:
        rows = "".join(f"| {seeds} | {value:.6g} |\n" for seeds, value in _by_seeds(end))
        parts.append(f"| seeds | value |\n|---|---|\n{rows}")
    return "\n\n".join(parts)
