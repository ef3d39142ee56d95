"""Sentences about the store, the disk and training versions, beside the tables."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rich.filesize import decimal

from signs_sweep.cli.output import say
from signs_sweep.cli.text import count
from signs_sweep.domain import TRAINING_VERSION
from signs_sweep.planning.disk import DiskNeed
from signs_sweep.planning.memory import MemoryNeed
from signs_sweep.process.memory import gigabytes

if TYPE_CHECKING:
    from signs_sweep.analysis.verdict import Verdict
    from signs_sweep.commands.store import Store
    from signs_sweep.domain import Result, Row


def announce_leftovers(store: "Store") -> None:
    """Write to stderr that unsaved records are about to be written, which may take a minute."""
    if store.waiting():
        say("saving records that are not in the tracking store yet ...")


def warn_of_leftovers(store: "Store") -> None:
    """Write to stderr that records of sweeps are still to be written, if there are any."""
    if sweeps := store.waiting():
        say(
            f"warning: records of {count(sweeps, 'sweep')} are not in the tracking store yet, so "
            "numbers may be missing. The next `run` or `search` writes them."
        )


def leftovers_line(sweeps: int) -> list[str]:
    """Return a line about earlier sweeps whose records have just been written, if any."""
    return [f"recovered unsaved records of {count(sweeps, 'sweep')}"] if sweeps else []


def test_set_lines(
    verdicts: "Sequence[Verdict]", rows: "Sequence[Row]", store: "Store"
) -> list[str]:
    """Return how many comparisons used the test sets of these, if others did as well."""
    used = [verdict for verdict in verdicts if verdict.is_tested]
    names = {verdict.experiment for verdict in used}
    fingerprints = {row.data for row in rows if row.experiment in names}
    numbers = [store.index.tested(fingerprint) for fingerprint in sorted(fingerprints)]
    return [
        f"With these, {count(number, 'comparison')} in this store used the same test set; the more "
        "there are, the more likely the best result on it is chance. Comparing held-out samples "
        "(validation: 0.2) spares it."
        for number in numbers
        if number > len(used)
    ]


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


def outdated_lines(older: Collection[int]) -> list[str]:
    """Return a sentence on why finished runs are trained again, if there are any.

    Args:
        older: for each of these runs, the training version that has finished it.
    """
    if not older:
        return []
    were, are = ("was", "is") if len(older) == 1 else ("were", "are")
    sentence = (
        f"{count(len(older), 'run')} {were} finished by training {_named(older)} and {are} to be "
        "trained again: the training has changed, so that the same run gives different numbers in "
        "the last digits, and results of different versions are not mixed. The old records stay in "
        "the store."
    )
    return [sentence]


def version_lines(rows: "Sequence[Row]") -> list[str]:
    """Return sentences on runs in a table that have a training version other than the current."""
    lines = outdated_lines([row.older for row in rows if row.older])
    versions = {row.version for row in rows}
    if versions <= {TRAINING_VERSION}:
        return lines
    sentence = f"These runs have training {_named(versions)}"
    if len(versions) > 1:
        sentence += (
            ", whose numbers differ in the last digits. Runs of different versions are not "
            "compared with each other."
        )
    else:
        sentence += (
            f". The current version is {TRAINING_VERSION}, in which the same runs give different "
            "numbers in the last digits."
        )
    return [*lines, sentence]


def _named(versions: Collection[int]) -> str:
    """Return `version 1`, `versions 1 and 2`, `versions 1, 2 and 3`."""
    *others, last = map(str, sorted(set(versions)))
    return f"versions {', '.join(others)} and {last}" if others else f"version {last}"
