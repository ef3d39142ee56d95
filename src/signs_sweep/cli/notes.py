"""Sentences about the store, the disk and the memory, beside the tables."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from rich.filesize import decimal

from signs_sweep.cli.output import say
from signs_sweep.domain.formats import count
from signs_sweep.planning.disk import DiskNeed
from signs_sweep.planning.memory import MemoryNeed
from signs_sweep.process.memory import gigabytes

if TYPE_CHECKING:
    from signs_sweep.commands.store import Store
    from signs_sweep.domain import Result


def announce_leftovers(store: "Store") -> None:
    """Write to stderr that unsaved records are about to be written, which may take a minute."""
    if store.waiting():
        say("saving records that are not in the tracking store yet ...")


def warn_of_leftovers(store: "Store") -> None:
    """Write to stderr that records of sweeps are still to be written or refused, if any are."""
    if sweeps := store.waiting():
        say(
            f"warning: records of {count(sweeps, 'sweep')} are not in the tracking store yet, so "
            "numbers may be missing. The next `run` or `search` writes them."
        )
    if refused := store.refused():
        say(f"warning: some records are missing: {'. '.join(refused)}")


def leftovers_line(sweeps: int) -> list[str]:
    """Return a line about earlier sweeps whose records have just been written, if any."""
    return [f"recovered unsaved records of {count(sweeps, 'sweep')}"] if sweeps else []


def known_text(known: Collection["Result"]) -> str:
    """Return how many runs need no training, as in `4 cached, 1 diverged before`."""
    diverged = sum(result.has_diverged for result in known)
    cached = f"{len(known) - diverged:,} cached"
    return f"{cached}, {diverged:,} diverged before" if diverged else cached


def disk_lines(need: DiskNeed) -> list[str]:
    """Return a line on the disk space of the runs, or a warning that they do not fit."""
    if not need.bytes_needed:
        return []
    needed, free = decimal(need.bytes_needed), decimal(need.bytes_free)
    about = "at least" if need.is_least else "about"
    if need.fits:
        return [f"disk: {about} {needed} of {free} free"]
    warning = (
        f"warning: the runs need {about} {needed} and do not fit: {free} are free in "
        f"{need.folder}. Free some space, or name a store on another disk with --tracking-uri."
    )
    return [warning]


def memory_lines(workers: int, scarce: MemoryNeed | None) -> list[str]:
    """Return a line on why fewer workers are started than usual, if memory is scarce."""
    if scarce is None:
        return []
    note = (
        f"note: {count(workers, 'worker')} only, since each needs about "
        f"{gigabytes(scarce.of_worker)} of memory for the images of {scarce.images}, and "
        f"{gigabytes(scarce.available or 0)} is available"
    )
    return [note]
