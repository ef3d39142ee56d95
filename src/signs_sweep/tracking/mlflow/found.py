"""The records of runs in a store, and the results and curves that they hold."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from signs_sweep.domain import (
    CURVE_METRICS,
    GIVEN,
    HIDDEN,
    NETWORK,
    PARAMETERS,
    Condition,
    Curve,
    Diagnosis,
    Kinds,
    Parameters,
    Result,
    Row,
    Seeds,
    State,
    VerdictRule,
    as_text,
    kinds_in,
)
from signs_sweep.errors import UnknownExperimentError
from signs_sweep.process.processor import kind_of
from signs_sweep.project.databases import shown
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import search_all

if TYPE_CHECKING:
    from mlflow import MlflowClient

_FEW = 8
"""Up to so many runs are queried separately: MLflow has no condition for several run_ids."""


class UnexpectedError(Exception):
    """A store is not as a reader without MLflow expects: MLflow has to be asked."""


@dataclass(frozen=True)
class Record:
    """The record of a run in MLflow, or of a trial or a sweep.

    Attributes:
        location: its id in MLflow.
        status: its MLflow status.
        params: by name, as text.
        tags: by name.
        metrics: by name, the last value.
        began: when it began, in ms since 1970.
        ended: when it ended, or None.
        steps: of each metric, the step of its last value.
    """

    location: str
    status: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    began: int = 0
    ended: int | None = None
    steps: Mapping[str, int] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """The run_id of the run."""
        return self.tags[tags.RUN_ID]

    @property
    def version(self) -> int:
        """The training version of the run."""
        return int(self.tags.get(tags.TRAINING_VERSION, 1))

    @property
    def environment(self) -> Mapping[str, str]:
        """Versions and machine with which the run was trained, by name."""
        return {
            name.removeprefix(tags.ENVIRONMENT): value
            for name, value in self.tags.items()
            if name.startswith(tags.ENVIRONMENT)
        }

    @property
    def state(self) -> State:
        """The state of the run; MLflow's SCHEDULED has not ended."""
        if self.status == State.KILLED.value and tags.PRUNED in self.tags:
            return State.PRUNED
        return State(self.status) if self.status in State.__members__ else State.RUNNING

    @property
    def result(self) -> Result:
        """The result of the run."""
        guessing_since, chance = map(self.tags.get, (tags.GUESSING_SINCE, tags.DIVERGED))
        stopped_at, chosen_epoch = map(self.tags.get, (tags.STOPPED_AT, tags.CHOSEN_EPOCH))
        chosen = {name: self.tags.get(f"{tags.CHOSEN}{name}") for name in CURVE_METRICS}
        at_chosen = {name: float(value) for name, value in chosen.items() if value is not None}
        last = {
            name: value
            for name, value in self.metrics.items()
            if name != "seconds" and not name.startswith(tags.CHOSEN_METRIC)
        }
        return Result(
            run_id=self.run_id,
            state=self.state,
            metrics=last | at_chosen,
            epochs=int(self.tags.get(tags.EPOCHS, 0)),
            seconds=self.metrics.get("seconds"),
            message=self.tags.get(tags.MESSAGE),
            location=self.location,
            begun_by=self.tags.get(tags.BEGUN_BY),
            guessing_since=None if guessing_since is None else int(guessing_since),
            chance=None if chance is None else float(chance),
            diagnosis=self._diagnosis,
            stopped_at=None if stopped_at is None else int(stopped_at),
            chosen_epoch=None if chosen_epoch is None else int(chosen_epoch),
            kinds=self._kinds,
        )

    @property
    def _kinds(self) -> Kinds:
        """The kinds of processors that trained the run; none if its record does not name them."""
        if tags.KINDS in self.tags:
            return kinds_in(self.tags[tags.KINDS])
        kind = kind_of(self.environment)
        return {1: kind} if kind else {}

    @property
    def _diagnosis(self) -> Diagnosis | None:
        """The diagnosis of a run that has finished; None in records of earlier versions."""
        if tags.DIAGNOSIS not in self.tags:
            return None
        since, gap = map(self.tags.get, (tags.DIAGNOSIS_SINCE, tags.DIAGNOSIS_GAP))
        return Diagnosis(
            Condition(self.tags[tags.DIAGNOSIS]),
            since=None if since is None else int(since),
            gap=None if gap is None else float(gap),
        )

    def row(self, experiment: str) -> Row:
        """Return the run with its result.

        A parameter that is newer than the record has its default.
        """
        values: dict[str, Any] = {
            name: entry.parse(self.params[name])
            for name, entry in PARAMETERS.items()
            if name in self.params
        }
        network = {}
        if HIDDEN in self.params:
            network = {name: as_text(entry.default) for name, entry in NETWORK.items()}
        held_out = self.params.get("validation", "0")
        others = self.params.keys() - PARAMETERS.keys() - {"validation", "folds"}
        return Row(
            experiment=experiment,
            run_id=self.run_id,
            label=self.tags.get(tags.LABEL),
            parameters=Parameters(**values),
            result=self.result,
            model=network | {n: value for n, value in self.params.items() if n in others},
            baseline=self.tags.get(tags.BASELINE),
            version=self.version,
            validation=GIVEN if held_out == GIVEN else float(held_out),
            data=self.tags.get(tags.DATA, ""),
            folds=int(self.params.get("folds", 0)),
        )


