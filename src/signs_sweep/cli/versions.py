"""What is said where runs are of several versions of the training."""

from collections.abc import Collection, Sequence

from signs_sweep.cli.text import count
from signs_sweep.domain import TRAINING_VERSION, Row


def anew_lines(older: Collection[int]) -> list[str]:
    """Return a sentence on why runs are new that were trained before; none without any.

    Args:
        older: for each of these runs, the version that has finished it.
    """
    if not older:
        return []
    were, are = ("was", "is") if len(older) == 1 else ("were", "are")
    sentence = (
        f"{count(len(older), 'run')} {were} finished by {_named(older)} of the training and {are} "
        "to be trained anew: the training was changed, so that the same run gives other numbers "
        "in its last digits, and results of different versions are not mixed. The old records "
        "stay in the store."
    )
    return [sentence]


def version_lines(rows: "Sequence[Row]") -> list[str]:
    """Return sentences on runs in a table that are not, or not only, of the present version."""
    lines = anew_lines([row.older for row in rows if row.older])
    versions = {row.version for row in rows}
    if versions <= {TRAINING_VERSION}:
        return lines
    these = f"These runs are of {_named(versions)} of the training"
    if len(versions) > 1:
        sentence = (
            f"{these}, whose numbers differ in their last digits. Runs of different versions are "
            "not compared with each other."
        )
    else:
        sentence = (
            f"{these}. This is version {TRAINING_VERSION}, in which the same runs give other "
            "numbers in their last digits."
        )
    return [*lines, sentence]


def _named(versions: Collection[int]) -> str:
    """Return `version 1`, `versions 1 and 2`, `versions 1, 2 and 3`."""
    *others, last = map(str, sorted(set(versions)))
    return f"versions {', '.join(others)} and {last}" if others else f"version {last}"
