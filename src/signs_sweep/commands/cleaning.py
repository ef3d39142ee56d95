"""Removing runs from a store: which, and in what order, so that a crash leaves nothing half."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from signs_sweep.commands.comparing import is_spec
from signs_sweep.commands.options import SeedOptions
from signs_sweep.commands.store import Store
from signs_sweep.domain import State, trajectory_of
from signs_sweep.errors import StoreError, UsageError
from signs_sweep.planning.preparation import prepare
from signs_sweep.project import claim_study
from signs_sweep.project.databases import resolve
from signs_sweep.searching.study.storage import remove_study, size_of_study
from signs_sweep.tracking import MlflowRemover, StoredRecord


@dataclass(frozen=True)
class Study:
    """The study of a search that is removed.

    Attributes:
        name: its name, that of the experiment.
        storage: URL of its database.
        trials: number of its trials; None if the database does not have it.
    """

    name: str
    storage: str
    trials: int | None


@dataclass(frozen=True)
class Removal:
    """What is to be removed, and what is kept although it was asked for.

    Attributes:
        records: of runs, of trials, and of sweeps and searches that keep no run.
        studies: of the searches among them.
        checkpoints: files of trajectories that no other run has.
        is_final: whether the records are removed for good: False on a server.
        under_way: number of runs that a sweep may be training.
        of_searches: number of runs that belong to a search, by experiment: these are only removed
            together with all of the search.
    """

    records: Sequence[StoredRecord]
    studies: Sequence[Study]
    checkpoints: Sequence[Path]
    is_final: bool
    under_way: int
    of_searches: Mapping[str, int]

    @property
    def runs(self) -> list[StoredRecord]:
        """The records of runs."""
        return [record for record in self.records if record.run_id is not None]


class RunCleaner:
    """Chooses runs by spec, experiment or age, and removes them.

    Attributes:
        remover: lists and removes the records of the store.
    """

    def __init__(
        self, store: Store, targets: Sequence[str], shared: SeedOptions, age: float | None
    ) -> None:
        """Find out what is asked for; nothing is removed.

        Args:
            store: the store.
            targets: spec files, for the runs of their plans, and names of experiments; for all
                runs of the store, none.
            shared: the options for the specs.
            age: only runs that ended more than this many seconds ago; None for all.

        Raises:
            SpecError: a spec is invalid.
            StoreError: there is no store.
        """
        self._store = store
        self._is_all = not targets
        self._before = float("inf") if age is None else time.time() - age
        self._storages: dict[str, str] = {}
        self._run_ids: set[str] = set()
        self._named = [target for target in targets if not is_spec(target)]
        self._names = set(self._named)
        if store.index.is_empty:
            raise StoreError("there is no tracking store: nothing has been run here yet")
        for target in filter(is_spec, targets):
            plan = prepare(
                [Path(target)], overrides=shared.overrides, seeds=shared.seeds, data_dir=shared.data
            ).plan
            self._run_ids |= plan.runs.keys()
            for experiment in (part.experiment for part in plan.parts):
                if experiment.has_search:
                    self._names.add(experiment.name)
                    if experiment.search.storage is not None:
                        self._storages[experiment.name] = resolve(
                            experiment.search.storage, Path.cwd(), "mlruns/optuna.db"
                        )
        self.remover = MlflowRemover(store.uri)

    def choose(self) -> Removal:
        """Return what would be removed now.

        Raises:
            UnknownExperimentError: the store has no experiment of that name.
            StoreError: the store cannot be read, or the folder of claims not be written.
        """
        everything = self.remover.records(self._named)
        families = _families(everything)
        alive = {top.location for top, _ in families if self._is_alive(top)}
        wanted = {record.location for record in everything if self._is_wanted(record)}
        claimed = self._claimed(record for record in everything if record.location in wanted)
        chosen: set[str] = set()
        under_way, of_searches = 0, Counter[str]()
        searches = []
        for top, members in families:
            asked = [member for member in members if member.location in wanted]
            runs = [member for member in asked if member.run_id is not None]
            free = [run for run in runs if run.run_id not in claimed]
            is_search = any(member.is_trial for member in members)
            if top.location in alive or (is_search and len(free) < len(runs)):
                under_way += len(runs)
            elif not is_search:
                under_way += len(runs) - len(free)
                chosen |= {run.location for run in free}
            elif len(asked) == len(members):
                searches.append(top)
                chosen |= {member.location for member in members}
            elif runs:
                of_searches[top.experiment] += len(runs)
        chosen |= self._childless(everything, chosen, alive)
        records = [record for record in everything if record.location in chosen]
        return Removal(
            records=records,
            studies=self._studies(searches, everything, chosen),
            checkpoints=self._checkpoints(everything, chosen),
            is_final=self.remover.is_final,
            under_way=under_way,
            of_searches=of_searches,
        )

    def remove(self, agreed: Removal) -> int:
        """Remove what was agreed to, except for what has changed since.

        The study of a search is removed first: a new study takes over finished runs. Checkpoints
        follow; then the records are hidden, so that their runs are trained again; and only then
        artifacts and records are removed. An interrupted removal can be repeated.

        Returns:
            By how many bytes a SQLite file shrank; see `MlflowRemover.remove`.

        Raises:
            UsageError: a search has begun.
            StoreError: something cannot be removed.
        """
        now = self.choose()
        unchanged = set(now.records).intersection(agreed.records)
        records = [record for record in now.records if record in unchanged]
        with ExitStack() as claims:
            for study in (study for study in now.studies if study in agreed.studies):
                self._claim_study(study, claims)
                if study.trials is not None:
                    remove_study(study.storage, study.name)
            freed = {file.parent.name for file in now.checkpoints}
            freed -= {trajectory_of(record.run_id or "") for record in set(now.runs) - unchanged}
            hidden = self._hide(records, freed)
        return self.remover.remove(hidden)

    def _hide(self, records: Sequence[StoredRecord], freed: set[str]) -> list[StoredRecord]:
        """Hide records, and remove their checkpoints; leave out runs that a sweep has begun."""
        by_trajectory, hidden = defaultdict(list), []
        for record in records:
            if record.run_id is not None:
                by_trajectory[trajectory_of(record.run_id)].append(record)
        checkpoints, claims = self._store.checkpoints, self._store.claims
        for trajectory, runs in by_trajectory.items():
            if not claims.take(trajectory):
                continue
            try:
                if trajectory in freed:
                    remove_files(checkpoints.files(trajectory))
                self.remover.hide(runs)
            finally:
                claims.release(trajectory)
            hidden += runs
        done = {record.location for record in hidden}
        left = {
            record.parent for record in records if record.run_id and record.location not in done
        }
        others = [record for record in records if record.run_id is None]
        left |= {record.parent for record in others if record.location in left}
        others = [record for record in others if record.location not in left]
        self.remover.hide(others)
        return [*hidden, *others]

    def _claim_study(self, study: Study, claims: ExitStack) -> None:
        claim = claim_study(self._store.paths, study.storage, study.name)
        if claim is None:
            raise UsageError(
                f"another process is running the search '{study.name}'. Wait until it ends, or "
                "stop it."
            )
        claims.callback(claim.release)

    def _is_wanted(self, record: StoredRecord) -> bool:
        is_named = self._is_all or record.experiment in self._names
        return (is_named or record.run_id in self._run_ids) and record.ended < self._before

    def _is_alive(self, top: StoredRecord) -> bool:
        """Whether a sweep may be under way."""
        if top.sweep_id is None or top.state is not State.RUNNING or top.is_deleted:
            return False
        return not self._store.is_dead(top.sweep_id, top.origin, top.claims)

    def _claimed(self, records: Iterable[StoredRecord]) -> set[str]:
        """Return those runs of records whose trajectory a sweep is training."""
        claims, claimed = self._store.claims, set()
        for run_id in {record.run_id for record in records if record.run_id is not None}:
            trajectory = trajectory_of(run_id)
            if claims.take(trajectory):
                claims.release(trajectory)
            else:
                claimed.add(run_id)
        return claimed

    def _childless(
        self, everything: Sequence[StoredRecord], chosen: set[str], alive: set[str]
    ) -> set[str]:
        """Return the records of sweeps in the same experiments that keep no run."""
        places = {record.experiment for record in everything if record.location in chosen}
        places |= self._names
        parents = {record.parent for record in everything if record.location not in chosen}
        return {
            record.location
            for record in everything
            if record.sweep_id is not None
            and (self._is_all or record.experiment in places)
            and record.ended < self._before
            and record.location not in parents | alive
        }

    def _studies(
        self, searches: Iterable[StoredRecord], everything: Iterable[StoredRecord], chosen: set[str]
    ) -> list[Study]:
        """Return the studies of searches that no other record has."""
        kept = {record.sweep_id for record in everything if record.location not in chosen}
        names = {
            (top.experiment, top.sweep_id)
            for top in searches
            if top.sweep_id and top.sweep_id not in kept
        }
        studies = []
        for name, identity in sorted(names):
            storage = self._storages.get(name, self._store.paths.studies)
            studies.append(Study(name, storage, size_of_study(storage, name, identity)))
        return studies

    def _checkpoints(self, everything: Iterable[StoredRecord], chosen: set[str]) -> list[Path]:
        """Return the checkpoints of chosen runs, except of trajectories that other runs share."""
        freed, needed = set[str](), set[str]()
        for record in everything:
            if record.run_id is not None and record.location in chosen:
                freed.add(trajectory_of(record.run_id))
            elif record.run_id is not None and not record.is_deleted:
                needed.add(trajectory_of(record.run_id))
        checkpoints = self._store.checkpoints
        return [file for name in sorted(freed - needed) for file in checkpoints.files(name)]


def _families(
    records: Sequence[StoredRecord],
) -> list[tuple[StoredRecord, list[StoredRecord]]]:
    """Return records grouped by the sweep or search above them, with the record of that."""
    known = {record.location: record for record in records}
    families: dict[str, list[StoredRecord]] = defaultdict(list)
    for record in records:
        top = record
        while top.parent in known:
            top = known[top.parent]
        families[top.location].append(record)
    return [(known[location], members) for location, members in families.items()]


def remove_files(files: Iterable[Path]) -> None:
    """Remove checkpoints, and their folders where these become empty.

    Raises:
        StoreError: a file cannot be removed.
    """
    folders = set()
    for file in files:
        folders.add(file.parent)
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {file}: {error.strerror}") from error
    for folder in folders:
        with suppress(OSError):  # It has other files.
            folder.rmdir()
