"""What the runs state about a setting, compared with its baseline."""

from dataclasses import dataclass
from typing import SupportsIndex, overload

from signs_sweep.domain import Judgement, Seeds
from signs_sweep.domain.notebook import paragraphs, table
from signs_sweep.statistics.crossed import Crossed


@dataclass(frozen=True)
class Verdict:
    """What the runs state about a setting, compared with its baseline.

    A pair is the two runs with the same seeds; with several splits, their means over the splits.
    The first pairs, without a gap in the order of the seeds, are the sequence that decides.
    Differences are setting minus baseline.

    Attributes:
        experiment: name of the experiment.
        setting: what distinguishes the setting.
        baseline: what distinguishes its baseline.
        metric: the metric that is compared.
        margin: the largest difference that counts as equivalent, or None.
        error: of all comparisons of the spec together.
        judgement: the verdict.
        usually: 1 if the setting was better in most pairs when it was decided, -1 if worse, or 0.
        on_average: the same for the mean.
        pairs: number of pairs.
        sequence: number of pairs before the first gap.
        gap: the seeds of the first missing run, or None if all runs count.
        decided_after: pairs after which it was decided, or None.
        more_seeds: about how many further pairs would decide it; None if it is decided, or if that
            cannot be estimated or takes more than 200.
        least_pairs: number of pairs that BETTER or WORSE needs in the best case.
        difference: mean difference over all pairs; None without pairs, and if it is not defined,
            since both settings have infinite losses.
        low: lower end of the interval for the difference, at the level `1 - error`, valid at any
            time; None without pairs, without a limit, and if more runs of one setting than of the
            other failed to learn, since the differences are then not symmetric.
        high: upper end of the interval.
        won: share of the pairs in which the setting is better; ties count half. None without pairs.
        evidence: largest evidence so far that the settings differ.
        threshold: evidence that decides, given the other comparisons.
        failing: whether fewer (BETTER) or more (WORSE) runs of the setting fail to learn, or
            UNDECIDED.
        runs: number of runs of each of the two settings in the pairs.
        failed: how many of those of the setting failed to learn.
        baseline_failed: how many of those of the baseline failed to learn.
        images: number of images that all of these runs were evaluated on, if the metric is an
            accuracy and their predictions are known; else 0.
        splits: number of splits, or partitions into folds, that each pair of seeds was used with.
        has_own_splits: whether each pair of seeds was used with a split of its own.
        crossed: the uncertainty of the difference over seeds, splits and images, or None if it is
            unknown; valid for a single look.
    """

    experiment: str
    setting: str
    baseline: str
    metric: str
    margin: float | None
    error: float
    judgement: Judgement
    usually: int
    on_average: int
    pairs: int
    sequence: int
    gap: Seeds | None
    decided_after: int | None
    more_seeds: int | None
    least_pairs: int
    difference: float | None
    low: float | None
    high: float | None
    won: float | None
    evidence: float
    threshold: float
    failing: Judgement
    runs: int
    failed: int
    baseline_failed: int
    images: int = 0
    splits: int = 1
    has_own_splits: bool = False
    crossed: Crossed | None = None

    @property
    def text(self) -> str:
        """The verdict in a few words, such as `better` or `different: usually better, ...`."""
        return verdict_text(self.judgement, self.usually, self.on_average)

    @property
    def is_tested(self) -> bool:
        """Whether the test set was used for it."""
        return self.metric.startswith("test_") and self.pairs > 0

    @property
    def fails_differently(self) -> bool:
        """Whether more runs of either setting failed to learn, so that there is no interval."""
        return self.failed != self.baseline_failed

    def _repr_html_(self) -> str:
        return Verdicts([self])._repr_html_()


class Verdicts(list[Verdict]):
    """Verdicts in order: a list that shows itself as a table in a notebook."""

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Verdict: ...

    @overload
    def __getitem__(self, index: slice, /) -> "Verdicts": ...

    def __getitem__(self, index: SupportsIndex | slice, /) -> "Verdict | Verdicts":
        found = super().__getitem__(index)
        return Verdicts(found) if isinstance(found, list) else found

    def _repr_html_(self) -> str:
        from signs_sweep.analysis.cells import cells_of_verdicts

        return table(cells_of_verdicts(self)) or paragraphs(["no verdicts"])


def verdict_text(judgement: Judgement, usually: int, on_average: int) -> str:
    """Return a verdict in a few words; see `Verdict`."""
    if judgement is not Judgement.DIFFERENT:
        return str(judgement.value)
    most = {1: "usually better", 0: "as often better as worse", -1: "usually worse"}[usually]
    average = {1: "better", 0: "equal", -1: "worse"}[on_average]
    return f"different: {most}, {average} on average"
