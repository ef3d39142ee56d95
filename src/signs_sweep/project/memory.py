"""Checkpoints in memory: the fake for tests, and what is used where nothing is to be kept."""

from collections.abc import Callable

from signs_sweep.domain import Checkpoint, Run


class MemoryCheckpoints:
    """Implements `CheckpointStore`; gone with the process."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[int, Checkpoint]] = {}

    def keep(self, run: Run, checkpoint: Checkpoint) -> None:
        """See `CheckpointStore.keep`."""
        self._kept.setdefault(run.trajectory_id, {})[checkpoint.epoch] = checkpoint

    def latest(self, run: Run, tell: Callable[[str], None] = lambda _: None) -> bytes | None:  # noqa: ARG002
        """See `CheckpointStore.latest`."""
        epoch = self.latest_epoch(run)
        return self._kept[run.trajectory_id][epoch].content if epoch else None

    def latest_epoch(self, run: Run) -> int:
        """See `CheckpointStore.latest_epoch`."""
        kept = self._kept.get(run.trajectory_id, {})
        return max((epoch for epoch in kept if epoch <= run.parameters.epochs), default=0)

    def finished_beyond(self, run: Run) -> int:
        """See `CheckpointStore.finished_beyond`."""
        kept = self._kept.get(run.trajectory_id, {})
        ends = [epoch for epoch, one in kept.items() if one.is_end]
        return min((epoch for epoch in ends if epoch > run.parameters.epochs), default=0)
