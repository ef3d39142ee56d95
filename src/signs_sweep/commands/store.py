"""The store of a project: its records, checkpoints and claims."""

import os
import platform
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from signs_sweep.commands.options import Sharing
from signs_sweep.data import Dataset
from signs_sweep.data.novelty import NoveltyRule
from signs_sweep.domain import TRAINING_VERSION, Model, Result, Row, trajectory_of
from signs_sweep.domain.formats import count
from signs_sweep.errors import DeniedError, RefusedError, StoreError, StoreWarning
from signs_sweep.planning.disk import EMPTY_DATABASE, DiskNeed, bytes_of_runs, numbers_in_checkpoint
from signs_sweep.planning.plan import Plan
from signs_sweep.planning.preparation import Prepared
from signs_sweep.project import FileCheckpoints, FileClaims, PostgresClaims, SharedClaims
from signs_sweep.project.databases import is_postgres, is_server, resolve, shown, sqlite_path
from signs_sweep.project.paths import ProjectPaths
from signs_sweep.project.tracking_store import resolve_uri, store_exists
from signs_sweep.protocols import RemoteClaims
from signs_sweep.tracking import (
    HOW_TO_REPEAT,
    DatasetInfo,
    Journal,
    MlflowIndex,
    MlflowTracker,
    TagClaims,
    finish_journal,
)

_UNSAVED = "the store refuses records of an earlier sweep: "


@dataclass(frozen=True)
class Known:
    """The results of a plan's runs in a store.

    Attributes:
        results: by run_id.
        older: by run_id of a run without a result, the latest older training version that finished
            the run.
    """

    results: Mapping[str, Result] = field(default_factory=dict)
    older: Mapping[str, int] = field(default_factory=dict)


