"""A trial: one point of the hyperparameter space."""

from dataclasses import dataclass

from signs_sweep.domain.run import Run


@dataclass(frozen=True, slots=True)
class Trial:
    """One point of the hyperparameter space and its replicates.

    Attributes:
        number: place in the order written in the spec, from 1.
        label: the name that the spec's `cases` gave it, or None.
        runs: one run for each pair of seeds; they differ in their seeds alone.
        baselines: for each run, the run_id of the run that it is compared with, which has the same
            seeds: its own in the baseline. Empty without a baseline.
    """

    number: int
    label: str | None
    runs: tuple[Run, ...]
    baselines: tuple[str, ...] = ()

    @property
    def is_baseline(self) -> bool:
        """Whether others are compared with it."""
        return bool(self.baselines) and self.baselines[0] == self.runs[0].run_id

    def baseline_of(self, run: Run) -> str | None:
        """Return the run_id of the run that one of the runs is compared with, if there is one."""
        return self.baselines[self.runs.index(run)] if self.baselines else None
