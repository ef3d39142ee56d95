"""Carry out a search: the trials of a study, then the race for the winner and its confirmation."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from signs_sweep.commands.comparing import Found
from signs_sweep.commands.options import Options, SharedOptions
from signs_sweep.commands.outcome import declared_rule, rules_of
from signs_sweep.commands.reporting import log_report
from signs_sweep.commands.session import Session
from signs_sweep.commands.store import Store
from signs_sweep.domain import Result, Trial, TrialEnd, TrialState
from signs_sweep.errors import StoreError
from signs_sweep.planning.memory import MemoryNeed
from signs_sweep.planning.preparation import Prepared
from signs_sweep.project import StudyClaim
from signs_sweep.protocols import SweepRecord
from signs_sweep.searching.outcome import SearchOutcome
from signs_sweep.searching.race import Race, make_race
from signs_sweep.searching.study import OwnTrials, StudyScheduler, draw_search, importances
from signs_sweep.searching.study.collapses import collapsed_trials
from signs_sweep.searching.study.importances import importances_of_options, without
from signs_sweep.searching.study.scheduler import count_done, ends_of
from signs_sweep.searching.study.space import grid_size, values_of
from signs_sweep.searching.study.storage import identity_of, using_storage
from signs_sweep.searching.trials import search_trial
from signs_sweep.searching.words import findings
from signs_sweep.spec import Experiment, Search
from signs_sweep.sweep.blocks import BlockScheduler
from signs_sweep.sweep.loop import Listener

if TYPE_CHECKING:
    import optuna


@dataclass(eq=False)
class Searching:
    """A search that is ready to be carried out.

    Attributes:
        prepared: the experiment with its data.
        experiment: the experiment to search.
        search: the spec's `search` section, with the options of the command applied.
        store: the tracking store.
        own: the trials of the study that belong to this search.
        storage: URL of the study's database.
        options: how to train.
        devices: for each worker process, its GPU, or None.
        recovered: number of trials that a dead process had left running.
        leftovers: number of earlier sweeps whose unsaved records were recovered.
        claim: the claim on the study.
        scarce: the memory that a worker needs, if fewer are started because of it.
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
    claim: StudyClaim = field(default_factory=lambda: StudyClaim(lambda: None))
    scarce: MemoryNeed | None = None
    _started: float = field(default_factory=time.monotonic)

    @property
    def study(self) -> "optuna.Study":
        """The Optuna study, with only the trials of this search."""
        return self.own.study

    @property
    def left(self) -> int:
        """Number of trials still to be carried out."""
        return max(0, self.total - count_done(self.study))

    @property
    def total(self) -> int:
        """Number of trials of the complete search; a grid may have fewer points than `trials`."""
        if self.search.sampler.name != "grid":
            return self.search.trials
        return min(self.search.trials, grid_size(self.search.space))

    @property
    def data(self) -> str:
        """Fingerprint of the data."""
        return self.prepared.datasets[self.experiment.name].fingerprint

    @property
    def sweep_id(self) -> str:
        """Identifies the search; an invocation that resumes it has the same."""
        return identity_of(self.study)

    def execute(self, listener: Listener) -> SearchOutcome:
        """Carry out the remaining trials, and find and confirm the winner over fresh seeds.

        SIGINT, SIGTERM and SIGHUP end the search between two events, with everything recorded;
        the outcome is then marked as interrupted. A complete search starts no workers.

        Raises:
            StoreError: the tracking store or the study's database cannot be written.
        """
        try:
            with using_storage(self.storage):
                unrecorded, race = self._unrecorded(), self._race()
                if not self.left and not unrecorded and self._is_recorded(race):
                    return self._outcome(race, {}, was_done=True)
                return self._train(unrecorded, listener)
        finally:
            self.claim.release()

    def _train(self, unrecorded: Sequence[Trial], listener: Listener) -> SearchOutcome:
        session = Session(
            *(self.prepared, self.store, self.options, self.devices, self.sweep_id),
            listener,
        )
        scheduler = self._scheduler()
        race: Race | None = None
        with session.opened([self._record()], dict):
            was_interrupted = self._complete_records(unrecorded, session)
            if not was_interrupted:
                was_interrupted = session.sweep(scheduler, {})
            if not was_interrupted and (race := self._race()):
                conclude = partial(TrialEnd.of, metric=self.search.objective.metric)
                was_interrupted = session.sweep(BlockScheduler(race.next, conclude), {})
            session.executor.close()
            outcome = self._outcome(
                race,
                session.results,
                was_interrupted=was_interrupted,
                is_away=session.tracker.is_away,
                seconds_per_ask=(
                    scheduler.seconds_asking / scheduler.asked if scheduler.asked else None
                ),
            )
            if not was_interrupted:
                metric = self.search.objective.metric
                outcome = replace(
                    outcome,
                    files=draw_search(self.study, metric, outcome.collapsed),
                    was_interrupted=session.is_interrupted,
                    seconds=time.monotonic() - self._started,
                )
            name = self.experiment.name
            tables = {name: outcome.table.to_csv()}
            session.tracker.close(outcome.state, tables, {name: findings(outcome)})
        return replace(outcome, unwritten=session.tracker.unwritten)

    def log_report(self, outcome: SearchOutcome, shared: SharedOptions) -> str | None:
        """Write a report to the record of the search; return why not if that failed.

        As `signs_sweep.commands.running.Running.log_report`.
        """
        is_recorded = not (outcome.was_interrupted or outcome.was_done or outcome.unwritten)
        if not self.options.report or not is_recorded:
            return None
        return log_report(self._found, self.store, shared, self.sweep_id)

    def _found(self) -> Found:
        datasets = {each.fingerprint: each for each in self.prepared.datasets.values()}
        return Found(
            *(self.store.index.list_runs(self.experiment.name), rules_of(self.prepared.plan)),
            datasets=datasets,
            specs={self.experiment.name: self.experiment},
            doubts=self.prepared.doubts,
        )

    def _scheduler(self) -> StudyScheduler:
        return StudyScheduler(
            self.own,
            self.search,
            self._trial,
            len(self.prepared.datasets[self.experiment.name].classes),
            self.experiment.setting(self.experiment.point({}), self.data).parameters.epochs,
            self._started + (self.search.timeout or math.inf),
            splits=self.experiment.splits,
            is_lost=self.claim.is_lost,
        )

    def _trial(self, number: int, choices: Mapping[str, Any]) -> Trial:
        """Return a trial, given its number in the study and its choices."""
        values = values_of(self.search.space, choices)
        setting = self.experiment.setting(self.experiment.point(values), self.data)
        return search_trial(self.experiment, number, setting, dict(choices))

    @property
    def ends(self) -> list[TrialEnd]:
        """How the trials of the study ended, by number."""
        return ends_of(self.study, self._trial)

    def _complete_records(self, trials: Sequence[Trial], session: Session) -> bool:
        """Complete the records of trials that ended in the study but not in the tracking store.

        Their process was killed in between. Returns whether the sweep was interrupted.
        """
        ends = {end.trial.key: end for end in self.ends}
        block = iter([trials])
        scheduler = BlockScheduler(lambda _: next(block, ()), lambda trial, _: ends[trial.key])
        was_interrupted = session.sweep(scheduler, {})
        for end in ends.values():
            if end.state is not TrialState.STOPPED:
                session.tracker.end_trial(end)
        return was_interrupted

    def _unrecorded(self) -> list[Trial]:
        """Return the completed trials that have runs without a finished record."""
        trials = [end.trial for end in self.ends if end.state.is_complete]
        runs = [run for trial in trials for run in trial.runs]
        stored = self.store.index.find([run.run_id for run in runs])
        checkpoints = self.store.checkpoints
        unfinished = {
            run.run_id
            for run in runs
            if (run.run_id in stored and not stored[run.run_id].state.is_finished)
            or (run.run_id not in stored and checkpoints.has_end(run))
        }
        return [trial for trial in trials if not unfinished.isdisjoint(trial.run_ids)]

    def _race(self) -> Race | None:
        """Return the race for the winner; None without a completed trial or with `confirm: 0`."""
        return make_race(self.experiment, self.search, self.ends, self.data)

    def _is_recorded(self, race: Race | None) -> bool:
        """Whether the store has all runs of a race and the confirmation; true for None."""
        return race is None or race.is_over(self.store.index.find(list(race.run_ids)))

    def _outcome(
        self,
        race: Race | None,
        results: Mapping[str, Result],
        *,
        was_interrupted: bool = False,
        was_done: bool = False,
        is_away: bool = False,
        seconds_per_ask: float | None = None,
    ) -> SearchOutcome:
        ends = self.ends
        run_ids = [run_id for end in ends for run_id in end.trial.run_ids]
        run_ids += sorted(race.run_ids) if race else []
        missing = [run_id for run_id in dict.fromkeys(run_ids) if run_id not in results]
        # After an interruption, skip every query and computation that may take seconds.
        try:
            is_queried = missing and not is_away and not was_interrupted
            earlier = self.store.index.find(missing) if is_queried else {}
        except StoreError:  # Unreachable; the results of this invocation have to do.
            earlier = {}
        results = {**earlier, **results}
        learned = without(self.study, collapsed_trials(ends, results))
        return SearchOutcome(
            experiment=self.experiment,
            search=self.search,
            study=self.study,
            trials=ends,
            left_out=self.own.left_out(),
            race=race,
            results=results,
            importances={} if was_interrupted else importances(learned),
            options={} if was_interrupted else importances_of_options(learned),
            files={},
            seconds=time.monotonic() - self._started,
            seconds_per_ask=seconds_per_ask,
            was_interrupted=was_interrupted,
            was_done=was_done,
        )

    @property
    def _runs_each(self) -> str:
        replicates, runs = self.search.replicates, len(self.experiment.seeds)
        return f"{runs}" if replicates is None else f"{replicates.at_least} to {runs}"

    def _record(self) -> SweepRecord:
        experiment = self.experiment
        return SweepRecord(
            experiment=experiment.name,
            description=experiment.description,
            spec=experiment.text,
            plan=f"{self.search.trials} trials of {self._runs_each} runs each\n",
            data=self.prepared.datasets[experiment.name].describe(),
            sweep_id=self.sweep_id,
            origin=self.store.origin,
            is_search=True,
            rule=declared_rule(self.prepared.plan.parts[0]),
        )