class Store:
    """The tracking store of a project, opened when first used, and the files beside it.

    Attributes:
        uri: address of the tracking store.
        sharing: what machines share besides it, as the user has chosen it.
        paths: the paths of the project.
        index: reads the tracking store.
        tracker: writes to it.
        checkpoints: the checkpoints.
        claims: the claims on trajectories, of all machines that share the store.
        sweeps: the claims on the ids of running sweeps of this machine.
        datasets: descriptions of the data, by fingerprint.
    """

    def __init__(
        self,
        tracking_uri: str | None,
        prepared: Prepared | None = None,
        sharing: Sharing = Sharing(),  # noqa: B008 - it is frozen
    ) -> None:
        """Find the address of the store.

        Args:
            tracking_uri: as written by the user, or None.
            prepared: the data that will be recorded; None for reading only.
            sharing: what machines share besides it; by default as in the environment.

        Raises:
            StoreError: the URI is not the address of a store, or that for claims not the address of
                a PostgreSQL database.
        """
        self.uri = resolve_uri(tracking_uri, Path.cwd())
        self.sharing = sharing
        shared = sharing.checkpoints or os.environ.get("SIGNS_SWEEP_CHECKPOINTS")
        folder = Path(shared) if shared else None
        with suppress(RuntimeError):  # There is no such user.
            folder = folder and folder.expanduser()
        self.paths = ProjectPaths(self.uri, shared_checkpoints=folder)
        self.checkpoints = FileCheckpoints(self.paths.checkpoints, is_shared=folder is not None)
        self.sweeps = FileClaims(self.paths.claims)
        named = sharing.claims  # An empty text, where the environment must not count.
        if named is None:
            named = os.environ.get("SIGNS_SWEEP_CLAIMS")
        self.claims = SharedClaims(self.sweeps, _remote_claims(self.uri, named, self.sweeps))
        self.datasets = {} if prepared is None else _describe(prepared)
        self.index = MlflowIndex(self.uri)
        self.tracker = self._tracker(self.datasets)

    @property
    def origin(self) -> str:
        """Machine and folder of the claims, which show whether a sweep of this origin is alive."""
        return f"{platform.node()}:{self.paths.claims.parent}"

    @property
    def folder(self) -> Path:
        """The folder of its files, or the nearest existing folder above it."""
        return _existing(self.paths.root)

    def journal(self, sweep_id: str) -> Journal:
        """Return the journal of a sweep."""
        return Journal(self.paths.journal(sweep_id))

    def write_leftovers(self) -> int:
        """Save the journals of earlier sweeps that are not alive; return the number of sweeps.

        What the store refuses is kept in a file, which a StoreWarning names.

        Raises:
            StoreError: the store cannot be written, or a journal cannot be read.
        """
        done = 0
        for sweep_id, path in self.paths.journals().items():
            if self.sweeps.take(sweep_id):
                journal = Journal(path)
                try:
                    make_tracker = partial(self._tracker, is_late=True)
                    reasons = finish_journal(journal, make_tracker, self.index)
                except DeniedError as error:
                    # Perhaps of one experiment only: if of all, the command ends at its next call.
                    problem = f"{error.sentence} They are kept in {path}."
                    warnings.warn(_UNSAVED + problem, StoreWarning, stacklevel=2)
                    continue
                except StoreError as error:
                    raise StoreError(
                        f"{error.sentence} The unsaved records of an earlier sweep are in {path}; "
                        "move that file away to continue without them."
                    ) from error
                finally:
                    self.sweeps.retire(sweep_id)
                if reasons:
                    warnings.warn(_refused(reasons, journal), StoreWarning, stacklevel=2)
                else:
                    done += 1
        self.claims.close()  # If no sweep follows, `is_dead` leaves no connection.
        return done

    def _tracker(
        self, datasets: Mapping[str, DatasetInfo], *, is_late: bool = False
    ) -> MlflowTracker:
        return MlflowTracker(self.uri, datasets, self.is_dead, is_late=is_late)

    def is_dead(self, sweep_id: str, origin: str, claims: str) -> bool:
        """Whether the process of a sweep is known to have ended.

        Args:
            sweep_id: the sweep.
            origin: that of its record.
            claims: where other machines see its claims, by its record.
        """
        if origin == self.origin:
            is_free = self.sweeps.take(sweep_id)
            if is_free:
                self.sweeps.retire(sweep_id)
            return is_free
        remote = self.claims.remote
        if remote is not None and claims == remote.place:
            with suppress(StoreError):
                return remote.is_free(sweep_id)
        return False

    def end_abandoned(self, experiments: Iterable[str]) -> None:
        """End the records of sweeps whose process was killed, if the store answers and permits."""
        for experiment in experiments:
            with suppress(StoreError):
                if any(self.is_dead(*sweep) for sweep in self.index.running(experiment)):
                    self.tracker.end_abandoned(experiment)
        self.claims.close()

    def find(self, plan: Plan) -> Known:
        """Return the results of the runs of a plan."""
        earlier = {
            older_run.run_id: (run_id, older_run.training_version)
            for run_id, run in plan.runs.items()
            for older_run in run.earlier
        }
        found = self.index.find([*plan.runs, *earlier])
        older = {
            run_id: version
            for earlier_id, (run_id, version) in earlier.items()
            if run_id not in found and earlier_id in found and found[earlier_id].state.is_finished
        }
        return Known({run_id: found[run_id] for run_id in plan.runs if run_id in found}, older)

    def rows(self) -> list[Row]:
        """Return all runs of the store, in whichever experiment.

        Raises:
            StoreError: the store cannot be read.
        """
        return self.index.all_runs() if store_exists(self.uri) else []

    def outdated(self) -> set[str]:
        """Return the trajectories of older training versions in the store.

        No run resumes from their checkpoints. If the store does not answer, the set is empty.
        """
        with suppress(StoreError):
            versions = self.index.versions().items()
            return {trajectory_of(name) for name, version in versions if version < TRAINING_VERSION}
        return set()

    def waiting(self) -> int:
        """Return how many sweeps have unsaved records; see `write_leftovers`."""
        return len(self.paths.journals())

    def refused(self) -> tuple[str, str] | None:
        """Return where the records are that the store has refused, and what to do; or None."""
        files = self.paths.refused()
        if not files:
            return None
        more = f" and {count(len(files) - 1, 'other file')}" if len(files) > 1 else ""
        what = f"those of earlier sweeps that the store has refused are in {files[0]}{more}"
        return what, f"{HOW_TO_REPEAT}. To do without these records, delete it."

    def disk_need(self, prepared: Prepared, known: Mapping[str, Result]) -> DiskNeed:
        """Estimate the disk space that a plan needs.

        With a server, the records need the server's disk, of which nothing is known. If checkpoints
        are on a disk of their own, the fuller disk has to hold all.

        Args:
            prepared: the plan and its data.
            known: results of its runs, by run_id; settled runs need no more space.
        """
        new = [
            run
            for run_id, run in prepared.plan.runs.items()
            if run_id not in known or not known[run_id].is_settled
        ]
        numbers: dict[Model, int] = {}
        for run in prepared.plan.runs.values():
            if size := self.checkpoints.latest_size(run):
                epochs = self.checkpoints.latest_epoch(run)
                found = numbers_in_checkpoint(size, epochs, is_validated=bool(run.validation))
                numbers[run.model] = max(found, numbers.get(run.model, 0))
        datasets = {dataset.fingerprint: dataset for dataset in prepared.datasets.values()}
        has_database = sqlite_path(self.uri) is not None
        needed, is_least = bytes_of_runs(new, datasets, numbers, has_database=has_database)
        if needed and not store_exists(self.uri):
            needed += EMPTY_DATABASE
        if is_server(self.uri):
            needed, is_least = 0, True
        folders = self.folder, _existing(self.paths.checkpoints)
        free, folder = min((shutil.disk_usage(each).free, str(each)) for each in folders)
        return DiskNeed(needed, is_least, free, folder)

    def seconds_an_epoch(self) -> float | None:
        """Return the average over all finished runs of the store; None without such runs."""
        results = self.index.find().values()
        finished = [result for result in results if result.seconds and result.epochs]
        epochs = sum(result.epochs for result in finished)
        return sum(result.seconds or 0 for result in finished) / epochs if epochs else None


