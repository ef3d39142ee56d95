"""The files that workers on other machines need, with paths that are valid there."""

import ast
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from signs_sweep.data import DataSource
from signs_sweep.planning.building import ModelSource


@dataclass(frozen=True)
class Parcel:
    """Data and models of a sweep, as workers on other machines find them.

    Attributes:
        sources: locations of the datasets, by fingerprint; their paths are relative.
        models: locations of the functions that build models, by fingerprint; their paths too.
        files: by relative path there, the files here.
    """

    sources: Mapping[str, DataSource]
    models: Mapping[str, ModelSource]
    files: Mapping[Path, Path]

    @classmethod
    def of(cls, sources: Mapping[str, DataSource], models: Mapping[str, ModelSource]) -> "Parcel":
        """Pack the files of datasets, and of models with the modules of theirs that they import."""
        files: dict[Path, Path] = {}
        packed = {key: _pack_data(source, Path(key), files) for key, source in sources.items()}
        built = {key: _pack_model(source, Path(key), files) for key, source in models.items()}
        return cls(packed, built, files)


def _pack_data(source: DataSource, folder: Path, files: dict[Path, Path]) -> DataSource:
    moved: dict[str, Any] = {}
    for part in ("train", "test", "validation"):
        if file := getattr(source, part):
            moved[part] = folder / f"{part}{file.suffix}"
            files[moved[part]] = file
    return replace(source, **moved)


def _pack_model(source: ModelSource, folder: Path, files: dict[Path, Path]) -> ModelSource:
    for file in _modules_of(source):
        files[folder / file.relative_to(source.folder)] = file
    return replace(source, file=folder / source.file.relative_to(source.folder), folder=folder)


def _modules_of(source: ModelSource) -> set[Path]:
    """Return the file of a model and those that it imports, directly or not, from its folder.

    Installed packages are not among them: the nodes need those themselves.
    """
    installed = [Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")]
    found, waiting = set[Path](), [source.file]
    while waiting:
        file = waiting.pop()
        is_installed = any(file.is_relative_to(folder) for folder in installed)
        if file in found or (is_installed and file != source.file):
            continue
        found.add(file)
        waiting += _imported(file, source.folder)
    return found


def _imported(file: Path, folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that a file may import, and those of its packages."""
    package = file.parent.relative_to(folder).parts
    yield from (init for init in [file.with_name("__init__.py")] if package and init.is_file())
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    names: list[tuple[str, ...]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = (*above, *(node.module.split(".") if node.module else ()))
            names += [module, *((*module, alias.name) for alias in node.names)]
    for name in names:
        for length in range(1, len(name) + 1):
            base = folder.joinpath(*name[:length])
            for candidate in (base.with_suffix(".py"), base / "__init__.py"):
                if candidate.is_file():
                    yield candidate