def ask_for_records(
    client: "MlflowClient",
    uri: str,
    experiment: str | None,
    run_ids: Collection[str] | None = None,
    mark: str = tags.RUN_ID,
) -> list[Record]:
    """Ask MLflow for the records of an experiment, or of all; those of each run oldest first.

    Args:
        client: the store.
        uri: the same store, for messages.
        experiment: name of an experiment, or None for all.
        run_ids: the runs, or None for all.
        mark: the tag that all of them have.

    Raises:
        StoreError: the experiment does not exist.
    """
    experiments = {known.name: known.experiment_id for known in client.search_experiments()}
    if experiment is not None:
        if experiment not in experiments:
            raise unknown_experiment(experiment, experiments, uri)
        experiments = {experiment: experiments[experiment]}
    wanted = None if run_ids is None else set(run_ids)
    patterns = ["%"] if wanted is None or len(wanted) > _FEW else wanted
    return [
        Record(
            *(run.info.run_id, run.info.status),
            *(run.data.params, run.data.tags, run.data.metrics),
            *(run.info.start_time, run.info.end_time),
            {latest.key: latest.step for latest in run.data.to_proto().metrics},
        )
        for pattern in patterns
        for run in search_all(client, experiments.values(), f"tags.`{mark}` LIKE '{pattern}'")
        if wanted is None or run.data.tags[mark] in wanted
    ]


def rule_in(values: Mapping[str, str]) -> VerdictRule:
    """Return the rule in the tags of an experiment; by default, the default rule."""
    try:
        rule = json.loads(values.get(tags.RULE, "{}"))
        seeds = tuple(Seeds(*pair) for pair in rule.pop("seeds", ()))
        return VerdictRule(**rule, seeds=seeds)
    except (ValueError, TypeError):  # Not written by this version.
        return VerdictRule()


def unknown_experiment(name: str, names: Iterable[str], uri: str) -> UnknownExperimentError:
    """Return the error for an experiment that is not in a store."""
    listed = sorted(names)
    if not listed:
        return UnknownExperimentError(
            f"no experiment '{name}' in {shown(uri)}: nothing has been recorded there yet"
        )
    near = get_close_matches(name, listed, n=1)
    question = f"; did you mean '{near[0]}'?" if near else "."
    return UnknownExperimentError(
        f"no experiment '{name}' in {shown(uri)}{question} There are: {', '.join(listed[:20])}"
    )


def best_records(records: Iterable[Record]) -> list[Record]:
    """Choose a record for each run: a finished one if possible, else one that diverged.

    Of several, the latest.
    """
    best: dict[str, Record] = {}
    for record in records:
        earlier = best.get(record.run_id)
        if earlier is None or _rank(record.result) >= _rank(earlier.result):
            best[record.run_id] = record
    return list(best.values())


def _rank(result: Result) -> tuple[bool, bool]:
    return result.state.is_finished, result.has_diverged


def ask_for_curves(
    client: "MlflowClient", locations: Collection[str], metrics: Collection[str]
) -> Mapping[str, Mapping[str, Curve]]:
    """Ask MLflow for the curves of records, by location and metric."""
    curves: dict[str, dict[str, Curve]] = {location: {} for location in locations}
    for location, of_record in curves.items():
        for name in metrics:
            points = client.get_metric_history(location, name)
            points.sort(key=lambda point: (point.step, point.timestamp))
            of_record[name] = curve_of((point.step, point.value, False) for point in points)
    return curves


def curve_of(points: Iterable[tuple[int, float, bool]]) -> Curve:
    """Return a curve, given its points in order: step, value, and whether the value is NaN.

    If a step was written several times, the first point counts.
    """
    kinds = [("epoch", np.int64), ("value", np.float64), ("is_nan", np.bool_)]
    table = np.fromiter(points, np.dtype(kinds))
    epochs, first = np.unique(table["epoch"], return_index=True)
    return Curve(epochs, np.where(table["is_nan"], np.nan, table["value"])[first])
