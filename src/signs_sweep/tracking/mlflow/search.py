"""The record of a search: its trials, which are parents of their runs, and what came of it.

MLflow never changes a param once it is logged, and a search that is opened again may find a better
trial. So the params of a trial are params, as they are decided when it begins, and those of the
best trial are tags of the search. What is a number is a metric, whose history says how it changed.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from signs_sweep.domain import State, Trial, TrialEnd, TrialState, as_text
from signs_sweep.protocols import Findings
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import search_all
from signs_sweep.tracking.mlflow.source import source_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

_STATUS = {
    TrialState.COMPLETE: State.FINISHED,
    TrialState.PRUNED: State.KILLED,
    TrialState.FAILED: State.FAILED,
    TrialState.STOPPED: State.KILLED,
}

_WORDS = {
    TrialState.PRUNED: "Pruned: it was stopped early.",
    TrialState.FAILED: "Failed: its runs say why.",
    TrialState.STOPPED: "Stopped before its end.",
}


class SearchRecorder:
    """Writes to the record of a search, and makes those of its trials below it."""

    def __init__(self, client: "MlflowClient", experiment_id: str, location: str) -> None:
        """Take over a record, with the trials that it has already.

        Args:
            client: the store.
            experiment_id: where the records are.
            location: id of the record of the search.
        """
        self._client = client
        self._experiment_id = experiment_id
        self._location = location
        self._trials: dict[str, str] = {}
        self._underway: set[str] = set()
        parent = f"tags.`{tags.PARENT}` = '{location}'"
        condition = f"{parent} AND tags.`{tags.RECORD}` = '{tags.OF_TRIAL}'"
        for trial in search_all(client, [experiment_id], condition):
            values = trial.data.tags
            key = values.get(tags.TRIAL_KEY, values[tags.LABEL])
            self._trials[key] = trial.info.run_id
            if trial.info.status == "RUNNING":
                self._underway.add(trial.info.run_id)

    def begin_trial(self, trial: Trial) -> str:
        """Return the id of the record of a trial, which is running then.

        It is made if it is not there; one that was ended goes on.
        """
        location = self._found(trial)
        if location is None:
            return self._make_trial(trial)
        if location not in self._underway:
            self._client.update_run(location, status="RUNNING")
            for name in (tags.STATE, tags.NOTE):
                if name in self._client.get_run(location).data.tags:
                    self._client.delete_tag(location, name)
            self._underway.add(location)
        return location

    def _found(self, trial: Trial) -> str | None:
        return self._trials.get(trial.key) or self._trials.get(trial.title)

    def _make_trial(self, trial: Trial) -> str:
        made = self._client.create_run(
            self._experiment_id,
            run_name=trial.title,
            tags={
                tags.PARENT: self._location,
                tags.RECORD: tags.OF_TRIAL,
                tags.TRIAL_KEY: trial.key,
                tags.LABEL: trial.title,
                tags.TRIAL: str(trial.number),
                **source_tags(),
            },
        )
        location = self._trials[trial.key] = str(made.info.run_id)
        self._underway.add(location)
        return location

    def end_trial(self, end: TrialEnd, stopped: Callable[[str], Iterable[str]]) -> None:
        """Write how a trial ended; one whose end is written already stays as it is.

        Args:
            end: how it ended.
            stopped: returns the ids of the records of its runs that were stopped, given its own.
        """
        from mlflow.entities import Param

        trial = end.trial
        location = self._found(trial) or self._make_trial(trial)
        known = self._client.get_run(location).data
        if tags.STATE in known.tags:
            return
        choices = {_param_name(name): as_text(value) for name, value in trial.choices.items()}
        params = [Param(*item) for item in choices.items() if item[0] not in known.params]
        self._client.log_batch(location, params=params)
        self._log(location, _metrics(end), step=0)
        if end.state is TrialState.PRUNED:
            for run in stopped(location):
                self._tag(run, {tags.PRUNED: end.why or _WORDS[end.state]})
        self._tag(location, {tags.RUN_IDS: ",".join(trial.run_ids), tags.NOTE: _note(end)})
        self._client.set_terminated(location, _STATUS[end.state].value)
        self._tag(location, {tags.STATE: end.state.value})  # Last: says that all of it is written.
        self._underway.discard(location)

    def stop_trials(self) -> None:
        """Mark the trials that have not ended as killed."""
        for location in sorted(self._underway):
            self._client.set_terminated(location, State.KILLED.value)
        self._underway.clear()

    def conclude(self, findings: Findings, description: str) -> None:
        """Write what came of the search, in place of what was found earlier.

        Metrics have the number of trials as their step.
        """
        best = {
            tags.BEST + _param_name(name): as_text(value)
            for name, value in findings.choices.items()
        }
        for name in self._client.get_run(self._location).data.tags:
            if name.startswith(tags.BEST) and name not in best:
                self._client.delete_tag(self._location, name)
        note = "\n\n".join(text for text in (description, findings.note) if text)
        self._tag(self._location, {**best, tags.NOTE: note})
        self._log(self._location, findings.metrics, step=len(self._trials))
        with tempfile.TemporaryDirectory() as folder:
            for name, content in findings.files.items():
                Path(folder, name).write_bytes(content)
            self._client.log_artifacts(self._location, folder)

    def _log(self, location: str, metrics: Mapping[str, float], step: int) -> None:
        """Write metrics, but for those whose last point is this very one."""
        from mlflow.entities import Metric

        known = self._client.get_run(location).data.metrics
        moment = int(time.time() * 1000)
        points = []
        for name, value in metrics.items():
            if known.get(name) == value:
                history = self._client.get_metric_history(location, name)
                if max(point.step for point in history) == step:
                    continue
            points.append(Metric(name, value, moment, step))
        self._client.log_batch(location, metrics=points)

    def _tag(self, location: str, values: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(location, tags=[RunTag(*item) for item in values.items()])


def _metrics(end: TrialEnd) -> dict[str, float]:
    """Return the value of a trial, and of each replicate where it has several.

    A slash makes a section in MLflow's charts; a name must have no comma.
    """
    metrics = {} if end.value is None else {"value": end.value}
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
    """Return the name of a dimension as MLflow takes it: without the commas of a `zip`."""
    return name.replace(", ", "/")


def _note(end: TrialEnd) -> str:
    """Return what MLflow shows first of a trial."""
    parts = [_WORDS[end.state]] if end.state in _WORDS else []
    if end.state is TrialState.PRUNED and end.why:
        parts = [f"Pruned: {end.why}."]
    if len(end.trial.runs) > 1 and end.values:
        rows = "".join(f"| {seeds} | {value:.6g} |\n" for seeds, value in _by_seeds(end))
        parts.append(f"| seeds | value |\n|---|---|\n{rows}")
    return "\n\n".join(parts)
