"""Checkpoints in memory: the fake for tests, and what is used where nothing is to be kept."""

from signs_sweep.records import Checkpoint, Run


class MemoryCheckpoints:
    """Implements `CheckpointStore`; gone with the process."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[int, bytes]] = {}

    def keep(self, run: Run, checkpoint: Checkpoint) -> None:
        """See `CheckpointStore.keep`."""
        self._kept.setdefault(run.trajectory_id, {})[checkpoint.epoch] = checkpoint.content

    def latest(self, run: Run) -> bytes | None:
        """See `CheckpointStore.latest`."""
        epoch = self.latest_epoch(run)
        return self._kept[run.trajectory_id][epoch] if epoch else None

    def latest_epoch(self, run: Run) -> int:
        """See `CheckpointStore.latest_epoch`."""
        kept = self._kept.get(run.trajectory_id, {})
        return max((epoch for epoch in kept if epoch <= run.parameters.epochs), default=0)
