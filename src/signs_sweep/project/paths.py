"""The paths of the files of a project."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from signs_sweep.project.databases import is_server, sqlite_path, sqlite_uri, without_password


@dataclass(frozen=True)
class ProjectPaths:
    """The paths of a project, which follow from its tracking store.

    ::

        mlruns/                                  root
            mlflow.db                            tracking store
            artifacts/
            checkpoints/TRAJECTORY/EPOCH.h5      unless they are shared
            checkpoints/claims/NAME.lock         locks of trajectories, sweeps and searches
            spool/STORE-SWEEP.jsonl              journals of sweeps
            spool/STORE-SWEEP.jsonl.refused      what the store refuses of them
            optuna.db                            studies
            optuna.db.STUDY.lock                 locks of searches, beside their database file

    Each database has a lock beside it, `NAME.lock`; while it is created it is `NAME.part`.

    Attributes:
        uri: the tracking store, as `resolve_uri` returns it.
        folder: the current folder.
        shared_checkpoints: a folder of checkpoints that machines share, or None.
    """

    uri: str
    folder: Path = field(default_factory=Path.cwd)
    shared_checkpoints: Path | None = None

    @property
    def root(self) -> Path:
        """The folder of a store in a SQLite file; for any other store `mlruns`."""
        path = sqlite_path(self.uri)
        return self.folder.absolute() / "mlruns" if path is None else path.parent.absolute()

    @property
    def artifact_root(self) -> str | None:
        """URI of the folder of artifacts; None where a server decides."""
        return None if is_server(self.uri) else (self.root / "artifacts").as_uri()

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        if self.shared_checkpoints is not None:
            return self.folder.absolute() / self.shared_checkpoints
        return self.root / "checkpoints"

    @property
    def claims(self) -> Path:
        """Folder of the claims of this machine."""
        return self.root / "checkpoints" / "claims"

    def journal(self, sweep_id: str) -> Path:
        """Return the file for the unsaved records of a sweep."""
        store = sha256(without_password(self.uri).encode()).hexdigest()[:8]
        return self.root / "spool" / f"{store}-{sweep_id}.jsonl"

    def journals(self) -> Mapping[str, Path]:
        """Return the existing journals for this store, by sweep_id."""
        pattern = self.journal("*")
        prefix = pattern.stem.removesuffix("*")
        found = sorted(pattern.parent.glob(pattern.name))
        return {path.stem.removeprefix(prefix): path for path in found}

    def refused(self) -> list[Path]:
        """Return the existing files of what this store refuses."""
        pattern = self.journal("*")
        return sorted(pattern.parent.glob(f"{pattern.name}.refused"))

    @property
    def studies(self) -> str:
        """URL of the database of studies, unless a spec names a different database."""
        return sqlite_uri(self.root / "optuna.db")

    def study_claim(self, storage: str, study: str) -> tuple[Path, str]:
        """Return folder and name of the claim on a study: beside its database if that is a file."""
        path = sqlite_path(storage)
        if path is not None:
            return path.parent, f"{path.name}.{study}"
        place = f"{without_password(storage)} {study}"
        return self.claims, "search-" + sha256(place.encode()).hexdigest()[:24]
