"""Checkpoints as files: `FOLDER/TRAJECTORY/EPOCH.h5`.

A name stands for a whole file or for none. It is HDF5 with a line at its end that holds the SHA-256
of what is before it (HDF5 does not mind what follows). Of a run under way the last two are kept,
until the one at its end is written, which stays for longer runs that begin with it.
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
"""Ending of the name of a checkpoint at the end of a run."""


class FileCheckpoints:
    """Implements `CheckpointStore` in a folder, which is made with the first file.

    Attributes:
        folder: where they are.
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
                "all finished runs are kept; the same command goes on from there."
            ) from error
        # Those of a longer run on the same trajectory, which was interrupted, are beyond this one.
        passing = [
            file
            for epoch, file in self._files(run)
            if epoch <= checkpoint.epoch and not file.name.endswith(_END)
        ]
        for old in passing if checkpoint.is_end else passing[:-_KEPT]:
            with suppress(OSError):
                old.unlink()

    def latest(self, run: Run, tell: Callable[[str], None] = lambda _: None) -> bytes | None:
        """See `CheckpointStore.latest`. A damaged file gets `.damaged` at the end of its name."""
        files = self._files(run)
        for epoch, path in reversed(files):
            if epoch > run.parameters.epochs:
                continue
            try:
                whole = path.read_bytes()
            except OSError:
                if self._files(run) == files:
                    continue
                return self.latest(run, tell)  # A later one has taken its place.
            content, tail = whole[:-_TAIL], whole[-_TAIL:]
            if tail == _MARK + sha256(content).hexdigest().encode():
                return content
            with suppress(OSError):
                path.rename(path.with_name(f"{path.name}.damaged"))
            tell(
                f"the checkpoint {path} is damaged and was set aside as {path.name}.damaged; the "
                "one before it is used, if there is one."
            )
        return None

    def latest_epoch(self, run: Run) -> int:
        """See `CheckpointStore.latest_epoch`."""
        epochs = [epoch for epoch, _ in self._files(run) if epoch <= run.parameters.epochs]
        return max(epochs, default=0)

    def latest_size(self, run: Run) -> int:
        """Return the bytes of the last checkpoint on the trajectory of a run; 0 for none."""
        for _, file in reversed(self._files(run)):
            with suppress(OSError):
                return file.stat().st_size
        return 0

    def finished_beyond(self, run: Run) -> int:
        """See `CheckpointStore.finished_beyond`."""
        ends = [epoch for epoch, file in self._files(run) if file.name.endswith(_END)]
        return min((epoch for epoch in ends if epoch > run.parameters.epochs), default=0)

    def begun(self, runs: Iterable[Run]) -> dict[str, int]:
        """Return, by run_id, the epoch from which each run can go on, of those that can."""
        try:
            known = {folder.name for folder in self.folder.iterdir()}
        except OSError:
            return {}
        epochs = {run.run_id: self.latest_epoch(run) for run in runs if run.trajectory_id in known}
        return {run_id: epoch for run_id, epoch in epochs.items() if epoch}

    def trajectories(self) -> list[str]:
        """Return the trajectories of which there is anything."""
        try:
            return sorted(one.name for one in self.folder.iterdir() if _ID.fullmatch(one.name))
        except OSError:
            return []

    def unneeded(self, trajectory: str, *, ends: bool, is_outdated: bool = False) -> list[Path]:
        """Return the files of a trajectory that no run needs to go on.

        These are damaged and half-written ones, and those before the end of a finished run; all of
        them for an older version of the training.

        Args:
            trajectory: nobody may be training it.
            ends: whether the ends of finished runs are not needed either: a longer run would then
                begin at its beginning.
            is_outdated: whether it is of an older version of the training.
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
        """Return the checkpoints of a trajectory with their epochs, first epoch first."""
        try:
            files = list((self.folder / run.trajectory_id).iterdir())
        except OSError:
            return []
        named = [(file.name.partition(".")[0], file) for file in files if file.suffix == ".h5"]
        return sorted((int(name), file) for name, file in named if name.isdigit())
