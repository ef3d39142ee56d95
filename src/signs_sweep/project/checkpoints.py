"""Checkpoints as files: `FOLDER/TRAJECTORY/EPOCH.h5`, `.end.h5` at the end of a run.

With early stopping `EPOCH.KEY.PATIENCE.h5`: which best weights it has, `EarlyStopping.state_key`,
and the smallest patience with which a run gets this far.

Every file with such a name is complete. It is HDF5, which may be followed by other content: a line
with the kinds of processors that trained it, and one with the SHA-256 of all before it. While a run
is training, its last two checkpoints are kept; after its end only the last, for longer runs of the
same trajectory.

Machines may share the folder. Two that train the same trajectory, because their claims failed, do
not disturb each other: a file has its name when it is complete, whichever writes a name last has
written the same training, and a file that the other has removed counts as missing.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from signs_sweep.domain import (
    Checkpoint,
    EarlyStopping,
    Kinds,
    Run,
    Unusable,
    kinds_in,
    kinds_text,
    only_kind,
)
from signs_sweep.errors import StoreError
from signs_sweep.process.durable import replacing

_MARK = b"\nsha256:"
_TAIL = len(_MARK) + 64
_KINDS = re.compile(rb"\nkinds:(\{[^\n]*\})\Z")
_LONGEST_KINDS = 16_384
_KEPT = 2
_ABANDONED_SECONDS = 3600
"""Age from which an incomplete file in a shared folder counts as left by a killed process."""
_ID = re.compile("[0-9a-f]{12}")
_NAME = re.compile(r"(\d+)(?:\.([0-9a-f]{8})\.(\d+))?(\.end)?\.h5")


class _File(NamedTuple):
    """A checkpoint.

    Attributes:
        epoch: number of epochs trained.
        path: its file.
        key: which best weights it has, or None.
        least_patience: the smallest patience with which a run gets this far; 0 without a key.
        is_end: whether it is the end of a run.
    """

    epoch: int
    path: Path
    key: str | None
    least_patience: int
    is_end: bool

    @classmethod
    def at(cls, path: Path) -> "_File | None":
        """Return the checkpoint in a file; None if it is another file."""
        parts = _NAME.fullmatch(path.name)
        if parts is None:
            return None
        epoch, key, patience, end = parts.groups()
        return cls(int(epoch), path, key, int(patience or 0), end is not None)

    def suits(self, rule: EarlyStopping | None) -> bool:
        """Whether a run with this rule, or None without one, can resume from it."""
        if rule is None:
            return True
        return self.key == rule.state_key and self.least_patience <= rule.patience

    def kinds(self) -> Kinds:
        """Return the kinds of processors that trained it, or none if they are not known."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _LONGEST_KINDS))
                found = _KINDS.search(file.read()[:-_TAIL])
        except OSError:
            return {}
        return kinds_in(found[1]) if found else {}


