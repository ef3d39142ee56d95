"""Carrying out a search: a study, sessions for its trials, and the confirmation of its winner."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from signs_sweep.commands.options import Options
from signs_sweep.commands.session import Session
from signs_sweep.commands.store import Store
from signs_sweep.domain import Result, Trial, TrialEnd, TrialState, best_of
from signs_sweep.errors import StoreError
from signs_sweep.planning.preparation import Prepared
from signs_sweep.protocols import SweepRecord
from signs_sweep.searching.confirming import (
    Confirmation,
    confirmation,
    fresh_seeds,
    search_trial,
    setting_at,
)
from signs_sweep.searching.outcome import SearchOutcome
from signs_sweep.searching.study import OwnTrials, StudyScheduler, draw_search, importances
from signs_sweep.searching.study.scheduler import count_done, ends_of
from signs_sweep.searching.study.space import grid_size, values_of
from signs_sweep.searching.study.storage import identity_of, using_storage
from signs_sweep.searching.words import findings
from signs_sweep.spec import Experiment, Search
from signs_sweep.sweep.fixed import FixedScheduler
from signs_sweep.sweep.loop import Listener

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
        own: the trials of the study that are this search's.
        storage: URL of its database.
        options: how to train.
        devices: for each worker process, the graphics processor that it uses, or None.
        recovered: how many trials a dead process had left.
        leftovers: how many earlier sweeps' records were written now that the store could not take.
        release: lets other processes work on the study.
    """

    prepared: Prepared
    experiment: Experiment
    search: Search
    store: Store
    own: OwnTrials
    storage: str
    options: Options
    devices: Sequence[str | None]
    recovered: int = 0
    leftovers: int = 0
    release: Callable[[], None] = lambda: None
    _listener: Listener = field(default=lambda _: None)
    _started: float = field(default_factory=time.monotonic)

    @property
    def study(self) -> "optuna.Study":
        """The Optuna study, with the trials of this search alone."""
        return self.own.study

    @property
    def left(self) -> int:
        """How many trials are to be made."""
        return max(0, self.total - count_done(self.study))

    @property
    def total(self) -> int:
        """How many there are in the end: a grid may have fewer points than trials are wanted."""
        if self.search.sampler.name != "grid":
            return self.search.trials
        return min(self.search.trials, grid_size(self.search.space))

    @property
    def data(self) -> str:
        """Fingerprint of the data."""
        return self.prepared.datasets[self.experiment.name].fingerprint

    @property
    def sweep_id(self) -> str:
        """Tells this search from others; the same each time that it goes on."""
        return identity_of(self.study)

    def execute(self, listener: Listener) -> SearchOutcome:
        """Make the trials that are left, and confirm the winner over fresh seeds.

        SIGINT, SIGTERM and SIGHUP end it between two events, with everything recorded; that is seen
        in the outcome. Nothing is started where nothing is left to do.

        Raises:
            StoreError: the store or the study's database cannot be written.
        """
        self._listener = listener
        try:
            with using_storage(self.storage):
                half, confirmed = self._half_recorded(), self._confirmation()
                if not self.left and not half and self._is_known(confirmed):
                    return self._outcome(confirmed, {}, pictures={}, was_done=True)
                return self._train(half)
        finally:
            self.release()

    def _train(self, half: Sequence[Trial]) -> SearchOutcome:
        session = Session(
            *(self.prepared, self.store, self.options, self.devices, self.sweep_id),
            self._listener,
        )
        scheduler = self._scheduler()
        confirmed: Confirmation | None = None
        with session.opened([self._record()], dict):
            was_interrupted = self._mend(half, session)
            if not was_interrupted:
                was_interrupted = session.sweep(scheduler, {})
            if not was_interrupted and (confirmed := self._confirmation()):
                metric = self.search.objective.metric
                fixed = FixedScheduler(confirmed.trials, partial(TrialEnd.of, metric=metric))
                was_interrupted = session.sweep(fixed, {})
            session.executor.close()
            pictures = {}
            if not was_interrupted:
                pictures = draw_search(self.study, self.search.objective.metric)
                was_interrupted = session.is_interrupted
            outcome = self._outcome(
                confirmed,
                session.results,
                pictures=pictures,
                was_interrupted=was_interrupted,
                is_away=session.tracker.is_away,
                seconds_per_ask=(
                    scheduler.seconds_asking / scheduler.asked if scheduler.asked else None
                ),
            )
            name = self.experiment.name
            tables = {name: outcome.table.to_csv()}
            session.tracker.close(outcome.state, tables, {name: findings(outcome)})
        return replace(outcome, unwritten=session.tracker.unwritten)

    def _scheduler(self) -> StudyScheduler:
        timeout = self.search.timeout
        return StudyScheduler(
            self.own,
            self.search,
            self._trial,
            len(self.prepared.datasets[self.experiment.name].classes),
            setting_at(self.experiment, {}, self.data).parameters.epochs,
            math.inf if timeout is None else self._started + timeout,
        )

    def _trial(self, number: int, choices: Mapping[str, Any]) -> Trial:
        """Make a trial of the study from its number and from what was chosen."""
        values = values_of(self.search.space, choices)
        setting = setting_at(self.experiment, values, self.data)
        return search_trial(self.experiment, number, setting, dict(choices))

    @property
    def ends(self) -> list[TrialEnd]:
        """How the trials of the study ended, by number."""
        return ends_of(self.study, self._trial)

    def _mend(self, trials: Sequence[Trial], session: Session) -> bool:
        """Complete the records of trials whose process was killed before they were written.

        The study knew of their end already. Returns whether it was interrupted.
        """
        ends = {end.trial.key: end for end in self.ends}
        scheduler = FixedScheduler(trials, lambda trial, _: ends[trial.key])
        was_interrupted = session.sweep(scheduler, {})
        for end in ends.values():
            if end.state is not TrialState.STOPPED:
                session.tracker.end_trial(end)
        return was_interrupted

    def _half_recorded(self) -> list[Trial]:
        """Return the completed trials with runs whose records are not finished."""
        trials = [end.trial for end in self.ends if end.state.is_complete]
        runs = [run for trial in trials for run in trial.runs]
        known = self.store.index.find([run.run_id for run in runs])
        checkpoints = self.store.checkpoints
        broken = {
            run.run_id
            for run in runs
            if (run.run_id in known and not known[run.run_id].state.is_finished)
            or (run.run_id not in known and checkpoints.latest_epoch(run) == run.parameters.epochs)
        }
        return [trial for trial in trials if not broken.isdisjoint(trial.run_ids)]

    def _confirmation(self) -> Confirmation | None:
        """Return what is to be trained to confirm the winner, if there is one."""
        best = best_of(self.ends, maximize=self.search.objective.maximize)
        if best is None or not self.search.confirm:
            return None
        seeds = fresh_seeds(self.experiment, self.search.confirm)
        return confirmation(self.experiment, best.trial, seeds)

    def _is_known(self, confirmed: Confirmation | None) -> bool:
        """Whether all of a confirmation is in the store, or there is none to be made."""
        if confirmed is None:
            return True
        known = self.store.index.find(confirmed.run_ids)
        return all(run_id in known and known[run_id].is_tested for run_id in confirmed.run_ids)

    def _outcome(
        self,
        confirmed: Confirmation | None,
        results: Mapping[str, Result],
        *,
        pictures: Mapping[str, bytes],
        was_interrupted: bool = False,
        was_done: bool = False,
        is_away: bool = False,
        seconds_per_ask: float | None = None,
    ) -> SearchOutcome:
        ends = self.ends
        wanted = [run_id for end in ends for run_id in end.trial.run_ids]
        wanted += confirmed.run_ids if confirmed else []
        missing = [run_id for run_id in dict.fromkeys(wanted) if run_id not in results]
        # After an interruption nothing is asked or computed that may take seconds.
        try:
            is_asked = missing and not is_away and not was_interrupted
            earlier = self.store.index.find(missing) if is_asked else {}
        except StoreError:  # It is away; what is known of this time is enough to go on.
            earlier = {}
        return SearchOutcome(
            experiment=self.experiment,
            search=self.search,
            study=self.study,
            trials=ends,
            left_out=self.own.left_out(),
            confirmation=confirmed,
            results={**earlier, **results},
            importances={} if was_interrupted else importances(self.study),
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
            sweep_id=self.sweep_id,
            origin=self.store.origin,
            is_search=True,
        )