def _refused(reasons: Mapping[str, RefusedError], journal: Journal) -> str:
    """Return a text about the records of an earlier sweep that the store refuses."""
    name, reason = next(iter(reasons.items()))
    others = f", and of {len(reasons) - 1:,} others" if len(reasons) > 1 else ""
    text = f"{_UNSAVED}{name}{others}: {reason.sentence}"
    kept = journal.refused.path
    return f"{text} They are kept in {kept}. {HOW_TO_REPEAT}" if kept.exists() else text


def _existing(folder: Path) -> Path:
    """Return a folder, or the nearest existing folder above it."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _remote_claims(uri: str, named: str | None, local: FileClaims) -> RemoteClaims | None:
    """Return the claims that machines share, or None if the store is of this machine alone.

    Args:
        uri: the tracking store, as `resolve_uri` returns it.
        named: the database for claims, as written by the user, or None.
        local: the claims of this machine.

    Raises:
        StoreError: `named` is not the address of a PostgreSQL database.
    """
    if named:
        address = resolve(named, Path.cwd(), "")
        if not is_postgres(address):
            raise StoreError(
                f"{shown(named)} cannot hold claims: name a PostgreSQL database, as in "
                "--claims postgresql://USER@HOST/DATABASE"
            )
        return PostgresClaims(address)
    if is_postgres(uri):
        return PostgresClaims(uri)
    return TagClaims(uri, local.scope) if is_server(uri) else None


def _describe(prepared: Prepared) -> dict[str, DatasetInfo]:
    return {
        dataset.fingerprint: DatasetInfo(
            name=dataset.name,
            classes=dataset.classes,
            example=dataset.test_images[:1].copy(),
            drawn=dataset.drawn,
            preparation=dataset.origin.preparation if dataset.origin else None,
            novelty=_novelty_of(dataset),
        )
        for dataset in prepared.datasets.values()
    }


def _novelty_of(dataset: Dataset) -> Callable[[], bytes]:
    """Return a function that fits the rule for unfamiliar images when it is first called."""
    return cache(lambda: NoveltyRule.fit(dataset.without_given().train_images).to_bytes())
