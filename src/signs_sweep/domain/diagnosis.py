"""What became of a run: whether it learned, and if not, what went wrong."""

from dataclasses import dataclass
from enum import Enum


class Condition(Enum):
    """What a run is diagnosed with; the order is that in which summaries list them."""

    DIVERGED = "diverged"
    COLLAPSED = "collapsed"
    UNDERFITS = "underfits"
    OVERFITS = "overfits"
    OSCILLATES = "oscillates"
    IMPROVING = "still improving"
    LEARNED = "learned"

    def of(self, runs: int) -> str:
        """Return the short form for a number of runs: 1 overfits, 2 overfit, 3 improving."""
        if self is Condition.IMPROVING:
            return "improving"
        is_present = self in (Condition.UNDERFITS, Condition.OVERFITS, Condition.OSCILLATES)
        return self.value.removesuffix("s") if is_present and runs != 1 else str(self.value)


@dataclass(frozen=True)
class Diagnosis:
    """The condition of a run at its end.

    Attributes:
        condition: the first that applies, in the order that docs/diagnosis.md gives.
        since: the epoch since which it applies, if it collapsed or overfits and that is known.
        gap: its accuracy on the training set minus that on the held-out samples, or on the test set
            if none are held out; None if it has neither.
    """

    condition: Condition
    since: int | None = None
    gap: float | None = None

    @property
    def text(self) -> str:
        """The diagnosis for people, as in `overfits since epoch 210 (gap 0.15)`."""
        text = self.condition.value
        if self.since is not None:
            text += f" since epoch {self.since:,}"
        if self.condition is Condition.OVERFITS and self.gap is not None:
            text += f" (gap {self.gap:.2f})"
        return text
