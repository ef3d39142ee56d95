"""What `clean` does: list checkpoints that are no longer needed, or runs, ask, and remove them."""

import shlex
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.filesize import decimal

from signs_sweep.cli.output import say
from signs_sweep.cli.streams import width_of
from signs_sweep.cli.text import columns, fill
from signs_sweep.commands.cleaning import Removal, RunCleaner, remove_files
from signs_sweep.commands.options import SeedOptions
from signs_sweep.commands.store import Store
from signs_sweep.domain import State
from signs_sweep.domain.formats import count
from signs_sweep.project.databases import shown
from signs_sweep.tracking import StoredRecord


def clean_store(store: Store, *, ends: bool, is_agreed: bool) -> None:
    """Remove checkpoints, except those of trajectories that a sweep is training.

    Args:
        store: the store of the checkpoints.
        ends: whether to remove the ends of finished runs as well.
        is_agreed: whether to remove them without asking.

    Raises:
        StoreError: a file cannot be removed.
    """
    checkpoints = store.checkpoints
    claims = store.claims if checkpoints.is_shared else store.claims.local
    trajectories = checkpoints.trajectories()
    outdated = store.outdated() if trajectories else set()

    def find() -> Iterator[list[Path]]:
        """Yield what is unneeded of each trajectory, which is claimed meanwhile."""
        for trajectory in trajectories:
            if claims.take(trajectory):
                old = trajectory in outdated
                try:
                    yield checkpoints.unneeded(trajectory, ends=ends, is_outdated=old)
                finally:
                    claims.release(trajectory)

    files = {file: file.stat().st_size for found in find() for file in found}
    if not files:
        print("nothing to remove")
        return
    for file, size in files.items():
        print(f"  {decimal(size):>9}  {file}")
    print(f"{count(len(files), 'file')}, {decimal(sum(files.values()))}")
    if old := sum(file.parent.name in outdated for file in files):
        print(f"{old:,} of an older training version, from which no run resumes")
    if is_agreed or _is_confirmed():
        for found in find():
            remove_files(files.keys() & found)
        print("removed")


def clean_runs(
    store: Store,
    targets: Sequence[str],
    shared: SeedOptions,
    *,
    age: float | None,
    is_agreed: bool,
) -> None:
    """Remove runs with their artifacts and checkpoints.

    Args:
        store: the store.
        targets: spec files and names of experiments; for all runs of the store, none.
        shared: the options for the specs.
        age: only runs that ended more than this many seconds ago; None for all.
        is_agreed: whether to remove them without asking.

    Raises:
        SignsSweepError: see `RunCleaner`.
    """
    cleaner = RunCleaner(store, targets, shared, age)
    store.write_leftovers()  # Records that a sweep could not write would be written later.
    removal = cleaner.choose()
    width = width_of(sys.stdout)
    if not removal.records:
        print("\n".join([*(fill(line, width) for line in _kept(removal)), "nothing to remove"]))
        return
    artifacts = cleaner.remover.size(removal.records)
    freed = sum(file.stat().st_size for file in removal.checkpoints)
    lines = [_total(removal, artifacts, freed)]
    freed += artifacts if removal.is_final else 0
    if removal.is_final and (elsewhere := cleaner.remover.elsewhere(removal.records)):
        lines.append(
            f"Artifacts that are not beside this store are kept, as in {elsewhere}. If the store "
            "is a copy, they belong to the original."
        )
    for study in removal.studies:
        where = f"of the search '{study.name}' in {shown(study.storage)}"
        if study.trials is None:
            lines.append(
                f"no study {where}; if the spec of the search names a different search.storage, "
                "give the spec instead"
            )
        else:
            lines.append(f"the study {where}, with {count(study.trials, 'trial')}")
    if not removal.is_final:
        lines.append(
            "On a server the runs are deleted in MLflow: hidden, and trained again. `mlflow gc` on "
            "the server removes them with their artifacts; until then MLflow can restore them."
        )
    print("\n".join([*_table(removal, width), *(fill(line, width) for line in lines)]))
    print("".join(f"{fill(line, width)}\n" for line in _kept(removal)), end="", flush=True)
    if is_agreed or _is_confirmed():
        freed += cleaner.remove(removal)
        print(f"removed: {decimal(freed)} freed")


def _table(removal: Removal, width: int | None) -> list[str]:
    """Return a table of the runs by experiment."""
    places: dict[str, list[StoredRecord]] = defaultdict(list)
    for record in removal.records:
        places[record.experiment].append(record)
    cells = []
    for records in places.values():
        states = Counter(_state(record) for record in records if record.run_id is not None)
        runs = ", ".join(f"{number:,} {state}" for state, number in states.items())
        cells.append((f"{sum(states.values()):,}", runs, f"{len(records) - states.total():,}"))
    names = ("runs", "state", "other records")
    table = zip(names, zip(*cells, strict=True), strict=True)
    return columns([("experiment", list(places)), *table], width)


def _state(record: StoredRecord) -> str:
    if record.is_deleted:
        return "deleted in MLflow"
    return "unfinished" if record.state is State.RUNNING else record.state.value.lower()


def _total(removal: Removal, artifacts: int, checkpoints: int) -> str:
    others = len(removal.records) - len(removal.runs)
    sizes = [f"{decimal(artifacts)} of artifacts"] if removal.is_final else []
    sizes.append(f"{decimal(checkpoints)} of checkpoints")
    return (
        f"{count(len(removal.runs), 'run')} and {count(others, 'record')} of sweeps and trials, "
        f"with {' and '.join(sizes)}"
    )


def _kept(removal: Removal) -> list[str]:
    """Return what is kept although it was asked for, and why."""
    lines = []
    if removal.under_way:
        lines.append(f"kept: {count(removal.under_way, 'run')} of sweeps under way")
    lines += [
        f"kept: {count(number, 'run')} of the search '{name}', which can only be removed as a "
        f"whole: signs-sweep clean {shlex.quote(name)}"
        for name, number in removal.of_searches.items()
    ]
    return lines


def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        say("nothing was removed: use --yes to remove them")
        return False
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D.
        return False