class FileCheckpoints:
    """Implements `CheckpointStore` in a folder, which is created with the first checkpoint.

    Attributes:
        folder: the folder.
        is_shared: whether other machines may write to it.
    """

    def __init__(self, folder: Path, *, is_shared: bool = False) -> None:
        """Name the folder, and whether other machines may write to it."""
        self.folder = folder
        self.is_shared = is_shared

    def check(self) -> None:
        """Check that a shared folder can be written, in the way in which checkpoints are.

        Raises:
            StoreError: it cannot.
        """
        if not self.is_shared:  # The claims are in the folder, and have been written.
            return
        probe = self.folder / "writable"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(probe, has_rivals=True) as aside:
                aside.touch()
            probe.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot write to {self.folder}: {error.strerror}. Checkpoints belong there; name "
                "a different folder with --checkpoints or SIGNS_SWEEP_CHECKPOINTS."
            ) from error

    def keep(self, run: Run, checkpoint: Checkpoint) -> None:
        """See `CheckpointStore.keep`."""
        folder, rule = self.folder / run.trajectory_id, run.early_stopping
        best = f".{rule.state_key}.{checkpoint.least_patience}" if rule else ""
        end = ".end" if checkpoint.is_end else ""
        path = folder / f"{checkpoint.epoch:08}{best}{end}.h5"
        content = checkpoint.content
        if checkpoint.kinds:
            content += b"\nkinds:" + kinds_text(checkpoint.kinds).encode()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(path, has_rivals=self.is_shared) as aside:
                aside.write_bytes(content + _MARK + sha256(content).hexdigest().encode())
        except OSError as error:
            raise StoreError(
                f"cannot write the checkpoint {path}: {error.strerror}. Earlier checkpoints and "
                "all finished runs are kept; the same command resumes from there."
            ) from error
        # Later checkpoints are those of a longer run on the trajectory, which was interrupted.
        key = rule.state_key if rule else None
        earlier = [
            file.path
            for file in self._files(run)
            if file.epoch <= checkpoint.epoch and file.key == key and not file.is_end
        ]
        for old in earlier if checkpoint.is_end else earlier[:-_KEPT]:
            with suppress(OSError):
                old.unlink()

    def latest(
        self, run: Run, warn: Callable[[str], None] = lambda _: None, kind: str | None = None
    ) -> bytes | None:
        """See `CheckpointStore.latest`. A damaged file is renamed to `NAME.damaged`."""
        files = self._files(run)
        for file in reversed(self._usable(run, files, kind)):
            path = file.path
            try:
                whole = path.read_bytes()
            except OSError:
                if self._files(run) == files:
                    continue
                return self.latest(run, warn, kind)  # A later checkpoint has replaced it.
            content, tail = whole[:-_TAIL], whole[-_TAIL:]
            if tail == _MARK + sha256(content).hexdigest().encode():
                return _KINDS.sub(b"", content)
            with suppress(OSError):
                path.rename(path.with_name(f"{path.name}.damaged"))
            warn(
                f"the checkpoint {path} is damaged and was renamed to {path.name}.damaged; the "
                "checkpoint before it is used, if it exists."
            )
        return None

    def latest_epoch(self, run: Run, kind: str | None = None) -> int:
        """See `CheckpointStore.latest_epoch`."""
        return max((file.epoch for file in self._usable(run, kind=kind)), default=0)

    def kinds(self, run: Run) -> Kinds:
        """See `CheckpointStore.kinds`."""
        return next((file.kinds() for file in reversed(self._usable(run))), {})

    def has_end(self, run: Run) -> bool:
        """Whether the last checkpoint that a run can resume from seems to be its own end."""
        rule = run.early_stopping
        return any(
            file.epoch == run.parameters.epochs
            or (rule is not None and file.is_end and file.least_patience == rule.patience)
            for file in self._usable(run)[-1:]
        )

    def unusable(self, run: Run) -> Unusable | None:
        """See `CheckpointStore.unusable`."""
        files, rule = self._files(run), run.early_stopping
        if not files or rule is None or any(map(_suits(run), files)):
            return None
        has_best = any(file.key == rule.state_key for file in files)
        return Unusable.IS_LATER if has_best else Unusable.LACKS_BEST

    def latest_size(self, run: Run) -> int:
        """Return the size of the last checkpoint of a run's trajectory in bytes; 0 for none."""
        for file in reversed(self._files(run)):
            with suppress(OSError):
                return file.path.stat().st_size
        return 0

    def finished_beyond(self, run: Run) -> int:
        """See `CheckpointStore.finished_beyond`."""
        ends = [file.epoch for file in filter(_suits(run), self._files(run)) if file.is_end]
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

    def files(self, trajectory: str) -> list[Path]:
        """Return all files of a trajectory."""
        return sorted(file for file in (self.folder / trajectory).glob("*") if file.is_file())

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
        files = self.files(trajectory)
        kept = {path: file for path in files if (file := _File.at(path))}
        finished = [file for file in kept.values() if file.is_end]

        def is_unneeded(path: Path) -> bool:
            if path.name.startswith("."):
                return _age(path) > _ABANDONED_SECONDS
            if is_outdated or path not in kept:
                return is_outdated or path.suffix in (".damaged", ".part")
            file = kept[path]
            after = [end for end in finished if end.epoch > file.epoch]
            is_passed = any(file.key in (None, end.key) for end in after)
            return ends if file.is_end else is_passed

        return [path for path in files if is_unneeded(path)]

    def _usable(
        self, run: Run, files: Sequence[_File] | None = None, kind: str | None = None
    ) -> list[_File]:
        """Return those of the checkpoints, by default of all, that a run can resume from."""
        known = self._files(run) if files is None else files
        until = run.parameters.epochs
        return [
            file
            for file in filter(_suits(run), known)
            if file.epoch <= until and (kind is None or only_kind(file.kinds()) == kind)
        ]

    def _files(self, run: Run) -> list[_File]:
        """Return the checkpoints of a trajectory in the order of their epochs."""
        try:
            files = list((self.folder / run.trajectory_id).iterdir())
        except OSError:
            return []
        return sorted(known for file in files if (known := _File.at(file)))


def _age(path: Path) -> float:
    with suppress(OSError):
        return time.time() - path.stat().st_mtime
    return 0


def _suits(run: Run) -> Callable[[_File], bool]:
    rule = run.early_stopping
    return lambda file: file.suits(rule)
