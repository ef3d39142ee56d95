"""Carrying out a search: a study, sessions for its trials, and the confirmation of its winner."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from signs_sweep.errors import StoreError
from signs_sweep.options import Options
from signs_sweep.planning import replicates
from signs_sweep.preparation import Prepared
from signs_sweep.protocols import SweepRecord, TrialEnd
from signs_sweep.records import PARAMETER_NAMES, SEED_NAMES, Judged, Proposed, Result, Run, Trial
from signs_sweep.schedulers import FixedScheduler
from signs_sweep.searching.confirming import (
    Candidate,
    Confirmation,
    candidate,
    confirmation,
    fresh_seeds,
)
from signs_sweep.searching.outcome import SearchOutcome, best_of, summaries
from signs_sweep.searching.words import describe, findings
from signs_sweep.session import Session
from signs_sweep.spec import Experiment, Search
from signs_sweep.store import Store
from signs_sweep.studies import (
    StudyScheduler,
    Told,
    count_done,
    draw_study,
    importances,
    quiet_optuna,
    storage_errors,
    values_of,
)
from signs_sweep.sweep import Listener

if TYPE_CHECKING:
    import optuna


@dataclass(eq=False)
class Searching:
    """A search that is about to be carried out.

    Attributes:
        prepared: the data.
        experiment: what is searched.
        search: how, with what the command line said.
        store: where runs are recorded.
        study: the Optuna study.
        storage: URL of its database.
        options: how to train.
        devices: for each worker process, the graphics processor that it uses, or None.
        recovered: how many trials a dead process had left.
    """

    prepared: Prepared
    experiment: Experiment
    search: Search
    store: Store
    study: "optuna.Study"
    storage: str
    options: Options
    devices: Sequence[str | None]
    recovered: int = 0
    _listener: Listener = field(default=lambda _: None)
    _started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> int:
        """How many trials are to be made."""
        return max(0, self.search.trials - count_done(self.study))

    @property
    def data(self) -> str:
        """Fingerprint of the data."""
        return self.prepared.datasets[self.experiment.name].fingerprint

    @property
    def sweep_id(self) -> str:
        """Tells this search from others; the same each time that it goes on."""
        return search_id(self.storage, self.study.study_name)

    def execute(self, listener: Listener) -> SearchOutcome:
        """Make the trials that are left, and confirm the winner over fresh seeds.

        SIGINT and SIGTERM end it between two events, with everything recorded; that is seen in the
        outcome. Nothing is started where nothing is left to do.

        Raises:
            StoreError: the store or the study's database cannot be written.
        """
        self._listener = listener
        with storage_errors(self.storage), quiet_optuna():
            known = self._known_confirmation()
            if not self.left and known is not None:
                return self._outcome(known, {}, pictures={}, was_done=True)
            return self._train()

    def _train(self) -> SearchOutcome:
        session = Session(
            *(self.prepared, self.store, self.options, self.devices, self.sweep_id),
            self._listener,
        )
        scheduler = self._scheduler(session)
        confirmed: Confirmation | None = None
        with (
            session.opened([self._record()], dict),
            ThreadPoolExecutor(1, thread_name_prefix="pictures") as pool,
        ):
            name = self.experiment.name
            was_interrupted = session.sweep(scheduler, lambda _: name, {}, is_tested=False)
            drawn: Future[Mapping[str, bytes]] | None = None
            if not was_interrupted:
                drawn = pool.submit(draw_study, self.study, self.search.objective.metric)
                if confirmed := self._confirmation():
                    self._propose(confirmed.trials)
                    fixed = FixedScheduler(confirmed.trials)
                    was_interrupted = session.sweep(fixed, lambda _: name, {})
                    if not was_interrupted:
                        self._record_ends(confirmed, session)
            session.executor.close()
            outcome = self._outcome(
                confirmed,
                session.results,
                pictures=drawn.result() if drawn else {},
                was_interrupted=was_interrupted,
                seconds_per_ask=(
                    scheduler.seconds_asking / scheduler.asked if scheduler.asked else None
                ),
            )
            tables = {name: outcome.table.to_csv()}
            session.tracker.close(outcome.state, tables, {name: findings(outcome)})
        return replace(outcome, unwritten=session.unwritten)

    def _scheduler(self, session: Session) -> StudyScheduler:
        timeout = self.search.timeout
        return StudyScheduler(
            self.study,
            self.search,
            self._trial,
            len(self.prepared.datasets[self.experiment.name].classes),
            candidate(self.experiment, "", {}).parameters.epochs,
            lambda told: self._hear(told, session),
            math.inf if timeout is None else self._started + timeout,
        )

    def _trial(self, number: int, values: Mapping[str, Any]) -> Trial:
        """Make a trial of the study from its number and its values by parameter."""
        point = candidate(self.experiment, f"trial {number}", values)
        runs = replicates(self.experiment, point.parameters, self.data, model=point.model)
        trial = Trial(number, point.name, runs)
        self._propose([trial])
        return trial

    def _propose(self, trials: Iterable[Trial]) -> None:
        """Let the listener hear what the runs of some trials are called."""
        for trial in trials:
            names = {run.run_id: _title(trial, run) for run in trial.runs}
            self._listener(Proposed(names, trial.runs[0].parameters.epochs))

    def _hear(self, told: Told, session: Session) -> None:
        """Record how a trial ended, and let the listener hear of it."""
        label = told.trial.label or ""
        seeds = {run.run_id: _seeds(run) for run in told.trial.runs}
        end = TrialEnd(
            label=label,
            number=told.trial.number,
            state=told.state,
            value=told.value,
            values={seeds[run_id]: value for run_id, value in told.values.items()},
            params={name: str(value) for name, value in told.params.items()},
            run_ids=tuple(seeds),
        )
        session.tracker.end_trial(self.experiment.name, end)
        trials = summaries(self.study)
        best = best_of(trials, maximize=self.search.objective.maximize)
        counts = {
            state: sum(one.state == state for one in trials)
            for state in ("COMPLETE", "PRUNED", "FAIL")
        }
        self._listener(
            Judged(
                name=describe(label, told.params),
                state=told.state,
                value=told.value,
                why=told.why,
                best=None if best is None else f"trial {best.number}",
                best_value=None if best is None else best.value,
                counts=counts,
                total=self.search.trials,
            )
        )

    def _record_ends(self, confirmed: Confirmation, session: Session) -> None:
        """Record what came of the winner and the default over fresh seeds."""
        metric = self.search.objective.metric
        for trial in confirmed.trials:
            values = confirmed.values(trial, metric, session.results)
            is_complete = len(values) == len(trial.runs)
            session.tracker.end_trial(
                self.experiment.name,
                TrialEnd(
                    label=trial.label or "",
                    number=trial.number,
                    state="COMPLETE" if is_complete else "FAIL",
                    value=sum(values) / len(values) if is_complete else None,
                    values=dict(zip(map(_seeds, trial.runs), values, strict=False)),
                    params=_params(trial.runs[0]),
                    run_ids=tuple(run.run_id for run in trial.runs),
                ),
            )

    def _winner(self) -> Candidate | None:
        best = best_of(summaries(self.study), maximize=self.search.objective.maximize)
        if best is None:
            return None
        values = values_of(self.search.space, best.params)
        return candidate(self.experiment, f"trial {best.number}", values)

    def _confirmation(self) -> Confirmation | None:
        """Return what is to be trained to confirm the winner, if there is one."""
        winner = self._winner()
        if winner is None or not self.search.confirm:
            return None
        seeds = fresh_seeds(self.experiment, self.search.confirm)
        return confirmation(self.experiment, winner, seeds, self.data)

    def _known_confirmation(self) -> Confirmation | None:
        """Return the confirmation of the winner if all of it is in the store."""
        confirmed = self._confirmation()
        if confirmed is None:
            return None
        known = self.store.find_runs(confirmed.run_ids)
        is_known = all(run_id in known and known[run_id].is_tested for run_id in confirmed.run_ids)
        return confirmed if is_known else None

    def _outcome(
        self,
        confirmed: Confirmation | None,
        results: Mapping[str, Result],
        *,
        pictures: Mapping[str, bytes],
        was_interrupted: bool = False,
        was_done: bool = False,
        seconds_per_ask: float | None = None,
    ) -> SearchOutcome:
        wanted = [run_id for one in summaries(self.study) for run_id in one.run_ids]
        wanted += confirmed.run_ids if confirmed else []
        missing = [run_id for run_id in dict.fromkeys(wanted) if run_id not in results]
        try:
            earlier = self.store.find_runs(missing) if missing else {}
        except StoreError:  # It is away; what is known of this time is enough to go on.
            earlier = {}
        return SearchOutcome(
            experiment=self.experiment,
            search=self.search,
            study=self.study,
            winner=self._winner(),
            confirmation=confirmed,
            results={**earlier, **results},
            importances=importances(self.study),
            files=pictures,
            seconds=time.monotonic() - self._started,
            seconds_per_ask=seconds_per_ask,
            was_interrupted=was_interrupted,
            was_done=was_done,
        )

    def _record(self) -> SweepRecord:
        experiment = self.experiment
        return SweepRecord(
            experiment=experiment.name,
            description=experiment.description,
            spec=experiment.text,
            plan=f"{self.search.trials} trials of {len(experiment.seeds)} runs each\n",
            data=self.prepared.datasets[experiment.name].describe(),
            varying=(),
            sweep_id=self.sweep_id,
            origin=self.store.origin,
            is_search=True,
        )


def _title(trial: Trial, run: Run) -> str:
    """Return what a run of a trial is called: with its seeds where there are several."""
    if len(trial.runs) == 1:
        return f"{trial.label}"
    return f"{trial.label} {'' if trial.number < 0 else 'seeds '}{_seeds(run)}"


def _params(run: Run) -> dict[str, str]:
    """Return what a run trains with, its seeds left out."""
    names = [name for name in PARAMETER_NAMES if name not in SEED_NAMES]
    return {name: run.parameters.text(name) for name in names} | run.model.values


def _seeds(run: Run) -> str:
    return f"{run.parameters.global_seed}, {run.parameters.init_seed}"


def search_id(storage: str, name: str) -> str:
    """Return what tells a search from others: that of the same study is the same."""
    return sha256(f"{storage} {name}".encode()).hexdigest()[:32]
