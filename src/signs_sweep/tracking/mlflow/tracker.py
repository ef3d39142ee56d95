"""The tracker: sweeps are parents of their runs in MLflow; in a search, trials are in between."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from signs_sweep.domain import Event, Finished, Run, State, Trial, TrialEnd
from signs_sweep.errors import DeletedError, DeniedError, RefusedError, StoreError
from signs_sweep.protocols import Findings, SweepRecord
from signs_sweep.tracking.dataset import DatasetInfo
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import (
    connect,
    experiment_for,
    insert,
    record_errors,
    search_all,
    store_errors,
    write,
)
from signs_sweep.tracking.mlflow.findings import conclude
from signs_sweep.tracking.mlflow.found import unknown_experiment
from signs_sweep.tracking.mlflow.index import MlflowIndex
from signs_sweep.tracking.mlflow.kept import SPEC
from signs_sweep.tracking.mlflow.recorder import RunRecorder, params_of
from signs_sweep.tracking.mlflow.search import SearchRecorder
from signs_sweep.tracking.mlflow.source import source_tags
from signs_sweep.tracking.mlflow.takeover import Takeover
from signs_sweep.tracking.mlflow.view import VIEW, route, view_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun


_DEFAULT = "0"
"""Id of the experiment that every MLflow store has."""

_MOST_NAMES = 100
"""Most names of classes in the profile of a dataset, which each page about its runs loads."""


@dataclass(frozen=True)
class _OpenSweep:
    """A sweep that is being recorded."""

    record: SweepRecord
    experiment_id: str
    parent: str
    search: SearchRecorder | None
    with_data: set[tuple[str, str]] = field(default_factory=set)
    """Location of each record that has a dataset as input, with the fingerprint of the dataset."""


class MlflowTracker:
    """Implements `Tracker` on an MLflow store: a database or a server."""

    def __init__(
        self,
        uri: str,
        datasets: Mapping[str, DatasetInfo],
        is_dead: Callable[[str, str, str], bool] = lambda *_: False,
        *,
        is_late: bool = False,
    ) -> None:
        """Store the settings; the store is opened by the first call.

        Args:
            uri: the store, as `resolve_uri` returns it.
            datasets: what runs are trained on, by fingerprint.
            is_dead: whether the process of a sweep is known to have ended, given its sweep_id,
                origin and place of claims.
            is_late: whether the sweeps have ended before: records that were continued elsewhere
                since are not theirs.
        """
        self._uri = uri
        self._datasets = datasets
        self._is_dead = is_dead
        self._is_late = is_late
        self.warn: Callable[[str], None] = lambda _: None
        """Called with what a user should know."""
        self._sweeps: dict[str, _OpenSweep] = {}
        self._recorders: dict[str, RunRecorder] = {}
        """By run_id; also those that have ended."""

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect(self._uri)

    def prepare(self) -> None:
        """Open the store; a database without tables gets them.

        Raises:
            StoreError: it cannot be opened.
        """
        self._client  # noqa: B018 - it is opened when it is first used

    @cached_property
    def _takeover(self) -> Takeover:
        return Takeover(self._client, self._uri, self.warn)

    def open(self, sweeps: Sequence[SweepRecord]) -> None:
        """See `Tracker.open`."""
        client = self._client
        with store_errors(self._uri):
            for sweep in sweeps:
                experiment_id = experiment_for(client, self._uri, sweep.experiment)
                pairs = [seeds[:2] for seeds in sweep.rule.seeds]
                rule = json.dumps(asdict(sweep.rule) | {"seeds": pairs})
                insert(client.set_experiment_tag, experiment_id, tags.RULE, rule)
                if sweep.origin:
                    self._end_abandoned(experiment_id, sweep.sweep_id)
                parent = self._parent(experiment_id, sweep)
                client.log_text(parent, sweep.spec, SPEC)
                client.log_text(parent, sweep.plan, "plan.txt")
                search = SearchRecorder(client, experiment_id, parent) if sweep.is_search else None
                self._sweeps[sweep.experiment] = _OpenSweep(sweep, experiment_id, parent, search)

    def _parent(self, experiment_id: str, sweep: SweepRecord) -> str:
        """Return the id of the record of a sweep, which is created if it does not exist."""
        where = {tags.ORIGIN: sweep.origin, tags.CLAIMS: sweep.claims}
        if sweep.sweep_id:
            condition = f"tags.`{tags.SWEEP}` = '{sweep.sweep_id}'"
            for known in search_all(self._client, [experiment_id], condition):
                location = str(known.info.run_id)
                if not self._is_late or known.data.tags.get(tags.ORIGIN, "") == sweep.origin:
                    self._client.update_run(location, status="RUNNING")
                    write(self._client, location, tags=where)  # It may have been elsewhere.
                return location
        now = datetime.now().astimezone()
        name = f"search {sweep.experiment}" if sweep.is_search else f"sweep {now:%Y-%m-%d %H:%M}"
        created = self._client.create_run(
            experiment_id,
            run_name=name,
            tags={
                tags.NOTE: sweep.description,
                tags.DATASET: sweep.data,
                tags.SWEEP: sweep.sweep_id,
                **where,
                **source_tags(),
            },
        )
        return str(created.info.run_id)

    def end_abandoned(self, experiment: str) -> None:
        """End the records of the sweeps of an experiment whose process was killed.

        Raises:
            StoreError: the store cannot be written.
        """
        with store_errors(self._uri):
            known = self._client.get_experiment_by_name(experiment)
            if known is not None:
                self._end_abandoned(str(known.experiment_id))

    def _end_abandoned(self, experiment_id: str, own: str = "") -> None:
        condition = f"tags.`{tags.ORIGIN}` LIKE '%' AND attributes.status = 'RUNNING'"
        for other in search_all(self._client, [experiment_id], condition):
            known = other.data.tags
            sweep_id, location = known[tags.SWEEP], other.info.run_id
            if sweep_id == own or not self._is_dead(
                sweep_id, known[tags.ORIGIN], known.get(tags.CLAIMS, "")
            ):
                continue
            with suppress(RefusedError), store_errors(self._uri):  # It may just have been removed.
                if self._client.get_run(location).info.status == "RUNNING":  # Or have ended.
                    SearchRecorder(self._client, experiment_id, location).stop_trials()
                    self._client.set_terminated(location, State.KILLED.value)

    def start(self, trial: Trial, run: Run, continues: str | None = None) -> None:
        """See `Tracker.start`."""
        sweep, client = self._sweeps[trial.experiment], self._client
        own = self._recorders.get(run.run_id)
        if continues is None and own is not None:  # Started a second time.
            continues = own.location
        dataset = self._datasets[run.data]
        baseline = trial.baseline_of(run)
        values = {
            tags.RUN_ID: run.run_id,
            tags.TRIAL: str(trial.number),
            tags.DATA: run.data,
            tags.TRAINING_VERSION: str(run.training_version),
            tags.DATASET: dataset.title,
            **({tags.LABEL: trial.label} if trial.label else {}),
            **({tags.BASELINE: baseline} if baseline else {}),
            **({tags.BEGUN_BY: sweep.record.origin} if sweep.record.origin else {}),
            **source_tags(),
        }
        earlier = None
        if continues is not None:
            # It may have been removed for good since it was found.
            with suppress(DeletedError), record_errors(client, self._uri, continues):
                earlier = client.get_run(continues)
            is_own = own is not None and own.location == continues
            origin = sweep.record.origin
            if earlier and not is_own and not self._takeover.may_continue(earlier, origin):
                earlier = None
        with record_errors(client, self._uri, earlier and earlier.info.run_id):
            parent = sweep.parent
            if sweep.search is not None:
                parent = sweep.search.begin_trial(trial)
            experiment_id = sweep.experiment_id if earlier is None else earlier.info.experiment_id
            # What an earlier sweep has finished stays if the run is to have several records.
            is_further = sweep.record.is_forced or continues is not None
            before = self._takeover.finished(run.run_id, experiment_id) if is_further else set()
            if earlier is None:
                created = client.create_run(
                    sweep.experiment_id,
                    run_name=trial.title_of(run),
                    tags={tags.PARENT: parent, **values},
                )
                location = str(created.info.run_id)
                write(client, location, params=params_of(run))
                recorded: Mapping[str, int] = {}
            else:
                location = earlier.info.run_id
                values |= {tags.PARENT: parent, tags.NAME: trial.title_of(run)}
                recorded = self._reopen(earlier, sweep.experiment_id, values, run)
            for record in dict.fromkeys((location, parent, sweep.parent)):
                self._log_input(record, sweep, run.data)
        self._recorders[run.run_id] = RunRecorder(
            *(client, location, run, dataset, sweep.record.spec, recorded),
            recorders=self._recorders.values(),
        )
        self._takeover.begin(run.run_id, experiment_id, before - {location})

    def _log_input(self, location: str, sweep: _OpenSweep, fingerprint: str) -> None:
        """Log a dataset as the input of a record, for MLflow's lists and filters."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        if (location, fingerprint) in sweep.with_data:
            return
        info = self._datasets[fingerprint]
        dataset = Dataset(
            info.name,
            fingerprint,
            source_type="code" if info.drawn else "local",
            source=json.dumps({"uri": info.name}),
            profile=json.dumps(
                {
                    "classes": len(info.classes),
                    "names": info.classes[:_MOST_NAMES],
                    "image": info.example.shape[1:],
                },
                ensure_ascii=False,
            ),
        )
        context = InputTag("mlflow.data.context", "training")
        insert(self._client.log_inputs, location, [DatasetInput(dataset, [context])])
        sweep.with_data.add((location, fingerprint))

    def _reopen(
        self, earlier: "MlflowRun", experiment_id: str, values: Mapping[str, str], run: Run
    ) -> Mapping[str, int]:
        """Continue an unfinished record; return the last recorded epoch of each metric.

        If the record is in this experiment, it gets the tags of the current trial; otherwise only
        that of who records it now.
        """
        client, location = self._client, earlier.info.run_id
        client.update_run(location, status="RUNNING")
        if not earlier.data.params:  # Its process was killed while it created the record.
            write(client, location, params=params_of(run))
        outdated = [tags.MESSAGE, tags.NOTE, tags.PRUNED, tags.GUESSING_SINCE, tags.DIVERGED]
        outdated.append(tags.KINDS)
        if earlier.info.experiment_id == experiment_id:
            outdated += [name for name in (tags.LABEL, tags.BASELINE) if name not in values]
        else:
            values = {name: value for name, value in values.items() if name == tags.BEGUN_BY}
        write(client, location, tags=values)
        for name in outdated:
            if name in earlier.data.tags:
                client.delete_tag(location, name)
        # Reading the history of a metric would take a second for each 10,000 epochs.
        return {latest.key: latest.step for latest in earlier.data.to_proto().metrics}

    def record(self, event: Event) -> None:
        """See `Tracker.record`."""
        recorder = self._recorders.get(event.run_id)
        if recorder is None:  # Not started again after an outage: another sweep has finished it.
            return
        with record_errors(self._client, self._uri, recorder.location):
            recorder.record(event)
            if isinstance(event, Finished):
                self._takeover.finish(event.run_id)

    def then(self, job: Callable[[], None]) -> None:
        """See `Tracker.then`."""
        job()

    def end_trial(self, end: TrialEnd) -> None:
        """See `Tracker.end_trial`."""
        sweep = self._sweeps.get(end.trial.experiment)
        if sweep is not None and sweep.search is not None:
            stopped = partial(self._stopped, end.trial.run_ids, sweep.experiment_id)
            with store_errors(self._uri):
                sweep.search.end_trial(end, stopped)

    def _stopped(self, run_ids: Sequence[str], experiment_id: str, trial: str) -> set[str]:
        """Return the ids of the records of the runs of a trial that were stopped during it.

        Args:
            run_ids: the runs of the trial.
            experiment_id: id of the MLflow experiment.
            trial: id of the record of the trial.
        """
        here = [self._recorders[run_id] for run_id in run_ids if run_id in self._recorders]
        condition = f"tags.`{tags.PARENT}` = '{trial}' AND attributes.status = 'KILLED'"
        below = search_all(self._client, [experiment_id], condition)
        # A sweep elsewhere may have replaced a record since.
        return {record.info.run_id for record in below} | {
            recorder.location
            for recorder in here
            if recorder.state is State.KILLED
            and self._client.get_run(recorder.location).info.lifecycle_stage == "active"
        }

    def close(
        self,
        state: State,
        tables: Mapping[str, str],
        findings: Mapping[str, Findings] | None = None,
    ) -> None:
        """See `Tracker.close`."""
        for recorder in self._recorders.values():
            if not recorder.state.has_ended:
                self._stop(recorder)
        for experiment, sweep in self._sweeps.items():
            # A record that the user has deleted needs no end.
            with suppress(DeletedError), record_errors(self._client, self._uri, sweep.parent):
                self._end(sweep, state, tables.get(experiment), (findings or {}).get(experiment))
        if state is not State.KILLED:  # An interrupted command must end within seconds.
            for experiment, sweep in self._sweeps.items():
                with suppress(StoreError), store_errors(self._uri):  # `ui` saves the view again.
                    self._write_view(experiment, sweep.experiment_id)
                with suppress(StoreError), store_errors(self._uri):  # Whose runs it took over.
                    if sweep.record.claims:
                        self._end_abandoned(sweep.experiment_id, sweep.record.sweep_id)
        self._recorders.clear()
        self._takeover.clear()
        self._sweeps.clear()

    def _end(
        self, sweep: _OpenSweep, state: State, table: str | None, found: Findings | None
    ) -> None:
        """Complete the record of a sweep, unless it was continued elsewhere, which then does so."""
        known = self._client.get_run(sweep.parent).data.tags
        if known.get(tags.ORIGIN, "") != sweep.record.origin:
            return
        if table is not None:
            self._client.log_text(sweep.parent, table, "table.csv")
        if sweep.search is not None:
            sweep.search.stop_trials()
        if found is not None:
            self._conclude(sweep, found)
        self._client.set_terminated(sweep.parent, state.value)

    def _stop(self, recorder: RunRecorder) -> None:
        """End the record of a run that has not ended; one that the store refuses stays as it is."""
        try:
            with store_errors(self._uri):
                recorder.stop(time.time())
        except DeniedError:
            raise
        except RefusedError:
            with suppress(RefusedError), store_errors(self._uri):
                self._client.set_terminated(recorder.location, State.KILLED.value)

    def _conclude(self, sweep: _OpenSweep, found: Findings) -> None:
        if sweep.search is not None:
            sweep.search.conclude(found, sweep.record.description)
        else:
            conclude(self._client, sweep.parent, found, sweep.record.description)
        write(self._client, sweep.parent, tags={tags.VERDICT: found.note})
        self._count_tests(sweep.experiment_id, found.tested)

    def _count_tests(self, experiment_id: str, tested: Mapping[str, int]) -> None:
        """Keep the largest number of comparisons that an experiment has had on each test set."""
        known = self._client.get_experiment(experiment_id).tags
        for fingerprint, number in tested.items():
            name = tags.TESTED + fingerprint
            largest = max(number, int(known.get(name, 0)))
            insert(self._client.set_experiment_tag, experiment_id, name, str(largest))

    def attach(self, experiment: str, sweep_id: str, files: Mapping[str, bytes]) -> None:
        """Add files to the record of a sweep that has ended, or replace those of the same name.

        Raises:
            StoreError: the record does not exist, or the store cannot be written.
        """
        client = self._client
        with store_errors(self._uri), TemporaryDirectory() as folder:
            known = client.get_experiment_by_name(experiment)
            condition = f"tags.`{tags.SWEEP}` = '{sweep_id}'"
            found = list(search_all(client, [known.experiment_id], condition)) if known else []
            if not found:
                raise StoreError(f"the record of the sweep of {experiment} is no longer there")
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            client.log_artifacts(found[0].info.run_id, folder)

    def save_view(self, experiment: str | None) -> str:
        """Save a view of an experiment, with its current runs.

        Args:
            experiment: its name; None for the only experiment, or for the list of them.

        Returns:
            The part of the page's URL after the address of MLflow.

        Raises:
            StoreError: the experiment does not exist, or the store cannot be written.
        """
        client = self._client
        with store_errors(self._uri):
            ids = {known.name: str(known.experiment_id) for known in client.search_experiments()}
            if experiment is None:
                own = [name for name, experiment_id in ids.items() if experiment_id != _DEFAULT]
                if len(own) != 1:
                    return route(None)
                (experiment,) = own
            if experiment not in ids:
                raise unknown_experiment(experiment, ids, self._uri)
            self._write_view(experiment, ids[experiment])
            return route(ids[experiment])

    def _write_view(self, experiment: str, experiment_id: str) -> None:
        view = view_of(MlflowIndex(self._uri).records(experiment))
        insert(self._client.set_experiment_tag, experiment_id, VIEW, view)
