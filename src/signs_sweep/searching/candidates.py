"""What a race is about: its candidates, how far each got, and what was confirmed of the winner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from signs_sweep.domain import Judgement, Seeds, Setting, TrialEnd


@dataclass(frozen=True)
class Candidate:
    """A setting that takes part in a race.

    Attributes:
        title: `trial 17` of the search, or `default`.
        setting: the setting.
        promised: its value in the search; None for a default that the search did not try.
        choices: its values by dimension of the search, or by parameter for the default.
        is_default: whether it is the spec's `base`.
    """

    title: str
    setting: Setting
    promised: float | None
    choices: Mapping[str, Any] = field(default_factory=dict, hash=False)
    is_default: bool = False

    @classmethod
    def of(cls, end: TrialEnd) -> "Candidate":
        """Return a trial of the search."""
        trial = end.trial
        return cls(trial.title, trial.setting, end.value, trial.choices)

    @property
    def name(self) -> str:
        """Its title for a sentence."""
        return "the default" if self.title == "default" else self.title


@dataclass(frozen=True)
class Standing:
    """How far a candidate got.

    Attributes:
        candidate: the candidate.
        values: the objective by pair of seeds in the race, a run that diverged as chance.
        failed: how many of its runs failed to learn.
        runs: number of its runs in the race.
        has_failed: whether one of them has no result.
        is_left: whether it is neither clearly worse than another nor failed.
    """

    candidate: Candidate
    values: Mapping[Seeds, float]
    failed: int
    runs: int
    has_failed: bool
    is_left: bool

    @property
    def mean(self) -> float | None:
        """The mean over the seeds of the race; None without results."""
        return float(np.mean(list(self.values.values()))) if self.values else None


@dataclass(frozen=True)
class Confirmed:
    """A metric of the winner over the further seeds, and the verdict against the default.

    Attributes:
        mean: mean over the seeds.
        reference: mean of the default, or None if the default is the winner.
        pairs: number of seeds.
        judgement: the verdict; UNDECIDED without a default.
        text: the verdict in a few words.
        difference: mean difference, or None.
        low: lower end of the interval for it, or None.
        high: upper end of the interval, or None.
        level: its level.
        least_pairs: number of seeds that BETTER or WORSE needs in the best case.
        is_comparable: whether there may be a verdict; see `signs_sweep.domain.are_comparable`.
    """

    mean: float
    reference: float | None
    pairs: int
    judgement: Judgement
    text: str = ""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    least_pairs: int = 0
    is_comparable: bool = True
