"""Checkpoints as files: `FOLDER/TRAJECTORY/EPOCH.h5`.

Every file with such a name is complete. It is HDF5, which may be followed by other content: a line
with the SHA-256 of the HDF5. While a run is training, its last two checkpoints are kept; after its
end only the last, for longer runs of the same trajectory.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from signs_sweep.domain import Checkpoint, Run
from signs_sweep.errors import StoreError
from signs_sweep.process.durable import replacing

_MARK = b"\nsha256:"
_TAIL = len(_MARK) + 64
_KEPT = 2
_ID = re.compile("[0-9a-f]{12}")
_END = ".end.h5"
"""Suffix of a checkpoint at the end of a run."""


class FileCheckpoints:
    """Implements `CheckpointStore` in a folder, which is created with the first checkpoint.

    Attributes:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, run: Run, checkpoint: Checkpoint) -> None:
        """See `CheckpointStore.keep`."""
        folder = self.folder / run.trajectory_id
        ending = _END if checkpoint.is_end else ".h5"
        path = folder / f"{checkpoint.epoch:08}{ending}"
        content = checkpoint.content
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as aside:
                aside.write_bytes(content + _MARK + sha256(content).hexdigest().encode())
        except OSError as error:
            raise StoreError(
                f"cannot write the checkpoint {path}: {error.strerror}. Earlier checkpoints and "
                "all finished runs are kept; the same command resumes from there."
            ) from error
        # Later checkpoints are those of a longer run on the trajectory, which was interrupted.
        earlier = [
            file
            for epoch, file in self._files(run)
            if epoch <= checkpoint.epoch and not file.name.endswith(_END)
        ]
        for old in earlier if checkpoint.is_end else earlier[:-_KEPT]:
            with suppress(OSError):
                old.unlink()

    def latest(self, run: Run, warn: Callable[[str], None] = lambda _: None) -> bytes | None:
        """See `CheckpointStore.latest`. A damaged file is renamed to `NAME.damaged`."""
        files = self._files(run)
        for epoch, path in reversed(files):
            if epoch > run.parameters.epochs:
                continue
            try:
                whole = path.read_bytes()
            except OSError:
                if self._files(run) == files:
                    continue
                return self.latest(run, warn)  # A later checkpoint has replaced it.
            content, tail = whole[:-_TAIL], whole[-_TAIL:]
            if tail == _MARK + sha256(content).hexdigest().encode():
                return content
            with suppress(OSError):
                path.rename(path.with_name(f"{path.name}.damaged"))
            warn(
                f"the checkpoint {path} is damaged and was renamed to {path.name}.damaged; the "
                "checkpoint before it is used, if it exists."
            )
        return None

    def latest_epoch(self, run: Run) -> int:
        """See `CheckpointStore.latest_epoch`."""
        epochs = [epoch for epoch, _ in self._files(run) if epoch <= run.parameters.epochs]
        return max(epochs, default=0)

    def latest_size(self, run: Run) -> int:
        """Return the size of the last checkpoint of a run's trajectory in bytes; 0 for none."""
        for _, file in reversed(self._files(run)):
            with suppress(OSError):
                return file.stat().st_size
        return 0

    def finished_beyond(self, run: Run) -> int:
        """See `CheckpointStore.finished_beyond`."""
        ends = [epoch for epoch, file in self._files(run) if file.name.endswith(_END)]
        return min((epoch for epoch in ends if epoch > run.parameters.epochs), default=0)

    def begun(self, runs: Iterable[Run]) -> dict[str, int]:
        """Return the epoch from which each run can resume, by run_id; other runs are left out."""
        try:
            known = {folder.name for folder in self.folder.iterdir()}
        except OSError:
            return {}
        epochs = {run.run_id: self.latest_epoch(run) for run in runs if run.trajectory_id in known}
        return {run_id: epoch for run_id, epoch in epochs.items() if epoch}

    def trajectories(self) -> list[str]:
        """Return the trajectories that have files."""
        try:
            return sorted(item.name for item in self.folder.iterdir() if _ID.fullmatch(item.name))
        except OSError:
            return []

    def unneeded(self, trajectory: str, *, ends: bool, is_outdated: bool = False) -> list[Path]:
        """Return the files of a trajectory from which no run needs to resume.

        These are damaged and incomplete files, and checkpoints before the end of a finished run;
        for an older training version all files.

        Args:
            trajectory: no sweep may be training it.
            ends: whether to include the ends of finished runs; a longer run would then start at
                its first epoch.
            is_outdated: whether the trajectory is of an older training version.
        """
        files = sorted(file for file in (self.folder / trajectory).iterdir() if file.is_file())
        finished = [file.name for file in files if file.name.endswith(_END)]
        last = max(finished, default="")
        return [
            file
            for file in files
            if is_outdated
            or file.suffix in (".damaged", ".part")
            or (file.name.endswith(_END) and ends)
            or (file.suffix == ".h5" and not file.name.endswith(_END) and file.name < last)
        ]

    def _files(self, run: Run) -> list[tuple[int, Path]]:
        """Return the checkpoints of a trajectory with their epochs, in order."""
        try:
            files = list((self.folder / run.trajectory_id).iterdir())
        except OSError:
            return []
        named = [(file.name.partition(".")[0], file) for file in files if file.suffix == ".h5"]
        return sorted((int(name), file) for name, file in named if name.isdigit())
