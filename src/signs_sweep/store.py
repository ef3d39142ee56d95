"""What is kept of a project: records, checkpoints, and who trains what."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from signs_sweep.checkpoints import FileCheckpoints, FileClaims
from signs_sweep.planning import Plan
from signs_sweep.preparation import Prepared
from signs_sweep.records import Result, Run
from signs_sweep.trackers import (
    DatasetInfo,
    MlflowTracker,
    default_checkpoint_folder,
    resolve_uri,
    store_exists,
)


class Store:
    """The tracking store of a project, opened when first asked, and what is kept beside it.

    Attributes:
        uri: the store.
        tracker: reads and writes it.
        checkpoints: the states of runs.
        claims: who trains what.
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
        folder = default_checkpoint_folder(self.uri)
        self.checkpoints = FileCheckpoints(folder)
        self.claims = FileClaims(folder / "claims")
        self.tracker = MlflowTracker(self.uri, {} if prepared is None else _describe(prepared))

    def find(self, plan: Plan) -> Mapping[str, Result]:
        """Return what is known of the runs of a plan, by run_id."""
        return self.tracker.find(plan.runs) if store_exists(self.uri) else {}

    def look_up(self, run: Run) -> Result | None:
        """Return what is known of one run now.

        Asked beside the writer: it reads only, and does not wait for what is being written, nor
        for a store that is just being made.
        """
        return self.tracker.find([run.run_id]).get(run.run_id) if store_exists(self.uri) else None

    def seconds_an_epoch(self) -> float | None:
        """Return the average over all finished runs of the store; None where there are none."""
        if not store_exists(self.uri):
            return None
        finished = [one for one in self.tracker.find().values() if one.seconds and one.epochs]
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
