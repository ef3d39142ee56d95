"""What has to be known about the numbers: training versions, processors, uses of a test set."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from signs_sweep.analysis.verdict import Verdict
from signs_sweep.domain import TRAINING_VERSION, Row
from signs_sweep.domain.formats import count


def test_set_lines(
    verdicts: Sequence[Verdict], rows: Sequence[Row], tested: Callable[[str], int]
) -> list[str]:
    """Return how many comparisons used the test sets of these, if others did as well.

    `tested` returns that number for the whole store, given the fingerprint of the data.
    """
    used = [verdict for verdict in verdicts if verdict.is_tested]
    names = {verdict.experiment for verdict in used}
    fingerprints = {row.data for row in rows if row.experiment in names}
    numbers = [tested(fingerprint) for fingerprint in sorted(fingerprints)]
    return [
        f"With these, {number:,} comparisons in this store used the same test set; the more "
        "there are, the more likely the best result on it is chance. Comparing held-out samples "
        "(validation: 0.2) spares it."
        for number in numbers
        if number > len(used)
    ]


def outdated_lines(older: Collection[int]) -> list[str]:
    """Return a sentence on why finished runs are trained again, if there are any.

    Args:
        older: for each of these runs, the training version that has finished it.
    """
    if not older:
        return []
    runs, were, are = ("run", "was", "is") if len(older) == 1 else ("runs", "were", "are")
    sentence = (
        f"{len(older):,} {runs} {were} finished by training {_named(older)} and {are} to be "
        "trained again: the training has changed, so that the same run gives different numbers in "
        "the last digits, and results of different versions are not mixed. The old records stay in "
        "the store."
    )
    return [sentence]


def version_lines(rows: Sequence[Row]) -> list[str]:
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


def kind_lines(rows: Sequence[Row]) -> list[str]:
    """Return sentences on the kinds of processors that trained runs, if there are several."""
    known = {row.run_id: row.result.kinds for row in rows if row.result and row.result.kinds}
    mixed = [run_id for run_id, kinds in known.items() if len(set(kinds.values())) > 1]
    counts = Counter(
        kind for run_id in known.keys() - set(mixed) for kind in known[run_id].values()
    )
    lines = []
    if len(counts) > 1:
        parts = "; ".join(f"{number:,} on {kind}" for kind, number in sorted(counts.items()))
        lines.append(
            f"These runs were trained on {len(counts)} kinds of processors: {parts}. The numbers "
            "of a run may differ between kinds, at first in the last digits."
        )
    if mixed:
        parts = "; ".join(f"{kind} from epoch {at:,}" for at, kind in known[mixed[0]].items())
        lines.append(
            f"{count(len(mixed), 'run')} changed to another kind of processor while training, such "
            f"as {mixed[0]}: {parts}. With --same-processor, a run stays on one kind."
        )
    return lines


def _named(versions: Collection[int]) -> str:
    """Return `version 1`, `versions 1 and 2`, `versions 1, 2 and 3`."""
    *others, last = map(str, sorted(set(versions)))
    return f"versions {', '.join(others)} and {last}" if others else f"version {last}"
