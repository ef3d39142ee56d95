"""What is kept of a project: records, checkpoints, and who trains what."""

import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from signs_sweep.domain import TRAINING_VERSION, Model, Result, trajectory_of
from signs_sweep.errors import StoreError
from signs_sweep.planning.disk import EMPTY_DATABASE, DiskNeed, bytes_of_runs, numbers_in_checkpoint
from signs_sweep.planning.plan import Plan
from signs_sweep.planning.preparation import Prepared
from signs_sweep.project import FileCheckpoints, FileClaims
from signs_sweep.project.databases import is_server, sqlite_path
from signs_sweep.project.paths import ProjectPaths
from signs_sweep.project.tracking_store import resolve_uri, store_exists
from signs_sweep.tracking import DatasetInfo, Journal, MlflowIndex, MlflowTracker, finish_journal


@dataclass(frozen=True)
class Known:
    """What a store has of the runs of a plan.

    Attributes:
        results: by run_id.
        older: by run_id of a run that is not among those, the latest of the older versions of the
            training that have finished it.
    """

    results: Mapping[str, Result] = field(default_factory=dict)
    older: Mapping[str, int] = field(default_factory=dict)


class Store:
    """The tracking store of a project, opened when first asked, and what is kept beside it.

    Attributes:
        uri: the store.
        paths: where everything is.
        index: reads the store.
        tracker: writes it.
        checkpoints: the states of runs.
        claims: who trains what, and which sweeps are alive.
        datasets: by fingerprint, what will be recorded of the data.
    """

    def __init__(self, tracking_uri: str | None, prepared: Prepared | None = None) -> None:
        """Decide which store is meant.

        Args:
            tracking_uri: as given by the user, or None.
            prepared: what will be recorded; None to look only.

        Raises:
            StoreError: the URI cannot be one of a store.
        """
        self.uri = resolve_uri(tracking_uri, Path.cwd())
        self.paths = ProjectPaths(self.uri)
        self.checkpoints = FileCheckpoints(self.paths.checkpoints)
        self.claims = FileClaims(self.paths.claims)
        self.datasets = {} if prepared is None else _describe(prepared)
        self.index = MlflowIndex(self.uri)
        self.tracker = self._tracker(self.datasets)

    @property
    def origin(self) -> str:
        """Machine and folder of the claims: where it can be seen whether a sweep is alive."""
        return f"{platform.node()}:{self.paths.checkpoints}"

    def journal(self, sweep_id: str) -> Journal:
        """Return where a sweep keeps what the store cannot take."""
        return Journal(self.paths.journal(sweep_id))

    def write_leftovers(self) -> int:
        """Write what earlier sweeps could not, those excepted that are alive; return how many.

        Raises:
            StoreError: the store still cannot be written.
        """
        done = 0
        for sweep_id, path in self.paths.journals().items():
            if self.claims.take(sweep_id):
                try:
                    finish_journal(Journal(path), self._tracker, self.index)
                except StoreError as error:
                    raise StoreError(
                        f"{error} What an earlier sweep could not write waits in {path}; move that "
                        "file away to go on without it."
                    ) from error
                finally:
                    self.claims.retire(sweep_id)
                done += 1
        return done

    def _tracker(self, datasets: Mapping[str, DatasetInfo]) -> MlflowTracker:
        return MlflowTracker(self.uri, datasets, self._is_dead)

    def _is_dead(self, sweep_id: str) -> bool:
        """Whether the process of a sweep that began here has ended."""
        if not self.claims.take(sweep_id):
            return False
        self.claims.retire(sweep_id)
        return True

    def find(self, plan: Plan) -> Known:
        """Return what is known of the runs of a plan."""
        earlier = {
            one.run_id: (run_id, one.training_version)
            for run_id, run in plan.runs.items()
            for one in run.earlier
        }
        found = self.index.find([*plan.runs, *earlier])
        older = {
            run_id: version
            for earlier_id, (run_id, version) in earlier.items()
            if run_id not in found and earlier_id in found and found[earlier_id].state.is_finished
        }
        return Known({run_id: found[run_id] for run_id in plan.runs if run_id in found}, older)

    def outdated(self) -> set[str]:
        """Return the trajectories that the store has of older versions of the training.

        No run goes on from their checkpoints. None are known where the store does not answer.
        """
        with suppress(StoreError):
            versions = self.index.versions().items()
            return {trajectory_of(one) for one, version in versions if version < TRAINING_VERSION}
        return set()

    def waiting(self) -> int:
        """Return how many sweeps have records that wait to be written; see `write_leftovers`."""
        return len(self.paths.journals())

    def disk_need(self, prepared: Prepared, known: Mapping[str, Result]) -> DiskNeed:
        """Return about how much of the disk a plan takes.

        On a server that is the server's disk: only checkpoints are here, and nothing is known.

        Args:
            prepared: the plan and its data.
            known: what is known of its runs, by run_id; those that are tested take nothing more.
        """
        new = [
            run
            for run_id, run in prepared.plan.runs.items()
            if run_id not in known or not known[run_id].is_tested
        ]
        numbers: dict[Model, int] = {}
        for run in prepared.plan.runs.values():
            if size := self.checkpoints.latest_size(run):
                epochs = self.checkpoints.latest_epoch(run)
                found = numbers_in_checkpoint(size, epochs, is_validated=run.validation > 0)
                numbers[run.model] = max(found, numbers.get(run.model, 0))
        datasets = {one.fingerprint: one for one in prepared.datasets.values()}
        folder = self.paths.root
        while not folder.exists():
            folder = folder.parent
        has_database = sqlite_path(self.uri) is not None
        needed, is_least = bytes_of_runs(new, datasets, numbers, has_database=has_database)
        if needed and not store_exists(self.uri):
            needed += EMPTY_DATABASE
        if is_server(self.uri):
            needed, is_least = 0, True
        return DiskNeed(needed, is_least, shutil.disk_usage(folder).free, str(folder))

    def seconds_an_epoch(self) -> float | None:
        """Return the average over all finished runs of the store; None where there are none."""
        finished = [one for one in self.index.find().values() if one.seconds and one.epochs]
        epochs = sum(one.epochs for one in finished)
        return sum(one.seconds or 0 for one in finished) / epochs if epochs else None


def _describe(prepared: Prepared) -> dict[str, DatasetInfo]:
    return {
        dataset.fingerprint: DatasetInfo(
            name=dataset.name,
            classes=dataset.classes,
            example=dataset.test_images[:1].astype(np.float32) / np.float32(255),
            drawn=dataset.drawn,
        )
        for dataset in prepared.datasets.values()
    }
